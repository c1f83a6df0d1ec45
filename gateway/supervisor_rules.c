/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another policy, or other settings, while the daemon runs. Everybody who goes
 * by them gets them first and says whether it can; then the keeper writes the
 * policy down, from which moment it holds (P5); then what was running is
 * adapted: workers, lists, folders. Whatever goes wrong before the keeper's
 * entry changes nothing. Runs in the supervisor.
 */
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/approvals.h"
#include "gateway/processes.h"
#include "gateway/rules_messages.h"
#include "gateway/tls_files.h"
#include "lib/clock.h"
#include "lib/report.h"

/* For a worker to read the largest policy while it has other things to do. */
#define PREPARE_LIMIT_MS 30000
/* For the keeper to keep it and to write it down. */
#define COMMIT_LIMIT_MS 30000

/* --- whether they may come --- */

static bool file_is_tls(const struct settings *s, const char *name)
{
    struct tls_file f;

    for (size_t i = 0; tls_file_at(s, i, &f); i++)
        if (strcmp(f.name, name) == 0)
            return true;
    return false;
}

/* Files that change by themselves, and those that are taken over by
 * themselves, are no other rules. */
static bool file_counts(const struct snapshot *s, const char *name)
{
    return strncmp(name, "@approv", 7) != 0 && !file_is_tls(s->settings, name);
}

/* How many of a's files b has not, or not with these bytes. */
static size_t files_new(const struct snapshot *a, const struct snapshot *b)
{
    const uint8_t *data, *other;
    size_t length, other_length, count = 0;
    const char *name;

    for (size_t i = 0; fileset_at(a->files, i, &name, &data, &length) == 0; i++)
        if (file_counts(a, name) &&
            (fileset_get(b->files, name, &other, &other_length) != 0 ||
             other_length != length || memcmp(other, data, length) != 0))
            count++;
    return count;
}

bool supervisor_rules_differ(const struct supervisor *s,
                             const struct snapshot *fresh)
{
    return files_new(&s->snapshot, fresh) + files_new(fresh, &s->snapshot) > 0;
}

static int may_come(struct supervisor *s, const struct snapshot *fresh,
                    struct report *report)
{
    const char *fixed =
        settings_fixed_change(s->snapshot.settings, fresh->settings);
    const uint8_t *was, *is;
    size_t was_length, is_length;

    if (fixed == NULL &&
        (fileset_get(s->snapshot.files, "@ledger.key", &was, &was_length) !=
             0 ||
         fileset_get(fresh->files, "@ledger.key", &is, &is_length) != 0 ||
         was_length != is_length || memcmp(was, is, is_length) != 0))
        fixed = "ledger/key";
    if (fixed != NULL) {
        fprintf(report->out,
                "%s: %s: cannot change while the daemon runs: expected a "
                "restart for it\n",
                s->config, fixed);
        report->errors++;
        return SP_EUNSUPPORTED;
    }
    if (openings_check_hook(fresh->settings, report) != 0)
        return SP_EINVAL;
    return approvals_check(fresh, s->openings.ledger, report);
}

/* --- everybody gets them --- */

static bool needs_rules(const struct process *p)
{
    return !p->leaving && (p->role == ROLE_WORKER || p->role == ROLE_DIALER);
}

static int send_rules(struct supervisor *s, struct process *p)
{
    const struct rules_message v = {.number = s->change.number};
    uint8_t data[32];
    size_t length;
    int fd, r = snapshot_pack(&s->change.fresh, p->role, &fd);

    if (r != 0)
        return r;
    r = rules_message_put(MESSAGE_RULES, &v, data, sizeof(data), &length);
    if (r == 0)
        process_send(p, data, length, &fd, 1);
    close(fd);
    return r;
}

static void drop_all(struct supervisor *s)
{
    const struct rules_message v = {.number = s->change.number};
    uint8_t data[32];
    size_t length;

    if (rules_message_put(MESSAGE_RULES_DROP, &v, data, sizeof(data),
                          &length) != 0)
        return;
    for (size_t i = 0; i < processes_count(s); i++)
        if (needs_rules(&s->processes[i]) && s->processes[i].alive)
            process_send(&s->processes[i], data, length, NULL, 0);
}

static void change_end(struct supervisor *s, int error, const char *problem)
{
    char lines[512];

    event_del(s->change.limit);
    for (size_t i = 0; i < processes_count(s); i++)
        s->processes[i].preparing = false;
    s->change.state = CHANGE_NONE;
    snprintf(lines, sizeof(lines), "%s", problem);
    supervisor_reloaded(s, error, lines);
    supervisor_handover_step(s);
}

static void change_abort(struct supervisor *s, int error, const char *problem)
{
    drop_all(s);
    snapshot_release(&s->change.fresh);
    change_end(s, error, problem);
}

static void limit_set(struct supervisor *s, int64_t ms)
{
    const struct timeval after = {.tv_sec = (time_t)(ms / 1000)};

    if (event_add(s->change.limit, &after) != 0)
        fatal("timer", "error=%s", log_quote("out of memory"));
}

static void ask_keeper(struct supervisor *s)
{
    struct process *keeper = &s->processes[KEEPER];

    if (keeper->state != ROLE_STATE_READY || send_rules(s, keeper) != 0) {
        change_abort(s, SP_ECLOSED, "the ledger cannot be written now");
        return;
    }
    s->change.state = CHANGE_COMMITTING;
    limit_set(s, COMMIT_LIMIT_MS);
}

static void look_whether_all(struct supervisor *s)
{
    if (s->change.state != CHANGE_PREPARING)
        return;
    for (size_t i = 0; i < processes_count(s); i++)
        if (s->processes[i].preparing)
            return;
    ask_keeper(s);
}

/* A keeper that does not answer is ended, and its end decides. */
static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    struct supervisor *s = arg;

    (void)fd;
    (void)what;
    if (s->change.state == CHANGE_COMMITTING) {
        process_kill(&s->processes[KEEPER]);
        return;
    }
    /* No single role keeps a policy from coming, or another from going: whoever
     * follows one that stands still has it. */
    for (size_t i = 0; i < processes_count(s); i++)
        if (s->processes[i].preparing)
            process_kill(&s->processes[i]);
    limit_set(s, PREPARE_LIMIT_MS);
}

int supervisor_rules_begin(struct supervisor *s, struct snapshot *fresh,
                           struct report *report)
{
    int r = may_come(s, fresh, report);

    for (size_t i = 0; r == 0 && i < processes_count(s); i++)
        s->processes[i].preparing = false;
    if (r != 0)
        return r;
    s->reload_files = files_new(fresh, &s->snapshot);
    s->change.fresh = *fresh;
    *fresh = (struct snapshot){0};
    s->change.number = ++s->change.numbers;
    s->change.state = CHANGE_PREPARING;
    limit_set(s, PREPARE_LIMIT_MS);
    for (size_t i = 0; i < processes_count(s); i++)
        supervisor_rules_begun(s, &s->processes[i]);
    look_whether_all(s);
    return 0;
}

void supervisor_rules_begun(struct supervisor *s, struct process *p)
{
    if (s->change.state == CHANGE_NONE || !needs_rules(p) || !p->alive)
        return;
    if (send_rules(s, p) == 0)
        p->preparing = true;
    else
        process_kill(p); /* it starts again, and so does this */
}

/* --- they hold --- */

static bool text_equal(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool texts_equal(char *const *a, size_t na, char *const *b, size_t nb)
{
    if (na != nb)
        return false;
    for (size_t i = 0; i < na; i++)
        if (strcmp(a[i], b[i]) != 0)
            return false;
    return true;
}

static bool rule_equal(const struct policy_revocation *a,
                       const struct policy_revocation *b)
{
    return a->mode == b->mode && a->max_age_ms == b->max_age_ms &&
           a->ocsp_cache_ms == b->ocsp_cache_ms &&
           a->timeout_ms == b->timeout_ms && text_equal(a->crl, b->crl) &&
           text_equal(a->responder, b->responder) &&
           texts_equal(a->fetch, a->nfetch, b->fetch, b->nfetch) &&
           texts_equal(a->hosts, a->nhosts, b->hosts, b->nhosts);
}

static bool file_equal(const struct snapshot *a, const struct snapshot *b,
                       const char *name)
{
    const uint8_t *of_a = NULL, *of_b = NULL;
    size_t length_a = 0, length_b = 0;
    int r = fileset_get(a->files, name, &of_a, &length_a);

    return r == fileset_get(b->files, name, &of_b, &length_b) &&
           (r != 0 ||
            (length_a == length_b && memcmp(of_a, of_b, length_a) == 0));
}

/* Of one party: whose lists are asked for, and which anchors verify them. */
static bool party_equal(const struct snapshot *a, const struct snapshot *b,
                        size_t i)
{
    const struct policy_party *p = &a->policy->parties[i];
    const struct policy_party *q = &b->policy->parties[i];

    return strcmp(p->name, q->name) == 0 &&
           text_equal(p->anchors, q->anchors) &&
           text_equal(p->intermediates, q->intermediates) &&
           rule_equal(&p->revocation, &q->revocation) &&
           file_equal(a, b, p->anchors) &&
           (p->intermediates == NULL || file_equal(a, b, p->intermediates));
}

static bool revocation_differs(const struct snapshot *a,
                               const struct snapshot *b)
{
    if (a->policy->nparties != b->policy->nparties ||
        !file_equal(a, b, "@authority") ||
        !file_equal(a, b, "@authority.chain"))
        return true;
    for (size_t i = 0; i < a->policy->nparties; i++)
        if (!party_equal(a, b, i))
            return true;
    return false;
}

static void adapt_revoker(struct supervisor *s, const struct snapshot *before)
{
    struct process *revoker = &s->processes[REVOKER];
    bool was_unused = revoker->unused;

    revoker->unused = !supervisor_needs_revoker(s);
    if (revoker->unused && !was_unused)
        revoker->unused = false; /* what it knows still counts for others */
    if (was_unused && !revoker->unused)
        process_begin(revoker);
    else if (revoker->alive && revocation_differs(before, &s->snapshot))
        process_stop(revoker, clock_boot_ms(), 1000);
}

static void adapt(struct supervisor *s, const struct snapshot *before)
{
    log_open("supervisor", s->snapshot.settings->log_level);
    openings_share_control(&s->openings, s->snapshot.settings->nstaff > 0);
    supervisor_tell_staff(s);
    if (openings_seal(&s->openings, s->snapshot.settings, s->snapshot.policy) !=
        0)
        log_error("transcripts_not_opened", "problem=%s",
                  log_quote("requests whose terms seal them are refused"));
    supervisor_workers_set(s, supervisor_workers_wanted(s->snapshot.settings));
    adapt_revoker(s, before);
    supervisor_authority_adapt(s);
    supervisor_send_lists(s);
    supervisor_send_index(s);
}

static void change_commit(struct supervisor *s)
{
    struct snapshot before = s->snapshot;

    s->snapshot = s->change.fresh;
    s->change.fresh = (struct snapshot){0};
    s->rules = s->change.number;
    s->change.state = CHANGE_NONE; /* who starts now has them */
    adapt(s, &before);
    snapshot_release(&before);
    change_end(s, 0, "");
}

int supervisor_rules_ready(struct supervisor *s, struct process *p,
                           const uint8_t *data, size_t length)
{
    struct rules_ready v;
    int r = rules_ready_get(&v, data, length);

    if (r != 0)
        return r;
    if (s->change.state == CHANGE_NONE || v.number != s->change.number)
        return 0; /* to one that was given up */
    if (p->role == ROLE_KEEPER) {
        if (s->change.state != CHANGE_COMMITTING)
            return SP_EPROTO;
        if (v.error != 0)
            change_abort(s, v.error, v.problem);
        else
            change_commit(s);
        return 0;
    }
    if (!needs_rules(p))
        return SP_EPROTO;
    p->preparing = false;
    /* We could read it, so the worker lacks something; unless it has too much:
     * streams of too many earlier policies. */
    if (v.error != 0 && s->change.state == CHANGE_PREPARING &&
        (v.error == SP_EAGAIN || p->role != ROLE_WORKER))
        change_abort(s, v.error, v.problem);
    else if (v.error != 0)
        process_kill(p); /* its successor has them */
    else
        look_whether_all(s);
    return 0;
}

/* A keeper that ends with it has perhaps written it down, and then nothing else
 * may follow; if not, the next one does. */
void supervisor_rules_gone(struct supervisor *s, struct process *p)
{
    p->preparing = false;
    if (s->change.state == CHANGE_NONE)
        return;
    if (p->role == ROLE_KEEPER && s->change.state == CHANGE_COMMITTING) {
        log_warn("rules_unsure", "rules=%" PRIu64 " problem=%s",
                 s->change.number,
                 log_quote("the keeper ended meanwhile: the next one starts "
                           "with them"));
        change_commit(s);
    } else {
        look_whether_all(s);
    }
}

void supervisor_rules_init(struct supervisor *s)
{
    s->change.limit = event_new(s->base, -1, 0, on_limit, s);
    if (s->change.limit == NULL)
        fatal("event", "error=%s", log_quote("out of memory"));
}
