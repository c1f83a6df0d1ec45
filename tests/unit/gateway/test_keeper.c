/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper against a worker that was taken over: what it may tell, what it
 * may not, and that everything it can do is in the ledger; and against orders,
 * right and wrong. A real ledger in a temporary folder, real links and a real
 * channel; only the loop is missing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "gateway/keeper.h"
#include "lib/file.h"
#include "tests/unit/certs/made.h"

static const char yaml[] =
    "policy: 1\n"
    "serial: 7\n"
    "developer: Acme\n"
    "models:\n"
    "  orion:\n"
    "    upstream:\n"
    "      endpoints: [\"http://127.0.0.1:8000\"]\n"
    "      model: orion-x7\n"
    "    apis: [openai.chat, openai.completions]\n"
    "documents:\n"
    "  nda-v1: {file: nda.txt, sha256: "
    "b93f51c3ac1bdd90edcce2019d2452a328cbf97443f3744cc7ec63033a5b2c16}\n"
    "findings: {sealing_key: "
    "\"x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\"}\n"
    "parties:\n"
    "  caisi:\n"
    "    kind: government\n"
    "    anchors: ca\n"
    "    people:\n"
    "      eva: {san_uri: \"sallyport://sp/caisi/eva\"}\n"
    "      bob: {san_uri: \"sallyport://sp/caisi/bob\"}\n"
    "  hospital:\n"
    "    kind: government\n"
    "    anchors: ca\n"
    "    people:\n"
    "      ann: {san_uri: \"sallyport://sp/h/ann\"}\n"
    "terms:\n"
    "  evaluation:\n"
    "    uses: [chat.completions]\n"
    "  guarded: {nda: nda-v1, uses: [completions]}\n"
    "windows:\n"
    "  - party: caisi\n"
    "    model: orion\n"
    "    opens: 2026-11-01T00:00:00Z\n"
    "    lasts: 10d\n"
    "    terms: [evaluation, guarded]\n"
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
    struct made authority, eva, bob;
    int supervisor;
    struct settings settings;
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

static void on_nothing(void *arg, const uint8_t *data, size_t length, int *fds,
                       size_t nfds)
{
    (void)arg;
    (void)data;
    (void)length;
    (void)fds;
    (void)nfds;
}

static void on_gone(void *arg, int error)
{
    (void)arg;
    (void)error;
}

static void open_channel(struct fixture *f)
{
    static char origin[] = "sp.sallyport/ledger";
    int ends[2];

    assert_int_equal(channel_pair(ends), 0);
    f->k.base = event_base_new();
    f->k.channel = channel_new(f->k.base, ends[0], on_nothing, on_gone, f);
    assert_non_null(f->k.channel);
    f->supervisor = ends[1];
    f->settings.origin = origin;
    f->k.snapshot.settings = &f->settings;
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

static struct made person_make(const struct made *issuer, const char *uri)
{
    struct make m = {.issuer = issuer,
                     .cn = "p",
                     .uri = uri,
                     .from = NOW - 3600000,
                     .to = NOW + 3600000};

    return make_certificate(&m);
}

/* Everybody of both parties has a certificate of one authority. */
static void make_people(struct fixture *f)
{
    struct make ca = {
        .cn = "CA", .ca = true, .from = NOW - 3600000, .to = NOW + 3600000};
    char problem[256], *pem;

    f->authority = make_certificate(&ca);
    f->eva = person_make(&f->authority, "sallyport://sp/caisi/eva");
    f->bob = person_make(&f->authority, "sallyport://sp/caisi/bob");
    pem = made_pem(&f->authority, NULL);
    f->k.identities = identities_new();
    for (uint32_t i = 0; i < f->policy->nparties; i++)
        assert_int_equal(identities_add_party(f->k.identities, i,
                                              (const uint8_t *)pem, strlen(pem),
                                              NULL, 0, NULL, problem),
                         0);
    for (uint32_t i = 0; i < f->policy->npeople; i++) {
        const struct identity_match match = {.san_uri =
                                                 f->policy->people[i].san_uri};

        assert_int_equal(identities_add_person(f->k.identities,
                                               f->policy->people[i].party, i,
                                               &match, problem),
                         0);
    }
    free(pem);
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
    f->k.origin = "sp.sallyport/ledger";
    make_people(f);
    f->k.now = f->k.wall = NOW;
    f->k.boot = 1000000;
    f->k.standing = standing_new();
    assert_non_null(f->k.standing);
    open_ledger(f);
    open_link(f, 0);
    open_link(f, 1);
    open_channel(f);
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
        keeper_own_release(&f->k.links[i]);
    }
    identities_free(f->k.identities);
    made_free(&f->eva);
    made_free(&f->bob);
    made_free(&f->authority);
    channel_free(f->k.channel);
    event_base_free(f->k.base);
    close(f->supervisor);
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
    assert_int_equal(ask(f, 0, &a).reason, REASON_NONE);
}

/* Indices of another policy mean nobody knows whom: nothing is decided. */
static void P6_P10_questions_by_another_policy_come_back(void **state)
{
    struct fixture *f = *state;
    struct ask_admit a = ask_of(f, "caisi", "caisi", "eva");
    uint64_t size = ledger_size(f->k.ledger);
    struct answer_admit answer = {0};
    uint8_t data[RING_RECORD_MAX];
    size_t length;

    for (int i = -1; i <= 1; i += 2) {
        struct ask_admit other = a;

        other.policy = (uint32_t)((int64_t)a.policy + i);
        assert_int_equal(ask_admit_put(&other, data, sizeof(data), &length), 0);
        assert_int_equal(take(f, 0, data, length, false), 0);
        assert_int_equal(link_get(f->worker[0], data, &length), 0);
        assert_int_equal(answer_admit_get(&answer, data, length), 0);
        assert_true(answer.stale);
        assert_int_equal(answer.ticket, a.ticket);
    }
    assert_int_equal(ledger_size(f->k.ledger), size);
    answer = ask(f, 0, &a);
    assert_false(answer.stale);
    assert_int_equal(answer.reason, REASON_NONE);
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

/* ---- one keeper hands over to the next ---- */

static int memory_new(void)
{
    int fd;

    assert_int_equal(file_memory("open", &fd), 0);
    return fd;
}

static int hand(struct fixture *f, size_t i)
{
    uint8_t data[16];
    size_t length;

    assert_int_equal(
        handover_put(MESSAGE_HANDOVER_ACK, data, sizeof(data), &length), 0);
    return take(f, i, data, length, false);
}

static void P12_the_last_record_is_the_last(void **state)
{
    struct fixture *f = *state;
    struct ask_admit a = ask_of(f, "caisi", "caisi", "eva");
    uint64_t n = ask(f, 0, &a).n;
    uint8_t data[RING_RECORD_MAX];
    size_t length;

    assert_int_equal(hand(f, 0), SP_EPROTO); /* nobody asked for it */
    keeper_handover_begin(&f->k, memory_new());
    assert_false(keeper_handover_turn(&f->k));
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(link_get(f->worker[i], data, &length), 0);
        assert_int_equal(message_type(data, length), MESSAGE_HANDOVER);
    }
    assert_int_equal(hand(f, 0), 0);
    assert_false(keeper_handover_turn(&f->k)); /* one of two */
    assert_int_equal(hand(f, 0), SP_EPROTO);
    assert_int_equal(settle(f, 0, n), SP_EPROTO);
    assert_int_equal(ask(f, 1, &a).reason, REASON_NONE); /* it may still */
    assert_int_equal(hand(f, 1), 0);
    assert_true(keeper_handover_turn(&f->k));
    close(f->k.handover_list);
}

static void P12_whoever_does_not_hand_over_is_broken(void **state)
{
    struct fixture *f = *state;
    struct ask_admit a = ask_of(f, "caisi", "caisi", "eva");
    char problem[512] = "";

    (void)ask(f, 0, &a);
    keeper_handover_begin(&f->k, memory_new());
    assert_int_equal(hand(f, 1), 0);
    assert_false(keeper_handover_turn(&f->k));
    f->k.boot += KEEPER_ACK_MS;
    assert_true(keeper_handover_turn(&f->k));
    assert_true(f->k.links[0].broken);
    keeper_handover_list(&f->k);
    openset_release(&f->k.links[0].open);
    /* Nothing of it is on the list. */
    link_free(f->k.links[0].link);
    link_free(f->k.links[1].link);
    f->k.links[0].link = f->k.links[1].link = NULL;
    assert_int_equal(keeper_inherit(&f->k, f->k.handover_list, problem), 0);
    assert_false(f->k.links[0].inherited);
    assert_true(f->k.links[1].inherited);
    assert_int_equal(keeper_close_orphans(&f->k), 1);
}

/* This keeper becomes the next one: its links are gone, the list is there. */
static void become_next(struct fixture *f)
{
    char problem[512] = "";
    int memory = memory_new();

    f->k.handover_list = memory;
    keeper_handover_list(&f->k);
    for (size_t i = 0; i < 2; i++) {
        openset_release(&f->k.links[i].open);
        link_free(f->k.links[i].link);
        f->k.links[i].link = NULL;
    }
    assert_int_equal(keeper_inherit(&f->k, memory, problem), 0);
}

static void P11_only_the_same_worker_goes_on(void **state)
{
    struct fixture *f = *state;
    struct ask_admit a = ask_of(f, "caisi", "caisi", "eva");
    uint64_t mine, others, size;

    f->k.links[0].generation = 11;
    f->k.links[1].generation = 12;
    mine = ask(f, 0, &a).n;
    others = ask(f, 1, &a).n;
    become_next(f);
    size = ledger_size(f->k.ledger);
    assert_int_equal(keeper_close_orphans(&f->k), 0);
    assert_int_equal(ledger_size(f->k.ledger), size);
    keeper_inherit_link(&f->k, &f->k.links[0], 11);
    assert_true(f->k.links[0].inherited);
    assert_int_equal(settle(f, 0, others), SP_EPROTO);
    assert_int_equal(settle(f, 0, mine), 0);
    assert_int_equal(settle(f, 0, mine), SP_EPROTO);
    keeper_inherit_link(&f->k, &f->k.links[1], 11); /* another's */
    assert_false(f->k.links[1].inherited);
    assert_int_equal(standing_open_requests(f->k.standing), 0);
    assert_int_equal(settle(f, 1, others), SP_EPROTO);
}

static void P11_who_does_not_come_is_lost(void **state)
{
    struct fixture *f = *state;
    struct ask_admit a = ask_of(f, "caisi", "caisi", "eva");

    (void)ask(f, 0, &a);
    become_next(f);
    keeper_inherit_turn(&f->k);
    assert_int_equal(standing_open_requests(f->k.standing), 1);
    f->k.boot += KEEPER_CLAIM_MS;
    keeper_inherit_turn(&f->k);
    assert_int_equal(standing_open_requests(f->k.standing), 0);
    assert_false(f->k.links[0].inherited);
}

/* What it was told to cut before it had a link, a worker hears first. */
static void P2_cuts_wait_for_the_link(void **state)
{
    struct fixture *f = *state;
    struct cut c = {CUT_ALL, .reason = REASON_WINDOW_EXPIRED};
    uint8_t data[CUT_BYTES];
    size_t length;

    become_next(f);
    assert_int_equal(cut_put(&c, data, sizeof(data), &length), 0);
    keeper_send_all(&f->k, data, length);
    assert_int_equal(f->k.links[0].backlog.length, length + 2);
    assert_int_equal(f->k.links[1].backlog.length, length + 2);
    assert_int_equal(f->k.links[2].backlog.length, 0);
}

/* A list that the ledger contradicts, or that is none. */
static void lists_are_checked(void **state)
{
    struct fixture *f = *state;
    struct ask_admit a = ask_of(f, "caisi", "caisi", "eva");
    uint64_t n = ask(f, 0, &a).n;
    const uint64_t format = UINT64_C(0x73702d6f70656e01);
    const struct {
        uint64_t words[12];
        size_t count;
    } wrong[] = {
        {{0}, 0},
        {{format}, 1},
        {{format + 1, 0}, 2},
        {{format, 1}, 2},
        {{format, 1, LIMIT_WORKERS, 9, 0}, 5},
        {{format, 1, 0, 9, 1}, 5},
        {{format, 1, 0, 9, 2, n}, 6},
        {{format, 1, 0, 9, LIMIT_CONNECTIONS + 1, n}, 6},
        {{format, 1, 0, 9, 1, n + 1}, 6},
        {{format, 1, 0, 9, 1, UINT64_MAX}, 6},
        {{format, 1, 0, 9, 2, n, n}, 7},
        {{format, 1, 0, 9, 1, n, 0}, 7},
        {{format, 2, 0, 9, 0, 0, 9, 0}, 8},
        {{format, 2, 0, 9, 1, n, 1, 9, 1, n}, 10},
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char problem[512] = "";
        int memory = memory_new();
        size_t bytes = wrong[i].count * sizeof(uint64_t);

        for (size_t j = 0; j < 2; j++) {
            openset_release(&f->k.links[j].open);
            f->k.links[j].inherited = false;
        }
        assert_int_equal(write(memory, wrong[i].words, bytes), bytes);
        assert_int_not_equal(keeper_inherit(&f->k, memory, problem), 0);
        assert_string_not_equal(problem, "");
    }
    for (size_t j = 0; j < 2; j++)
        f->k.links[j].inherited = false;
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

/* A worker says whose certificates are matched or revoked: of people who are
 * there, and no more of either in a second than fits the disk. */
static int tell_certificate(struct fixture *f, bool revoked, uint32_t number,
                            uint32_t party, uint32_t person, uint32_t policy)
{
    struct certificate_matched m = {.policy = policy,
                                    .party = party,
                                    .person = person,
                                    .rule = IDENTITY_BY_URI,
                                    .serial = {1},
                                    .serial_length = 1};
    struct certificate_is_revoked v = {.policy = policy,
                                       .party = party,
                                       .person = person,
                                       .serial = {1},
                                       .serial_length = 1};
    uint8_t data[512];
    size_t length;

    memcpy(m.sha256, &number, sizeof(number));
    memcpy(v.sha256, &number, sizeof(number));
    assert_int_equal(
        revoked ? certificate_is_revoked_put(&v, data, sizeof(data), &length)
                : certificate_matched_put(&m, data, sizeof(data), &length),
        0);
    return take(f, 0, data, length, false);
}

static void P12_certificates_of_nobody_are_refused(void **state)
{
    struct fixture *f = *state;
    const struct policy *p = f->k.policy;
    uint32_t other = (uint32_t)p->npeople - 1;
    uint64_t size = ledger_size(f->k.ledger);

    for (int revoked = 0; revoked < 2; revoked++) {
        assert_int_equal(
            tell_certificate(f, revoked, 1, (uint32_t)p->nparties, 0, 7),
            SP_EPROTO);
        assert_int_equal(tell_certificate(f, revoked, 1, p->people[0].party,
                                          (uint32_t)p->npeople, 7),
                         SP_EPROTO);
        /* By another policy: told again, by this one. */
        assert_int_equal(
            tell_certificate(f, revoked, 1, p->people[0].party, 0, 8), 0);
        assert_int_not_equal(p->people[other].party, p->people[0].party);
        assert_int_equal(
            tell_certificate(f, revoked, 1, p->people[0].party, other, 7),
            SP_EPROTO);
    }
    assert_int_equal(ledger_size(f->k.ledger), size);
}

static void P12_a_match_by_no_rule_is_refused(void **state)
{
    const uint8_t rules[] = {IDENTITY_BY_NOTHING, IDENTITY_RULES, 255};
    struct fixture *f = *state;
    uint64_t size = ledger_size(f->k.ledger);

    for (size_t i = 0; i < sizeof(rules); i++) {
        struct certificate_matched m = {.policy = 7,
                                        .party = f->k.policy->people[0].party,
                                        .rule = rules[i],
                                        .serial = {1},
                                        .serial_length = 1};
        uint8_t data[512];
        size_t length;

        assert_int_equal(
            certificate_matched_put(&m, data, sizeof(data), &length), 0);
        assert_int_equal(take(f, 0, data, length, false), SP_EPROTO);
    }
    assert_int_equal(ledger_size(f->k.ledger), size);
}

static void P12_certificates_do_not_fill_the_disk(void **state)
{
    const uint32_t most = KEEPER_CERTIFICATES_PER_SECOND;
    struct fixture *f = *state;
    uint32_t party = f->k.policy->people[0].party;
    uint64_t size = ledger_size(f->k.ledger);

    for (uint32_t i = 0; i < 2 * most; i++)
        assert_int_equal(tell_certificate(f, false, i, party, 0, 7), 0);
    assert_int_equal(ledger_size(f->k.ledger), size + most);
    /* Nor do they keep what is revoked from being heard. */
    for (uint32_t i = 0; i < 2 * most; i++)
        assert_int_equal(tell_certificate(f, true, i, party, 0, 7), 0);
    assert_int_equal(ledger_size(f->k.ledger), size + 2 * most);
    /* What was said once is no entry again; what was dropped is, later. */
    f->k.boot += 1000;
    assert_int_equal(tell_certificate(f, false, 0, party, 0, 7), 0);
    assert_int_equal(tell_certificate(f, true, 0, party, 0, 7), 0);
    assert_int_equal(ledger_size(f->k.ledger), size + 2 * most);
    assert_int_equal(tell_certificate(f, false, 2 * most - 1, party, 0, 7), 0);
    assert_int_equal(tell_certificate(f, true, 2 * most - 1, party, 0, 7), 0);
    assert_int_equal(ledger_size(f->k.ledger), size + 2 * most + 2);
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
    assert_int_equal(answer.closes, f->policy->windows[answer.window].closes);
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

/* ---- the gateway's own routes ---- */

static const char *name_of_person(const struct fixture *f, uint32_t person)
{
    return f->policy->people[person].name;
}

/* What a worker sends for one acceptance; each field can be bent. */
struct attempt {
    const struct made *cert;       /* whose certificate is sent */
    const struct made *key;        /* who signs */
    const struct made *connection; /* whose certificate the facts say */
    const char *person;            /* whom the facts say */
    const char *signed_as;         /* whom the statement says, NULL: the same */
    const char *origin;            /* NULL: ours */
    uint32_t document;
    const struct made *chain; /* sent beside it, NULL: nothing */
    bool other_version;
    enum own_problem problem; /* what must be found */
};

static void cert_hash(const struct made *m, uint8_t sha256[32])
{
    unsigned length = 32;

    assert_int_equal(X509_digest(m->cert, EVP_sha256(), sha256, &length), 1);
}

static size_t attempt_content(const struct fixture *f, const struct attempt *t,
                              uint8_t content[OWN_CONTENT_BYTES])
{
    struct own_acceptance a = {.document = t->document};
    uint8_t cert_sha256[32], *der = NULL, *chain = NULL, *signature;
    char text[ACCEPTANCE_STATEMENT_SIZE];
    const struct acceptance_claim claim = {
        .origin = t->origin ? t->origin : "sp.sallyport/ledger",
        .party = "caisi",
        .person = t->signed_as ? t->signed_as : t->person,
        .document = "nda-v1",
        .sha256 = f->policy->documents[0].sha256,
        .cert_sha256 = cert_sha256};
    size_t length;
    int n = i2d_X509(t->cert->cert, &der);

    cert_hash(t->cert, cert_sha256);
    assert_int_equal(acceptance_statement(&claim, text), 0);
    assert_int_equal(acceptance_sign(t->key->key, &a.algorithm, text,
                                     &signature, &a.signature_length),
                     0);
    memcpy(a.sha256, f->policy->documents[0].sha256, 32);
    a.sha256[0] ^= t->other_version;
    a.certificate = der;
    a.certificate_length = (size_t)n;
    a.signature = signature;
    if (t->chain != NULL) {
        int m = i2d_X509(t->chain->cert, &chain);

        a.nchain = 1;
        a.chain[0] = chain;
        a.chain_length[0] = (size_t)m;
    }
    assert_int_equal(
        own_acceptance_put(&a, content, OWN_CONTENT_BYTES, &length), 0);
    OPENSSL_free(der);
    OPENSSL_free(chain);
    free(signature);
    return length;
}

/* Sends a content in parts; the last result. */
static int send_content(struct fixture *f, size_t i, uint64_t ticket,
                        const uint8_t *data, size_t length)
{
    struct own_part part = {.ticket = ticket};
    uint8_t record[RING_RECORD_MAX];
    size_t n;
    int r = 0;

    part.parts = (uint32_t)((length + OWN_PART_BYTES - 1) / OWN_PART_BYTES);
    for (; r == 0 && length > 0; part.part++) {
        part.data = data;
        part.length = length < OWN_PART_BYTES ? length : OWN_PART_BYTES;
        data += part.length;
        length -= part.length;
        assert_int_equal(own_part_put(&part, record, sizeof(record), &n), 0);
        r = take(f, i, record, n, false);
    }
    return r;
}

static struct ask_admit own_ask(const struct fixture *f, enum route route,
                                const char *person, const struct made *cert)
{
    struct ask_admit a = ask_of(f, "caisi", "caisi", person);

    a.facts.route = route;
    a.facts.model[0] = '\0';
    cert_hash(cert, a.facts.cert_sha256);
    return a;
}

/* The answer of an own question; rows may come before it. */
static struct answer_admit own_answer(struct fixture *f, size_t i,
                                      const struct ask_admit *a)
{
    struct answer_admit answer = {0};
    uint8_t data[RING_RECORD_MAX];
    size_t length;

    assert_int_equal(ask_admit_put(a, data, sizeof(data), &length), 0);
    assert_int_equal(take(f, i, data, length, false), 0);
    do
        assert_int_equal(link_get(f->worker[i], data, &length), 0);
    while (message_type(data, length) != MESSAGE_ANSWER_ADMIT);
    assert_int_equal(answer_admit_get(&answer, data, length), 0);
    return answer;
}

static struct answer_admit attempt_make(struct fixture *f,
                                        const struct attempt *t)
{
    static uint8_t content[OWN_CONTENT_BYTES];
    struct ask_admit a = own_ask(f, ROUTE_NDA_ACCEPT, t->person, t->connection);

    assert_int_equal(
        send_content(f, 0, a.ticket, content, attempt_content(f, t, content)),
        0);
    return own_answer(f, 0, &a);
}

static bool has_accepted(const struct fixture *f, const char *person)
{
    int i = policy_find_person(f->policy, 0, person);

    return standing_accepted(f->k.standing, (uint32_t)i,
                             f->policy->documents[0].sha256, NULL);
}

static void P12_no_worker_accepts_for_anybody(void **state)
{
    struct fixture *f = *state;
    /* Made by the worker itself: it can say that it is eva, and prove nothing.
     */
    struct made self = person_make(NULL, "sallyport://sp/caisi/eva");
    struct make old = {.issuer = &f->authority,
                       .cn = "p",
                       .uri = "sallyport://sp/caisi/eva",
                       .from = NOW - 3600000,
                       .to = NOW - 1000};
    struct made expired = make_certificate(&old);
    const struct made *eva = &f->eva, *bob = &f->bob;
    const struct attempt attempts[] = {
        {&self, &self, &self, "eva", .problem = OWN_CERTIFICATE},
        {&expired, &expired, &expired, "eva", .problem = OWN_CERTIFICATE},
        {bob, bob, bob, "eva", .problem = OWN_CERTIFICATE},
        {bob, bob, bob, "eva", "bob", .problem = OWN_CERTIFICATE},
        {bob, bob, eva, "eva", .problem = OWN_OTHER_CERTIFICATE},
        {eva, bob, eva, "eva", .problem = OWN_SIGNATURE},
        {eva, &self, eva, "eva", .problem = OWN_SIGNATURE},
        {eva, eva, eva, "eva", "bob", .problem = OWN_SIGNATURE},
        {eva, eva, eva, "eva", .origin = "other/ledger",
         .problem = OWN_SIGNATURE},
        {eva, eva, eva, "eva", .other_version = true, .problem = OWN_VERSION},
        {eva, eva, eva, "eva", .document = 1, .problem = OWN_DOCUMENT},
        {eva, eva, eva, "eva", .document = UINT32_MAX, .problem = OWN_DOCUMENT},
    };
    const struct attempt good = {eva, eva, eva, "eva", .problem = OWN_FINE};
    struct answer_admit answer;

    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        uint64_t size = ledger_size(f->k.ledger);

        answer = attempt_make(f, &attempts[i]);
        assert_int_equal(answer.reason, REASON_NDA_INVALID);
        assert_int_equal(answer.problem, attempts[i].problem);
        assert_int_equal(answer.behind, 0);
        assert_int_equal(ledger_size(f->k.ledger), size + 1);
        assert_false(has_accepted(f, "eva"));
    }
    answer = attempt_make(f, &good);
    assert_int_equal(answer.reason, REASON_NONE);
    assert_int_equal(answer.behind, 1);
    assert_int_equal(answer.made, answer.n + 1);
    assert_int_equal(ledger_size(f->k.ledger), answer.n + 2);
    assert_true(has_accepted(f, "eva"));
    assert_false(has_accepted(f, "bob"));
    /* Once is enough: the first one counts. */
    answer = attempt_make(f, &good);
    assert_int_equal(answer.reason, REASON_NONE);
    assert_int_equal(answer.behind, 0);
    assert_true(answer.made < answer.n);
    made_free(&self);
    made_free(&expired);
}

/* An authority between the party's anchors and the person, which the policy
 * does not have: it counts when it is sent, and only what the anchors vouch
 * for. */
static void P12_a_chain_leads_to_the_partys_anchors(void **state)
{
    struct fixture *f = *state;
    struct make m = {.cn = "between",
                     .ca = true,
                     .issuer = &f->authority,
                     .from = NOW - 3600000,
                     .to = NOW + 3600000};
    struct made between = make_certificate(&m), strange, eva, other;
    struct attempt t = {.person = "eva", .problem = OWN_FINE};

    m.issuer = NULL;
    strange = make_certificate(&m);
    eva = person_make(&between, "sallyport://sp/caisi/eva");
    other = person_make(&strange, "sallyport://sp/caisi/eva");
    t.cert = t.key = t.connection = &eva;
    assert_int_equal(attempt_make(f, &t).problem, OWN_CERTIFICATE);
    t.chain = &strange;
    assert_int_equal(attempt_make(f, &t).problem, OWN_CERTIFICATE);
    t.cert = t.key = t.connection = &other;
    assert_int_equal(attempt_make(f, &t).problem, OWN_CERTIFICATE);
    assert_false(has_accepted(f, "eva"));
    t.cert = t.key = t.connection = &eva;
    t.chain = &between;
    assert_int_equal(attempt_make(f, &t).reason, REASON_NONE);
    assert_true(has_accepted(f, "eva"));
    made_free(&between);
    made_free(&strange);
    made_free(&eva);
    made_free(&other);
}

static void P5_nothing_is_allowed_before_it(void **state)
{
    struct fixture *f = *state;
    const struct attempt good = {&f->eva, &f->eva, &f->eva, "eva",
                                 .problem = OWN_FINE};
    struct ask_admit a = ask_of(f, "caisi", "caisi", "eva");

    a.facts.route = ROUTE_COMPLETIONS;
    assert_int_equal(ask(f, 0, &a).reason, REASON_NDA_REQUIRED);
    assert_int_equal(attempt_make(f, &good).reason, REASON_NONE);
    assert_int_equal(ask(f, 0, &a).reason, REASON_NONE);
    a = ask_of(f, "caisi", "caisi", "bob");
    a.facts.route = ROUTE_COMPLETIONS;
    assert_int_equal(ask(f, 0, &a).reason, REASON_NDA_REQUIRED);
    assert_string_equal(name_of_person(f, a.facts.person), "bob");
}

/* Recorded as a fault, so that an auditor refuses it, too. */
static void P9_verifications_have_a_limit(void **state)
{
    struct fixture *f = *state;
    const struct attempt bad = {&f->eva, &f->bob, &f->eva, "eva",
                                .problem = OWN_SIGNATURE};
    unsigned verified = 0;

    for (unsigned i = 0; i < 2 * KEEPER_VERIFICATIONS_PER_SECOND; i++)
        verified += attempt_make(f, &bad).reason == REASON_NDA_INVALID;
    assert_int_equal(verified, KEEPER_VERIFICATIONS_PER_SECOND);
    assert_int_equal(attempt_make(f, &bad).reason, REASON_OVERLOADED);
    f->k.boot += 1000;
    assert_int_equal(attempt_make(f, &bad).reason, REASON_NDA_INVALID);
}

static int take_part_of(struct fixture *f, uint64_t ticket, uint32_t part,
                        uint32_t parts, size_t length)
{
    static const uint8_t zeros[OWN_PART_BYTES];
    struct own_part p = {ticket, part, parts, zeros, length};
    uint8_t record[RING_RECORD_MAX];
    size_t n;

    assert_int_equal(own_part_put(&p, record, sizeof(record), &n), 0);
    return take(f, 0, record, n, false);
}

static int take_own(struct fixture *f, const struct ask_admit *a)
{
    uint8_t record[RING_RECORD_MAX];
    size_t n;

    assert_int_equal(ask_admit_put(a, record, sizeof(record), &n), 0);
    return take(f, 0, record, n, false);
}

static void P12_parts_come_in_order_and_before_their_question(void **state)
{
    struct fixture *f = *state;
    struct ask_admit a = own_ask(f, ROUTE_FINDINGS, "eva", &f->eva);
    uint64_t size = ledger_size(f->k.ledger);

    assert_int_equal(take_own(f, &a), SP_EPROTO); /* none came */
    assert_int_equal(take_part_of(f, 5, 1, 2, 10), SP_EPROTO);
    assert_int_equal(take_part_of(f, 5, 0, 3, OWN_PART_BYTES), 0);
    assert_int_equal(take_own(f, &a), SP_EPROTO); /* not whole */
    assert_int_equal(take_part_of(f, 5, 2, 3, 10), SP_EPROTO);
    assert_int_equal(take_part_of(f, 6, 1, 3, OWN_PART_BYTES), SP_EPROTO);
    assert_int_equal(take_part_of(f, 5, 1, 4, OWN_PART_BYTES), SP_EPROTO);
    assert_int_equal(take_part_of(f, 5, 0, 1, 48), 0); /* it begins anew */
    assert_int_equal(take_part_of(f, 5, 1, 2, 10), SP_EPROTO);
    assert_int_equal(take_own(f, &a), SP_EPROTO); /* seals nothing */
    assert_int_equal(take_part_of(f, 6, 0, 1, 100), 0);
    assert_int_equal(take_own(f, &a), SP_EPROTO); /* another's */
    a.facts.route = ROUTE_NDA_ACCEPT;
    assert_int_equal(take_part_of(f, 5, 0, 1, 100), 0);
    assert_int_equal(take_own(f, &a), SP_EPROTO); /* no acceptance */
    assert_int_equal(ledger_size(f->k.ledger), size);
    a.facts.route = ROUTE_FINDINGS;
    assert_int_equal(take_part_of(f, 5, 0, 1, 49), 0);
    assert_int_equal(take_own(f, &a), 0);
    assert_int_equal(take_own(f, &a), SP_EPROTO); /* once */
    assert_int_equal(ledger_size(f->k.ledger), size + 2);
    /* More than there can be. */
    for (uint32_t i = 0; i < OWN_PARTS; i++)
        assert_int_equal(take_part_of(f, 5, i, OWN_PARTS, OWN_PART_BYTES),
                         i + 1 < OWN_PARTS ? 0 : SP_EPROTO);
}

static void findings_are_recorded_in_parts(void **state)
{
    static uint8_t content[OWN_CONTENT_BYTES];
    static const struct {
        size_t length;
        uint32_t parts;
    } sizes[] = {{49, 1},   {8192, 1}, {8193, 2},
                 {3840, 1}, {3841, 1}, {OWN_CONTENT_BYTES, 9}};
    struct fixture *f = *state;
    struct ask_admit a = own_ask(f, ROUTE_FINDINGS, "bob", &f->bob);

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct answer_admit answer;

        assert_int_equal(send_content(f, 0, a.ticket, content, sizes[i].length),
                         0);
        answer = own_answer(f, 0, &a);
        assert_int_equal(answer.reason, REASON_NONE);
        assert_int_equal(answer.made, answer.n + 1);
        assert_int_equal(answer.behind, sizes[i].parts);
        assert_int_equal(ledger_size(f->k.ledger),
                         answer.n + 1 + sizes[i].parts);
        assert_int_equal(settle(f, 0, answer.n), 0);
    }
}

/* Of its own party alone, and nobody else's acceptances. */
static void status_tells_the_party_its_own(void **state)
{
    struct fixture *f = *state;
    const struct attempt good = {&f->eva, &f->eva, &f->eva, "eva",
                                 .problem = OWN_FINE};
    struct ask_admit a = own_ask(f, ROUTE_STATUS, "bob", &f->bob);
    uint8_t data[RING_RECORD_MAX];
    struct own_window window;
    struct own_document document;
    size_t length;

    assert_int_equal(attempt_make(f, &good).reason, REASON_NONE);
    for (unsigned i = 0; i < 2; i++) {
        bool eva = i == 1;

        if (eva)
            a = own_ask(f, ROUTE_STATUS, "eva", &f->eva);
        assert_int_equal(take_own(f, &a), 0);
        assert_int_equal(link_get(f->worker[0], data, &length), 0);
        assert_int_equal(own_window_get(&window, data, length), 0);
        assert_int_equal(f->policy->windows[window.window].party, 0);
        assert_int_equal(window.ticket, a.ticket);
        assert_int_equal(window.reason, REASON_NONE);
        assert_int_equal(window.nterms, 2);
        assert_int_equal(link_get(f->worker[0], data, &length), 0);
        assert_int_equal(own_document_get(&document, data, length), 0);
        assert_int_equal(document.document, 0);
        assert_int_equal(document.accepted, eva);
        assert_int_equal(link_get(f->worker[0], data, &length), 0);
        assert_int_equal(message_type(data, length), MESSAGE_ANSWER_ADMIT);
    }
    a = ask_of(f, "hospital", "hospital", "ann");
    a.facts.route = ROUTE_STATUS;
    assert_int_equal(take_own(f, &a), 0);
    assert_int_equal(link_get(f->worker[0], data, &length), 0);
    assert_int_equal(own_window_get(&window, data, length), 0);
    assert_int_equal(f->policy->windows[window.window].party, 1);
    assert_int_equal(link_get(f->worker[0], data, &length), 0);
    assert_int_equal(message_type(data, length), MESSAGE_ANSWER_ADMIT);
}

/* --- Orders --- */

static const char *order_reason = "";

static void order(struct fixture *f, enum order_verb verb, const char *target)
{
    static struct order_message m;

    m = (struct order_message){.ticket = 77, .uid = 1000, .order.verb = verb};
    snprintf(m.order.target, sizeof(m.order.target), "%s", target);
    snprintf(m.order.reason, sizeof(m.order.reason), "%s", order_reason);
    keeper_order(&f->k, &m);
}

/* What the supervisor has been told; SP_ETIMEDOUT: nothing yet. */
static int told(struct fixture *f, struct order_answer *a)
{
    struct order_answer_message v;
    uint8_t data[1024];
    size_t length, nfds = 0;
    int r = channel_receive_wait(f->supervisor, data, sizeof(data), &length,
                                 NULL, &nfds, 0);

    if (r != 0)
        return r;
    assert_int_equal(order_answer_message_get(&v, data, length), 0);
    assert_int_equal(v.ticket, 77);
    *a = v.answer;
    return 0;
}

/* An order that is carried out: its answer, once the disk has it. */
static struct order_answer done(struct fixture *f, enum order_verb verb,
                                const char *target)
{
    struct order_answer a = {.error = 1};

    order(f, verb, target);
    assert_int_equal(told(f, &a), SP_ETIMEDOUT);
    ledger_kick(f->k.ledger, true);
    pthread_mutex_lock(&f->k.links_lock);
    while (f->k.durable < ledger_size(f->k.ledger))
        pthread_cond_wait(&f->k.durable_grew, &f->k.links_lock);
    pthread_mutex_unlock(&f->k.links_lock);
    keeper_orders_turn(&f->k);
    assert_int_equal(told(f, &a), 0);
    assert_int_equal(a.error, 0);
    return a;
}

/* One that is not: nothing is recorded, and the answer says why. */
static void declined(struct fixture *f, enum order_verb verb,
                     const char *target, int error)
{
    uint64_t size = ledger_size(f->k.ledger);
    struct order_answer a = {0};

    order(f, verb, target);
    assert_int_equal(told(f, &a), 0);
    assert_int_equal(a.error, error);
    assert_true(a.text[0] != '\0');
    assert_int_equal(ledger_size(f->k.ledger), size);
}

static struct cut cut_told(struct fixture *f, size_t i)
{
    uint8_t data[RING_RECORD_MAX];
    struct cut c = {0};
    size_t length;

    assert_int_equal(link_get(f->worker[i], data, &length), 0);
    assert_int_equal(cut_get(&c, data, length), 0);
    return c;
}

static void P2_P5_an_order_is_an_entry_then_a_cut(void **state)
{
    struct fixture *f = *state;
    struct ask_admit a = ask_of(f, "caisi", "caisi", "eva");
    uint64_t n = ledger_size(f->k.ledger) + 2;
    struct order_answer answer;
    uint64_t entry;

    ask(f, 0, &a);
    ask(f, 1, &a);
    answer = done(f, ORDER_SUSPEND, "caisi/eva");
    assert_int_equal(answer.n, n);
    assert_int_equal(answer.cut, 2);
    assert_true(standing_suspended(f->k.standing, "caisi", "eva", &entry));
    assert_int_equal(entry, n);
    for (size_t i = 0; i < 2; i++) {
        struct cut c = cut_told(f, i);

        assert_int_equal(c.reason, REASON_PERSON_SUSPENDED);
        assert_int_equal(c.party, a.facts.party);
        assert_int_equal(c.person, a.facts.person);
        assert_int_equal(c.window, VERDICT_NONE);
        assert_int_equal(c.model, VERDICT_NONE);
    }
    assert_int_equal(ask(f, 0, &a).reason, REASON_PERSON_SUSPENDED);
    a = ask_of(f, "hospital", "hospital", "ann");
    assert_int_equal(ask(f, 0, &a).reason, REASON_NONE);
}

static void wrong_orders_are_answered_and_leave_no_entry(void **state)
{
    static const char *const nobody[] = {"x", "caisi/ann", "hospital/eva",
                                         "Caisi"};
    static const char *const malformed[] = {"/", "caisi/", "/eva", "caisi/eva/",
                                            "caisi/eva/x"};
    static const enum order_verb about_people[] = {
        ORDER_SUSPEND, ORDER_REVOKE, ORDER_RESUME, ORDER_STATEMENT};
    struct fixture *f = *state;

    for (size_t v = 0; v < 4; v++) {
        for (size_t i = 0; i < 4; i++)
            declined(f, about_people[v], nobody[i], SP_ENOENT);
        for (size_t i = 0; i < 5; i++)
            declined(f, about_people[v], malformed[i], SP_EINVAL);
    }
    declined(f, ORDER_RESUME, "caisi", SP_ENOENT);
    declined(f, ORDER_STATEMENT, "caisi/eva", SP_ENOENT);
    declined(f, ORDER_CLOSE, "caisi", SP_ENOENT);
    declined(f, ORDER_CLOSE, "caisi/orion/2026-11-02T00:00:00Z", SP_ENOENT);
    declined(f, ORDER_RELEASE, "vega", SP_ENOENT);
    declined(f, ORDER_RELEASE, "caisi/orion", SP_ENOENT);
}

static void orders_are_not_given_twice(void **state)
{
    struct fixture *f = *state;

    done(f, ORDER_SUSPEND, "caisi");
    declined(f, ORDER_SUSPEND, "caisi", SP_EEXIST);
    done(f, ORDER_REVOKE, "caisi"); /* what is suspended can still be revoked */
    declined(f, ORDER_REVOKE, "caisi", SP_EEXIST);
    declined(f, ORDER_SUSPEND, "caisi", SP_EEXIST);
    declined(f, ORDER_RESUME, "caisi", SP_EEXIST);
    declined(f, ORDER_STATEMENT, "caisi", SP_EEXIST);
    done(f, ORDER_CLOSE, "hospital/orion");
    declined(f, ORDER_CLOSE, "hospital/orion", SP_ENOENT);
    done(f, ORDER_RELEASE, "orion");
    declined(f, ORDER_RELEASE, "orion", SP_EEXIST);
}

static void a_transcript_is_revealed_for_a_reason(void **state)
{
    static const char *const malformed[] = {
        "x", "01", "-1", "+1", "1x", "0x1", "18446744073709551616"};
    struct fixture *f = *state;
    struct order_answer a;

    declined(f, ORDER_REVEAL, "1", SP_EINVAL); /* without one */
    order_reason = "a dispute";
    for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++)
        declined(f, ORDER_REVEAL, malformed[i], SP_EINVAL);
    declined(f, ORDER_REVEAL, "4711", SP_ENOENT);
    declined(f, ORDER_REVEAL, "18446744073709551615", SP_ENOENT);
    a = done(f, ORDER_REVEAL, "1");
    assert_int_equal(a.cut, 0);
    assert_int_equal(a.n, ledger_size(f->k.ledger) - 1);
    done(f, ORDER_REVEAL, "1"); /* as often as it is done */
    order_reason = "";
}

static void P5_orders_about_the_gateway_are_entries(void **state)
{
    struct fixture *f = *state;
    struct ask_admit ask_one = ask_of(f, "caisi", "caisi", "eva");
    uint64_t n = ledger_size(f->k.ledger);
    struct order_answer a;

    a = done(f, ORDER_RELOAD, ORDER_TARGET_GATEWAY);
    assert_int_equal(a.n, n);
    assert_int_equal(a.cut, 0);
    assert_int_equal(ask(f, 0, &ask_one).reason, REASON_NONE);
    a = done(f, ORDER_DRAIN, ORDER_TARGET_GATEWAY);
    assert_int_equal(a.n, n + 2);
    assert_int_equal(a.cut, 1); /* that are open: the keeper cuts nobody */
    assert_int_equal(ask(f, 0, &ask_one).reason, REASON_NONE);
}

static void P8_resuming_alone_is_refused(void **state)
{
    struct fixture *f = *state;
    uint64_t n = done(f, ORDER_SUSPEND, "caisi/eva").n;
    struct order_answer a;

    declined(f, ORDER_RESUME, "caisi/eva", SP_EPERM);
    declined(f, ORDER_RESUME, "caisi", SP_ENOENT);
    order(f, ORDER_STATEMENT, "caisi/eva"); /* what to sign for it */
    assert_int_equal(told(f, &a), 0);
    assert_int_equal(a.error, 0);
    assert_int_equal(a.n, n);
    assert_string_equal(a.text, "sp.sallyport/ledger");
    assert_true(standing_suspended(f->k.standing, "caisi", "eva", NULL));
}

static void P2_P3_a_release_ends_every_window(void **state)
{
    struct fixture *f = *state;
    struct ask_admit a = ask_of(f, "caisi", "caisi", "eva");
    uint64_t n = ledger_size(f->k.ledger) + 1;
    struct order_answer answer;

    ask(f, 0, &a);
    answer = done(f, ORDER_RELEASE, "orion");
    assert_int_equal(answer.n, n);
    assert_int_equal(answer.cut, 1);
    /* both windows, too, and the sum of the one that nobody is in */
    assert_int_equal(ledger_size(f->k.ledger), n + 4);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(cut_told(f, 1).reason, REASON_MODEL_RELEASED);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(cut_told(f, 0).reason, REASON_MODEL_RELEASED);
    assert_int_equal(ask(f, 0, &a).reason, REASON_MODEL_RELEASED);
    f->k.now += 1000;
    keeper_due(&f->k);
    assert_int_equal(ask(f, 0, &a).reason, REASON_MODEL_RELEASED);
}

static void a_tripwire_suspends_and_says_which(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(keeper_suspend(&f->k, "caisi", "eva", "tripwire:volume"),
                     0);
    assert_int_equal(cut_told(f, 0).reason, REASON_PERSON_SUSPENDED);
    assert_int_equal(keeper_suspend(&f->k, "caisi", "eva", "tripwire:volume"),
                     SP_EEXIST);
    assert_int_equal(keeper_suspend(&f->k, "caisi", "max", "tripwire:volume"),
                     SP_ENOENT);
    assert_int_equal(keeper_suspend(&f->k, "hospital", NULL, "tripwire:x"), 0);
    assert_true(standing_suspended(f->k.standing, "hospital", NULL, NULL));
}

/* ---- certificates ---- */

#define H1   "0100000000000000000000000000000000000000000000000000000000000000"
#define H2   "0200000000000000000000000000000000000000000000000000000000000000"
#define H3   "0300000000000000000000000000000000000000000000000000000000000000"
#define LATE " 1800000000000 1793870000000 "

static int index_read(struct fixture *f, const char *text, char problem[256])
{
    return keeper_certificates_index(&f->k, text, strlen(text), problem);
}

static bool is_revoked(const struct fixture *f, uint8_t id)
{
    const uint8_t sha256[32] = {id};

    return standing_certificate_is_revoked(f->k.standing, sha256);
}

/* Only what is new is an entry, and what is revoked cuts. */
static void P2_P5_the_index_is_taken_into_the_ledger(void **state)
{
    static const char first[] = "0a " H1 " caisi eva" LATE "- - person\n"
                                "0b " H2 " - gate.example" LATE "- - server\n"
                                "0c " H3 " caisi bob" LATE "- - person\n";
    static const char next[] =
        "0a " H1 " caisi eva" LATE "1793880000000 keyCompromise person\n"
        "0b " H2 " - gate.example" LATE "- - server\n"
        "0c " H3 " caisi bob" LATE "- - person\n";
    struct fixture *f = *state;
    struct ask_admit a = ask_of(f, "caisi", "caisi", "eva");
    uint64_t size = ledger_size(f->k.ledger);
    char problem[256];
    struct cut c;

    assert_int_equal(index_read(f, first, problem), 0);
    assert_int_equal(ledger_size(f->k.ledger), size + 2);
    assert_int_equal(index_read(f, first, problem), 0);
    assert_int_equal(ledger_size(f->k.ledger), size + 2);
    a.facts.cert_sha256[0] = 1;
    assert_int_equal(ask(f, 0, &a).reason, REASON_NONE);
    assert_int_equal(index_read(f, next, problem), 0);
    for (size_t i = 0; i < 2; i++) {
        c = cut_told(f, i);
        assert_int_equal(c.reason, REASON_CERTIFICATE_REVOKED);
        assert_true(c.has_certificate && c.certificate[0] == 1);
    }
    assert_int_equal(ask(f, 0, &a).reason, REASON_CERTIFICATE_REVOKED);
    a.facts.cert_sha256[0] = 3;
    assert_int_equal(ask(f, 0, &a).reason, REASON_NONE);
    /* Never un-revoked, whatever the index says next. */
    size = ledger_size(f->k.ledger);
    assert_int_equal(index_read(f, first, problem), 0);
    assert_int_equal(ledger_size(f->k.ledger), size);
    assert_true(is_revoked(f, 1));
}

static void an_index_that_is_not_right_is_refused(void **state)
{
    static const struct {
        const char *text, *problem;
    } wrong[] = {
        {"0a " H1 " caisi eva" LATE "- - person\n0b " H2 " caisi\n",
         "line 2: expected nine fields"},
        {"0a " H1 " caisi eva" LATE "- - person", "line 1: expected a line's"},
        {"0a " H1 " caisi eva" LATE "- - person\n"
         "0b " H1 " caisi eva" LATE "- - person\n",
         "line 2: the ledger says something else"},
    };
    struct fixture *f = *state;
    char problem[256];

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint64_t size = ledger_size(f->k.ledger);

        assert_int_equal(index_read(f, wrong[i].text, problem), SP_EINVAL);
        if (strstr(problem, wrong[i].problem) == NULL)
            fail_msg("%s", problem);
        assert_int_equal(ledger_size(f->k.ledger), size + (i == 2));
    }
    /* What has run out is none of the ledger's business. */
    assert_int_equal(index_read(f,
                                "0d " H2 " caisi eva 1793000000000 "
                                "1792000000000 - - person\n",
                                problem),
                     0);
    assert_false(is_revoked(f, 2));
}

/* Also those of which it is heard after the window's end. */
static void P3_the_last_window_ends_certificates(void **state)
{
    struct fixture *f = *state;
    char problem[256];

    assert_int_equal(
        index_read(f, "0a " H1 " caisi eva" LATE "- - person\n", problem), 0);
    f->k.now = f->policy->windows[0].closes;
    keeper_due(&f->k);
    assert_true(is_revoked(f, 1));
    /* Both windows; whoever comes again on an open connection is told. */
    assert_int_equal(cut_told(f, 0).reason, REASON_WINDOW_EXPIRED);
    assert_int_equal(cut_told(f, 0).reason, REASON_WINDOW_EXPIRED);
    assert_int_equal(
        index_read(f, "0b " H2 " caisi bob" LATE "- - person\n", problem), 0);
    assert_true(is_revoked(f, 2));
}

static void P9_what_cannot_be_said_ends_no_keeper(void **state)
{
    struct fixture *f = *state;
    struct entry_certificate_revoked r = {.sha256 = {9},
                                          .has_issuer = true,
                                          .serial = "0A",
                                          .party = "caisi",
                                          .cause = "crl"};
    uint64_t size = ledger_size(f->k.ledger);

    assert_int_equal(keeper_certificate_revoked(&f->k, &r), SP_EINVAL);
    r.serial = "0a";
    r.reason = "removeFromCRL";
    assert_int_equal(keeper_certificate_revoked(&f->k, &r), SP_EINVAL);
    r.reason = NULL;
    r.cause = "authority";
    assert_int_equal(keeper_certificate_revoked(&f->k, &r), SP_EINVAL);
    assert_int_equal(ledger_size(f->k.ledger), size);
    r.cause = "crl";
    assert_int_equal(keeper_certificate_revoked(&f->k, &r), 0);
    assert_int_equal(keeper_certificate_revoked(&f->k, &r), SP_EEXIST);
    assert_int_equal(ledger_size(f->k.ledger), size + 1);
    assert_int_equal(cut_told(f, 1).certificate[0], 9);
}

/* An order that ends access ends certificates, before anybody else is asked. */
static void P2_revoked_access_takes_certificates_along(void **state)
{
    struct fixture *f = *state;
    char problem[256];

    assert_int_equal(
        index_read(f, "0a " H1 " caisi eva" LATE "- - person\n", problem), 0);
    done(f, ORDER_REVOKE, "caisi/eva");
    keeper_due(&f->k); /* as each turn does, before any question */
    assert_true(is_revoked(f, 1));
}

/* However many wait for the disk, the next one is carried out. */
static void P8_no_queue_of_orders_blocks_the_next(void **state)
{
    struct fixture *f = *state;
    struct order_answer a;
    unsigned early = 0;

    for (unsigned i = 0; i < KEEPER_ORDERS; i++)
        f->k.orders[f->k.norders++] =
            (struct keeper_order){.ticket = 77, .until = UINT64_MAX};
    order(f, ORDER_RELEASE, "orion");
    assert_true(standing_released(f->k.standing, "orion", NULL));
    assert_int_equal(f->k.norders, KEEPER_ORDERS);
    while (told(f, &a) == 0)
        early += a.error == SP_ETIMEDOUT;
    assert_int_equal(early, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, setup_keeper, end_keeper)
        TEST(P11_only_its_own_request_and_only_once),
        TEST(P12_numbers_that_fit_nobody_make_nobody),
        TEST(P6_P10_questions_by_another_policy_come_back),
        TEST(P12_what_no_worker_may_send_is_refused),
        TEST(P11_a_dead_workers_requests_are_lost),
        TEST(P12_the_last_record_is_the_last),
        TEST(P12_whoever_does_not_hand_over_is_broken),
        TEST(P11_only_the_same_worker_goes_on),
        TEST(P11_who_does_not_come_is_lost),
        TEST(P2_cuts_wait_for_the_link),
        TEST(lists_are_checked),
        TEST(a_dead_workers_questions_are_not_decided),
        TEST(strangers_cannot_fill_the_disk),
        TEST(P12_certificates_of_nobody_are_refused),
        TEST(P12_a_match_by_no_rule_is_refused),
        TEST(P12_certificates_do_not_fill_the_disk),
        TEST(P2_the_end_is_told_to_workers),
        TEST(P12_no_worker_accepts_for_anybody),
        TEST(P12_a_chain_leads_to_the_partys_anchors),
        TEST(P5_nothing_is_allowed_before_it),
        TEST(P9_verifications_have_a_limit),
        TEST(P12_parts_come_in_order_and_before_their_question),
        TEST(findings_are_recorded_in_parts),
        TEST(status_tells_the_party_its_own),
        TEST(P2_P5_an_order_is_an_entry_then_a_cut),
        TEST(wrong_orders_are_answered_and_leave_no_entry),
        TEST(orders_are_not_given_twice),
        TEST(a_transcript_is_revealed_for_a_reason),
        TEST(P5_orders_about_the_gateway_are_entries),
        TEST(P8_resuming_alone_is_refused),
        TEST(P2_P3_a_release_ends_every_window),
        TEST(a_tripwire_suspends_and_says_which),
        TEST(P2_P5_the_index_is_taken_into_the_ledger),
        TEST(an_index_that_is_not_right_is_refused),
        TEST(P3_the_last_window_ends_certificates),
        TEST(P9_what_cannot_be_said_ends_no_keeper),
        TEST(P2_revoked_access_takes_certificates_along),
        TEST(P8_no_queue_of_orders_blocks_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
