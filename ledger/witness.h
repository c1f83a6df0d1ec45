/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A witness of other people's logs (C2SP tlog-witness v1.0.0): cosigns a head
 * only if it extends the last one that it cosigned of that log, and remembers
 * it durably before it says so.
 */
#ifndef SP_LEDGER_WITNESS_H
#define SP_LEDGER_WITNESS_H

#include <stdbool.h>

#include "ledger/note.h"
#include "lib/report.h"

/* A request's body: 63 proof lines and a note with room to spare, as the
 * other witness servers have it. */
#define WITNESS_BODY_MAX  16384
#define WITNESS_PROOF_MAX 63
#define WITNESS_LOGS_MAX  4096
#define WITNESS_NAME_MAX  65 /* hex SHA-256 of an origin, and NUL */

struct witness;

/* A file of logs' vkeys, one a line, with '#' comments; a log's key name is
 * its origin, several keys of one name are all good. Everything wrong goes to
 * the report; SP_EINVAL then. *logs is malloc'd. SP_ENOMEM. */
int witness_logs_parse(const char *text, size_t length, const char *file,
                       struct report *r, struct note_verifier **logs,
                       size_t *nlogs) SP_MUST_USE;

/* `folder` is open and duplicated; `key` and `logs` are copied. One process
 * only: SP_EEXIST if another has the folder. SP_EUNSUPPORTED: not a witness's
 * key; SP_ENOMEM, SP_EIO, SP_EPERM. */
int witness_open(int folder, const struct note_signer *key,
                 const struct note_verifier *logs, size_t nlogs,
                 struct witness **w) SP_MUST_USE;
void witness_free(struct witness *w);

struct witness_answer {
    unsigned status;  /* of HTTP */
    const char *type; /* Content-Type */
    char body[512];   /* NUL behind it */
    size_t length;
    bool fork;                      /* two signed heads of one size were seen */
    char origin[NOTE_NAME_MAX + 1]; /* "": not got so far */
    uint64_t size;                  /* of the head that was handed in */
    char why[160];                  /* what is wrong, for people; "" with 200 */
};

/* Decides about the body of one add-checkpoint request and, if it cosigns,
 * has stored that before it returns. `time` in seconds since 1970. 200, 400,
 * 403, 404, 409, 422; 500 if it could not be stored or what was stored does
 * not add up: after a failed write everything is 500 until it is opened anew,
 * for nobody knows what the disk holds. */
void witness_add_checkpoint(struct witness *w, const char *body, size_t length,
                            uint64_t time, struct witness_answer *a);

/* Hex SHA-256 of an origin: the name of its state, and of its monitoring path.
 */
void witness_name(const char *origin, char name[WITNESS_NAME_MAX]);

/* The last cosigned note of a log, by witness_name(); malloc'd, with a NUL.
 * SP_ENOENT: none, or no such log. SP_ECORRUPT, SP_EIO, SP_ENOMEM. */
int witness_latest(const struct witness *w, const char *name, char **note,
                   size_t *length) SP_MUST_USE;
/* The size of the last cosigned head of an origin, 0 if there is none. */
int witness_size(const struct witness *w, const char *origin,
                 uint64_t *size) SP_MUST_USE;

#endif
