/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the authority's index, and as a certificate request, in PEM and
 * as the DER in it: an index that is read is written back to the byte, what of
 * a request is shown cannot fool a terminal, and no key is taken whose
 * signature is not there.
 */
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/authority_crl.h"
#include "certs/authority_index.h"
#include "certs/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void as_index(const char *text, size_t size)
{
    struct authority_index index;
    char problem[256] = "", *again = NULL;
    size_t length = 0;

    if (authority_index_parse(text, size, &index, problem) != 0) {
        must(problem[0] != '\0' && index.list == NULL);
        return;
    }
    must(authority_index_format(&index, &again, &length) == 0);
    must(length == size && memcmp(again, text, size) == 0);
    free(again);
    authority_index_release(&index);
}

static void as_request(const uint8_t *pem, size_t size)
{
    const struct profile *profile = NULL;
    struct request *r = NULL;
    char problem[256] = "", *shown = NULL;
    size_t length = 0;
    FILE *f;

    if (request_read(pem, size, &r, problem) != 0) {
        must(problem[0] != '\0');
        return;
    }
    f = open_memstream(&shown, &length);
    must(f != NULL);
    request_print(r, f);
    must(fclose(f) == 0);
    for (size_t i = 0; i < length; i++)
        must(shown[i] == '\n' || (shown[i] >= ' ' && shown[i] <= '~') ||
             (uint8_t)shown[i] == 0xe2 || (uint8_t)shown[i] == 0x80 ||
             (uint8_t)shown[i] == 0xa6); /* our own "…" */
    if (request_check(r, &profile, problem) == 0)
        must(profile != NULL && strstr(shown, "does NOT verify") == NULL);
    else
        must(problem[0] != '\0');
    free(shown);
    request_free(r);
}

/* The DER that a mutation reaches without the armour in its way. */
static void as_der(const uint8_t *der, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    long length;

    must(bio != NULL);
    if (PEM_write_bio(bio, PEM_STRING_X509_REQ, "", der, (long)size) > 0 &&
        (length = BIO_get_mem_data(bio, &pem)) > 0)
        as_request((const uint8_t *)pem, (size_t)length);
    BIO_free(bio);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_index((const char *)data, size);
    as_request(data, size);
    if (size > 0 && size < 32768)
        as_der(data, size);
    (void)authority_crl_number(data, size);
    return 0;
}
