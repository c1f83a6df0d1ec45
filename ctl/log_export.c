/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport log export`: one party's entries with their proofs, the
 * checkpoint, policies and key, in a folder that is evidence without the
 * ledger. The same ledger, party and times give the same bytes. Runs on an
 * operator's or auditor's machine over a folder that anybody may have written:
 * what does not verify is not exported.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/evidence.h"
#include "ctl/log.h"
#include "ctl/verbs.h"
#include "ledger/proof.h"
#include "lib/clock.h"
#include "lib/file.h"

static const char usage[] =
    "usage: sallyport log export DIR --party PARTY -o FOLDER [--from TIME] "
    "[--to TIME]\n"
    "                            [--without-policies]\n"
    "                            [--key VKEY | --key-file FILE]\n"
    "\n"
    "Writes a party's entries from TIME (inclusive) to TIME (exclusive), with "
    "a proof\n"
    "of each, the checkpoint, the policies, the key, and a statement of how "
    "they were\n"
    "made, into a new folder that `sallyport log check-export` verifies "
    "without the\n"
    "ledger. Times are like 2026-11-20T10:00:00Z. The same ledger and times "
    "give the\n"
    "same bytes.\n"
    "\n"
    "  --store FOLDER      where old bundles were moved to\n"
    "  --without-policies  leave them out: they name other parties, too\n"
    "\n"
    "Exit status: 0 written, 1 the ledger does not hold or nothing was "
    "written, 2\n"
    "wrong usage.\n";

struct options {
    const char *dir, *key, *key_file, *party, *output, *store;
    int64_t from, to;
    bool without_policies;
};

/* The export as it is written. */
struct export
{
    const struct options *o;
    struct log_source *s;
    struct ledger_view *v;
    struct evidence_scope scope;
    struct evidence_filter filter;
    struct entry_reader reader;
    int folder; /* of the export */
    int entries;
    crypto_hash_sha256_state entries_hash;
    uint64_t *taken; /* indices of the entries */
    size_t ntaken, room;
    struct listed {
        char *name;
        uint8_t sha256[32];
    } * listed;
    size_t nlisted, listed_room;
    char problem[300];
};

static int fail(struct export *x, const char *what, int r)
{
    if (x->problem[0] == '\0')
        snprintf(x->problem, sizeof x->problem, "%s: %s", what, sp_strerror(r));
    return r;
}

/* ---- files ---- */

static int list_add(struct export *x, const char *name,
                    const uint8_t sha256[32])
{
    if (x->nlisted == x->listed_room) {
        size_t room = x->listed_room == 0 ? 64 : x->listed_room * 2;
        struct listed *more = reallocarray(x->listed, room, sizeof *more);

        if (more == NULL)
            return SP_ENOMEM;
        x->listed = more;
        x->listed_room = room;
    }
    x->listed[x->nlisted].name = strdup(name);
    if (x->listed[x->nlisted].name == NULL)
        return SP_ENOMEM;
    memcpy(x->listed[x->nlisted++].sha256, sha256, 32);
    return 0;
}

static int write_all(int fd, const uint8_t *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, data, length);

        if (n < 0 && errno != EINTR)
            return sp_error_from_errno();
        if (n > 0) {
            data += n;
            length -= (size_t)n;
        }
    }
    return 0;
}

static int new_file(struct export *x, const char *name)
{
    return openat(x->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                  0644);
}

static int file_put(struct export *x, const char *name, const void *data,
                    size_t length)
{
    uint8_t sha256[32];
    int fd = new_file(x, name);
    int r = fd < 0 ? sp_error_from_errno() : write_all(fd, data, length);

    if (fd >= 0 && close(fd) != 0 && r == 0)
        r = sp_error_from_errno();
    crypto_hash_sha256(sha256, data, length);
    if (r == 0)
        r = list_add(x, name, sha256);
    return r == 0 ? 0 : fail(x, name, r);
}

static int compare_listed(const void *a, const void *b)
{
    return strcmp(((const struct listed *)a)->name,
                  ((const struct listed *)b)->name);
}

/* As sha256sum writes and reads it. */
static int manifest_put(struct export *x)
{
    struct buf out;
    char hex[65];
    int r = 0;

    buf_init(&out, SIZE_MAX / 2);
    qsort(x->listed, x->nlisted, sizeof *x->listed, compare_listed);
    for (size_t i = 0; r == 0 && i < x->nlisted; i++) {
        sodium_bin2hex(hex, sizeof hex, x->listed[i].sha256, 32);
        r = buf_printf(&out, "%s  %s\n", hex, x->listed[i].name);
    }
    if (r == 0)
        r = file_put(x, EVIDENCE_MANIFEST, buf_bytes(&out), out.length);
    buf_release(&out);
    return r;
}

/* ---- policies ---- */

static int name_is_kept(const struct dirent *d)
{
    const char *dot = strrchr(d->d_name, '.');

    return dot != NULL && evidence_name_is_good(d->d_name) &&
           (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".minisig") == 0);
}

static int policy_file_put(struct export *x, const char *folder,
                           const char *name)
{
    char path[400];
    uint8_t *data = NULL;
    size_t length;
    int r;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    r = file_read(x->s->folder, path, LIMIT_POLICY_BYTES, &data, &length);
    if (r == 0)
        r = file_put(x, path, data, length);
    free(data);
    return r;
}

/* A ledger of before policies were kept has none; that is told. */
static int policy_put(struct export *x, const uint8_t sha256[32],
                      uint32_t serial)
{
    char hash[65], folder[96];
    struct dirent **names = NULL;
    int n, r = 0;

    sodium_bin2hex(hash, sizeof hash, sha256, 32);
    snprintf(folder, sizeof folder, "policies/%s", hash);
    n = scandirat(x->s->folder, folder, &names, name_is_kept, alphasort);
    if (n <= 0) {
        fprintf(stderr,
                "sallyport log export: policy %u is not kept with the ledger: "
                "left out\n",
                serial);
        return 0;
    }
    if (mkdirat(x->folder, folder, 0755) != 0 && errno != EEXIST)
        r = fail(x, folder, sp_error_from_errno());
    for (int i = 0; i < n; i++) {
        if (r == 0)
            r = policy_file_put(x, folder, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return r;
}

/* ---- entries ---- */

static int taken_add(struct export *x, uint64_t n)
{
    if (x->ntaken == x->room) {
        size_t room = x->room == 0 ? 256 : x->room * 2;
        uint64_t *more = reallocarray(x->taken, room, sizeof *more);

        if (more == NULL)
            return SP_ENOMEM;
        x->taken = more;
        x->room = room;
    }
    x->taken[x->ntaken++] = n;
    return 0;
}

static int line_put(struct export *x, const uint8_t *line, size_t length)
{
    static const uint8_t newline = '\n';
    int r = write_all(x->entries, line, length);

    if (r == 0)
        r = write_all(x->entries, &newline, 1);
    crypto_hash_sha256_update(&x->entries_hash, line, length);
    crypto_hash_sha256_update(&x->entries_hash, &newline, 1);
    return r == 0 ? 0 : fail(x, EVIDENCE_ENTRIES, r);
}

/* For each entry of the ledger, which is verified meanwhile. */
static int entry_see(void *arg, uint64_t n, const uint8_t *line, size_t length)
{
    struct export *x = arg;
    struct entry e;
    bool take;
    int r = entry_decode(&x->reader, (const char *)line, length, &e);

    if (r != 0 || e.n != n)
        return fail(x, "not an entry of this program's version",
                    r == SP_ENOMEM ? r : SP_ECORRUPT);
    if ((r = evidence_take(&x->filter, &e, &take)) != 0 || !take)
        return r;
    evidence_count(&x->scope, &e);
    if ((r = line_put(x, line, length)) == 0 && (r = taken_add(x, n)) == 0 &&
        e.kind == ENTRY_POLICY_LOADED && !x->o->without_policies)
        r = policy_put(x, e.u.policy_loaded.sha256, e.u.policy_loaded.serial);
    return r;
}

static int entries_put(struct export *x)
{
    struct ledger_verdict verdict;
    uint8_t sha256[32];
    int r;

    if ((x->entries = new_file(x, EVIDENCE_ENTRIES)) < 0)
        return fail(x, EVIDENCE_ENTRIES, sp_error_from_errno());
    crypto_hash_sha256_init(&x->entries_hash);
    r = ledger_verify(x->v, entry_see, x, &verdict);
    if (close(x->entries) != 0 && r == 0)
        r = sp_error_from_errno();
    if (r != 0)
        return fail(
            x, verdict.problem[0] != '\0' ? verdict.problem : "the ledger", r);
    crypto_hash_sha256_final(&x->entries_hash, sha256);
    return list_add(x, EVIDENCE_ENTRIES, sha256);
}

static int proofs_put(struct export *x)
{
    char *text = malloc(PROOF_MAX), name[64];
    size_t length;
    int r = text == NULL ? SP_ENOMEM : 0;

    if (mkdirat(x->folder, "proofs", 0755) != 0)
        r = sp_error_from_errno();
    for (size_t i = 0; r == 0 && i < x->ntaken; i++) {
        snprintf(name, sizeof name, EVIDENCE_PROOF,
                 (unsigned long long)x->taken[i]);
        r = proof_write(x->v, x->taken[i], true, text, PROOF_MAX, &length);
        if (r == 0)
            r = file_put(x, name, text, length);
    }
    free(text);
    return r == 0 ? 0 : fail(x, "proofs", r);
}

/* ---- the rest ---- */

/* What witnesses said, if there are any; another head than the proofs'. */
static int cosigned_put(struct export *x)
{
    uint8_t *data = NULL;
    size_t length;
    int r =
        file_read(x->s->folder, EVIDENCE_COSIGNED, NOTE_MAX, &data, &length);

    if (r == 0)
        r = file_put(x, EVIDENCE_COSIGNED, data, length);
    free(data);
    return r == SP_ENOENT ? 0 : r;
}

static int texts_put(struct export *x)
{
    char vkey[NOTE_KEY_TEXT_MAX + 1];
    struct buf out;
    int r = note_verifier_format(&x->s->key, vkey);

    buf_init(&out, 65536);
    strcat(vkey, "\n");
    if (r == 0)
        r = cosigned_put(x);
    if (r == 0)
        r = file_put(x, EVIDENCE_KEY, vkey, strlen(vkey));
    if (r == 0)
        r = file_put(x, EVIDENCE_CHECKPOINT, ledger_view_note(x->v),
                     strlen(ledger_view_note(x->v)));
    if (r == 0 && (r = evidence_about(&x->scope, &out)) == 0)
        r = file_put(x, EVIDENCE_ABOUT, buf_bytes(&out), out.length);
    buf_release(&out);
    buf_init(&out, 65536);
    if (r == 0 && (r = evidence_statement(&x->scope, &out)) == 0)
        r = file_put(x, EVIDENCE_STATEMENT, buf_bytes(&out), out.length);
    buf_release(&out);
    return r;
}

static int folder_make(struct export *x)
{
    if (mkdir(x->o->output, 0755) == 0)
        x->folder = open(x->o->output, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (x->folder < 0)
        return fail(x, x->o->output, sp_error_from_errno());
    if (!x->o->without_policies && mkdirat(x->folder, "policies", 0755) != 0)
        return fail(x, "policies", sp_error_from_errno());
    return 0;
}

static int export_write(struct export *x)
{
    const struct checkpoint *head = ledger_view_checkpoint(x->v);
    int r;

    snprintf(x->scope.origin, sizeof x->scope.origin, "%s", head->origin);
    snprintf(x->scope.party, sizeof x->scope.party, "%s", x->o->party);
    snprintf(x->scope.version, sizeof x->scope.version, "%s", SP_VERSION);
    x->scope.from = x->filter.from = x->o->from;
    x->scope.to = x->filter.to = x->o->to;
    x->scope.size = head->size;
    x->filter.party = x->o->party;
    if ((r = folder_make(x)) != 0 || (r = entries_put(x)) != 0 ||
        (r = proofs_put(x)) != 0 || (r = texts_put(x)) != 0)
        return r;
    return manifest_put(x);
}

static void export_release(struct export *x)
{
    for (size_t i = 0; i < x->nlisted; i++)
        free(x->listed[i].name);
    free(x->listed);
    free(x->taken);
    evidence_filter_release(&x->filter);
    entry_reader_release(&x->reader);
    if (x->folder >= 0)
        close(x->folder);
}

static int export_view(const struct options *o, struct log_source *s,
                       struct ledger_view *v)
{
    static struct export x;
    int r;

    x = (struct export){.o = o, .s = s, .v = v, .folder = -1};
    entry_reader_init(&x.reader);
    r = export_write(&x);
    if (r == 0)
        printf("exported     %" PRIu64 " entries of %s to %s: %" PRIu64
               " requests admitted, %" PRIu64 " refused, %" PRIu64 " ended\n",
               x.scope.entries, o->party, o->output, x.scope.admitted,
               x.scope.refused, x.scope.ended);
    else
        fprintf(stderr, "sallyport log export: %s: %s is not whole\n",
                x.problem, o->output);
    export_release(&x);
    return r == 0 ? EXIT_HOLDS : EXIT_FAILS;
}

static int export_run(const struct options *o)
{
    struct ledger_view *v = NULL;
    struct log_source s;
    int status = log_source_open(o->dir, o->key, o->key_file, &s);

    if (status != EXIT_HOLDS)
        return status;
    status = log_source_store(&s, o->store);
    if (status == EXIT_HOLDS)
        status = log_source_need_key(&s, false, "export");
    if (status == EXIT_HOLDS)
        status = log_view_open(&s, &v);
    if (status == EXIT_HOLDS)
        status = export_view(o, &s, v);
    ledger_view_free(v);
    log_source_close(&s);
    return log_finish(status);
}

static bool time_option(const char *name, const char *text, int64_t *t)
{
    if (clock_parse_utc(text, strlen(text), t) == 0)
        return true;
    fprintf(stderr,
            "sallyport log export: --%s %.60s: wanted a time like "
            "2026-11-20T10:00:00Z\n",
            name, text);
    return false;
}

int log_export(int argc, char **argv)
{
    static const struct option options[] = {
        {"store", required_argument, NULL, 't'},
        {"key", required_argument, NULL, 'k'},
        {"key-file", required_argument, NULL, 'f'},
        {"party", required_argument, NULL, 'p'},
        {"from", required_argument, NULL, 'a'},
        {"to", required_argument, NULL, 'b'},
        {"without-policies", no_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},
        {0}};
    struct options o = {.to = INT64_MAX};
    bool good = sodium_init() >= 0;

    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "ho:", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        o.key = c == 'k' ? optarg : o.key;
        o.key_file = c == 'f' ? optarg : o.key_file;
        o.party = c == 'p' ? optarg : o.party;
        o.store = c == 't' ? optarg : o.store;
        o.output = c == 'o' ? optarg : o.output;
        o.without_policies = o.without_policies || c == 'w';
        if ((c == 'a' && !time_option("from", optarg, &o.from)) ||
            (c == 'b' && !time_option("to", optarg, &o.to)))
            return EXIT_MISUSED;
        good = good && c != '?';
    }
    if (!good || argc - optind != 1 || o.party == NULL || o.output == NULL ||
        o.to <= o.from || (o.key != NULL && o.key_file != NULL)) {
        fputs(usage, stderr);
        return EXIT_MISUSED;
    }
    o.dir = argv[optind];
    return export_run(&o);
}
