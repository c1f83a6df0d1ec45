/* SPDX-License-Identifier: Apache-2.0 */
/* What the subcommands of `sallyport log` share. */
#ifndef SP_CTL_LOG_H
#define SP_CTL_LOG_H

#include <stdbool.h>

#include "ctl/remote.h"
#include "ledger/ledger.h"

struct log_source {
    const char *folder_name; /* as it is shown */
    int folder;              /* the ledger's, open */
    bool has_key;
    struct note_verifier key;
    char *key_from;   /* a file's name or "--key"; malloc'd */
    char *path;       /* malloc'd, or NULL */
    const char *note; /* the signed note to go by; NULL: "checkpoint" */
    int store;        /* where old bundles were moved to; -1: nowhere */
    bool is_remote;   /* a gateway's auditors' window; `folder` is -1 then */
    struct remote remote;
};

/* `dir` is a deployment or a ledger's folder. `key` (text) and `key_file` may
 * be NULL; then a deployment's own keys/ledger.vkey is taken if it is there.
 * Prints what is wrong; EXIT_HOLDS or the exit status. */
int log_source_open(const char *dir, const char *key, const char *key_file,
                    struct log_source *s);
void log_source_close(struct log_source *s);

/* The same through a gateway's auditors' window (ctl/log_remote.c): `where` is
 * https://HOST[:PORT]. The certificate is an auditor's. */
struct log_window {
    const char *certificate, *key,
        *anchors; /* PEM files; the last may be NULL */
};
bool log_is_remote(const char *where);
int log_source_open_remote(const char *where, const struct log_window *w,
                           const char *key, const char *key_file,
                           struct log_source *s);
/* A ledger_files.read; `arg` is the source. */
int log_remote_file(void *arg, const char *path, size_t max, uint8_t **data,
                    size_t *length);
/* Bundles that are not in the ledger's folder are read from `folder`, a folder
 * that they were moved to; NULL: there is none. Prints what is wrong. */
int log_source_store(struct log_source *s, const char *folder);
/* Whether there is such a note. */
bool log_source_has(struct log_source *s, const char *name);
/* The checkpoint's bytes, malloc'd; SP_E…, told. */
int log_source_note(struct log_source *s, uint8_t **data, size_t *length);
/* Takes the key that was given, if one was; for what needs no folder too: `s`
 * is then LOG_SOURCE_NONE before. */
#define LOG_SOURCE_NONE ((struct log_source){.folder = -1, .store = -1})
int log_source_key(struct log_source *s, const char *key, const char *key_file);
/* EXIT_MISUSED with a message if there is no key, and none is not what was
 * asked for. */
int log_source_need_key(struct log_source *s, bool no_key, const char *verb);

/* Opens the checkpoint, with the key if there is one; prints what is wrong. */
int log_view_open(struct log_source *s, struct ledger_view **v);

/* The same, telling nothing: 0 or SP_E…. */
int log_view_try(struct log_source *s, struct ledger_view **v) SP_MUST_USE;

/* Flushes; EXIT_FAILS with a message if standard output could not be written.
 */
int log_finish(int status);

/* Writes `text` as a JSON string. */
void log_print_json_text(const char *text);

/* Prints bytes as the line of an entry is printed; escaped, not for parsing. */
void log_print_bytes(const uint8_t *data, size_t length);

int log_prove(int argc, char **argv);
int log_check_proof(int argc, char **argv);
int log_open_commitment(int argc, char **argv);
int log_export(int argc, char **argv);
int log_check_export(int argc, char **argv);
int log_report(int argc, char **argv);
int log_replay(int argc, char **argv);
int log_verify(int argc, char **argv);
int log_rotate_key(int argc, char **argv);
int log_show(int argc, char **argv);
int log_acceptances(int argc, char **argv);
int log_witness(int argc, char **argv);

#endif
