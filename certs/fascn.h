/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Federal Agency Smart Credential Number of a PIV card (SP 800-73,
 * "Wiegand" layout of the PACS guidance): 25 bytes, 40 symbols of four data
 * bits, the least significant first, and odd parity.
 */
#ifndef SP_CERTS_FASCN_H
#define SP_CERTS_FASCN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/identifier.h"

#define FASCN_BYTES 25

/* The digits of all nine fields. SP_EINVAL: another length, a symbol with even
 * parity, no digit where one belongs, a separator, sentinel or check symbol
 * that is wrong. */
int fascn_decode(const uint8_t *data, size_t length,
                 char digits[FASCN_DIGITS + 1]) SP_MUST_USE;

#endif
