/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps receipts. Runs in `sallyport connect`; what comes from the gateway is
 * checked before it is written.
 */
#include "ctl/connect_receipts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/connect_tell.h"
#include "ctl/verbs.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"

/* Some ten thousand lines: no more calls are let out long before. */
#define WAITING_BYTES (4u << 20)

struct receipts {
    char *path;
    int fd;
    struct buf waiting; /* lines that are not written yet */
    bool failed;        /* the last write did */
    bool dirty;         /* written and not synced */
    bool lost;
};

/* ---- the file ---- */

static int problem(const char *path, const char *what)
{
    fprintf(stderr, "sallyport connect: %s: %s\n", path, what);
    return EXIT_FAILS;
}

/* A line that a crash cut short does not spoil the next one. */
static int torn_end(struct receipts *r, off_t size)
{
    char last = '\n';

    if (size > 0 && pread(r->fd, &last, 1, size - 1) != 1)
        return SP_EIO;
    return last == '\n' ? 0 : buf_append_text(&r->waiting, "\n");
}

static int file_open(struct receipts *r, const char *path)
{
    struct stat st;

    r->fd =
        open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (r->fd < 0)
        return problem(path, errno == ELOOP ? "a symbolic link: expected a file"
                                            : strerror(errno));
    if (fstat(r->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return problem(path, "not a regular file");
    if (st.st_mode & 077)
        return problem(path, "others may read or write it: expected mode 0600 "
                             "(chmod 600)");
    if (flock(r->fd, LOCK_EX | LOCK_NB) != 0)
        return problem(path, "another `sallyport connect` writes to it");
    return torn_end(r, st.st_size) == 0 ? EXIT_HOLDS
                                        : problem(path, strerror(errno));
}

int receipts_open(const char *path, struct receipts **out)
{
    struct receipts *r = calloc(1, sizeof *r);

    *out = NULL;
    if (r == NULL || (r->path = strdup(path)) == NULL) {
        free(r);
        return problem(path, sp_strerror(SP_ENOMEM));
    }
    buf_init(&r->waiting, WAITING_BYTES);
    if (file_open(r, path) != EXIT_HOLDS) {
        if (r->fd >= 0)
            close(r->fd);
        buf_release(&r->waiting);
        free(r->path);
        free(r);
        return EXIT_FAILS;
    }
    *out = r;
    return EXIT_HOLDS;
}

/* After a partial write the rest of the line comes first. */
static void file_write(struct receipts *r)
{
    bool before = r->failed;

    r->failed = false;
    while (r->waiting.length > 0) {
        ssize_t n = write(r->fd, buf_bytes(&r->waiting), r->waiting.length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            r->failed = true;
            break;
        }
        r->dirty = true;
        buf_drain(&r->waiting, (size_t)n);
    }
    if (r->failed && !before)
        tell(
            "receipts_unwritable", NULL,
            "%s: %s: receipts wait in memory, and nothing more is asked of the "
            "model until they can be written",
            r->path, strerror(errno));
    else if (!r->failed && before)
        tell("receipts_written", NULL,
             "%s: can be written again; nothing is "
             "missing in it",
             r->path);
}

bool receipts_fine(const struct receipts *r)
{
    return r == NULL || !r->failed;
}

void receipts_tick(struct receipts *r)
{
    if (r == NULL)
        return;
    if (r->waiting.length > 0)
        file_write(r);
    if (!r->dirty)
        return;
    r->dirty = false;
    if (fdatasync(r->fd) != 0)
        tell("receipts_not_synced", NULL,
             "%s: %s: what was written last may not survive a power failure",
             r->path, strerror(errno));
}

bool receipts_close(struct receipts *r)
{
    bool fine;

    if (r == NULL)
        return true;
    receipts_tick(r);
    fine = !r->failed && !r->lost;
    close(r->fd);
    buf_release(&r->waiting);
    free(r->path);
    free(r);
    return fine;
}

/* ---- one receipt ---- */

void receipt_begin(struct receipt *x, const char *text)
{
    uint8_t salt[RECEIPT_SALT];
    size_t digits = strspn(text, "0123456789"), n = 0;
    const char *hex = text + digits;

    x->open = false;
    if (digits == 0 || digits > 19 || strlen(text) >= sizeof x->line)
        return;
    x->n = strtoull(text, NULL, 10);
    x->has_salt = *hex == ';';
    if (x->has_salt) {
        hex++;
        if (strlen(hex) != 2 * RECEIPT_SALT ||
            sodium_hex2bin(salt, sizeof salt, hex, 2 * RECEIPT_SALT, NULL, &n,
                           NULL) != 0 ||
            n != sizeof salt)
            return;
        memcpy(x->salt, hex, sizeof x->salt);
        crypto_generichash_init(&x->asked, NULL, 0, 32);
        crypto_generichash_init(&x->answered, NULL, 0, 32);
        crypto_generichash_update(&x->asked, salt, sizeof salt);
        crypto_generichash_update(&x->answered, salt, sizeof salt);
    } else if (*hex != '\0') {
        return;
    }
    memcpy(x->line, text, strlen(text) + 1);
    x->t = clock_wall_ms();
    x->open = true;
}

void receipt_asked(struct receipt *x, const void *data, size_t length)
{
    x->asked_bytes += length;
    if (x->open && x->has_salt)
        crypto_generichash_update(&x->asked, data, length);
}

void receipt_answered(struct receipt *x, const void *data, size_t length)
{
    x->answered_bytes += length;
    if (x->open && x->has_salt)
        crypto_generichash_update(&x->answered, data, length);
}

static int hash_add(struct buf *b, const char *name,
                    crypto_generichash_state *state)
{
    uint8_t hash[32];
    char hex[65];

    crypto_generichash_final(state, hash, sizeof hash);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    return buf_printf(b, ",\"%s\":\"%s\"", name, hex);
}

static int line_build(struct receipt *x, const char *end, struct buf *b)
{
    char time[CLOCK_UTC_SIZE], model[6 * sizeof x->model + 3];
    size_t length = 0;
    int r;

    clock_format_utc(x->t, time);
    r = x->model[0] == '\0' ? 0
                            : json_quote(model, sizeof model, &length, x->model,
                                         strlen(x->model));
    if (r == 0)
        r = buf_printf(b,
                       "{\"time\":\"%s\",\"receipt\":\"%s\",\"entry\":%" PRIu64
                       ",\"salt\":%s%s%s,\"route\":\"%s\",\"model\":%.*s,"
                       "\"status\":%d,\"end\":\"%s\",\"asked_bytes\":%" PRIu64
                       ",\"answered_bytes\":%" PRIu64,
                       time, x->line, x->n, x->has_salt ? "\"" : "",
                       x->has_salt ? x->salt : "null", x->has_salt ? "\"" : "",
                       x->route, length == 0 ? 4 : (int)length,
                       length == 0 ? "null" : model, x->status, end,
                       x->asked_bytes, x->answered_bytes);
    if (r == 0 && x->has_salt)
        r = hash_add(b, "asked", &x->asked);
    if (r == 0 && x->has_salt)
        r = hash_add(b, "answered", &x->answered);
    return r == 0 ? buf_append_text(b, "}\n") : r;
}

void receipt_end(struct receipt *x, struct receipts *r, const char *end)
{
    struct buf line;

    if (!x->open)
        return;
    x->open = false;
    if (r == NULL)
        return;
    buf_init(&line, 4096);
    if (line_build(x, end, &line) != 0 ||
        buf_append(&r->waiting, buf_bytes(&line), line.length) != 0) {
        r->lost = true;
        tell("receipt_lost", NULL, "the receipt %s could not be kept", x->line);
    }
    buf_release(&line);
    if (!r->failed)
        file_write(r);
}
