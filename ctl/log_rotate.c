/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport log rotate-key`: another key signs the ledger from now on. Runs
 * while the gateway does not, as who owns its keys, under the ledger's lock; so
 * the old key is never beside the new one in a running process.
 *
 * Nothing is written unless the ledger opens by the old key. Each step can be
 * the last one of an interrupted run, and the next run goes on from there:
 *
 *   1. the new key is on disk as <key>.next;
 *   2. log.rekeyed is the ledger's last entry, under a head that both signed:
 *      from here on the keeper refuses to start with the old key;
 *   3. that head is kept in handovers/, for whoever knows the old key only;
 *   4. the public key is the new one;
 *   5. the old key is overwritten, the new one takes its place, <key>.next
 * goes.
 *
 * The files are ours; the ledger is trusted as far as the old key signed it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ctl/deployment.h"
#include "ctl/log.h"
#include "ctl/log_keys.h"
#include "ctl/verbs.h"
#include "lib/file.h"

static const char usage[] =
    "usage: sallyport log rotate-key DIR\n"
    "\n"
    "Makes a new key for the ledger of a deployment whose gateway does not "
    "run,\n"
    "has the old one sign for it, and overwrites the old one. Whoever knows "
    "the\n"
    "old public key can go on with `sallyport log verify`; give out the new "
    "one\n"
    "all the same. Interrupted, it goes on when it is called again.\n"
    "\n"
    "Exit status: 0 done, 1 not (nothing is lost), 2 wrong usage.\n";

struct rotation {
    char *ledger, *key, *next, *vkey; /* paths */
    int folder, lock;
    struct note_signer old, new;
    bool fresh;   /* the new one is in memory only */
    bool has_old; /* not yet overwritten */
    char old_text[NOTE_KEY_TEXT_MAX], new_text[NOTE_KEY_TEXT_MAX];

    /* of the ledger, as it is replayed */
    struct entry_reader reader;
    uint64_t count;
    int64_t newest;
    bool named; /* the last entry names the new key */
    char problem[200];
};

static int complain(const char *format, ...) SP_PRINTF(1, 2);

static int complain(const char *format, ...)
{
    va_list list;

    fputs("sallyport log rotate-key: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    return EXIT_FAILS;
}

/* Keys ------------------------------------------------------------------- */

static char *path_with(const char *path, size_t stem, const char *ending)
{
    size_t size = stem + strlen(ending) + 1;
    char *out = malloc(size);

    if (out != NULL)
        snprintf(out, size, "%.*s%s", (int)stem, path, ending);
    return out;
}

static int paths_take(const char *dir, struct rotation *r, char origin[256])
{
    struct deployment d = {.settings = NULL};

    if (deployment_load(dir, false, stderr, &d) != 0)
        return EXIT_FAILS;
    r->ledger = settings_path(d.settings, d.settings->ledger);
    r->key = settings_path(d.settings, d.settings->ledger_key);
    snprintf(origin, 256, "%s", d.settings->origin);
    deployment_release(&d);
    if (r->ledger == NULL || r->key == NULL)
        return complain("out of memory");
    const char *slash = strrchr(r->key, '/'), *dot = strrchr(r->key, '.');
    size_t length = strlen(r->key);
    r->next = path_with(r->key, length, ".next");
    r->vkey = path_with(r->key,
                        dot == NULL || (slash != NULL && dot < slash)
                            ? length
                            : (size_t)(dot - r->key),
                        ".vkey");
    if (r->next == NULL || r->vkey == NULL)
        return complain("out of memory");
    r->folder = open(r->ledger, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return r->folder >= 0
               ? EXIT_HOLDS
               : complain("%s: %s: there is a key to rotate once the gateway "
                          "has run",
                          r->ledger, strerror(errno));
}

/* SP_EINVAL also when it was overwritten. */
static int signer_read(const char *path, struct note_signer *s)
{
    uint8_t *text = NULL;
    size_t length;
    int e = file_read(AT_FDCWD, path, NOTE_KEY_TEXT_MAX, &text, &length);

    if (e != 0)
        return e;
    e = note_signer_parse((const char *)text, length, s);
    explicit_bzero(text, length);
    free(text);
    return e;
}

static int signer_create(const char *path, const struct note_signer *s)
{
    char text[NOTE_KEY_TEXT_MAX + 1];
    int e = note_signer_format(s, text);

    if (e == 0) {
        strcat(text, "\n");
        e = file_create(AT_FDCWD, path, 0600, text, strlen(text));
    }
    explicit_bzero(text, sizeof text);
    return e;
}

static int folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder =
        slash == NULL
            ? strdup(".")
            : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    int fd =
        folder == NULL ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    free(folder);
    return fd;
}

/* From before the keys are read to the end there is one of us. */
static int keys_lock(struct rotation *r)
{
    r->lock = folder_of(r->key);
    if (r->lock >= 0 && flock(r->lock, LOCK_EX | LOCK_NB) == 0)
        return EXIT_HOLDS;
    return complain("%s: %s", r->key,
                    errno == EWOULDBLOCK ? "its folder is locked: by another "
                                           "rotate-key?"
                                         : strerror(errno));
}

/* The keeper reads them as their owner. */
static int owner_check(const struct rotation *r)
{
    struct stat key, ledger;

    if (stat(r->key, &key) != 0 || fstat(r->folder, &ledger) != 0)
        return complain("%s: %s", r->key, strerror(errno));
    if (key.st_uid == geteuid() && ledger.st_uid == geteuid())
        return EXIT_HOLDS;
    return complain(
        "%s and %s belong to uid %u and %u: run this as their owner", r->key,
        r->ledger, (unsigned)key.st_uid, (unsigned)ledger.st_uid);
}

static int keys_take(struct rotation *r, const char *origin)
{
    int e = signer_read(r->next, &r->new);

    r->fresh = e == SP_ENOENT;
    if (r->fresh)
        e = note_signer_generate(origin, &r->new);
    if (e == 0 && strcmp(r->new.verifier.name, origin) != 0)
        e = SP_EINVAL;
    if (e == 0)
        e = note_verifier_format(&r->new.verifier, r->new_text);
    if (e != 0)
        return complain("%s: %s: expected a key named %s", r->next,
                        sp_strerror(e), origin);
    e = signer_read(r->key, &r->old);
    if (e == 0)
        e = note_verifier_format(&r->old.verifier, r->old_text);
    r->has_old = e == 0; /* else it was overwritten, by the run before */
    return e == 0 || (e == SP_EINVAL && !r->fresh)
               ? EXIT_HOLDS
               : complain("%s: %s: not a ledger's key", r->key, sp_strerror(e));
}

/* The ledger ------------------------------------------------------------- */

static int refuse(struct rotation *r, uint64_t n, const char *what)
{
    snprintf(r->problem, sizeof r->problem, "entry %" PRIu64 ": %s", n, what);
    return SP_ECORRUPT;
}

static int replay(void *arg, uint64_t n, const uint8_t *line, size_t length)
{
    struct rotation *r = arg;
    const struct entry_log_rekeyed *k;
    struct entry e;

    if (entry_decode(&r->reader, (const char *)line, length, &e) != 0)
        return refuse(r, n, "not an entry of this version");
    if (r->named)
        return refuse(r, n, "behind the change of the key");
    if (e.n != n || e.t < r->newest)
        return refuse(r, n, "out of order");
    r->count = n + 1;
    r->newest = e.t;
    k = &e.u.log_rekeyed;
    if (e.kind != ENTRY_LOG_REKEYED || strcmp(k->replaces, r->old_text) != 0)
        return 0;
    r->named = strcmp(k->vkey, r->new_text) == 0;
    return r->named ? 0 : refuse(r, n, "this key was replaced by another");
}

/* Under the ledger's lock, and before anything names the new key. */
static int rekeyed_append(struct rotation *r, struct ledger *l)
{
    struct entry e = {.n = r->count,
                      .t = (int64_t)time(NULL) * 1000,
                      .kind = ENTRY_LOG_REKEYED,
                      .u.log_rekeyed = {r->new_text, r->old_text}};
    char line[LIMIT_ENTRY_BYTES];
    size_t length;
    uint64_t n;

    if (e.t < r->newest)
        e.t = r->newest;
    int error = entry_encode(&e, line, sizeof line, &length);
    if (error == 0 && r->fresh)
        error = signer_create(r->next, &r->new);
    if (error == 0)
        error = ledger_append(l, line, length, &n);
    if (error == 0) {
        ledger_kick(l, true);
        r->count = n + 1;
    }
    return error;
}

/* Names the new key under a head that both sign, if that is still to do. */
static int ledger_rekey(struct rotation *r)
{
    struct ledger_options o = {.folder = r->folder,
                               .signer = &r->old,
                               .successor = &r->new,
                               .checkpoint_ms = 100};
    struct ledger_recovery recovery = {0};
    struct ledger *l = NULL;

    entry_reader_init(&r->reader);
    int e = ledger_open(&o, replay, r, &recovery, &l);
    entry_reader_release(&r->reader);
    if (e == SP_EEXIST)
        return complain("%s: the gateway runs: stop it first", r->ledger);
    if (e != 0)
        return complain("%s: %s", r->ledger,
                        r->problem[0] != '\0'         ? r->problem
                        : recovery.problem[0] != '\0' ? recovery.problem
                                                      : sp_strerror(e));
    if (r->count == 0)
        e = SP_ENOENT; /* the first entry names the first key */
    else if (!r->named)
        e = rekeyed_append(r, l);
    int closed = ledger_close(l);
    e = e != 0 ? e : closed;
    return e == 0 ? EXIT_HOLDS
                  : complain("%s: %s", r->ledger,
                             e == SP_ENOENT ? "empty: start the gateway once"
                                            : sp_strerror(e));
}

/* The head that was signed last hands over, if both signed it. */
static int handover_read(const struct rotation *r, struct ledger_view *v,
                         uint8_t **note, size_t *length)
{
    uint64_t size = ledger_view_checkpoint(v)->size;
    int e = file_read(r->folder, "last-signed", NOTE_MAX, note, length);

    if (e == 0)
        e = size == 0 ? SP_ENOENT
                      : log_handover_check(v, (const char *)*note, *length,
                                           size - 1, r->old_text, r->new_text);
    return e;
}

static int handover_keep(const struct rotation *r)
{
    struct ledger_view *v = NULL;
    uint8_t *note = NULL;
    char path[HANDOVER_PATH];
    size_t length;
    int e = ledger_view_open(r->folder, &r->new.verifier, 1, &v);

    if (e == 0)
        e = handover_read(r, v, &note, &length);
    if (e == 0)
        e = file_make_folders(r->folder, LOG_HANDOVERS, 0700);
    if (e == 0) {
        log_handover_path(ledger_view_checkpoint(v)->size - 1, path);
        e = file_replace(r->folder, path, 0600, note, length);
    }
    /* the folder's own name too, if an interrupted run made it */
    if (e == 0 && fsync(r->folder) != 0)
        e = sp_error_from_errno();
    ledger_view_free(v);
    free(note);
    return e == 0 ? EXIT_HOLDS
                  : complain("%s: handing over: %s", r->ledger, sp_strerror(e));
}

/* The old key is gone only when the new one has signed. */
static int handover_is_kept(const struct rotation *r)
{
    struct ledger_view *v = NULL;
    char path[HANDOVER_PATH];

    int e = ledger_view_open(r->folder, &r->new.verifier, 1, &v);
    if (e == 0) {
        uint64_t size = ledger_view_checkpoint(v)->size;
        log_handover_path(size - 1, path);
        if (size == 0 || faccessat(r->folder, path, F_OK, 0) != 0)
            e = SP_ENOENT;
    }
    ledger_view_free(v);
    return e == 0 ? EXIT_HOLDS
                  : complain("%s is no key, and %s did not take over: %s: "
                             "restore the key",
                             r->key, r->next, sp_strerror(e));
}

/* Taking over ------------------------------------------------------------ */

/* In place, as far as the file system and the device write in place. */
static int overwrite(const char *path)
{
    static const char nothing[NOTE_KEY_TEXT_MAX];
    int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    int e = 0;

    if (fd < 0)
        return sp_error_from_errno();
    if (fstat(fd, &st) != 0 || st.st_size > (off_t)sizeof nothing ||
        pwrite(fd, nothing, (size_t)st.st_size, 0) != st.st_size ||
        fsync(fd) != 0)
        e = SP_EIO;
    close(fd);
    return e;
}

static int take_over(const struct rotation *r)
{
    char text[NOTE_KEY_TEXT_MAX + 1];
    int e;

    snprintf(text, sizeof text, "%s\n", r->new_text);
    if ((e = file_replace(AT_FDCWD, r->vkey, 0644, text, strlen(text))) != 0)
        return complain("%s: %s", r->vkey, sp_strerror(e));
    if (r->has_old && (e = overwrite(r->key)) != 0)
        return complain("%s: overwriting it: %s", r->key, sp_strerror(e));
    if (rename(r->next, r->key) != 0 || fsync(r->lock) != 0)
        return complain("%s: becoming %s: %s", r->next, r->key,
                        strerror(errno));
    return EXIT_HOLDS;
}

static int rotate(const char *dir, struct rotation *r)
{
    char origin[256];
    int status;

    if ((status = paths_take(dir, r, origin)) != EXIT_HOLDS ||
        (status = keys_lock(r)) != EXIT_HOLDS ||
        (status = owner_check(r)) != EXIT_HOLDS ||
        (status = keys_take(r, origin)) != EXIT_HOLDS)
        return status;
    if (r->has_old)
        status = ledger_rekey(r);
    if (status == EXIT_HOLDS)
        status = r->has_old ? handover_keep(r) : handover_is_kept(r);
    if (status == EXIT_HOLDS)
        status = take_over(r);
    if (status == EXIT_HOLDS)
        printf("%s\n", r->new_text);
    return status;
}

int log_rotate_key(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                            {0}};
    struct rotation r = {.folder = -1, .lock = -1};
    int c;

    optind = 0;
    if ((c = getopt_long(argc, argv, "h", options, NULL)) == 'h') {
        fputs(usage, stdout);
        return EXIT_HOLDS;
    }
    if (c != -1 || argc - optind != 1) {
        fputs(usage, stderr);
        return EXIT_MISUSED;
    }
    int status = rotate(argv[optind], &r);
    note_signer_wipe(&r.old);
    note_signer_wipe(&r.new);
    if (r.folder >= 0)
        close(r.folder);
    if (r.lock >= 0)
        close(r.lock); /* unlocks */
    free(r.ledger);
    free(r.key);
    free(r.next);
    free(r.vkey);
    return log_finish(status);
}
