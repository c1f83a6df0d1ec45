/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a leaf says it is for, out of its alternative names and its subject:
 * walked as GENERAL_NAMEs, never as printed text. The bytes are a stranger's
 * until its chain has been verified.
 */
#ifndef SP_CERTS_SAN_H
#define SP_CERTS_SAN_H

#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a person is recognised. */
enum identity_rule {
    IDENTITY_BY_NOTHING,
    IDENTITY_BY_ISSUER_SUBJECT,
    IDENTITY_BY_ISSUER_SERIAL,
    IDENTITY_BY_SPKI,
    IDENTITY_BY_URI,
    IDENTITY_BY_UUID,
    IDENTITY_BY_EMAIL,
    IDENTITY_BY_UPN,
    IDENTITY_BY_EDIPI,
    IDENTITY_BY_FASCN,
    IDENTITY_RULES
};

/* The word that policies use: "issuer_subject" …; "none". */
const char *identity_rule_text(enum identity_rule rule);

/* A name as it is compared: UUIDs as 16 bytes, FASC-Ns as 32 digits, e-mail
 * with its domain in lower case, the others byte by byte. */
#define SAN_VALUE_MAX 512
typedef void san_fn(void *arg, enum identity_rule rule, const void *value,
                    size_t length);

/* Calls `each` for every name that one of the rules (bits 1u << rule) reads and
 * that is well formed; a malformed one names nobody. URIs come twice if both
 * rules are asked for: as they are and, urn:uuid:, as UUIDs. A certificate
 * whose CN and UPN name different EDIPIs has none. */
void san_each(const STACK_OF(GENERAL_NAME) * names, const X509_NAME *subject,
              unsigned rules, san_fn *each, void *arg);

/* False: a NUL in a text among them, where some readers stop. */
bool san_is_plain(const STACK_OF(GENERAL_NAME) * names);
bool subject_is_plain(const X509_NAME *name);

/* An address as it is compared, in `value`; 0: not one mailbox "LOCAL@DOMAIN"
 * of printable ASCII. */
size_t san_email(const char *text, size_t length, char value[SAN_VALUE_MAX]);

#endif
