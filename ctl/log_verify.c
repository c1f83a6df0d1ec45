/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport log verify`: everything that a checkpoint commits to, and what
 * entries must keep among themselves: numbers and times in order, one end for
 * each admitted request (P11). Says what it did not check as plainly as what
 * it did. Runs on an auditor's machine; nothing in the folder is trusted.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/log.h"
#include "ctl/log_content.h"
#include "ctl/verbs.h"
#include "ledger/witness_policy.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "policy/entry.h"

static const char usage[] =
    "usage: sallyport log verify DIR|URL [--key VKEY | --key-file FILE | "
    "--no-key]\n"
    "                                [--since CHECKPOINT] "
    "[--policy-file TLOG-POLICY]\n"
    "                                [--json]\n"
    "\n"
    "Checks the checkpoint's signature, every entry against its leaf hash, "
    "every\n"
    "tile and the root; that entries' numbers and times are in order; and "
    "that\n"
    "each admitted request has exactly one end.\n"
    "\n"
    "  --key VKEY        the ledger's public key, or one that it had before\n"
    "                    (default for a deployment: keys/ledger.vkey)\n"
    "  --key-file FILE   the same from a file\n"
    "  --no-key          check all but the signature\n"
    "  --cert FILE, --cert-key FILE, --cacert FILE  for URL, "
    "https://HOST[:PORT]:\n"
    "                    an auditor's certificate and key, and who vouches for "
    "the\n"
    "                    gateway\n"
    "  --store FOLDER    where old bundles were moved to (tile/entries/… "
    "below it)\n"
    "  --since FILE      a checkpoint you kept: the ledger must extend it\n"
    "  --policy-file FILE  a C2SP tlog-policy: enough of its witnesses must "
    "have\n"
    "                    cosigned the checkpoint (its log's key will do for "
    "--key);\n"
    "                    in a folder, the newest one that they have\n"
    "  --json            one JSON object\n"
    "\n"
    "Exit status: 0 it holds, 1 it does not (the first entry affected is "
    "named),\n"
    "2 wrong usage.\n";

struct options {
    const char *dir, *key, *key_file, *since, *policy_file, *store;
    struct log_window window;
    bool no_key, json;
};

/* By the key of that time, which the tree's entries name. */
static int since_open(const struct log_source *s, const struct log_keys *k,
                      const char *note, size_t length, struct checkpoint *old)
{
    struct note_verifier key;
    unsigned verified;
    size_t text;
    int r = note_text(note, length, &text);

    if (r == 0)
        r = checkpoint_parse(note, text, old);
    if (r != 0 || !s->has_key)
        return r;
    const struct log_key *then = log_keys_at(k, old->size);
    key = s->key; /* an empty ledger names none */
    if (then != NULL)
        r = note_verifier_parse(then->vkey, strlen(then->vkey), &key);
    return r == 0 ? note_open(note, length, &key, 1, &text, &verified) : r;
}

/* The tree has been verified: its root at the earlier size must be the one
 * that was signed then. */
static int since_check(const struct options *o, const struct log_source *s,
                       struct ledger_view *v, struct log_content *c)
{
    struct checkpoint old;
    struct hash root;
    uint8_t *data = NULL;
    size_t length;
    int r = file_read(AT_FDCWD, o->since, NOTE_MAX, &data, &length);

    if (r == 0)
        r = since_open(s, &c->keys, (const char *)data, length, &old);
    free(data);
    if (r != 0) {
        snprintf(c->problem, sizeof c->problem, "%.150s: %s", o->since,
                 sp_strerror(r));
        return r;
    }
    if (strcmp(old.origin, c->head->origin) != 0 || old.size > c->head->size) {
        snprintf(c->problem, sizeof c->problem,
                 "%.150s: of size %" PRIu64 ", this ledger has %" PRIu64
                 ": another ledger, or its end was removed",
                 o->since, old.size, c->head->size);
        return SP_EROLLBACK;
    }
    r = merkle_root(ledger_view_hash, v, old.size, &root);
    if (r == 0 && !merkle_equal(&root, &old.root)) {
        snprintf(c->problem, sizeof c->problem,
                 "%.150s: the ledger does not extend it: the first %" PRIu64
                 " entries were rewritten, or this is a fork",
                 o->since, old.size);
        return SP_ECORRUPT;
    }
    return r;
}

/* ---- witnesses ---- */

struct witnesses {
    struct witness_policy *policy; /* NULL: not asked for */
    struct witness_verdict verdict;
};

static int policy_read(const struct options *o, struct witnesses *w)
{
    struct report report = {.out = stderr};
    uint8_t *data = NULL;
    size_t length;
    int r;

    if (o->policy_file == NULL)
        return EXIT_HOLDS;
    r = file_read(AT_FDCWD, o->policy_file, WITNESS_POLICY_BYTES, &data,
                  &length);
    if (r != 0)
        fprintf(stderr, "sallyport log verify: %s: %s\n", o->policy_file,
                sp_strerror(r));
    else /* what is wrong was told, with its line */
        r = witness_policy_parse((char *)data, length, o->policy_file, &report,
                                 &w->policy);
    free(data);
    return r == 0 ? EXIT_HOLDS : EXIT_FAILS;
}

static int note_judge(const struct options *o, struct log_source *s,
                      const struct witnesses *w,
                      struct witness_verdict *verdict)
{
    uint8_t *data = NULL;
    size_t length;
    int r;

    if (log_source_note(s, &data, &length) != 0)
        return EXIT_FAILS;
    r = witness_policy_judge(w->policy, (char *)data, length, verdict);
    free(data);
    if (r == 0)
        return EXIT_HOLDS;
    fprintf(stderr, "sallyport log verify: %s/%s: by %s: %s\n", s->folder_name,
            s->note != NULL ? s->note : "checkpoint", o->policy_file,
            sp_strerror(r));
    return EXIT_FAILS;
}

/* Judges the checkpoint by the policy; its log's key is the one to verify by,
 * if no other was given. The newest head may not be cosigned yet: then the one
 * that is, is the checkpoint, and what was written since is not checked. */
static int policy_judge(const struct options *o, struct log_source *s,
                        struct witnesses *w)
{
    const struct note_verifier *log;
    int status;

    if (w->policy == NULL)
        return EXIT_HOLDS;
    status = note_judge(o, s, w, &w->verdict);
    if (status == EXIT_HOLDS && !w->verdict.quorum &&
        log_source_has(s, LEDGER_COSIGNED)) {
        s->note = LEDGER_COSIGNED;
        status = note_judge(o, s, w, &w->verdict);
    }
    if (status != EXIT_HOLDS)
        return status;
    if (s->has_key || w->verdict.log == SIZE_MAX)
        return EXIT_HOLDS;
    log = witness_policy_log(w->policy, w->verdict.log);
    s->key = *log;
    s->has_key = true;
    s->key_from = strdup(o->policy_file);
    return s->key_from != NULL ? EXIT_HOLDS : EXIT_FAILS;
}

/* The checkpoint may have been replaced by a newer one in between. */
static int quorum_check(const struct witnesses *w, struct log_content *c)
{
    const struct checkpoint *judged = &w->verdict.checkpoint;

    if (w->policy == NULL)
        return 0;
    if (judged->size != c->head->size ||
        !merkle_equal(&judged->root, &c->head->root)) {
        snprintf(c->problem, sizeof c->problem,
                 "the checkpoint was replaced while it was read: run it "
                 "again");
        return SP_EAGAIN;
    }
    if (w->verdict.quorum)
        return 0;
    snprintf(c->problem, sizeof c->problem,
             "checkpoint: %u of the policy's %zu witnesses cosigned it, which "
             "is not the quorum",
             w->verdict.cosigned, witness_policy_witnesses(w->policy));
    return SP_ESIGNATURE;
}

static void witnesses_text(const struct witnesses *w)
{
    char when[CLOCK_UTC_SIZE];
    bool first = true;

    if (w->policy == NULL)
        return;
    printf("witnesses    quorum %s: %u of %zu cosigned",
           w->verdict.quorum ? "good" : "MISSED", w->verdict.cosigned,
           witness_policy_witnesses(w->policy));
    for (size_t i = 0; i < witness_policy_witnesses(w->policy); i++) {
        if (w->verdict.times[i] == UINT64_MAX)
            continue;
        clock_format_utc((int64_t)w->verdict.times[i] * 1000, when);
        printf("%s %s at %s", first ? ":" : ",",
               witness_policy_name(w->policy, i), when);
        first = false;
    }
    putchar('\n');
}

static void witnesses_json(const struct witnesses *w)
{
    bool first = true;

    if (w->policy == NULL)
        return;
    printf(",\"quorum\":%s,\"witnesses\":{",
           w->verdict.quorum ? "true" : "false");
    for (size_t i = 0; i < witness_policy_witnesses(w->policy); i++) {
        if (w->verdict.times[i] == UINT64_MAX)
            continue;
        fputs(first ? "" : ",", stdout);
        log_print_json_text(witness_policy_name(w->policy, i));
        printf(":%" PRIu64, w->verdict.times[i]);
        first = false;
    }
    putchar('}');
}

/* ---- the outcome ---- */

/* What this run leaves to others; NULL at the end. */
static unsigned unchecked(const struct options *o, const char *list[5])
{
    unsigned n = 0;

    if (o->no_key)
        list[n++] = "the checkpoint's signature (--no-key)";
    if (o->since == NULL)
        list[n++] = "that it extends a head seen earlier (keep checkpoints and "
                    "give one with --since)";
    if (o->policy_file == NULL)
        list[n++] = "witnesses' cosignatures (--policy-file): another ledger "
                    "under the same key could be shown to others";
    list[n++] = "entries written since this checkpoint";
    list[n++] = "whether each decision follows from the policy (`sallyport log "
                "replay`)";
    return n;
}

struct outcome {
    const struct options *o;
    const struct log_source *s;
    const struct log_content *c;
    const struct ledger_verdict *verdict;
    const struct witnesses *witnesses;
    bool signature_good;
    const char *problem; /* NULL: it holds */
};

static void root_text(const struct checkpoint *head, char text[48])
{
    sodium_bin2base64(text, 48, head->root.b, sizeof head->root.b,
                      sodium_base64_VARIANT_ORIGINAL);
}

static const char *signature_word(const struct outcome *x)
{
    return !x->s->has_key ? "not checked" : x->signature_good ? "good" : "bad";
}

static void outcome_json(const struct outcome *x)
{
    const struct log_content *c = x->c;
    const char *list[5];
    unsigned n = unchecked(x->o, list);
    char root[48];

    root_text(c->head, root);
    fputs("{\"ledger\":", stdout);
    log_print_json_text(x->s->folder_name);
    fputs(",\"origin\":", stdout);
    log_print_json_text(c->head->origin);
    printf(",\"size\":%" PRIu64 ",\"root\":\"%s\",\"signature\":\"%s\"",
           c->head->size, root, signature_word(x));
    printf(",\"keys\":%zu", c->keys.count);
    printf(",\"good\":%s,\"entries\":%" PRIu64,
           x->problem == NULL ? "true" : "false", x->verdict->entries);
    if (x->problem != NULL) {
        printf(",\"bad_index\":%" PRIu64 ",\"problem\":",
               x->verdict->bad_index);
        log_print_json_text(x->problem);
    }
    if (x->s->note != NULL) {
        fputs(",\"from\":", stdout);
        log_print_json_text(x->s->note);
    }
    witnesses_json(x->witnesses);
    printf(",\"requests\":{\"admitted\":%" PRIu64 ",\"closed\":%" PRIu64
           ",\"open\":%zu,\"refused\":%" PRIu64 "},\"not_checked\":[",
           c->admitted, c->closed, c->open.count, c->refused);
    for (unsigned i = 0; i < n; i++) {
        fputs(i == 0 ? "" : ",", stdout);
        log_print_json_text(list[i]);
    }
    puts("]}");
}

static void outcome_text(const struct outcome *x)
{
    const struct log_content *c = x->c;
    const char *list[5];
    unsigned n = unchecked(x->o, list);
    char root[48];

    root_text(c->head, root);
    printf("ledger       %s\norigin       %s\ncheckpoint   size %" PRIu64
           ", root %s\n",
           x->s->folder_name, c->head->origin, c->head->size, root);
    if (x->s->note != NULL)
        printf("             from %s; entries written since are not checked\n",
               x->s->note);
    if (x->s->has_key && x->signature_good)
        printf("signature    good: %s+%08x, from %s\n", x->s->key.name,
               (unsigned)x->s->key.id, x->s->key_from);
    else
        puts(x->s->has_key ? "signature    NOT GOOD"
                           : "signature    NOT CHECKED");
    for (size_t i = 1; x->problem == NULL && i < c->keys.count; i++)
        printf("%-12s %s, since entry %" PRIu64 "\n", i == 1 ? "keys" : "",
               c->keys.list[i].vkey, c->keys.list[i].n);
    witnesses_text(x->witnesses);
    if (x->problem != NULL) {
        printf("FAILED       %s\n", x->problem);
    } else {
        printf("tree         good: %" PRIu64
               " entries, each against its leaf hash, all tiles, the root\n",
               x->verdict->entries);
        printf("entries      good: numbers and times in order\n");
        printf("requests     good: %" PRIu64 " admitted, each with one end",
               c->admitted);
        if (c->open.count > 0)
            printf(" but %zu still open", c->open.count);
        printf("; %" PRIu64 " refused\n", c->refused);
        if (x->o->since != NULL)
            printf("since        good: extends %s\n", x->o->since);
    }
    for (unsigned i = 0; i < n; i++)
        printf("%-12s %s\n", i == 0 ? "not checked" : "", list[i]);
}

/* Whose head is it, by the keys that its entries name? An empty ledger names
 * none: who opened it by the key has checked all there is. */
static int keys_check(const struct log_source *s, struct ledger_view *v,
                      struct log_content *c)
{
    if (!s->has_key || c->keys.count == 0)
        return 0;
    return log_keys_verify(&c->keys, v, s->folder, &s->key, c->problem);
}

static int verify_view(const struct options *o, const struct log_source *s,
                       const struct witnesses *w, struct ledger_view *v,
                       bool by_key)
{
    struct log_content c = {.head = ledger_view_checkpoint(v), .source = s};
    struct ledger_verdict verdict;
    struct outcome x = {o, s, &c, &verdict, w, by_key, NULL};

    entry_reader_init(&c.reader);
    int r = ledger_verify(v, log_content_check, &c, &verdict);
    if (!by_key && s->has_key && c.keys.count < 2) {
        r = SP_ESIGNATURE; /* there is no other key that it could be */
        snprintf(c.problem, sizeof c.problem,
                 "checkpoint: not signed by %s+%08x (%s)", s->key.name,
                 (unsigned)s->key.id, s->key_from);
    }
    if (r == 0) {
        r = keys_check(s, v, &c);
        x.signature_good = r == 0;
    }
    if (r == 0 && o->since != NULL)
        r = since_check(o, s, v, &c);
    if (r == 0)
        r = quorum_check(w, &c);
    if (r != 0)
        x.problem = c.problem[0] != '\0'         ? c.problem
                    : verdict.problem[0] != '\0' ? verdict.problem
                                                 : sp_strerror(r);
    if (o->json)
        outcome_json(&x);
    else
        outcome_text(&x);
    entry_reader_release(&c.reader);
    numbers_release(&c.open);
    log_keys_release(&c.keys);
    return r == 0 ? EXIT_HOLDS : EXIT_FAILS;
}

/* A head that the given key did not sign may be one of a key that followed it:
 * the entries will tell. */
static int head_open(struct log_source *s, struct ledger_view **v, bool *by_key)
{
    bool has_key = s->has_key;

    *by_key = has_key;
    if (has_key && log_view_try(s, v) == 0)
        return EXIT_HOLDS;
    s->has_key = false;
    *by_key = false;
    int status = log_view_open(s, v);
    s->has_key = has_key;
    return status;
}

static int verify(const struct options *o)
{
    struct witnesses w = {.policy = NULL};
    struct ledger_view *v = NULL;
    bool by_key;
    struct log_source s;
    int status = log_is_remote(o->dir)
                     ? log_source_open_remote(o->dir, &o->window, o->key,
                                              o->key_file, &s)
                     : log_source_open(o->dir, o->key, o->key_file, &s);

    if (status != EXIT_HOLDS)
        return status;
    status = log_source_store(&s, o->store);
    if (status == EXIT_HOLDS)
        status = policy_read(o, &w);
    if (status == EXIT_HOLDS)
        status = policy_judge(o, &s, &w);
    if (status == EXIT_HOLDS)
        status = log_source_need_key(&s, o->no_key, "verify");
    if (status == EXIT_HOLDS)
        status = head_open(&s, &v, &by_key);
    if (status == EXIT_HOLDS)
        status = verify_view(o, &s, &w, v, by_key);
    ledger_view_free(v);
    witness_policy_free(w.policy);
    log_source_close(&s);
    return log_finish(status);
}

int log_verify(int argc, char **argv)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'},
        {"key-file", required_argument, NULL, 'f'},
        {"store", required_argument, NULL, 't'},
        {"cert", required_argument, NULL, 'c'},
        {"cert-key", required_argument, NULL, 'r'},
        {"cacert", required_argument, NULL, 'a'},
        {"no-key", no_argument, NULL, 'n'},
        {"since", required_argument, NULL, 's'},
        {"policy-file", required_argument, NULL, 'p'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0}};
    struct options o = {.dir = NULL};
    bool good = true;

    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        o.key = c == 'k' ? optarg : o.key;
        o.key_file = c == 'f' ? optarg : o.key_file;
        o.since = c == 's' ? optarg : o.since;
        o.policy_file = c == 'p' ? optarg : o.policy_file;
        o.store = c == 't' ? optarg : o.store;
        o.window.certificate = c == 'c' ? optarg : o.window.certificate;
        o.window.key = c == 'r' ? optarg : o.window.key;
        o.window.anchors = c == 'a' ? optarg : o.window.anchors;
        o.no_key = o.no_key || c == 'n';
        o.json = o.json || c == 'j';
        good = good && c != '?';
    }
    if (!good || argc - optind != 1 ||
        (o.key != NULL) + (o.key_file != NULL) + o.no_key > 1) {
        fputs(usage, stderr);
        return EXIT_MISUSED;
    }
    o.dir = argv[optind];
    return verify(&o);
}
