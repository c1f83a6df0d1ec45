/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's start: the ledger is opened or created and replayed into the
 * standing (P5), from the newest snapshot on that fits; what was open when the
 * last keeper ended is closed as lost (P11), but for what that one handed over;
 * the policy is checked against what
 * came before and recorded, and all of it is durable before the first question
 * is taken (P1). Runs in the keeper, inside its sandbox. The ledger's content
 * is trusted as far as its hashes go, and then only what the standing accepts.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "certs/crypto.h"
#include "gateway/keeper.h"

/* The first entries must be on disk within this; a disk that is slower at the
 * start will not carry the load later. */
#define FIRST_DURABLE_S 10

struct replay {
    struct keeper *k;
    struct entry_reader reader;
    char problem[256]; /* "" while everything fits */
};

/* Each key replaces the one before, and ours was not replaced: one that was,
 * lost or stolen, signs nothing more (docs/ledger.md, "Another key"). Before
 * anything could be signed. */
static int replay_key(struct replay *r, const struct entry *e)
{
    const struct entry_log_rekeyed *k = &e->u.log_rekeyed;
    const char *signs = standing_key(r->k->standing);

    if (e->kind != ENTRY_LOG_REKEYED)
        return 0;
    if (signs == NULL || strcmp(k->replaces, signs) != 0) {
        snprintf(r->problem, sizeof(r->problem),
                 "entry %llu: replaces a key that did not sign here",
                 (unsigned long long)e->n);
        return SP_ECORRUPT;
    }
    if (strcmp(k->replaces, r->k->vkey) == 0) {
        snprintf(r->problem, sizeof(r->problem),
                 "entry %llu: our key was replaced there: put the newer one in "
                 "its place; if rotating was interrupted, `sallyport log "
                 "rotate-key` again ends it",
                 (unsigned long long)e->n);
        return SP_ESIGNATURE;
    }
    return 0;
}

static int replay_entry(void *arg, uint64_t n, const uint8_t *line,
                        size_t length)
{
    struct replay *r = arg;
    struct entry e;
    int error = entry_decode(&r->reader, (const char *)line, length, &e);

    if (error != 0) {
        snprintf(r->problem, sizeof(r->problem),
                 "entry %llu: not an entry of this version: %s",
                 (unsigned long long)n, sp_strerror(error));
        return SP_ECORRUPT;
    }
    if ((error = replay_key(r, &e)) != 0)
        return error;
    error = standing_apply(r->k->standing, &e);
    if (error != 0)
        snprintf(r->problem, sizeof(r->problem),
                 "entry %llu: contradicts those before it: %.160s",
                 (unsigned long long)n, standing_error(r->k->standing));
    return error == SP_EINVAL ? SP_ECORRUPT : error;
}

/* A snapshot takes the place of the entries before it. */
static int restore(void *arg, uint64_t size, const uint8_t *line, size_t length,
                   const uint8_t *file, size_t file_length)
{
    struct replay *r = arg;
    struct standing *s;
    struct entry e;
    int error = entry_decode(&r->reader, (const char *)line, length, &e);

    if (error == 0)
        error = keeper_snapshot_read(&e, size, file, file_length, &s);
    if (error != 0)
        return error;
    if (standing_key_was_replaced(s, r->k->vkey)) {
        standing_free(s);
        return SP_ESIGNATURE; /* all entries say where */
    }
    standing_free(r->k->standing);
    r->k->standing = s;
    return 0;
}

/* Takes the signing key out of the snapshot; its text does not stay. */
static int take_signer(struct keeper *k, struct note_signer *signer,
                       char problem[512])
{
    const uint8_t *text;
    size_t length;
    int e = fileset_get(k->snapshot.files, "@ledger.key", &text, &length);

    if (e == 0)
        e = note_signer_parse((const char *)text, length, signer);
    if (e == 0) {
        /* The set hands out constant bytes, but they are ours alone. */
        explicit_bzero((void *)(uintptr_t)text, length);
        if (strcmp(signer->verifier.name, k->snapshot.settings->origin) != 0)
            e = SP_EINVAL;
    }
    if (e == 0)
        e = note_verifier_format(&signer->verifier, k->vkey);
    if (e != 0)
        snprintf(problem, 512, "ledger key: %s: expected a key named %.200s",
                 sp_strerror(e), k->snapshot.settings->origin);
    return e;
}

/* Something behind a snapshot does not fit: was it the snapshot? All entries
 * tell; and if it was not, they name what is wrong. */
static int open_again(struct ledger_options *o, struct replay *replay,
                      struct ledger_recovery *recovery)
{
    struct keeper *k = replay->k;
    struct standing *new = standing_new();

    log_warn("snapshot_not_used", "entries=%llu problem=%s",
             (unsigned long long)recovery->restored,
             log_quote(replay->problem[0] != '\0' ? replay->problem
                                                  : recovery->problem));
    if (new == NULL)
        return SP_ENOMEM;
    standing_free(k->standing);
    k->standing = new;
    replay->problem[0] = '\0';
    o->restore = NULL;
    return ledger_open(o, replay_entry, replay, recovery, &k->ledger);
}

static int open_ledger(struct keeper *k, int folder, struct replay *replay,
                       struct ledger_recovery *recovery)
{
    struct note_signer signer;
    struct ledger_options o = {
        .folder = folder,
        .signer = &signer,
        .checkpoint_ms = k->snapshot.settings->checkpoint_ms,
        .on_durable = keeper_durable,
        .on_failed = keeper_failed,
        .arg = k,
        .restore = restore,
    };
    char problem[512];
    int e = take_signer(k, &signer, problem);

    if (e != 0) {
        snprintf(recovery->problem, sizeof(recovery->problem), "%.255s",
                 problem);
        return e;
    }
    e = ledger_open(&o, replay_entry, replay, recovery, &k->ledger);
    if (e == SP_ENOENT && (e = ledger_create(folder, &signer)) == 0)
        e = ledger_open(&o, replay_entry, replay, recovery, &k->ledger);
    if (recovery->skipped[0] != '\0')
        log_warn("snapshot_passed_over", "what=%s",
                 log_quote(recovery->skipped));
    if (e == SP_ECORRUPT && recovery->restored > 0)
        e = open_again(&o, replay, recovery);
    note_signer_wipe(&signer);
    return e;
}

bool keeper_is_had(const struct keeper *k, uint64_t n)
{
    for (size_t i = 0; i < LIMIT_WORKERS; i++)
        if (openset_has(&k->links[i].open, n))
            return true;
    return false;
}

static void close_lost(struct keeper *k, uint64_t n)
{
    struct entry e = {
        .kind = ENTRY_REQUEST_CLOSED,
        .u.request_closed = {.of = n, .cause = CAUSE_LOST},
    };

    keeper_record(k, &e);
}

uint32_t keeper_close_lost(struct keeper *k, const struct openset *mine)
{
    uint32_t count = 0;
    uint64_t n = standing_next_open(k->standing, 0);

    for (; n != UINT64_MAX; n = standing_next_open(k->standing, n + 1)) {
        if (mine != NULL && !openset_has(mine, n))
            continue;
        close_lost(k, n);
        count++;
    }
    return count;
}

uint32_t keeper_close_orphans(struct keeper *k)
{
    uint32_t count = 0;
    uint64_t n = standing_next_open(k->standing, 0);

    for (; n != UINT64_MAX; n = standing_next_open(k->standing, n + 1)) {
        if (keeper_is_had(k, n))
            continue;
        close_lost(k, n);
        count++;
    }
    return count;
}

static void record_opened(struct keeper *k)
{
    char crypto[CRYPTO_TEXT];
    struct entry e = {
        .kind = ENTRY_LOG_OPENED,
        .u.log_opened =
            {
                .origin = k->snapshot.settings->origin,
                .version = SP_VERSION,
                .vkey = k->vkey,
                .crypto = crypto,
            },
    };

    crypto_text(crypto);
    keeper_record(k, &e);
    log_info("ledger_opened", "origin=%s",
             log_quote(k->snapshot.settings->origin));
}

static void record_resumed(struct keeper *k, const struct ledger_recovery *r)
{
    char crypto[CRYPTO_TEXT];
    struct entry e = {
        .kind = ENTRY_LEDGER_RESUMED,
        .u.ledger_resumed = {.version = SP_VERSION,
                             .cut_bytes = r->cut_bytes,
                             .landlock = k->landlock,
                             .crypto = crypto},
    };

    crypto_text(crypto);
    e.u.ledger_resumed.requests = keeper_close_orphans(k);
    keeper_record(k, &e);
    log_info("ledger_resumed",
             "entries=%llu cut_bytes=%llu lost=%u snapshot=%llu replayed=%llu",
             (unsigned long long)r->entries, (unsigned long long)r->cut_bytes,
             e.u.ledger_resumed.requests, (unsigned long long)r->restored,
             (unsigned long long)r->replayed);
}

/* Before anything is recorded: a policy that may not follow leaves no trace. */
int keeper_check_policy(const struct keeper *k, char problem[512])
{
    const char *objection = standing_policy_objection(k->standing, k->policy);

    if (objection == NULL)
        return 0;
    snprintf(problem, 512, "policy serial %u: %.400s", k->policy->serial,
             objection);
    return SP_EPERM;
}

int keeper_load_policy(struct keeper *k, const struct keeper_approved *approved,
                       char problem[512])
{
    const struct policy *p = k->policy;
    struct entry e = {
        .kind = ENTRY_POLICY_LOADED,
        .u.policy_loaded = {.serial = p->serial,
                            .has_replaces = p->has_replaces,
                            .basis = p->basis,
                            .developer = p->developer,
                            .author = p->author,
                            .approvers = approved->policy_by},
    };
    int r;

    if (!standing_policy_is_current(k->standing, p)) {
        memcpy(e.u.policy_loaded.sha256, p->sha256, sizeof(p->sha256));
        memcpy(e.u.policy_loaded.replaces, p->replaces, sizeof(p->replaces));
        keeper_record(k, &e);
    }
    r = standing_bind(k->standing, p);
    if (r != 0)
        snprintf(problem, 512, "policy serial %u: %s: %.400s", p->serial,
                 sp_strerror(r), standing_error(k->standing));
    return r;
}

static int wait_durable(struct keeper *k, char problem[512])
{
    struct timespec until;
    int r = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += FIRST_DURABLE_S;
    ledger_kick(k->ledger, true);
    pthread_mutex_lock(&k->links_lock);
    while (k->durable < ledger_size(k->ledger) && r == 0)
        r = pthread_cond_timedwait(&k->durable_grew, &k->links_lock, &until);
    pthread_mutex_unlock(&k->links_lock);
    if (r == 0)
        return 0;
    snprintf(problem, 512,
             "the ledger's first entries were not on disk "
             "within %d s: is the disk overloaded?",
             FIRST_DURABLE_S);
    return SP_ETIMEDOUT;
}

/* A full or failing disk may get better; what does not add up does not. */
static bool may_pass(int error)
{
    return error == SP_ENOSPC || error == SP_EIO || error == SP_ENOMEM ||
           error == SP_ETIMEDOUT;
}

static void tell(char problem[512], const struct ledger_recovery *recovery,
                 const struct replay *replay, int error)
{
    const char *what = replay->problem;

    if (what[0] == '\0')
        what = recovery->problem;
    if (what[0] == '\0')
        what = error == SP_EIO || error == SP_ENOSPC ? strerror(errno)
                                                     : sp_strerror(error);
    snprintf(problem, 512, "ledger: %.400s", what);
}

int keeper_open(struct keeper *k, int ledger_folder, int inheritance,
                char problem[512], bool *retry)
{
    struct ledger_recovery recovery = {0};
    struct replay replay = {.k = k};
    struct keeper_approved approved;
    int e;

    problem[0] = '\0';
    entry_reader_init(&replay.reader);
    e = open_ledger(k, ledger_folder, &replay, &recovery);
    entry_reader_release(&replay.reader);
    *retry = may_pass(e);
    if (e != 0) {
        tell(problem, &recovery, &replay, e);
        return e;
    }
    if ((e = keeper_check_policy(k, problem)) != 0 ||
        (e = keeper_approve(k, &approved, problem)) != 0)
        return e;
    if ((e = keeper_keep_policy(k, ledger_folder, problem)) != 0) {
        *retry = may_pass(e);
        return e;
    }
    keeper_snapshot_init(k, ledger_folder, recovery.restored);
    keeper_clock_init(k);
    if (inheritance >= 0 &&
        (e = keeper_inherit(k, inheritance, problem)) != 0) {
        *retry = true; /* the next one starts as after a crash */
        return e;
    }
    if (standing_count(k->standing) == 0)
        record_opened(k);
    else
        record_resumed(k, &recovery);
    snapshot_forget_text(&k->snapshot);
    keeper_record_approvers(k, &approved);
    if ((e = keeper_load_policy(k, &approved, problem)) != 0)
        return e;
    keeper_clock_started(k);
    keeper_due(k);
    e = wait_durable(k, problem);
    *retry = may_pass(e);
    return e;
}
