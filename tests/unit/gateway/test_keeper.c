/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper against a worker that was taken over: what it may tell, what it
 * may not, and that everything it can do is in the ledger. A real ledger in a
 * temporary folder, a real link; only the loop is missing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/keeper.h"

static const char yaml[] =
    "policy: 1\n"
    "serial: 7\n"
    "developer: Acme\n"
    "models:\n"
    "  orion:\n"
    "    upstream:\n"
    "      endpoints: [\"http://127.0.0.1:8000\"]\n"
    "      model: orion-x7\n"
    "    apis: [openai.chat]\n"
    "parties:\n"
    "  caisi:\n"
    "    kind: government\n"
    "    anchors: ca\n"
    "    people:\n"
    "      eva: {san_uri: \"sallyport://sp/caisi/eva\"}\n"
    "  hospital:\n"
    "    kind: government\n"
    "    anchors: ca\n"
    "    people:\n"
    "      ann: {san_uri: \"sallyport://sp/h/ann\"}\n"
    "terms:\n"
    "  evaluation:\n"
    "    uses: [chat.completions]\n"
    "windows:\n"
    "  - party: caisi\n"
    "    model: orion\n"
    "    opens: 2026-11-01T00:00:00Z\n"
    "    lasts: 10d\n"
    "    terms: [evaluation]\n"
    "  - party: hospital\n"
    "    model: orion\n"
    "    opens: 2026-11-01T00:00:00Z\n"
    "    lasts: 10d\n"
    "    terms: [evaluation]\n";

#define NOW INT64_C(1793880000000) /* within both windows */

struct fixture {
    struct keeper k;
    struct policy *policy;
    struct link *worker[2]; /* the other ends */
    char folder[32];
    int fd;
};

static int any_file(void *arg, const char *name, const uint8_t **data,
                    size_t *length)
{
    static const char pem[] = "-----BEGIN CERTIFICATE-----\n";

    (void)arg;
    (void)name;
    *data = (const uint8_t *)pem;
    *length = sizeof(pem) - 1;
    return 0;
}

static int no_entry(void *arg, uint64_t n, const uint8_t *entry, size_t length)
{
    (void)arg;
    (void)n;
    (void)entry;
    (void)length;
    return 0;
}

static void open_ledger(struct fixture *f)
{
    struct ledger_recovery recovery = {0};
    struct note_signer signer;
    struct ledger_options o = {.signer = &signer,
                               .checkpoint_ms = 100,
                               .on_durable = keeper_durable,
                               .on_failed = keeper_failed,
                               .arg = &f->k};

    strcpy(f->folder, "/tmp/sp-keeper-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->fd = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(f->fd >= 0);
    o.folder = f->fd;
    assert_int_equal(note_signer_generate("sp.sallyport/ledger", &signer), 0);
    assert_int_equal(ledger_create(f->fd, &signer), 0);
    assert_int_equal(ledger_open(&o, no_entry, NULL, &recovery, &f->k.ledger),
                     0);
}

static void open_link(struct fixture *f, size_t i)
{
    struct link_fds ends, theirs;

    assert_int_equal(link_create(&ends), 0);
    theirs = (struct link_fds){dup(ends.memory), dup(ends.bell_asking),
                               dup(ends.bell_answering)};
    assert_int_equal(link_open(&ends, LINK_ANSWERING, &f->k.links[i].link), 0);
    assert_int_equal(link_open(&theirs, LINK_ASKING, &f->worker[i]), 0);
    buf_init(&f->k.links[i].backlog, KEEPER_BACKLOG_BYTES);
}

static void first_entries(struct fixture *f)
{
    struct entry opened = {.kind = ENTRY_LOG_OPENED,
                           .u.log_opened = {.origin = "sp.sallyport/ledger",
                                            .version = "1",
                                            .vkey = "sp+00000000+AA"}};
    struct entry loaded = {.kind = ENTRY_POLICY_LOADED,
                           .u.policy_loaded = {.serial = f->policy->serial}};

    memcpy(loaded.u.policy_loaded.sha256, f->policy->sha256, 32);
    loaded.u.policy_loaded.developer = f->policy->developer;
    keeper_record(&f->k, &opened);
    keeper_record(&f->k, &loaded);
    assert_int_equal(standing_bind(f->k.standing, f->policy), 0);
    keeper_due(&f->k);
}

static int setup_keeper(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct report report = {.out = stderr};

    assert_non_null(f);
    pthread_mutex_init(&f->k.links_lock, NULL);
    pthread_cond_init(&f->k.durable_grew, NULL);
    assert_int_equal(policy_parse("policy.yaml", yaml, sizeof(yaml) - 1,
                                  any_file, NULL, &report, &f->policy),
                     0);
    f->k.policy = f->policy;
    f->k.now = f->k.wall = NOW;
    f->k.boot = 1000000;
    f->k.standing = standing_new();
    assert_non_null(f->k.standing);
    open_ledger(f);
    open_link(f, 0);
    open_link(f, 1);
    first_entries(f);
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static int end_keeper(void **state)
{
    struct fixture *f = *state;
    struct ledger *ledger = f->k.ledger;

    assert_int_equal(ledger_close(ledger), 0);
    for (size_t i = 0; i < 2; i++) {
        link_free(f->k.links[i].link);
        link_free(f->worker[i]);
        openset_release(&f->k.links[i].open);
        buf_release(&f->k.links[i].backlog);
    }
    standing_free(f->k.standing);
    policy_free(f->policy);
    close(f->fd);
    nftw(f->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    buf_pool_release();
    return 0;
}

static struct ask_admit ask_of(const struct fixture *f, const char *party,
                               const char *person_party, const char *person)
{
    struct ask_admit a = {.ticket = 5, .policy = f->policy->serial};
    int of = policy_find_party(f->policy, person_party);

    assert_true(of >= 0);
    a.facts.party = (uint32_t)policy_find_party(f->policy, party);
    a.facts.person =
        (uint32_t)policy_find_person(f->policy, (uint32_t)of, person);
    a.facts.cert_not_after = NOW + INT64_C(30) * 86400000;
    a.facts.method = METHOD_POST;
    a.facts.route = ROUTE_CHAT_COMPLETIONS;
    a.facts.max_tokens = -1;
    a.facts.body_bytes = 10;
    strcpy(a.facts.address, "127.0.0.1");
    strcpy(a.facts.model, "orion");
    return a;
}

/* What the keeper says to a record from worker `i`. */
static int take(struct fixture *f, size_t i, const void *data, size_t length,
                bool ending)
{
    const char *what = NULL;
    int r = keeper_take(&f->k, &f->k.links[i], data, length, ending, &what);

    assert_true(r == 0 || r == SP_EPROTO);
    assert_true(r == 0 || what != NULL);
    return r;
}

static struct answer_admit ask(struct fixture *f, size_t i,
                               const struct ask_admit *a)
{
    struct answer_admit answer = {0};
    uint8_t data[RING_RECORD_MAX];
    size_t length;

    assert_int_equal(ask_admit_put(a, data, sizeof(data), &length), 0);
    assert_int_equal(take(f, i, data, length, false), 0);
    assert_int_equal(link_get(f->worker[i], data, &length), 0);
    assert_int_equal(answer_admit_get(&answer, data, length), 0);
    assert_int_equal(answer.ticket, a->ticket);
    assert_int_equal(answer.n, ledger_size(f->k.ledger) - 1);
    return answer;
}

static int settle(struct fixture *f, size_t i, uint64_t n)
{
    const struct settle s = {.n = n, .cause = CAUSE_DONE, .status = 200};
    uint8_t data[256];
    size_t length;

    assert_int_equal(settle_put(&s, data, sizeof(data), &length), 0);
    return take(f, i, data, length, false);
}

static void P11_only_its_own_request_and_only_once(void **state)
{
    struct fixture *f = *state;
    struct ask_admit a = ask_of(f, "caisi", "caisi", "eva");
    struct answer_admit answer = ask(f, 0, &a);
    uint64_t size = ledger_size(f->k.ledger);

    assert_int_equal(answer.reason, REASON_NONE);
    assert_true(answer.deadline > f->k.boot);
    assert_int_equal(settle(f, 1, answer.n), SP_EPROTO);
    assert_int_equal(settle(f, 0, answer.n + 1), SP_EPROTO);
    assert_int_equal(settle(f, 0, UINT64_MAX), SP_EPROTO);
    assert_int_equal(ledger_size(f->k.ledger), size);
    assert_int_equal(standing_open_requests(f->k.standing), 1);
    assert_int_equal(settle(f, 0, answer.n), 0);
    assert_int_equal(standing_open_requests(f->k.standing), 0);
    assert_int_equal(settle(f, 0, answer.n), SP_EPROTO);
    assert_int_equal(ledger_size(f->k.ledger), size + 1);
}

static void P12_numbers_that_fit_nobody_make_nobody(void **state)
{
    struct fixture *f = *state;
    struct ask_admit a = ask_of(f, "caisi", "hospital", "ann");

    assert_int_equal(ask(f, 0, &a).reason, REASON_IDENTITY_UNMAPPED);
    a = ask_of(f, "caisi", "caisi", "eva");
    a.facts.person = (uint32_t)f->policy->npeople;
    assert_int_equal(ask(f, 0, &a).reason, REASON_IDENTITY_UNMAPPED);
    a = ask_of(f, "caisi", "caisi", "eva");
    a.facts.party = (uint32_t)f->policy->nparties;
    assert_int_equal(ask(f, 0, &a).reason, REASON_IDENTITY_UNMAPPED);
    a = ask_of(f, "caisi", "caisi", "eva");
    a.facts.party = FACTS_NOBODY;
    assert_int_equal(ask(f, 0, &a).reason, REASON_IDENTITY_UNMAPPED);
    a = ask_of(f, "caisi", "caisi", "eva");
    a.policy++;
    assert_int_equal(ask(f, 0, &a).reason, REASON_IDENTITY_UNMAPPED);
    a.policy--;
    assert_int_equal(ask(f, 0, &a).reason, REASON_NONE);
}

static void P12_what_no_worker_may_send_is_refused(void **state)
{
    struct fixture *f = *state;
    uint64_t size = ledger_size(f->k.ledger);
    uint8_t data[4] = {0};

    for (unsigned type = 0; type < 256; type++) {
        data[0] = (uint8_t)type;
        assert_int_equal(take(f, 0, data, 2, false), SP_EPROTO);
        assert_int_equal(take(f, 0, data, 4, false), SP_EPROTO);
    }
    assert_int_equal(take(f, 0, data, 1, false), SP_EPROTO);
    assert_int_equal(ledger_size(f->k.ledger), size);
}

static void P11_a_dead_workers_requests_are_lost(void **state)
{
    struct fixture *f = *state;
    struct ask_admit a = ask_of(f, "caisi", "caisi", "eva");
    uint64_t mine = ask(f, 0, &a).n;
    uint64_t others = ask(f, 1, &a).n;
    uint64_t also_mine = ask(f, 0, &a).n;

    assert_int_equal(keeper_close_lost(&f->k, &f->k.links[0].open), 2);
    assert_int_equal(standing_open_requests(f->k.standing), 1);
    assert_int_equal(standing_next_open(f->k.standing, 0), others);
    assert_true(mine < others && others < also_mine);
    assert_int_equal(keeper_close_lost(&f->k, NULL), 1);
    assert_int_equal(standing_open_requests(f->k.standing), 0);
}

static void a_dead_workers_questions_are_not_decided(void **state)
{
    struct fixture *f = *state;
    struct ask_admit a = ask_of(f, "caisi", "caisi", "eva");
    uint64_t size = ledger_size(f->k.ledger);
    uint8_t data[RING_RECORD_MAX];
    size_t length;

    assert_int_equal(ask_admit_put(&a, data, sizeof(data), &length), 0);
    assert_int_equal(take(f, 0, data, length, true), 0);
    assert_int_equal(ledger_size(f->k.ledger), size);
}

static void strangers_cannot_fill_the_disk(void **state)
{
    struct fixture *f = *state;
    struct connection_refused c = {
        .address = "::1", .reason = "no_certificate", .count = 1};
    uint64_t size = ledger_size(f->k.ledger);
    uint8_t data[256];
    size_t length;

    assert_int_equal(connection_refused_put(&c, data, sizeof(data), &length),
                     0);
    for (int i = 0; i < 3 * KEEPER_REFUSALS_PER_SECOND; i++)
        assert_int_equal(take(f, 0, data, length, false), 0);
    assert_int_equal(ledger_size(f->k.ledger),
                     size + KEEPER_REFUSALS_PER_SECOND);
    f->k.boot += 1000;
    assert_int_equal(take(f, 0, data, length, false), 0);
    assert_int_equal(ledger_size(f->k.ledger),
                     size + KEEPER_REFUSALS_PER_SECOND + 1);
}

/* The deadline on the other clock is never later than the window's end. */
static void P2_the_end_is_told_to_workers(void **state)
{
    struct fixture *f = *state;
    struct ask_admit a = ask_of(f, "caisi", "caisi", "eva");
    struct answer_admit answer = ask(f, 0, &a);
    uint8_t data[RING_RECORD_MAX];
    struct cut cut;
    size_t length;

    assert_int_equal(answer.deadline - f->k.boot,
                     answer.deadline_wall - f->k.now);
    f->k.now = f->policy->windows[answer.window].closes;
    keeper_due(&f->k);
    /* Both windows end then, and both workers hear of both. */
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(link_get(f->worker[i % 2], data, &length), 0);
        assert_int_equal(cut_get(&cut, data, length), 0);
        assert_int_equal(cut.reason, REASON_WINDOW_EXPIRED);
        assert_true(cut.window < f->policy->nwindows);
    }
    assert_int_equal(ask(f, 0, &a).reason, REASON_WINDOW_EXPIRED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, setup_keeper, end_keeper)
        TEST(P11_only_its_own_request_and_only_once),
        TEST(P12_numbers_that_fit_nobody_make_nobody),
        TEST(P12_what_no_worker_may_send_is_refused),
        TEST(P11_a_dead_workers_requests_are_lost),
        TEST(a_dead_workers_questions_are_not_decided),
        TEST(strangers_cannot_fill_the_disk),
        TEST(P2_the_end_is_told_to_workers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
