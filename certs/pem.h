/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys out of PEM texts in memory. */
#ifndef SP_CERTS_PEM_H
#define SP_CERTS_PEM_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/* One line about what is wrong; empty while nothing is. */
#define PEM_PROBLEM 256

/* Every CERTIFICATE block, in order; at least one. Other blocks and text
 * around them are skipped. SP_EINVAL with `problem`, SP_ENOMEM. */
int pem_read_certificates(const uint8_t *pem, size_t length,
                          STACK_OF(X509) * *certs,
                          char problem[PEM_PROBLEM]) SP_MUST_USE;

/* A private key without a passphrase; nobody is asked for one. SP_EINVAL. */
int pem_read_key(const uint8_t *pem, size_t length, EVP_PKEY **key,
                 char problem[PEM_PROBLEM]) SP_MUST_USE;

/* Puts the reason of OpenSSL's newest error behind `what` and clears the
 * error queue. */
void pem_problem(char problem[PEM_PROBLEM], const char *what);

#endif
