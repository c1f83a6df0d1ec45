/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of OpenSSL's providers does the work, and the FIPS switch
 * (docs/tls.md). What libsodium does is outside of it.
 */
#ifndef SP_CERTS_CRYPTO_H
#define SP_CERTS_CRYPTO_H

#include <stdbool.h>

#include "lib/error.h"

/* Once in a process, before anything else of OpenSSL's is used. `fips`: only
 * the FIPS provider and approved algorithms from here on. Called again it
 * changes nothing, and only looks whether a start like this would be possible.
 * SP_EUNSUPPORTED with `problem`: no provider, or its self test failed. */
int crypto_start(bool fips, char problem[256]) SP_MUST_USE;

/* "OpenSSL-3.0.19;default-3.0.19;fips=off": the library, the provider that
 * gives SHA-256, whether approved algorithms alone are used. Printable, no
 * spaces. */
#define CRYPTO_TEXT 97
void crypto_text(char text[CRYPTO_TEXT]);

#endif
