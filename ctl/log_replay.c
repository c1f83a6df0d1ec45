/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport log replay`: every decision of a ledger made again from its
 * entries and the policies kept with it (P6), by the code that the gate decides
 * with. Or with another policy in a policy's place: what would have been?
 * Runs on an auditor's machine; nothing in the folder is trusted: the ledger is
 * verified in the same pass, and a policy is what its entry's hash says.
 */
#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/log.h"
#include "ctl/verbs.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "policy/approval.h"
#include "policy/replay.h"

#define POLICIES_MAX 64 /* options; of those in the folder any number */

static const char usage[] =
    "usage: sallyport log replay DIR [--policy FILE]... [--instead "
    "SERIAL=FILE]...\n"
    "                            [--key VKEY | --key-file FILE | --no-key] "
    "[--json]\n"
    "\n"
    "Verifies the ledger and decides everything in it again: who was let in "
    "or\n"
    "refused and why, when windows opened and ended, what set off a tripwire, "
    "who\n"
    "approved each policy. Names the first entry that differs, with both "
    "sides.\n"
    "\n"
    "  --policy FILE     a policy that is not kept in the ledger's folder\n"
    "  --instead SERIAL=FILE  decide by FILE where policy SERIAL was in force\n"
    "  --key VKEY        the ledger's public key (default for a deployment:\n"
    "                    keys/ledger.vkey)\n"
    "  --key-file FILE   the same from a file\n"
    "  --no-key          all but the signature\n"
    "  --store FOLDER    where old bundles were moved to\n"
    "  --json            one JSON object\n"
    "\n"
    "Exit status: 0 all agree, 1 something differs or cannot be decided, 2 "
    "wrong\n"
    "usage.\n";

struct text {
    uint8_t *data;
    size_t length;
    uint8_t sha256[32];
    uint32_t serial; /* instead of this one; 0: for its hash */
};

struct options {
    const char *dir, *key, *key_file, *store;
    bool no_key, json;
    struct text policies[POLICIES_MAX];
    size_t npolicies;
};

/* One replay on its way. */
struct course {
    const struct options *o;
    const struct log_source *s;
    struct replay *replay;
    struct text kept; /* of the policy that was asked for last */
    struct fileset *signatures;
    int error;           /* the replay's first; the ledger is still verified */
    uint64_t unapproved; /* policies without their signatures */
    bool instead;
};

static void text_release(struct text *t)
{
    free(t->data);
    *t = (struct text){0};
}

static int text_read(int folder, const char *path, struct text *t)
{
    int r = file_read(folder, path, LIMIT_POLICY_BYTES, &t->data, &t->length);

    if (r == 0)
        crypto_hash_sha256(t->sha256, t->data, t->length);
    return r;
}

/* ---- policies that are kept with the ledger ---- */

static bool is_signature(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot != NULL && strcmp(dot, ".minisig") == 0;
}

static int signature_add(struct course *c, int folder, const char *name)
{
    char key[sizeof(APPROVAL_OF_POLICY) + NAME_MAX];
    uint8_t *data = NULL;
    size_t length;
    int r = file_read(folder, name, 4096, &data, &length);

    snprintf(key, sizeof key, APPROVAL_OF_POLICY "%s", name);
    if (r == 0)
        r = fileset_add(c->signatures, key, data, length);
    free(data);
    return r;
}

/* SP_ENOENT: there are none. */
static int signatures_read(struct course *c, int folder)
{
    int copy = fcntl(folder, F_DUPFD_CLOEXEC, 0), r = SP_ENOENT;
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *item;

    fileset_free(c->signatures);
    c->signatures = fileset_new();
    if (d == NULL || c->signatures == NULL) {
        if (d != NULL)
            closedir(d);
        else if (copy >= 0)
            close(copy);
        return c->signatures == NULL ? SP_ENOMEM : SP_EIO;
    }
    while ((r == 0 || r == SP_ENOENT) && (item = readdir(d)) != NULL)
        if (is_signature(item->d_name))
            r = signature_add(c, folder, item->d_name);
    closedir(d);
    return r;
}

static int kept_read(struct course *c, const uint8_t sha256[32],
                     struct replay_policy *p)
{
    char hash[65], path[96];
    int folder, r;

    sodium_bin2hex(hash, sizeof hash, sha256, 32);
    snprintf(path, sizeof path, "policies/%s", hash);
    folder = openat(c->s->folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return SP_ENOENT;
    text_release(&c->kept);
    r = text_read(folder, "policy.yaml", &c->kept);
    if (r == 0) {
        p->yaml = (const char *)c->kept.data;
        p->length = c->kept.length;
        r = signatures_read(c, folder);
        p->signatures = r == 0 ? c->signatures : NULL;
        c->unapproved += r == SP_ENOENT;
        r = r == SP_ENOENT ? 0 : r;
    }
    close(folder);
    return r;
}

static int policy_get(void *arg, const struct entry *loaded,
                      struct replay_policy *p)
{
    struct course *c = arg;
    const struct entry_policy_loaded *l = &loaded->u.policy_loaded;
    const struct text *found = NULL;

    for (size_t i = 0; found == NULL && i < c->o->npolicies; i++)
        if (c->o->policies[i].serial == l->serial)
            found = &c->o->policies[i];
    p->instead = found != NULL;
    c->instead = c->instead || p->instead;
    if (found == NULL && kept_read(c, l->sha256, p) == 0)
        return 0;
    for (size_t i = 0; found == NULL && i < c->o->npolicies; i++)
        if (c->o->policies[i].serial == 0 &&
            memcmp(c->o->policies[i].sha256, l->sha256, 32) == 0)
            found = &c->o->policies[i];
    if (found == NULL)
        return SP_ENOENT;
    p->yaml = (const char *)found->data;
    p->length = found->length;
    c->unapproved++;
    return 0;
}

/* ---- the pass ---- */

/* What differs does not stop the verification of what it stands in. */
static int entry_take(void *arg, uint64_t n, const uint8_t *line, size_t length)
{
    struct course *c = arg;

    if (c->error == 0)
        c->error = replay_entry(c->replay, n, line, length);
    return c->error == SP_ENOMEM ? SP_ENOMEM : 0;
}

static void problem_text(const struct course *c,
                         const struct ledger_verdict *verdict, int r,
                         char text[900])
{
    const struct replay_difference *d = replay_difference(c->replay);

    if (r != 0)
        snprintf(text, 900, "the ledger does not hold: %s",
                 verdict->problem[0] != '\0' ? verdict->problem
                                             : sp_strerror(r));
    else if (c->error != SP_ECORRUPT && d->what[0] == '\0')
        snprintf(text, 900, "%s", sp_strerror(c->error));
    else if (d->recorded[0] == '\0')
        snprintf(text, 900, "entry %" PRIu64 ": %s", d->n, d->what);
    else
        snprintf(text, 900,
                 "entry %" PRIu64 ": %s: recorded %s; derived %s%s%s", d->n,
                 d->what, d->recorded, d->derived,
                 d->step != NULL ? "; they part at step " : "",
                 d->step != NULL ? d->step : "");
}

#define UNCHECKED 8

/* What this run leaves to others. */
static unsigned unchecked(const struct course *c, const char *list[UNCHECKED])
{
    unsigned n = 0;

    if (!c->s->has_key)
        list[n++] = "the checkpoint's signature (--no-key)";
    if (c->instead)
        list[n++] = "the policies that --instead put others in place of";
    if (c->unapproved > 0)
        list[n++] = "approvers' signatures on policies that were not kept with "
                    "them";
    if (replay_counts(c->replay)->other_snapshots > 0)
        list[n++] = "snapshots that another version of the program wrote";
    list[n++] = "what requests were really like: facts, counts and commitments "
                "are as they were told";
    list[n++] = "what lists and responders said of certificates, and what the "
                "authority issued";
    list[n++] = "signatures on acceptances (`sallyport log acceptances`)";
    list[n++] = "that operators gave the orders that are entered";
    return n;
}

static void outcome_json(const struct course *c, const struct checkpoint *head,
                         const char *problem)
{
    const struct replay_counts *k = replay_counts(c->replay);
    const struct replay_difference *d = replay_difference(c->replay);
    const char *list[UNCHECKED];
    unsigned n = unchecked(c, list);

    fputs("{\"origin\":", stdout);
    log_print_json_text(head->origin);
    printf(",\"size\":%" PRIu64 ",\"signature\":\"%s\",\"good\":%s", head->size,
           c->s->has_key ? "good" : "not checked",
           problem == NULL ? "true" : "false");
    if (problem != NULL) {
        fputs(",\"problem\":", stdout);
        log_print_json_text(problem);
    }
    if (problem != NULL && d->what[0] != '\0') {
        printf(",\"bad_index\":%" PRIu64 ",\"what\":", d->n);
        log_print_json_text(d->what);
        fputs(",\"recorded\":", stdout);
        log_print_json_text(d->recorded);
        fputs(",\"derived\":", stdout);
        log_print_json_text(d->derived);
        fputs(",\"step\":", stdout);
        log_print_json_text(d->step != NULL ? d->step : "");
    }
    printf(",\"entries\":%" PRIu64 ",\"admitted\":%" PRIu64
           ",\"refused\":%" PRIu64 ",\"closed\":%" PRIu64
           ",\"windows\":%" PRIu64 ",\"tripwires\":%" PRIu64
           ",\"orders\":%" PRIu64 ",\"certificates\":%" PRIu64
           ",\"notices\":%" PRIu64 ",\"missed_notices\":%" PRIu64
           ",\"policies\":%" PRIu64 ",\"approved\":%" PRIu64
           ",\"snapshots\":%" PRIu64 ",\"not_checked\":[",
           k->entries, k->admitted, k->refused, k->closed, k->windows,
           k->tripwires, k->orders, k->certificates, k->notices,
           k->missed_notices, k->policies, k->approved,
           k->snapshots - k->other_snapshots);
    for (unsigned i = 0; i < n; i++) {
        fputs(i == 0 ? "" : ",", stdout);
        log_print_json_text(list[i]);
    }
    puts("]}");
}

static void outcome_text(const struct course *c, const struct checkpoint *head,
                         const char *problem)
{
    const struct replay_counts *k = replay_counts(c->replay);
    const char *list[UNCHECKED];
    unsigned n = unchecked(c, list);

    printf("ledger       %s\norigin       %s\ncheckpoint   size %" PRIu64 "\n",
           c->s->folder_name, head->origin, head->size);
    if (c->s->has_key)
        printf("signature    good: %s+%08x, from %s\n", c->s->key.name,
               (unsigned)c->s->key.id, c->s->key_from);
    else
        puts("signature    NOT CHECKED");
    if (problem != NULL)
        printf("FAILED       %s\n", problem);
    printf("%s %" PRIu64 " entries: %" PRIu64 " admissions, %" PRIu64
           " refusals, %" PRIu64 " ends, %" PRIu64
           " windows' beginnings and ends, %" PRIu64
           " tripwires\npolicies     %" PRIu64 ", of which %" PRIu64
           " with their approvals judged again\nsnapshots    %" PRIu64
           " made again\n",
           problem == NULL ? "replay       good:" : "agreed until", k->entries,
           k->admitted, k->refused, k->closed, k->windows, k->tripwires,
           k->policies, k->approved, k->snapshots - k->other_snapshots);
    if (k->notices > 0 || k->missed_notices > 0)
        printf("notices      %" PRIu64 " of windows' ends%s\n", k->notices,
               k->missed_notices > 0 ? "; some that were due are missing" : "");
    for (unsigned i = 0; i < n; i++)
        printf("%-12s %s\n", i == 0 ? "not checked" : "", list[i]);
}

static int replay_view(struct course *c, struct ledger_view *v)
{
    const struct checkpoint *head = ledger_view_checkpoint(v);
    struct ledger_verdict verdict;
    char problem[900];
    int r;

    if ((c->replay = replay_new(policy_get, c)) == NULL)
        return EXIT_FAILS;
    r = ledger_verify(v, entry_take, c, &verdict);
    problem_text(c, &verdict, r, problem);
    bool good = r == 0 && c->error == 0;
    if (c->o->json)
        outcome_json(c, head, good ? NULL : problem);
    else
        outcome_text(c, head, good ? NULL : problem);
    replay_free(c->replay);
    text_release(&c->kept);
    fileset_free(c->signatures);
    return good ? EXIT_HOLDS : EXIT_FAILS;
}

static int replay(const struct options *o)
{
    struct ledger_view *v = NULL;
    struct log_source s;
    struct course c = {.o = o, .s = &s};
    int status = log_source_open(o->dir, o->key, o->key_file, &s);

    if (status != EXIT_HOLDS)
        return status;
    status = log_source_store(&s, o->store);
    if (status == EXIT_HOLDS)
        status = log_source_need_key(&s, o->no_key, "replay");
    if (status == EXIT_HOLDS)
        status = log_view_open(&s, &v);
    if (status == EXIT_HOLDS)
        status = replay_view(&c, v);
    ledger_view_free(v);
    log_source_close(&s);
    return log_finish(status);
}

/* "FILE", or "SERIAL=FILE". */
static int policy_option(struct options *o, const char *text, bool instead)
{
    struct text *t = &o->policies[o->npolicies];
    const char *file = text;
    uint64_t serial = 0;

    if (o->npolicies == POLICIES_MAX) {
        fputs("sallyport log replay: too many policies\n", stderr);
        return EXIT_MISUSED;
    }
    if (instead) {
        const char *equals = strchr(text, '=');

        if (equals == NULL ||
            checkpoint_size_parse(text, (size_t)(equals - text), &serial) !=
                0 ||
            serial == 0 || serial > UINT32_MAX) {
            fprintf(stderr,
                    "sallyport log replay: --instead %.100s: wanted "
                    "SERIAL=FILE\n",
                    text);
            return EXIT_MISUSED;
        }
        file = equals + 1;
    }
    t->serial = (uint32_t)serial;
    int r = text_read(AT_FDCWD, file, t);
    if (r != 0) {
        fprintf(stderr, "sallyport log replay: %s: %s\n", file, sp_strerror(r));
        return EXIT_FAILS;
    }
    o->npolicies++;
    return EXIT_HOLDS;
}

static int option_take(struct options *o, int c)
{
    switch (c) {
    case 't':
        o->store = optarg;
        return EXIT_HOLDS;
    case 'k':
        o->key = optarg;
        return EXIT_HOLDS;
    case 'f':
        o->key_file = optarg;
        return EXIT_HOLDS;
    case 'n':
        o->no_key = true;
        return EXIT_HOLDS;
    case 'j':
        o->json = true;
        return EXIT_HOLDS;
    case 'p':
    case 'i':
        return policy_option(o, optarg, c == 'i');
    default:
        fputs(usage, stderr);
        return EXIT_MISUSED;
    }
}

int log_replay(int argc, char **argv)
{
    static const struct option options[] = {
        {"policy", required_argument, NULL, 'p'},
        {"instead", required_argument, NULL, 'i'},
        {"store", required_argument, NULL, 't'},
        {"key", required_argument, NULL, 'k'},
        {"key-file", required_argument, NULL, 'f'},
        {"no-key", no_argument, NULL, 'n'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0}};
    static struct options o;
    int status = sodium_init() < 0 ? EXIT_FAILS : EXIT_HOLDS;

    o = (struct options){.dir = NULL};
    optind = 0;
    for (int c; status == EXIT_HOLDS &&
                (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        status = option_take(&o, c);
    }
    if (status == EXIT_HOLDS &&
        (argc - optind != 1 ||
         (o.key != NULL) + (o.key_file != NULL) + o.no_key > 1)) {
        fputs(usage, stderr);
        status = EXIT_MISUSED;
    }
    if (status == EXIT_HOLDS) {
        o.dir = argv[optind];
        status = replay(&o);
    }
    while (o.npolicies > 0)
        text_release(&o.policies[--o.npolicies]);
    return status;
}
