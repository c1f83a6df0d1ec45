/* SPDX-License-Identifier: Apache-2.0 */
/* What the subcommands of `sallyport log` share. */
#ifndef SP_CTL_LOG_H
#define SP_CTL_LOG_H

#include <stdbool.h>

#include "ledger/ledger.h"

struct log_source {
    const char *folder_name; /* as it is shown */
    int folder;              /* the ledger's, open */
    bool has_key;
    struct note_verifier key;
    char *key_from; /* a file's name or "--key"; malloc'd */
    char *path;     /* malloc'd, or NULL */
};

/* `dir` is a deployment or a ledger's folder. `key` (text) and `key_file` may
 * be NULL; then a deployment's own keys/ledger.vkey is taken if it is there.
 * Prints what is wrong; EXIT_HOLDS or the exit status. */
int log_source_open(const char *dir, const char *key, const char *key_file,
                    struct log_source *s);
void log_source_close(struct log_source *s);
/* Takes the key that was given, if one was; for what needs no folder too: `s`
 * is then LOG_SOURCE_NONE before. */
#define LOG_SOURCE_NONE ((struct log_source){.folder = -1})
int log_source_key(struct log_source *s, const char *key, const char *key_file);
/* EXIT_MISUSED with a message if there is no key, and none is not what was
 * asked for. */
int log_source_need_key(struct log_source *s, bool no_key, const char *verb);

/* Opens the checkpoint, with the key if there is one; prints what is wrong. */
int log_view_open(const struct log_source *s, struct ledger_view **v);

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
int log_replay(int argc, char **argv);
int log_verify(int argc, char **argv);
int log_rotate_key(int argc, char **argv);
int log_show(int argc, char **argv);
int log_acceptances(int argc, char **argv);
int log_witness(int argc, char **argv);

#endif
