/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remembers verified chains by the SHA-256 of every byte that the client sent
 * of it. Runs in a worker; a place for each of a fixed number, the newer one
 * wins, so that nobody can make it grow, and whoever pushes others out had to
 * be verified for it.
 */
#include "certs/verified.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 512

struct place {
    uint8_t key[32];
    struct identity id;
};

struct verified {
    EVP_MD *sha256;
    EVP_MD_CTX *digest;
    struct place *places[PLACES]; /* NULL: nobody came yet */
};

static void place_empty(struct place **place)
{
    if (*place != NULL)
        identity_release(&(*place)->id);
    free(*place);
    *place = NULL;
}

struct verified *verified_new(void)
{
    struct verified *v = calloc(1, sizeof *v);

    if (v == NULL)
        return NULL;
    v->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    v->digest = EVP_MD_CTX_new();
    if (v->sha256 == NULL || v->digest == NULL) {
        verified_free(v);
        return NULL;
    }
    return v;
}

void verified_free(struct verified *v)
{
    if (v == NULL)
        return;
    for (size_t i = 0; i < PLACES; i++)
        place_empty(&v->places[i]);
    EVP_MD_CTX_free(v->digest);
    EVP_MD_free(v->sha256);
    free(v);
}

/* DER says how long it is: one after the other has one meaning. */
static bool key_add(struct verified *v, const X509 *cert)
{
    unsigned char *der = NULL;
    int length = i2d_X509(cert, &der);
    bool good =
        length > 0 && EVP_DigestUpdate(v->digest, der, (size_t)length) == 1;

    OPENSSL_free(der);
    return good;
}

/* False: it cannot be remembered. `chain` has the leaf again, or not. */
static bool key_make(struct verified *v, const X509 *leaf,
                     const STACK_OF(X509) * chain, uint8_t key[32])
{
    bool good =
        EVP_DigestInit_ex(v->digest, v->sha256, NULL) == 1 && key_add(v, leaf);

    for (int i = 0; good && i < sk_X509_num(chain); i++)
        good = key_add(v, sk_X509_value(chain, i));
    return good && EVP_DigestFinal_ex(v->digest, key, NULL) == 1;
}

static bool place_is(const struct place *p, const uint8_t key[32], int64_t now)
{
    return p != NULL && memcmp(p->key, key, 32) == 0 &&
           p->id.not_before <= now && now < p->id.not_after;
}

static void place_fill(struct place **place, const uint8_t key[32],
                       const struct identity *id)
{
    place_empty(place);
    if ((*place = calloc(1, sizeof **place)) == NULL)
        return;
    memcpy((*place)->key, key, 32);
    if (identity_copy(&(*place)->id, id) != 0)
        place_empty(place);
}

int verified_identity(struct verified *v, const struct identities *ids,
                      X509 *leaf, STACK_OF(X509) * chain, int64_t now,
                      const struct identity_options *options,
                      struct identity *id, int *x509_error)
{
    struct place **place;
    uint8_t key[32];
    int r;

    if (v == NULL || !key_make(v, leaf, chain, key)) {
        ERR_clear_error();
        return identity_from_chain(ids, leaf, chain, now, options, id,
                                   x509_error);
    }
    place = &v->places[(key[0] | (unsigned)key[1] << 8) % PLACES];
    if (place_is(*place, key, now) && identity_copy(id, &(*place)->id) == 0) {
        *x509_error = X509_V_OK;
        return 0;
    }
    r = identity_from_chain(ids, leaf, chain, now, options, id, x509_error);
    if (r == 0)
        place_fill(place, key, id);
    return r;
}
