/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a developer sends to a person who was given access: the certificate,
 * where the gateway is and who vouches for it, whose signatures are on the
 * ledger (docs/enrolment.md, "The bundle"). All of it is public. But who swaps
 * it leads people to a gateway of his own: so both sides compare its
 * fingerprint.
 */
#ifndef SP_CTL_BUNDLE_H
#define SP_CTL_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/error.h"

#define BUNDLE_MAX       262144 /* bytes of the file */
#define BUNDLE_PROBLEM   256
#define BUNDLE_ADDRESSES 8
#define BUNDLE_WITNESSES 16
#define BUNDLE_WINDOWS   64
#define BUNDLE_DOCUMENTS 32

struct bundle_window {
    char *model;
    char *opens, *closes; /* UTC */
};

/* Texts are malloc'd; lists end with their count. */
struct bundle {
    char *deployment, *party, *person;
    char *created;                     /* UTC */
    char *addresses[BUNDLE_ADDRESSES]; /* "HOST:PORT", "[ADDRESS]:PORT" */
    char *name;                        /* that the gateway proves */
    char *certificate;                 /* PEM: the person's, then its chain */
    char *gateway_ca;                  /* PEM: vouches for the gateway */
    char *origin;                      /* of the ledger */
    char *vkey;                        /* whose signatures are on it */
    char *witnesses[BUNDLE_WITNESSES]; /* their vkeys */
    struct bundle_window windows[BUNDLE_WINDOWS]; /* as known, to inform */
    char *documents[BUNDLE_DOCUMENTS];            /* to be accepted */
    size_t naddresses, nwitnesses, nwindows, ndocuments;
};

/* "HOST:PORT" or "[ADDRESS]:PORT" apart; SP_EINVAL. */
int bundle_address_split(const char *text, char host[256],
                         char port[8]) SP_MUST_USE;

/* Strict: every member once, none that is not known, PEM, keys and addresses
 * well-formed, no control characters. SP_EINVAL with `problem`, SP_ENOMEM. */
int bundle_parse(const uint8_t *text, size_t length, struct bundle *b,
                 char problem[BUNDLE_PROBLEM]) SP_MUST_USE;
/* bundle_parse() of a file; also the errors of file_read(). */
int bundle_read(const char *path, struct bundle *b,
                char problem[BUNDLE_PROBLEM]) SP_MUST_USE;
void bundle_release(struct bundle *b);

/* Its one form, whatever became of the file's blanks and line ends on the
 * way. SP_ENOMEM, SP_ETOOBIG. */
int bundle_encode(const struct bundle *b, struct buf *out) SP_MUST_USE;
/* SHA-256 of that form: fingerprint_text(), fingerprint_short(). */
int bundle_fingerprint(const struct bundle *b, uint8_t sha256[32]) SP_MUST_USE;

/* Every certificate of a PEM text written anew, malloc'd. SP_EINVAL. */
int bundle_pem(const uint8_t *pem, size_t length, char **out,
               char problem[BUNDLE_PROBLEM]) SP_MUST_USE;

#endif
