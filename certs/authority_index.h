/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of what an authority has issued: the file `index`, a line each,
 *
 *   SERIAL SHA256 PARTY PERSON NOT_AFTER ISSUED REVOKED REASON PROFILE
 *
 * with one space between; SERIAL and SHA256 (of the certificate's DER) in
 * lowercase hexadecimal, times in ms since 1970 (UTC), "-" for REVOKED and
 * REASON of what is not revoked. PARTY is "-" for a server (PERSON is its first
 * name) or for an authority below this one. A revocation is never taken back.
 * Lines of the older form, "SERIAL PARTY PERSON END", are read too.
 */
#ifndef SP_CERTS_AUTHORITY_INDEX_H
#define SP_CERTS_AUTHORITY_INDEX_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/* RFC 5280 section 5.3.1, as the command and the index write them. */
enum authority_reason {
    AUTHORITY_UNSPECIFIED = 0,
    AUTHORITY_KEY_COMPROMISE = 1,
    AUTHORITY_CA_COMPROMISE = 2,
    AUTHORITY_AFFILIATION_CHANGED = 3,
    AUTHORITY_SUPERSEDED = 4,
    AUTHORITY_CESSATION = 5,
    AUTHORITY_PRIVILEGE_WITHDRAWN = 9
};
/* "keyCompromise"; NULL: none of these. */
const char *authority_reason_text(enum authority_reason reason);
int authority_reason_parse(const char *text,
                           enum authority_reason *reason) SP_MUST_USE;

#define AUTHORITY_SERIAL_TEXT 41  /* 20 bytes, RFC 5280 section 4.1.2.2 */
#define AUTHORITY_NAME_TEXT   254 /* a server's name, RFC 1035 */

struct authority_record {
    char serial[AUTHORITY_SERIAL_TEXT];
    uint8_t sha256[32];
    char party[65];
    char person[AUTHORITY_NAME_TEXT];
    int64_t not_after, issued;
    int64_t revoked; /* 0: it is not */
    enum authority_reason reason;
    char profile[17];
};

struct authority_index {
    struct authority_record *list; /* in the order of issue */
    size_t count;
    bool old; /* a line was of the older form: store it, for stricter readers */
};

void authority_index_release(struct authority_index *index);

/* Reads `index` in the folder `fd`; none is an empty one. Old lines are
 * completed from the certificates beside. SP_ECORRUPT with `problem`: a line
 * that is not whole, a serial twice, a certificate that is missing for an old
 * line. SP_ENOMEM, SP_EIO. */
int authority_index_load(int fd, struct authority_index *index,
                         char problem[256]) SP_MUST_USE;
/* Replaces it, durably: after a crash it is the old one or the new one. */
int authority_index_store(int fd,
                          const struct authority_index *index) SP_MUST_USE;
/* Only the text; malloc'd. SP_ECORRUPT also for lines of the old form. */
int authority_index_parse(const char *text, size_t length,
                          struct authority_index *index,
                          char problem[256]) SP_MUST_USE;
int authority_index_format(const struct authority_index *index, char **text,
                           size_t *length) SP_MUST_USE;

/* Copies `record` to the end. SP_ENOMEM. */
int authority_index_add(struct authority_index *index,
                        const struct authority_record *record) SP_MUST_USE;
/* NULL: none. */
struct authority_record *
authority_index_find(const struct authority_index *index, const char *serial);

/* The certificate of a record in the folder; its hash must be the record's. */
int authority_index_certificate(int fd, const struct authority_record *record,
                                X509 **cert, char problem[256]) SP_MUST_USE;

#endif
