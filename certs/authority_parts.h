/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the authority share. */
#ifndef SP_CERTS_AUTHORITY_PARTS_H
#define SP_CERTS_AUTHORITY_PARTS_H

#include "certs/authority.h"

/* Clocks of those who verify may be behind ours. */
#define AUTHORITY_SKEW_MS     (5LL * 60 * 1000)
#define AUTHORITY_FILE_MAX    65536
#define AUTHORITY_ROOT_O      "sallyport authority"
#define AUTHORITY_ISSUING_O   "sallyport issuing authority"
#define AUTHORITY_ISSUED      "issued"
#define AUTHORITY_AUTHORITIES "authorities"

struct authority {
    int folder;  /* descriptor, locked */
    int records; /* of issued/ or authorities/ */
    enum authority_part part;
    X509 *root;
    X509 *cert; /* the part's; may be the root */
    EVP_PKEY *key;
    struct authority_index index;
};

int authority_fail(char problem[256], int error, const char *format, ...)
    SP_PRINTF(3, 4);

/* Waits for the lock on the folder. */
int authority_folder_open(int at, const char *folder, int *fd,
                          char problem[256]) SP_MUST_USE;
int authority_records_open(int folder, enum authority_part part,
                           int *fd) SP_MUST_USE;
int authority_cert_read(int folder, const char *name, X509 **cert,
                        char problem[256]) SP_MUST_USE;
/* An old folder: ca.crt issues by itself. */
bool authority_is_single(X509 *root);
const char *authority_key_name(enum authority_part part, bool single);

int64_t authority_end(X509 *cert);    /* ms UTC; INT64_MIN: not readable */
char *authority_cert_pem(X509 *cert); /* malloc'd; NULL: memory */
/* The common name of its subject, malloc'd. */
char *authority_common_name(X509 *cert);

/* Fills a record of a certificate that is about to be put on record. */
int authority_record_fill(X509 *cert, const char *serial, const char *party,
                          const char *person, const char *profile, int64_t now,
                          struct authority_record *record) SP_MUST_USE;
/* The file <serial>.crt first, then the index: what the index has is whole. */
int authority_record_add(int records, struct authority_index *index,
                         const struct authority_record *record,
                         const char *pem) SP_MUST_USE;
/* Whether a key may be certified for this person: SP_EEXIST, SP_EPERM. `party`
 * NULL: for an authority, any of which may have had it. */
int authority_key_check(int records, const struct authority_index *index,
                        EVP_PKEY *key, const char *party, const char *person,
                        char problem[256]) SP_MUST_USE;

#endif
