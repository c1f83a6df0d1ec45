/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deployment's authority on disk: opening it and what is on record. Used by
 * the command, and by a role that signs revocation lists; the workers never
 * see a key of it. Whatever is issued is on disk, in issued/ and its index,
 * before it is handed out: an authority must know what it vouched for.
 */
#include "certs/authority.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "certs/authority_parts.h"
#include "certs/pem.h"
#include "lib/file.h"
#include "lib/limits.h"

int authority_fail(char problem[256], int error, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(problem, 256, format, list);
    va_end(list);
    ERR_clear_error();
    return error;
}

/* --- names and texts ----------------------------------------------------- */

static bool text_is(const char *text, const char *first, const char *rest,
                    size_t max)
{
    size_t length = strlen(text);

    return length > 0 && length <= max && strchr(first, text[0]) != NULL &&
           strspn(text, rest) == length;
}

#define WORD "abcdefghijklmnopqrstuvwxyz0123456789"

int authority_check_names(const char *deployment, const char *party,
                          const char *person, char problem[256])
{
    if (deployment != NULL && !text_is(deployment, WORD, WORD "-", 63))
        return authority_fail(
            problem, SP_EINVAL,
            "the deployment's id: expected 1 to 63 of a-z 0-9 -");
    if (party != NULL && !text_is(party, WORD, WORD "._-", LIMIT_NAME_BYTES))
        return authority_fail(
            problem, SP_EINVAL,
            "the party's name: expected 1 to %d of a-z 0-9 . _ -",
            LIMIT_NAME_BYTES);
    if (person != NULL && !text_is(person, WORD, WORD "._-", LIMIT_NAME_BYTES))
        return authority_fail(
            problem, SP_EINVAL,
            "the person's name: expected 1 to %d of a-z 0-9 . _ -",
            LIMIT_NAME_BYTES);
    return 0;
}

char *authority_cert_pem(X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL, *text = NULL;
    long length;

    if (bio != NULL && PEM_write_bio_X509(bio, cert) == 1 &&
        (length = BIO_get_mem_data(bio, &data)) > 0 &&
        (text = calloc(1, (size_t)length + 1)) != NULL)
        memcpy(text, data, (size_t)length);
    BIO_free(bio);
    return text;
}

char *authority_common_name(X509 *cert)
{
    char name[128] = "";

    if (X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName,
                                  name, sizeof name) <= 0)
        return NULL;
    return strdup(name);
}

int64_t authority_end(X509 *cert)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
        return INT64_MIN;
    return (int64_t)timegm(&tm) * 1000;
}

/* --- the folder ---------------------------------------------------------- */

static int folder_lock(int at, const char *folder, int how, int *fd,
                       char problem[256])
{
    int r;

    *fd = openat(at, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        return authority_fail(problem, sp_error_from_errno(), "%.180s: %s",
                              folder, strerror(errno));
    while (flock(*fd, how) != 0) {
        if (errno == EINTR)
            continue;
        r = errno == EWOULDBLOCK ? SP_EAGAIN : SP_EIO;
        authority_fail(problem, r, "%.180s: its lock: %s", folder,
                       strerror(errno));
        close(*fd);
        *fd = -1;
        return r;
    }
    return 0;
}

int authority_folder_open(int at, const char *folder, int *fd,
                          char problem[256])
{
    return folder_lock(at, folder, LOCK_EX, fd, problem);
}

int authority_records_open(int folder, enum authority_part part, int *fd)
{
    const char *name =
        part == AUTHORITY_ROOT ? AUTHORITY_AUTHORITIES : AUTHORITY_ISSUED;
    int r = file_make_folders(folder, name, 0700);

    if (r != 0)
        return r;
    /* The folder may be a daemon's, and this somebody with more rights: no link
     * leads out of it. */
    *fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *fd < 0 ? sp_error_from_errno() : 0;
}

int authority_cert_read(int folder, const char *name, X509 **cert,
                        char problem[256])
{
    STACK_OF(X509) *certs = NULL;
    uint8_t *pem = NULL;
    char why[PEM_PROBLEM];
    size_t length = 0;
    int r = file_read(folder, name, AUTHORITY_FILE_MAX, &pem, &length);

    if (r != 0)
        return authority_fail(problem, r,
                              "%s: %s: expected an authority, as \"sallyport "
                              "ca init\" makes one",
                              name, sp_strerror(r));
    r = pem_read_certificates(pem, length, &certs, why);
    free(pem);
    if (r != 0)
        return authority_fail(problem, r, "%s: %.200s", name, why);
    *cert = sk_X509_shift(certs);
    sk_X509_pop_free(certs, X509_free);
    return 0;
}

bool authority_is_single(X509 *root)
{
    return X509_get_pathlen(root) == 0;
}

const char *authority_key_name(enum authority_part part, bool single)
{
    return part == AUTHORITY_ROOT || single ? "ca.key" : "issuing.key";
}

/* --- opening ------------------------------------------------------------- */

/* An issuing authority that the root took back must not go on. */
static int issuing_check_revoked(const struct authority *a, char problem[256])
{
    struct authority_index index;
    uint8_t sha256[32];
    int fd = openat(a->folder, AUTHORITY_AUTHORITIES,
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return 0; /* the root is elsewhere */
    r = authority_index_load(fd, &index, problem);
    close(fd);
    if (r == 0 && X509_digest(a->cert, EVP_sha256(), sha256, NULL) != 1)
        r = SP_ECRYPTO;
    for (size_t i = 0; r == 0 && i < index.count; i++) {
        if (index.list[i].revoked != 0 &&
            memcmp(index.list[i].sha256, sha256, sizeof sha256) == 0)
            r = authority_fail(problem, SP_EPERM,
                               "issuing.crt was revoked (%s): expected a new "
                               "issuing authority",
                               authority_reason_text(index.list[i].reason));
    }
    authority_index_release(&index);
    return r;
}

static int issuing_check(const struct authority *a, char problem[256])
{
    if (X509_check_issued(a->root, a->cert) != X509_V_OK ||
        X509_verify(a->cert, X509_get0_pubkey(a->root)) != 1)
        return authority_fail(problem, SP_EPERM,
                              "issuing.crt: expected one that ca.crt vouches "
                              "for, not another authority's");
    return issuing_check_revoked(a, problem);
}

static int certs_open(struct authority *a, char problem[256])
{
    int r = authority_cert_read(a->folder, "ca.crt", &a->root, problem);

    if (r != 0)
        return r;
    if (a->part == AUTHORITY_ROOT || authority_is_single(a->root)) {
        a->cert = a->root;
        return X509_up_ref(a->root) == 1 ? 0 : SP_ECRYPTO;
    }
    r = authority_cert_read(a->folder, "issuing.crt", &a->cert, problem);
    if (r == SP_ENOENT)
        return authority_fail(problem, r,
                              "issuing.crt: %s: expected an issuing authority: "
                              "\"sallyport ca request\" asks the root for one",
                              sp_strerror(r));
    return r != 0 ? r : issuing_check(a, problem);
}

static int key_open(struct authority *a, const char *passphrase,
                    char problem[256])
{
    const char *name =
        authority_key_name(a->part, authority_is_single(a->root));
    int r = authority_key_read(a->folder, name, passphrase, &a->key, problem);

    if (r != 0)
        return r;
    if (EVP_PKEY_eq(X509_get0_pubkey(a->cert), a->key) == 1)
        return 0;
    return authority_fail(
        problem, SP_EPERM, "%s: expected the key of %s, not another one", name,
        strcmp(name, "ca.key") == 0 ? "ca.crt" : "issuing.crt");
}

static int records_open(struct authority *a, char problem[256])
{
    int r = authority_records_open(a->folder, a->part, &a->records);

    /* What the process before us renamed and did not come to sync can be read:
     * nobody may be told of it as long as a loss of power takes it back. */
    if (r == 0 && fsync(a->records) != 0)
        r = sp_error_from_errno();
    if (r != 0)
        return authority_fail(problem, r, "its records: %s", sp_strerror(r));
    r = authority_index_load(a->records, &a->index, problem);
    /* The daemon reads the newer form alone. */
    if (r == 0 && a->index.old &&
        (r = authority_index_store(a->records, &a->index)) != 0)
        authority_fail(problem, r, "its index: %s", sp_strerror(r));
    return r;
}

int authority_open(const struct authority_opening *o, struct authority **out,
                   char problem[256])
{
    struct authority *a = calloc(1, sizeof *a);
    int r;

    problem[0] = '\0';
    if (a == NULL)
        return authority_fail(problem, SP_ENOMEM, "%s", sp_strerror(SP_ENOMEM));
    a->folder = a->records = -1;
    a->part = o->part;
    if ((r = folder_lock(o->at, o->folder,
                         o->at_once ? LOCK_EX | LOCK_NB : LOCK_EX, &a->folder,
                         problem)) == 0 &&
        (r = certs_open(a, problem)) == 0 &&
        (r = records_open(a, problem)) == 0 && o->with_key)
        r = key_open(a, o->passphrase, problem);
    if (r != 0) {
        if (problem[0] == '\0')
            authority_fail(problem, r, "%s", sp_strerror(r));
        authority_close(a);
        return r;
    }
    *out = a;
    return 0;
}

void authority_close(struct authority *a)
{
    if (a == NULL)
        return;
    authority_index_release(&a->index);
    X509_free(a->root);
    X509_free(a->cert);
    EVP_PKEY_free(a->key);
    if (a->records >= 0)
        close(a->records);
    if (a->folder >= 0)
        close(a->folder); /* and the lock goes */
    free(a);
}

int authority_look_key(int at, const char *folder, enum authority_part part,
                       enum authority_key_state *state)
{
    char problem[256];
    X509 *root = NULL;
    bool single = false;
    int fd = openat(at, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

    *state = AUTHORITY_KEY_NONE;
    if (fd < 0)
        return sp_error_from_errno();
    if (authority_cert_read(fd, "ca.crt", &root, problem) == 0)
        single = authority_is_single(root);
    X509_free(root);
    r = authority_key_look(fd, authority_key_name(part, single), state);
    close(fd);
    return r;
}

X509 *authority_certificate(const struct authority *a)
{
    return a->cert;
}

EVP_PKEY *authority_key(const struct authority *a)
{
    return a->key;
}

const struct authority_index *authority_records(const struct authority *a)
{
    return &a->index;
}

char *authority_deployment(const struct authority *a)
{
    return authority_common_name(a->root);
}

/* --- records ------------------------------------------------------------- */

int authority_record_fill(X509 *cert, const char *serial, const char *party,
                          const char *person, const char *profile, int64_t now,
                          struct authority_record *record)
{
    int n;

    *record = (struct authority_record){.issued = now,
                                        .not_after = authority_end(cert)};
    if (X509_digest(cert, EVP_sha256(), record->sha256, NULL) != 1)
        return SP_ECRYPTO;
    n = snprintf(record->person, sizeof record->person, "%s", person);
    if (n < 0 || (size_t)n >= sizeof record->person)
        return SP_ETOOBIG;
    snprintf(record->serial, sizeof record->serial, "%s", serial);
    snprintf(record->party, sizeof record->party, "%s", party);
    snprintf(record->profile, sizeof record->profile, "%s", profile);
    return 0;
}

int authority_record_add(int records, struct authority_index *index,
                         const struct authority_record *record, const char *pem)
{
    char name[AUTHORITY_SERIAL_TEXT + 4];
    int r;

    snprintf(name, sizeof name, "%s.crt", record->serial);
    r = file_create(records, name, 0644, pem, strlen(pem));
    if (r == 0)
        r = authority_index_add(index, record);
    if (r == 0 && (r = authority_index_store(records, index)) != 0)
        index->count--;
    return r;
}

/* Whose key it is: a key that is two people's is nobody's proof. */
static int key_compare(const struct authority_record *r, const char *party,
                       const char *person, char problem[256])
{
    if (r->revoked != 0 && (r->reason == AUTHORITY_KEY_COMPROMISE ||
                            r->reason == AUTHORITY_CA_COMPROMISE))
        return authority_fail(problem, SP_EPERM,
                              "the key was revoked as compromised (serial %s): "
                              "expected a new key",
                              r->serial);
    if (party != NULL &&
        (strcmp(r->party, party) != 0 || strcmp(r->person, person) != 0))
        return authority_fail(problem, SP_EEXIST,
                              "the key is certified for %s/%.80s (serial %s): "
                              "expected a key of their own",
                              r->party, r->person, r->serial);
    return 0;
}

int authority_key_check(int records, const struct authority_index *index,
                        EVP_PKEY *key, const char *party, const char *person,
                        char problem[256])
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < index->count; i++) {
        X509 *cert = NULL;

        r = authority_index_certificate(records, &index->list[i], &cert,
                                        problem);
        if (r == 0 && EVP_PKEY_eq(X509_get0_pubkey(cert), key) == 1)
            r = key_compare(&index->list[i], party, person, problem);
        X509_free(cert);
        ERR_clear_error();
    }
    return r;
}
