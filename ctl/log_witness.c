/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport log witness`: a witness of other people's ledgers, as a server or
 * for a folder that somebody brought. Runs where the ledger's operator does
 * not rule; that is its point. Nothing in the folder is trusted but what a
 * known log's key has signed.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/log.h"
#include "ctl/verbs.h"
#include "ctl/witness_server.h"
#include "ledger/submission.h"
#include "ledger/view.h"
#include "lib/clock.h"
#include "lib/file.h"

#define LOGS_BYTES_MAX (4u << 20)

static const char usage[] =
    "usage: sallyport log witness --listen ADDRESS:PORT --key FILE --state "
    "DIR\n"
    "                             --logs FILE\n"
    "       sallyport log witness --cosign LEDGER --key FILE --state DIR "
    "--logs "
    "FILE\n"
    "       sallyport log witness keygen NAME -o FILE\n"
    "\n"
    "Cosigns heads of other people's ledgers (C2SP tlog-witness): each head "
    "only if\n"
    "it extends the one cosigned before, so that nobody can be shown another\n"
    "history.\n"
    "\n"
    "  --listen ADDRESS:PORT  answers POST /add-checkpoint, and GET\n"
    "                         /<hex SHA-256 of an origin>/checkpoint, over "
    "plain\n"
    "                         HTTP; port 0: a free one\n"
    "  --cosign LEDGER        cosigns the ledger in this folder (or that of "
    "this\n"
    "                         deployment) once, and prints the signature line\n"
    "  --key FILE             the witness's secret key, mode 0600\n"
    "  --state DIR            what it has cosigned; made if it is not there.\n"
    "                         Never go back to an older copy of it\n"
    "  --logs FILE            public keys (vkeys) of the ledgers, one a line\n"
    "\n"
    "`keygen` makes a key: FILE gets the secret, standard output the vkey "
    "that\n"
    "ledgers and auditors need. NAME is the witness's, such as\n"
    "witness.example.org/w1.\n"
    "\n"
    "Exit status: 0 done, 1 refused or failed, 2 wrong usage.\n";

struct options {
    const char *listen, *cosign, *key, *state, *logs, *out;
};

struct setting {
    struct note_signer key;
    struct note_verifier *logs;
    size_t nlogs;
    int folder; /* of the state; -1: none */
    struct witness *witness;
};

static int complain(int status, const char *format, ...) SP_PRINTF(2, 3);

static int complain(int status, const char *format, ...)
{
    va_list list;

    fputs("sallyport log witness: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    return status;
}

/* The key's file is nobody else's to read. */
static int key_read(const char *path, struct note_signer *key)
{
    uint8_t *data = NULL;
    struct stat st;
    size_t length;

    int r = file_read(AT_FDCWD, path, NOTE_KEY_TEXT_MAX, &data, &length);
    if (r != 0)
        return complain(EXIT_FAILS, "%s: %s", path, sp_strerror(r));
    if (stat(path, &st) != 0 || (st.st_mode & 077) != 0)
        r = complain(EXIT_FAILS, "%s: others may use it: expected mode 0600",
                     path);
    else if (note_witness_parse((const char *)data, length, key) != 0)
        r = complain(EXIT_FAILS,
                     "%s: not a witness's secret key: expected one that "
                     "`sallyport log witness keygen` made",
                     path);
    explicit_bzero(data, length);
    free(data);
    return r == 0 ? EXIT_HOLDS : EXIT_FAILS;
}

static int logs_read(const char *path, struct setting *s)
{
    struct report report = {.out = stderr};
    uint8_t *data = NULL;
    size_t length;

    int r = file_read(AT_FDCWD, path, LOGS_BYTES_MAX, &data, &length);
    if (r != 0)
        return complain(EXIT_FAILS, "%s: %s", path, sp_strerror(r));
    r = witness_logs_parse((const char *)data, length, path, &report, &s->logs,
                           &s->nlogs);
    free(data);
    return r == 0 ? EXIT_HOLDS : EXIT_FAILS;
}

static int state_open(const char *path, struct setting *s)
{
    int r = file_make_folders(AT_FDCWD, path, 0700);

    if (r == 0)
        s->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r == 0 && s->folder < 0)
        r = sp_error_from_errno();
    if (r == 0)
        r = witness_open(s->folder, &s->key, s->logs, s->nlogs, &s->witness);
    if (r == SP_EEXIST)
        return complain(EXIT_FAILS, "%s: another process has it: stop that one",
                        path);
    return r == 0 ? EXIT_HOLDS
                  : complain(EXIT_FAILS, "%s: %s", path, sp_strerror(r));
}

static void setting_release(struct setting *s)
{
    witness_free(s->witness);
    if (s->folder >= 0)
        close(s->folder);
    free(s->logs);
    note_signer_wipe(&s->key);
}

/* A folder's ledger ------------------------------------------------------- */

struct brought {
    struct log_source source;
    uint8_t *note;
    size_t length;
    struct checkpoint head;
    struct ledger_view *view;
};

/* One of the known keys of its origin has signed the head. */
static bool is_known(const struct setting *s, const struct brought *b)
{
    struct note_line line;

    for (size_t i = 0; i < s->nlogs; i++)
        if (strcmp(s->logs[i].name, b->head.origin) == 0 &&
            note_find((const char *)b->note, b->length, &s->logs[i], &line) ==
                0)
            return true;
    return false;
}

/* The note is read once, so that the tree that is proved is the one that is
 * cosigned, whatever the daemon publishes meanwhile. */
static int brought_open(const char *dir, const struct setting *s,
                        struct brought *b)
{
    size_t text;

    int status = log_source_open(dir, NULL, NULL, &b->source);
    if (status != EXIT_HOLDS)
        return status;
    int r = file_read(b->source.folder, "checkpoint", NOTE_MAX, &b->note,
                      &b->length);
    if (r == 0)
        r = note_text((const char *)b->note, b->length, &text);
    if (r == 0)
        r = checkpoint_parse((const char *)b->note, text, &b->head);
    if (r == 0 && !is_known(s, b))
        return complain(EXIT_FAILS,
                        "%s/checkpoint: \"%s\": not signed by a key of --logs",
                        b->source.folder_name, b->head.origin);
    if (r == 0)
        r = view_new(b->source.folder, &b->head, &b->view);
    return r == 0 ? EXIT_HOLDS
                  : complain(EXIT_FAILS, "%s/checkpoint: %s",
                             b->source.folder_name, sp_strerror(r));
}

static void brought_close(struct brought *b)
{
    ledger_view_free(b->view);
    free(b->note);
    log_source_close(&b->source);
}

/* The same request as over the wire, made from the folder's own tiles. */
static int brought_cosign(struct setting *s, struct brought *b)
{
    char *body = malloc(SUBMISSION_MAX + 1);
    struct witness_answer a = {.status = 500};
    size_t length;
    uint64_t old;

    if (body == NULL)
        return complain(EXIT_FAILS, "out of memory");
    int r = witness_size(s->witness, b->head.origin, &old);
    if (r == 0)
        r = submission_make(b->view, (const char *)b->note, b->length, old,
                            body, &length);
    if (r == 0)
        witness_add_checkpoint(s->witness, body, length,
                               (uint64_t)(clock_wall_ms() / 1000), &a);
    free(body);
    if (r == SP_ERANGE)
        return complain(EXIT_FAILS,
                        "%s: \"%s\" has %llu entries, and %llu were cosigned: "
                        "entries were removed, or this is an older copy",
                        b->source.folder_name, b->head.origin,
                        (unsigned long long)b->head.size,
                        (unsigned long long)old);
    if (r != 0)
        return complain(EXIT_FAILS, "%s: %s", b->source.folder_name,
                        sp_strerror(r));
    if (a.status != 200)
        return complain(EXIT_FAILS, "%s: \"%s\", %llu entries: %s",
                        b->source.folder_name, b->head.origin,
                        (unsigned long long)b->head.size, a.why);
    fputs(a.body, stdout);
    return log_finish(EXIT_HOLDS);
}

static int cosign(const char *dir, struct setting *s)
{
    struct brought b = {.source.folder = -1};
    int status = brought_open(dir, s, &b);

    if (status == EXIT_HOLDS)
        status = brought_cosign(s, &b);
    brought_close(&b);
    return status;
}

/* Keys -------------------------------------------------------------------- */

static int keygen(const char *name, const char *path)
{
    char secret[NOTE_KEY_TEXT_MAX + 1], public[NOTE_KEY_TEXT_MAX];
    struct note_signer key;

    if (note_witness_generate(name, &key) != 0)
        return complain(EXIT_MISUSED,
                        "keygen \"%s\": expected a name without blanks and "
                        "'+', at most %d bytes",
                        name, NOTE_NAME_MAX);
    int r = note_signer_format(&key, secret);
    if (r == 0)
        r = note_verifier_format(&key.verifier, public);
    note_signer_wipe(&key);
    if (r == 0) {
        strcat(secret, "\n");
        r = file_create(AT_FDCWD, path, 0600, secret, strlen(secret));
    }
    explicit_bzero(secret, sizeof secret);
    if (r != 0)
        return complain(EXIT_FAILS, "%s: %s", path, sp_strerror(r));
    puts(public);
    return log_finish(EXIT_HOLDS);
}

static int misused(void)
{
    fputs(usage, stderr);
    return EXIT_MISUSED;
}

static int witness_run(const struct options *o)
{
    struct setting s = {.folder = -1};
    int status = key_read(o->key, &s.key);

    if (status == EXIT_HOLDS)
        status = logs_read(o->logs, &s);
    if (status == EXIT_HOLDS)
        status = state_open(o->state, &s);
    if (status == EXIT_HOLDS)
        status = o->cosign != NULL
                     ? cosign(o->cosign, &s)
                     : witness_serve(s.witness, s.folder, o->listen);
    setting_release(&s);
    return status;
}

int log_witness(int argc, char **argv)
{
    static const struct option options[] = {
        {"listen", required_argument, NULL, 'l'},
        {"cosign", required_argument, NULL, 'c'},
        {"key", required_argument, NULL, 'k'},
        {"state", required_argument, NULL, 's'},
        {"logs", required_argument, NULL, 'g'},
        {"help", no_argument, NULL, 'h'},
        {0}};
    struct options o = {.listen = NULL};

    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "ho:", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        if (c == '?')
            return misused();
        o.listen = c == 'l' ? optarg : o.listen;
        o.cosign = c == 'c' ? optarg : o.cosign;
        o.key = c == 'k' ? optarg : o.key;
        o.state = c == 's' ? optarg : o.state;
        o.logs = c == 'g' ? optarg : o.logs;
        o.out = c == 'o' ? optarg : o.out;
    }
    bool any = o.listen != NULL || o.cosign != NULL || o.key != NULL ||
               o.state != NULL || o.logs != NULL;
    if (argc - optind == 2 && strcmp(argv[optind], "keygen") == 0)
        return any || o.out == NULL ? misused()
                                    : keygen(argv[optind + 1], o.out);
    if (argc != optind || o.out != NULL ||
        (o.listen == NULL) == (o.cosign == NULL) || o.key == NULL ||
        o.state == NULL || o.logs == NULL)
        return misused();
    return witness_run(&o);
}
