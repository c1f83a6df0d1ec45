/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport log check-export`: an export verified without the ledger: every
 * file by the manifest, every entry by its proof, the entries among themselves,
 * the texts as they must be. Runs on anybody's machine; the folder is a
 * stranger's.
 */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/evidence.h"
#include "ctl/log.h"
#include "ctl/verbs.h"
#include "ledger/proof.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/json.h"

#define ABOUT_MAX 8192
/* Of any one file: entries of some millions of requests. */
#define FILE_MAX (INT64_C(1) << 33)

static const char usage[] =
    "usage: sallyport log check-export FOLDER (--key VKEY | --key-file FILE)\n"
    "\n"
    "Verifies what `sallyport log export` wrote, without the ledger: that "
    "every file\n"
    "is the one of the manifest and none is missing or added, that each entry "
    "is in\n"
    "the signed ledger at its index, and that the entries are what the export "
    "says.\n"
    "\n"
    "  --key VKEY       the ledger's public key, from the developer; the one "
    "in "
    "the\n"
    "                   export proves nothing by itself\n"
    "\n"
    "Exit status: 0 it holds, 1 it does not, 2 wrong usage.\n";

struct check {
    const char *folder_name;
    int folder;
    struct log_source key;
    struct evidence_scope said, found; /* by about.json; by the entries */
    struct evidence_filter filter;
    struct entry_reader reader;
    size_t listed; /* files in the manifest */
    size_t present;
    uint64_t last; /* entry, +1; 0: none yet */
    uint64_t policies, missing;
    char problem[400];
};

static int bad(struct check *c, const char *what, const char *why)
{
    if (c->problem[0] == '\0')
        snprintf(c->problem, sizeof c->problem, "%s: %s", what, why);
    return SP_ECORRUPT;
}

static int bad_error(struct check *c, const char *what, int r)
{
    (void)bad(c, what, sp_strerror(r));
    return r;
}

static int read_file(struct check *c, const char *name, size_t max,
                     uint8_t **data, size_t *length)
{
    int r = file_read(c->folder, name, max, data, length);

    return r == 0 ? 0 : bad_error(c, name, r);
}

/* ---- the manifest ---- */

static int file_hash(struct check *c, const char *name, uint8_t sha256[32])
{
    static uint8_t part[1 << 16];
    crypto_hash_sha256_state state;
    int fd =
        openat(c->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = -1;

    crypto_hash_sha256_init(&state);
    while (fd >= 0 && (n = read(fd, part, sizeof part)) > 0)
        crypto_hash_sha256_update(&state, part, (size_t)n);
    int r = n == 0 ? 0 : sp_error_from_errno();
    if (fd >= 0)
        close(fd);
    crypto_hash_sha256_final(&state, sha256);
    return r;
}

/* "<64 hex digits>  <name>" */
static int manifest_line(struct check *c, char *line, const char *before)
{
    uint8_t want[32], have[32];
    size_t n = 0;

    if (strlen(line) < 67 || line[64] != ' ' || line[65] != ' ' ||
        sodium_hex2bin(want, sizeof want, line, 64, NULL, &n, NULL) != 0 ||
        n != 32 || !evidence_name_is_good(line + 66))
        return bad(c, EVIDENCE_MANIFEST,
                   "wanted lines of a hash, two spaces and a name");
    if (strcmp(before, line + 66) >= 0)
        return bad(c, line + 66, "twice in the manifest, or not in its order");
    int r = file_hash(c, line + 66, have);
    if (r != 0)
        return bad_error(c, line + 66, r);
    if (memcmp(want, have, 32) != 0)
        return bad(c, line + 66, "not the bytes that the manifest has");
    c->listed++;
    return 0;
}

static size_t counted; /* nftw() has no argument to pass on */

static int count_one(const char *path, const struct stat *st, int kind,
                     struct FTW *ftw)
{
    (void)path, (void)st, (void)ftw;
    counted += kind != FTW_D;
    return 0;
}

static int manifest_check(struct check *c)
{
    uint8_t *data = NULL;
    char *next, *line;
    const char *before = "";
    size_t length;
    int r = read_file(c, EVIDENCE_MANIFEST, FILE_MAX, &data, &length);

    next = (char *)data;
    while (r == 0 && (line = strsep(&next, "\n")) != NULL) {
        if (line[0] == '\0' && next == NULL)
            break;
        r = manifest_line(c, line, before);
        before = r == 0 ? line + 66 : before;
    }
    free(data);
    counted = 0;
    if (r == 0 && nftw(c->folder_name, count_one, 16, FTW_PHYS) != 0)
        r = bad_error(c, c->folder_name, sp_error_from_errno());
    c->present = counted;
    if (r == 0 && c->present != c->listed + 1)
        r = bad(c, c->folder_name,
                "has files that are not in the manifest (a filled-in "
                "statement belongs beside the export)");
    return r;
}

/* ---- about.json ---- */

static int text_take(const struct json *j, const char *name, char *out,
                     size_t size)
{
    uint32_t m = json_member(j, 0, name);

    return m == 0 || j->nodes[m].type != JSON_STRING
               ? SP_EINVAL
               : json_text(j, m, out, size);
}

static int time_take(const struct json *j, const char *name, int64_t none,
                     int64_t *t)
{
    char text[64];
    int r = text_take(j, name, text, sizeof text);

    *t = none;
    return r != 0 || text[0] == '\0' ? r
                                     : clock_parse_utc(text, strlen(text), t);
}

static int number_take(const struct json *j, const char *name, uint64_t *n)
{
    uint32_t m = json_member(j, 0, name);
    int64_t v = -1;

    if (m == 0 || j->nodes[m].type != JSON_NUMBER || json_int(j, m, &v) != 0 ||
        v < 0)
        return SP_EINVAL;
    *n = (uint64_t)v;
    return 0;
}

static int about_read(struct check *c)
{
    struct evidence_scope *s = &c->said;
    struct json j = {0};
    uint8_t *data = NULL;
    size_t length;
    int r = read_file(c, EVIDENCE_ABOUT, ABOUT_MAX, &data, &length);

    if (r != 0)
        return r;
    if (json_parse(&j, (char *)data, length, 2, 64) != 0 ||
        j.nodes[0].type != JSON_OBJECT ||
        text_take(&j, "origin", s->origin, sizeof s->origin) != 0 ||
        text_take(&j, "party", s->party, sizeof s->party) != 0 ||
        text_take(&j, "tool", s->version, sizeof s->version) != 0 ||
        time_take(&j, "from", 0, &s->from) != 0 ||
        time_take(&j, "to", INT64_MAX, &s->to) != 0 ||
        number_take(&j, "checkpoint", &s->size) != 0 ||
        number_take(&j, "entries", &s->entries) != 0 ||
        number_take(&j, "admitted", &s->admitted) != 0 ||
        number_take(&j, "refused", &s->refused) != 0 ||
        number_take(&j, "ended", &s->ended) != 0)
        r = bad(c, EVIDENCE_ABOUT, "not what an export has");
    json_release(&j);
    free(data);
    return r;
}

/* A text must be what this program writes of the same scope. */
static int text_check(struct check *c, const char *name,
                      int (*write)(const struct evidence_scope *s,
                                   struct buf *out))
{
    uint8_t *data = NULL;
    struct buf out;
    size_t length;
    int r = read_file(c, name, 65536, &data, &length);

    buf_init(&out, 65536);
    if (r == 0)
        r = write(&c->said, &out);
    if (r == 0 &&
        (out.length != length || memcmp(buf_bytes(&out), data, length) != 0))
        r = bad(c, name, "does not say what the entries come to");
    buf_release(&out);
    free(data);
    return r;
}

/* ---- entries ---- */

static int policy_check(struct check *c, const struct entry *e)
{
    char hash[65], path[96];
    uint8_t have[32];

    sodium_bin2hex(hash, sizeof hash, e->u.policy_loaded.sha256, 32);
    snprintf(path, sizeof path, "policies/%s/policy.yaml", hash);
    int r = file_hash(c, path, have);
    if (r == SP_ENOENT) {
        c->missing++;
        return 0;
    }
    if (r != 0)
        return bad_error(c, path, r);
    if (memcmp(have, e->u.policy_loaded.sha256, 32) != 0)
        return bad(c, path, "not the policy of this hash");
    c->policies++;
    return 0;
}

static int proof_of_entry_check(struct check *c, const char *line,
                                size_t length, uint64_t n)
{
    char name[64];
    uint8_t *text = NULL;
    size_t size;
    struct proof p;
    unsigned at;
    int r;

    snprintf(name, sizeof name, EVIDENCE_PROOF, (unsigned long long)n);
    if ((r = read_file(c, name, PROOF_MAX, &text, &size)) != 0)
        return r;
    if (proof_parse((char *)text, size, &p, &at) != 0)
        r = bad(c, name, "not a proof");
    else if (p.index != n || p.head.size != c->said.size)
        r = bad(c, name, "of another entry, or of another checkpoint");
    else if ((r = proof_check(&p, &c->key.key, 1, line, length)) != 0)
        r = bad(c, name,
                r == SP_ESIGNATURE
                    ? "its checkpoint is not signed by this key"
                    : "another entry stands there in the signed ledger");
    free(text);
    return r;
}

static int entry_check(struct check *c, const char *line, size_t length)
{
    char name[64];
    struct entry e;
    bool take = false;
    int r = entry_decode(&c->reader, line, length, &e);

    if (r == SP_ENOMEM)
        return r;
    if (r != 0)
        return bad(c, EVIDENCE_ENTRIES,
                   "a line that is not an entry of this program's version");
    snprintf(name, sizeof name, "entry %" PRIu64, e.n);
    if (e.n < c->last)
        return bad(c, name, "twice, or not in the ledger's order");
    c->last = e.n + 1;
    if ((r = evidence_take(&c->filter, &e, &take)) != 0)
        return r;
    if (!take)
        return bad(c, name, "does not belong to this party and time");
    evidence_count(&c->found, &e);
    if ((r = proof_of_entry_check(c, line, length, e.n)) == 0 &&
        e.kind == ENTRY_POLICY_LOADED)
        r = policy_check(c, &e);
    return r;
}

static int entries_check(struct check *c)
{
    int fd = openat(c->folder, EVIDENCE_ENTRIES, O_RDONLY | O_CLOEXEC);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    int r = 0;

    if (f == NULL)
        return bad_error(c, EVIDENCE_ENTRIES, sp_error_from_errno());
    while (r == 0 && (n = getline(&line, &room, f)) > 0) {
        if (line[n - 1] != '\n')
            r = bad(c, EVIDENCE_ENTRIES, "its last line is cut");
        else
            r = entry_check(c, line, (size_t)n - 1);
    }
    if (r == 0 && ferror(f))
        r = bad_error(c, EVIDENCE_ENTRIES, SP_EIO);
    free(line);
    fclose(f);
    if (r == 0 && (c->found.entries != c->said.entries ||
                   c->found.admitted != c->said.admitted ||
                   c->found.refused != c->said.refused ||
                   c->found.ended != c->said.ended))
        r = bad(c, EVIDENCE_ABOUT, "does not say what the entries come to");
    return r;
}

static int checkpoint_check(struct check *c)
{
    struct checkpoint head;
    uint8_t *data = NULL;
    size_t length, text;
    unsigned verified;
    int r = read_file(c, EVIDENCE_CHECKPOINT, NOTE_MAX, &data, &length);

    if (r != 0)
        return r;
    r = note_open((char *)data, length, &c->key.key, 1, &text, &verified);
    if (r == 0)
        r = checkpoint_parse((char *)data, text, &head);
    free(data);
    if (r != 0)
        return bad_error(c, EVIDENCE_CHECKPOINT, r);
    if (head.size != c->said.size || strcmp(head.origin, c->said.origin) != 0)
        return bad(c, EVIDENCE_CHECKPOINT,
                   "not of the size and ledger that "
                   "about.json names");
    return 0;
}

/* ---- all of it ---- */

static int export_check(struct check *c)
{
    int r;

    if ((r = manifest_check(c)) != 0 || (r = about_read(c)) != 0 ||
        (r = text_check(c, EVIDENCE_ABOUT, evidence_about)) != 0 ||
        (r = text_check(c, EVIDENCE_STATEMENT, evidence_statement)) != 0 ||
        (r = checkpoint_check(c)) != 0)
        return r;
    c->filter = (struct evidence_filter){
        .party = c->said.party, .from = c->said.from, .to = c->said.to};
    return entries_check(c);
}

static void outcome(const struct check *c, int r)
{
    if (r != 0) {
        printf("FAILED       %s\n",
               c->problem[0] != '\0' ? c->problem : sp_strerror(r));
        return;
    }
    printf("export       good: %zu files, as in the manifest\n"
           "ledger       %s, checkpoint of %" PRIu64 " entries, signed by "
           "%s+%08x\n"
           "entries      good: %" PRIu64
           " of %s, each in the signed ledger: %" PRIu64
           " requests admitted, %" PRIu64 " refused, %" PRIu64 " ended%s\n"
           "policies     %" PRIu64 " here, of their hashes",
           c->listed, c->said.origin, c->said.size, c->key.key.name,
           (unsigned)c->key.key.id, c->found.entries, c->said.party,
           c->found.admitted, c->found.refused, c->found.ended,
           c->filter.open.count > 0 ? ", some still open" : "", c->policies);
    if (c->missing > 0)
        printf("; %" PRIu64 " not here", c->missing);
    puts(
        "\nnot checked  that nothing of the party was left out: that takes the "
        "ledger\n"
        "             whether each decision follows from the policies "
        "(`sallyport log replay`)");
}

static int check_run(const char *folder, const char *key, const char *key_file)
{
    static struct check c;
    int status, r;

    c = (struct check){.folder_name = folder, .key = LOG_SOURCE_NONE};
    status = log_source_key(&c.key, key, key_file);
    if (status == EXIT_HOLDS)
        status = log_source_need_key(&c.key, false, "check-export");
    if (status != EXIT_HOLDS)
        return status;
    c.folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    entry_reader_init(&c.reader);
    r = c.folder < 0 ? bad_error(&c, folder, sp_error_from_errno())
                     : export_check(&c);
    outcome(&c, r);
    entry_reader_release(&c.reader);
    evidence_filter_release(&c.filter);
    if (c.folder >= 0)
        close(c.folder);
    log_source_close(&c.key);
    return log_finish(r == 0 ? EXIT_HOLDS : EXIT_FAILS);
}

int log_check_export(int argc, char **argv)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'},
        {"key-file", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        {0}};
    const char *key = NULL, *key_file = NULL;
    bool good = sodium_init() >= 0;

    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        key = c == 'k' ? optarg : key;
        key_file = c == 'f' ? optarg : key_file;
        good = good && c != '?';
    }
    if (!good || argc - optind != 1 || (key != NULL && key_file != NULL)) {
        fputs(usage, stderr);
        return EXIT_MISUSED;
    }
    return check_run(argv[optind], key, key_file);
}
