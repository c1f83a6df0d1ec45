/* SPDX-License-Identifier: Apache-2.0 */
/* Authorities in a temporary folder, for tests of them. */
#ifndef SP_TESTS_CERTS_AUTHORITIES_H
#define SP_TESTS_CERTS_AUTHORITIES_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certs/authority.h"
#include "certs/authority_make.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "tests/unit/certs/made.h"

#define HOUR 3600000LL
#define DAY  (24 * HOUR)

static char root[64]; /* everything is below it */
static int64_t now;

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int root_make(void **state)
{
    (void)state;
    now = clock_wall_ms();
    strcpy(root, "/tmp/sallyport-test-XXXXXX");
    return mkdtemp(root) == NULL;
}

static int root_remove(void **state)
{
    (void)state;
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* "<root>/<name>", good until the next but seven. */
static const char *below(const char *name)
{
    static char paths[8][160];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static inline char *text_at(const char *path)
{
    uint8_t *data = NULL;
    size_t length;

    if (file_read(AT_FDCWD, path, 1 << 20, &data, &length) != 0)
        fail_msg("cannot read %s", path);
    return (char *)data;
}

static inline void text_put(const char *path, const char *text)
{
    assert_int_equal(file_replace(AT_FDCWD, path, 0600, text, strlen(text)), 0);
}

static inline X509 *cert_of(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    assert_non_null(cert);
    return cert;
}

static inline struct authority *opened(const char *folder,
                                       enum authority_part part, bool with_key)
{
    const struct authority_opening o = {
        .at = AT_FDCWD, .folder = folder, .part = part, .with_key = with_key};
    struct authority *a = NULL;
    char problem[256];

    if (authority_open(&o, &a, problem) != 0)
        fail_msg("%s: %s", folder, problem);
    return a;
}

/* An authority named `name` of the deployment "test". */
static inline const char *authority_made(const char *name)
{
    const char *folder = below(name);
    char problem[256];

    if (authority_create(folder, "test", problem) != 0)
        fail_msg("%s: %s", folder, problem);
    return folder;
}

static inline char *csr_text_of(EVP_PKEY *key, const EVP_MD *digest)
{
    X509_REQ *csr = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());

    X509_REQ_set_pubkey(csr, key);
    made_must(X509_REQ_sign(csr, key, digest) > 0, "request");
    made_must(PEM_write_bio_X509_REQ(bio, csr) == 1, "request");
    X509_REQ_free(csr);
    return made_take(bio);
}

static inline struct request *request_of(EVP_PKEY *key)
{
    char *pem =
        csr_text_of(key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256());
    struct request *r = NULL;
    char problem[256];

    if (request_read((uint8_t *)pem, strlen(pem), &r, problem) != 0)
        fail_msg("%s", problem);
    free(pem);
    return r;
}

static inline struct authority_order order_for(const char *person)
{
    return (struct authority_order){.deployment = "test",
                                    .party = "lab",
                                    .person = person,
                                    .now = now,
                                    .not_after = now + DAY};
}

/* Issues; returns the record. */
static inline struct authority_record issued_to(struct authority *a,
                                                const char *person)
{
    const struct authority_order o = order_for(person);
    struct authority_issued out = {0};
    char problem[256];

    if (authority_issue(a, &o, &out, problem) != 0)
        fail_msg("%s: %s", person, problem);
    authority_issued_free(&out);
    return out.record;
}

#endif
