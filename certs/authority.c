/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small authority: a folder with its certificate, its key and everything
 * it ever issued. Used by the command alone; the daemon never sees the key.
 * Names come from an approved policy or the operator and are checked again
 * here, because they become part of what certificates say. Requests (CSR) come
 * from a party: nothing but the public key is taken from them.
 *
 * Whatever is issued is on disk, in issued/ and its index, before it is handed
 * out: an authority must know what it vouched for.
 */
#include "certs/authority.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certs/certificate.h"
#include "certs/pem.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/limits.h"

#define AUTHORITY_YEARS_MS (10LL * 365 * 24 * 3600 * 1000)
/* Clocks of those who verify may be behind ours. */
#define AUTHORITY_SKEW_MS  (5LL * 60 * 1000)
#define AUTHORITY_FILE_MAX 65536
#define AUTHORITY_RSA_MAX  8192

struct authority {
    int folder; /* descriptor */
    X509 *cert;
    EVP_PKEY *key;
};

static int fail(char problem[256], int error, const char *format, ...)
    SP_PRINTF(3, 4);

static int fail(char problem[256], int error, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(problem, 256, format, list);
    va_end(list);
    ERR_clear_error();
    return error;
}

/* --- names --------------------------------------------------------------- */

static bool text_is(const char *text, const char *first, const char *rest,
                    size_t max)
{
    size_t length = strlen(text);

    return length > 0 && length <= max && strchr(first, text[0]) != NULL &&
           strspn(text, rest) == length;
}

#define WORD "abcdefghijklmnopqrstuvwxyz0123456789"

static int names_check(const char *deployment, const char *party,
                       const char *person, char problem[256])
{
    if (!text_is(deployment, WORD, WORD "-", 63))
        return fail(problem, SP_EINVAL,
                    "the deployment's id: expected 1 to 63 of a-z 0-9 -");
    if (party != NULL && !text_is(party, WORD, WORD "._-", LIMIT_NAME_BYTES))
        return fail(problem, SP_EINVAL,
                    "the party's name: expected 1 to %d of a-z 0-9 . _ -",
                    LIMIT_NAME_BYTES);
    if (person != NULL && !text_is(person, WORD, WORD "._-", LIMIT_NAME_BYTES))
        return fail(problem, SP_EINVAL,
                    "the person's name: expected 1 to %d of a-z 0-9 . _ -",
                    LIMIT_NAME_BYTES);
    return 0;
}

/* --- texts --------------------------------------------------------------- */

/* The BIO's bytes as malloc'd text; frees the BIO. NULL: out of memory. */
static char *bio_take(BIO *bio)
{
    char *data = NULL, *text;
    long length = BIO_get_mem_data(bio, &data);

    text = length < 0 ? NULL : calloc(1, (size_t)length + 1);
    if (text != NULL && length > 0)
        memcpy(text, data, (size_t)length);
    if (length > 0)
        OPENSSL_cleanse(data, (size_t)length); /* it may have been a key */
    BIO_free(bio);
    return text;
}

static char *cert_pem(X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (bio != NULL && PEM_write_bio_X509(bio, cert) == 1)
        return bio_take(bio);
    BIO_free(bio);
    return NULL;
}

static char *key_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (bio != NULL &&
        PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
        return bio_take(bio);
    BIO_free(bio);
    return NULL;
}

static void secret_free(char *text)
{
    if (text != NULL)
        OPENSSL_cleanse(text, strlen(text));
    free(text);
}

void authority_issued_free(struct authority_issued *i)
{
    free(i->cert_pem);
    secret_free(i->key_pem);
    i->cert_pem = NULL;
    i->key_pem = NULL;
}

/* --- the folder ---------------------------------------------------------- */

static int folder_open(const char *folder, int *fd, char problem[256])
{
    *fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        return fail(problem, sp_error_from_errno(), "%.180s: %s", folder,
                    strerror(errno));
    return 0;
}

static int folder_check_fresh(int folder, char problem[256])
{
    static const char *const names[] = {"ca.crt", "ca.key"};
    struct stat st;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (fstatat(folder, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
            return fail(problem, SP_EEXIST,
                        "%s exists: an authority is never overwritten",
                        names[i]);
    }
    return 0;
}

/* The key before the certificate: what says "here is an authority" comes
 * last, and goes away again if it cannot be completed. */
static int folder_fill(int folder, const char *cert, const char *key,
                       char problem[256])
{
    int r = file_make_folders(folder, "issued", 0700);

    if (r == 0)
        r = file_create(folder, "ca.key", 0600, key, strlen(key));
    if (r == 0) {
        r = file_create(folder, "ca.crt", 0644, cert, strlen(cert));
        if (r != 0)
            (void)unlinkat(folder, "ca.key", 0);
    }
    if (r != 0)
        return fail(problem, r, "the authority's files: %s", sp_strerror(r));
    return 0;
}

static int authority_make(const char *deployment, enum authority_curve curve,
                          char **cert_text, char **key_text, char problem[256])
{
    EVP_PKEY *key = EVP_EC_gen(curve == AUTHORITY_P384 ? "P-384" : "P-256");
    int64_t now = clock_wall_ms();
    struct certificate_plan plan = {.kind = CERTIFICATE_AUTHORITY,
                                    .organization = "sallyport authority",
                                    .name = deployment,
                                    .from = now - AUTHORITY_SKEW_MS,
                                    .to = now + AUTHORITY_YEARS_MS,
                                    .key = key};
    char serial[CERTIFICATE_SERIAL_TEXT];
    X509 *cert = NULL;
    int r = key == NULL ? SP_ECRYPTO : certificate_make(&plan, &cert, serial);

    if (r != 0) {
        pem_problem(problem, "the authority cannot be made");
    } else {
        *cert_text = cert_pem(cert);
        *key_text = key_pem(key);
        if (*cert_text == NULL || *key_text == NULL)
            r = fail(problem, SP_ENOMEM, "%s", sp_strerror(SP_ENOMEM));
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    return r;
}

int authority_create(const char *folder, const char *deployment,
                     enum authority_curve curve, char problem[256])
{
    char *cert = NULL, *key = NULL;
    int fd = -1, r;

    problem[0] = '\0';
    if ((r = names_check(deployment, NULL, NULL, problem)) != 0)
        return r;
    r = file_make_folders(AT_FDCWD, folder, 0700);
    if (r != 0)
        return fail(problem, r, "%.180s: %s", folder, sp_strerror(r));
    if ((r = folder_open(folder, &fd, problem)) != 0)
        return r;
    if ((r = folder_check_fresh(fd, problem)) == 0 &&
        (r = authority_make(deployment, curve, &cert, &key, problem)) == 0)
        r = folder_fill(fd, cert, key, problem);
    close(fd);
    free(cert);
    secret_free(key);
    return r;
}

/* --- an authority that exists -------------------------------------------- */

static void authority_close(struct authority *a)
{
    X509_free(a->cert);
    EVP_PKEY_free(a->key);
    if (a->folder >= 0)
        close(a->folder);
}

static int authority_read_cert(struct authority *a, char problem[256])
{
    STACK_OF(X509) *certs = NULL;
    uint8_t *pem = NULL;
    char why[PEM_PROBLEM];
    size_t length = 0;
    int r = file_read(a->folder, "ca.crt", AUTHORITY_FILE_MAX, &pem, &length);

    if (r != 0)
        return fail(problem, r,
                    "ca.crt: %s: expected an authority, as \"sallyport ca "
                    "init\" makes one",
                    sp_strerror(r));
    r = pem_read_certificates(pem, length, &certs, why);
    free(pem);
    if (r != 0)
        return fail(problem, r, "ca.crt: %.200s", why);
    a->cert = sk_X509_shift(certs);
    sk_X509_pop_free(certs, X509_free);
    return 0;
}

static int authority_read_key(struct authority *a, char problem[256])
{
    uint8_t *pem = NULL;
    char why[PEM_PROBLEM];
    size_t length = 0;
    int r = file_read(a->folder, "ca.key", AUTHORITY_FILE_MAX, &pem, &length);

    if (r != 0)
        return fail(problem, r,
                    "ca.key: %s: certificates are issued where the "
                    "authority's key is",
                    sp_strerror(r));
    r = pem_read_key(pem, length, &a->key, why);
    OPENSSL_cleanse(pem, length);
    free(pem);
    if (r != 0)
        return fail(problem, r, "ca.key: %.200s", why);
    if (X509_check_private_key(a->cert, a->key) != 1)
        return fail(problem, SP_EPERM,
                    "ca.key: expected the key of ca.crt, not another one");
    return 0;
}

static int authority_open(const char *folder, struct authority *a,
                          char problem[256])
{
    int r;

    *a = (struct authority){.folder = -1};
    if ((r = folder_open(folder, &a->folder, problem)) == 0 &&
        (r = authority_read_cert(a, problem)) == 0)
        r = authority_read_key(a, problem);
    if (r != 0)
        authority_close(a);
    return r;
}

/* --- issuing ------------------------------------------------------------- */

struct order {
    struct certificate_plan plan;
    const char *party;  /* in the index; "-" for a server */
    const char *person; /* in the index */
    const uint8_t *csr;
    size_t csr_length;
};

/* Keys that TLS 1.3 and the gate accept; see also certs/identity.c. */
static bool key_is_accepted(EVP_PKEY *key)
{
    char curve[32];
    size_t length;
    int bits = EVP_PKEY_get_bits(key);

    if (EVP_PKEY_is_a(key, "RSA"))
        return bits >= 2048 && bits <= AUTHORITY_RSA_MAX;
    if (EVP_PKEY_is_a(key, "ED25519"))
        return true;
    return EVP_PKEY_is_a(key, "EC") &&
           EVP_PKEY_get_group_name(key, curve, sizeof curve, &length) == 1 &&
           (strcmp(curve, SN_X9_62_prime256v1) == 0 ||
            strcmp(curve, SN_secp384r1) == 0 ||
            strcmp(curve, SN_secp521r1) == 0);
}

/* Its signature proves that who asks has the key; of its names none counts. */
static int csr_read_key(const uint8_t *pem, size_t length, EVP_PKEY **key,
                        char problem[256])
{
    BIO *bio =
        length > AUTHORITY_FILE_MAX ? NULL : BIO_new_mem_buf(pem, (int)length);
    X509_REQ *csr =
        bio == NULL ? NULL : PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    EVP_PKEY *public = csr == NULL ? NULL : X509_REQ_get_pubkey(csr);
    int r = 0;

    if (public == NULL)
        r = fail(problem, SP_EINVAL,
                 "expected a certificate request (PKCS#10) in PEM, at most "
                 "%d bytes",
                 AUTHORITY_FILE_MAX);
    else if (!key_is_accepted(public))
        r = fail(problem, SP_EINVAL,
                 "the request's key: expected EC P-256, P-384 or P-521, RSA "
                 "of 2048 to %d bits, or Ed25519",
                 AUTHORITY_RSA_MAX);
    else if (X509_REQ_verify(csr, public) != 1)
        r = fail(problem, SP_EINVAL,
                 "the request's signature does not verify: expected one made "
                 "by its own key");
    BIO_free(bio);
    X509_REQ_free(csr);
    if (r != 0) {
        EVP_PKEY_free(public);
        return r;
    }
    *key = public;
    return 0;
}

/* One line and one file for each certificate. The lock makes lines of two
 * commands at once whole. */
static int index_append(int issued, const char *serial, const struct order *o)
{
    int fd = openat(issued, "index", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
                    0600);
    char line[512], until[CLOCK_UTC_SIZE];
    ssize_t written;
    int n, r = 0;

    if (fd < 0)
        return sp_error_from_errno();
    clock_format_utc(o->plan.to / 1000 * 1000, until);
    n = snprintf(line, sizeof line, "%s %s %s %s\n", serial, o->party,
                 o->person, until);
    if (n < 0 || (size_t)n >= sizeof line) {
        r = SP_ETOOBIG;
    } else if (flock(fd, LOCK_EX) != 0) {
        r = sp_error_from_errno();
    } else {
        written = write(fd, line, (size_t)n);
        if (written != n)
            r = written < 0 ? sp_error_from_errno() : SP_ENOSPC;
        else if (fsync(fd) != 0)
            r = sp_error_from_errno();
    }
    close(fd);
    return r;
}

static int issued_record(const struct authority *a, const char *serial,
                         const char *pem, const struct order *o)
{
    char name[CERTIFICATE_SERIAL_TEXT + 4];
    int issued, r = file_make_folders(a->folder, "issued", 0700);

    if (r != 0)
        return r;
    issued = openat(a->folder, "issued", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (issued < 0)
        return sp_error_from_errno();
    snprintf(name, sizeof name, "%s.crt", serial);
    r = file_create(issued, name, 0644, pem, strlen(pem));
    if (r == 0)
        r = index_append(issued, serial, o);
    close(issued);
    return r;
}

/* Not longer than the authority itself: such a chain would not verify. */
static int order_check_times(const struct authority *a, struct order *o,
                             int64_t now, char problem[256])
{
    char until[CLOCK_UTC_SIZE];
    struct tm tm;
    int64_t end;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(a->cert), &tm) != 1)
        return fail(problem, SP_EINVAL, "ca.crt: its end cannot be read");
    end = (int64_t)timegm(&tm) * 1000;
    if (end <= now) {
        clock_format_utc(end, until);
        return fail(problem, SP_ERANGE, "the authority ended at %s", until);
    }
    if (o->plan.to / 1000 <= now / 1000) {
        clock_format_utc(o->plan.to, until);
        return fail(problem, SP_ERANGE,
                    "the certificate would end at %s: expected a time to come",
                    until);
    }
    if (o->plan.to > end)
        o->plan.to = end;
    o->plan.from = now - AUTHORITY_SKEW_MS;
    return 0;
}

static int order_find_key(struct order *o, char problem[256])
{
    if (o->csr != NULL)
        return csr_read_key(o->csr, o->csr_length, &o->plan.key, problem);
    o->plan.key = EVP_EC_gen("P-256");
    if (o->plan.key == NULL) {
        pem_problem(problem, "no key can be made");
        return SP_ECRYPTO;
    }
    return 0;
}

static int order_carry_out(struct order *o, const struct authority *a,
                           struct authority_issued *out, char problem[256])
{
    struct authority_issued made = {0};
    char serial[CERTIFICATE_SERIAL_TEXT];
    X509 *cert = NULL;
    int r;

    o->plan.issuer = a->cert;
    o->plan.issuer_key = a->key;
    if (certificate_make(&o->plan, &cert, serial) != 0) {
        pem_problem(problem, "the certificate cannot be made");
        return SP_ECRYPTO;
    }
    made.cert_pem = cert_pem(cert);
    made.key_pem = o->csr == NULL ? key_pem(o->plan.key) : NULL;
    X509_free(cert);
    if (made.cert_pem == NULL || (o->csr == NULL && made.key_pem == NULL))
        r = fail(problem, SP_ENOMEM, "%s", sp_strerror(SP_ENOMEM));
    else if ((r = issued_record(a, serial, made.cert_pem, o)) != 0)
        r = fail(problem, r, "issued/%s.crt and issued/index: %s", serial,
                 sp_strerror(r));
    if (r != 0) {
        authority_issued_free(&made);
        return r;
    }
    *out = made;
    return 0;
}

static int order_run(struct order *o, const char *folder, int64_t now,
                     struct authority_issued *out, char problem[256])
{
    struct authority a;
    int r = authority_open(folder, &a, problem);

    if (r != 0)
        return r;
    if ((r = order_check_times(&a, o, now, problem)) == 0 &&
        (r = order_find_key(o, problem)) == 0) {
        r = order_carry_out(o, &a, out, problem);
        EVP_PKEY_free(o->plan.key);
    }
    authority_close(&a);
    return r;
}

int authority_issue_client(const char *folder, const char *deployment,
                           const char *party, const char *person, int64_t now,
                           int64_t not_after, const uint8_t *csr_pem,
                           size_t csr_length, struct authority_issued *out,
                           char problem[256])
{
    struct order o = {.plan = {.kind = CERTIFICATE_CLIENT,
                               .organization = party,
                               .name = person,
                               .to = not_after},
                      .party = party,
                      .person = person,
                      .csr = csr_pem,
                      .csr_length = csr_length};
    GENERAL_NAMES *names = NULL;
    int r;

    problem[0] = '\0';
    if ((r = names_check(deployment, party, person, problem)) != 0)
        return r;
    r = alternatives_of_person(deployment, party, person, &names);
    if (r != 0)
        return fail(problem, r, "%s", sp_strerror(r));
    o.plan.alternatives = names;
    r = order_run(&o, folder, now, out, problem);
    sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
    return r;
}

int authority_issue_server(const char *folder, const char *deployment,
                           const char *const *names, size_t nnames, int64_t now,
                           int64_t not_after, struct authority_issued *out,
                           char problem[256])
{
    struct order o = {.plan = {.kind = CERTIFICATE_SERVER,
                               .organization = "sallyport gate",
                               .name = deployment,
                               .to = not_after},
                      .party = "-"};
    GENERAL_NAMES *alternatives = NULL;
    size_t bad = 0;
    int r;

    problem[0] = '\0';
    if ((r = names_check(deployment, NULL, NULL, problem)) != 0)
        return r;
    if (nnames == 0)
        return fail(problem, SP_EINVAL,
                    "expected at least one address or name for the server");
    r = alternatives_of_server(names, nnames, &alternatives, &bad);
    if (r == SP_EINVAL)
        return fail(problem, r, "\"%.200s\": expected an address or a DNS name",
                    names[bad]);
    if (r != 0)
        return fail(problem, r, "%s", sp_strerror(r));
    o.plan.alternatives = alternatives;
    o.person = names[0];
    r = order_run(&o, folder, now, out, problem);
    sk_GENERAL_NAME_pop_free(alternatives, GENERAL_NAME_free);
    return r;
}
