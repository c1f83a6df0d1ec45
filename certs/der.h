/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader of DER (X.690 section 10) that copies nothing: definite lengths in
 * their shortest form, tags of one byte, nothing looked at behind the end. For
 * lists that are too large for OpenSSL's tree of objects; a stranger's bytes.
 */
#ifndef SP_CERTS_DER_H
#define SP_CERTS_DER_H

#include <openssl/asn1.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define DER_BOOLEAN          0x01
#define DER_INTEGER          0x02
#define DER_BIT_STRING       0x03
#define DER_OCTET_STRING     0x04
#define DER_OID              0x06
#define DER_ENUMERATED       0x0a
#define DER_UTC_TIME         0x17
#define DER_GENERALIZED_TIME 0x18
#define DER_SEQUENCE         0x30
#define DER_CONTEXT_0        0xa0 /* constructed */

/* What is still to be read; at == end: nothing. */
struct der {
    const uint8_t *at, *end;
};

struct der_value {
    uint8_t tag;
    const uint8_t *data; /* its contents */
    size_t length;
    const uint8_t *whole; /* with tag and length */
    size_t whole_length;
};

static inline struct der der_of(const uint8_t *data, size_t length)
{
    return (struct der){.at = data, .end = data + length};
}

static inline struct der der_within(const struct der_value *v)
{
    return der_of(v->data, v->length);
}

static inline bool der_done(const struct der *d)
{
    return d->at == d->end;
}

static inline bool der_next_is(const struct der *d, uint8_t tag)
{
    return d->at != d->end && *d->at == tag;
}

/* The next value, or false: at the end, or not DER. */
bool der_take(struct der *d, struct der_value *v) SP_MUST_USE;
/* The next value if it has this tag. */
bool der_expect(struct der *d, uint8_t tag, struct der_value *v) SP_MUST_USE;

/* A boolean: 0x00 (which DER leaves out, and authorities do not) or 0xff. */
bool der_boolean(const struct der_value *v, bool *value) SP_MUST_USE;

/* The magnitude of an INTEGER in 20 bytes, zeros in front. SP_EINVAL: not in
 * its shortest form; SP_ERANGE: negative, or longer. */
int der_magnitude(const struct der_value *v, uint8_t out[20]) SP_MUST_USE;

/* UTCTime or GeneralizedTime as RFC 5280 section 4.1.2.5 has them (seconds, no
 * fractions, "Z") in ms UTC. */
bool der_time(const struct der_value *v, int64_t *ms) SP_MUST_USE;

/* The same of what OpenSSL has read. */
bool der_time_of(const ASN1_TIME *t, int64_t *ms) SP_MUST_USE;

#endif
