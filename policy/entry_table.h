/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of each kind of entry, for entry.c alone. */
#ifndef SP_POLICY_ENTRY_TABLE_H
#define SP_POLICY_ENTRY_TABLE_H

#include "policy/entry.h"

enum value_type {
    VALUE_TEXT, /* const char * */
    VALUE_U16,
    VALUE_U32,
    VALUE_U64,
    VALUE_I64, /* ≥ 0 */
    VALUE_BOOL,
    VALUE_HASH, /* uint8_t[32], as hex */
    VALUE_METHOD,
    VALUE_ROUTE,
    VALUE_DIALECT,
    VALUE_REASON,
    VALUE_CAUSE,
    VALUE_FIELDS,     /* const struct field_set *, as its text; may be NULL */
    VALUE_MEDIA,      /* uint8_t: bits of enum facts_media, as words */
    VALUE_SOURCE,     /* enum usage_source */
    VALUE_OPERATOR,   /* struct entry_operator, as its uid */
    VALUE_REVOCATION, /* enum revocation */
};

/* When a key may be missing. */
enum field_rule {
    ALWAYS,
    IF_SET, /* a text that is not NULL, a number ≥ 0, a reason ≠ NONE, fields
               that are not NULL, an operator who is known, a revocation that
               was looked up */
    IF_ANY,         /* a number > 0 */
    IF_TRUE,        /* a bool that is */
    IF_AGREEMENT,   /* a window under an agreement */
    IF_MANY,        /* a count > 1 */
    IF_REPLACES,    /* has_replaces */
    IF_COMMITMENTS, /* has_commitments */
    IF_TRANSCRIPT,  /* has_transcript */
    IF_ISSUER       /* has_issuer */
};

/* No key is longer. Copied whole: a copy of a fixed size is one or two
 * instructions, one of any size is a call. */
#define LEAD_MAX 32

struct field {
    const char *key;
    char lead[LEAD_MAX]; /* how the key is written: ,"key": */
    size_t lead_length;
    enum value_type type;
    enum field_rule rule;
    size_t offset; /* in struct entry */
};

#define LEAD(key) ",\"" key "\":"

struct kind {
    const char *text;           /* "policy.loaded" */
    const struct field *fields; /* in their order; the last has no key */
};
extern const struct kind entry_kinds[ENTRY_KIND_COUNT];

#endif
