/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate request (PKCS#10, RFC 2986) under review: a stranger's bytes.
 * Nothing but its key ever gets into a certificate; the rest is shown to who
 * decides, with everything that could fool a terminal escaped.
 */
#ifndef SP_CERTS_REQUEST_H
#define SP_CERTS_REQUEST_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "certs/profile.h"
#include "lib/error.h"

#define REQUEST_MAX 65536 /* bytes of PEM */

struct request;

/* SP_EINVAL with `problem`: not a request in PEM. */
int request_read(const uint8_t *pem, size_t length, struct request **out,
                 char problem[256]) SP_MUST_USE;
void request_free(struct request *r);

/* Whether its key may be certified: SP_EINVAL with `problem`: a weak key, a
 * signature that is not its own key's or made with a broken digest. */
int request_check(const struct request *r, const struct profile **profile,
                  char problem[256]) SP_MUST_USE;

EVP_PKEY *request_key(const struct request *r); /* lives as long as `r` */
const uint8_t *request_fingerprint(const struct request *r); /* 32 bytes */

/* All that is in it, as lines of "  name: value". */
void request_print(const struct request *r, FILE *f);

#endif
