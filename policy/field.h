/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields that requests of the APIs have, at any depth: one table of path,
 * routes, shape and what happens to the field when terms say nothing of it
 * (docs/policy-reference.md lists it). What is not in the table is unknown and
 * refused: the APIs grow every month, and nobody has thought about those yet.
 *
 * A path names members from the top, lists are looked through:
 * `messages.content.image_url.url`. Where an API chooses by a text (a list of
 * things to include, the type of a part), each text is a field of its own:
 * `include.reasoning.encrypted_content`, `input.type.item_reference`.
 *
 * Pure; used by workers on strangers' bytes and by whoever reads policies.
 */
#ifndef SP_POLICY_FIELD_H
#define SP_POLICY_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/error.h"
#include "policy/route.h"

enum field_shape {
    FIELD_LEAF,   /* anything but an object, also within lists */
    FIELD_NUMBER, /* a number; comparable with a maximum */
    FIELD_BOOL,   /* true or false; false counts as absent if `off` */
    FIELD_OBJECT, /* its members are fields of the table; scalars are fine */
    FIELD_FREE,   /* anything at all: a JSON schema, tool arguments */
    FIELD_SET,    /* a text, or a list of them: each is a field below this */
    FIELD_URL,    /* a text: a data: URL, or one that somebody would fetch */
    FIELD_DATA    /* a text: a file's bytes, inline */
};

/* What holds when terms say nothing. */
enum field_default {
    FIELD_PART, /* no rule can be made for it: without it there is no request */
    FIELD_PLAIN,   /* allowed */
    FIELD_ONE,     /* allowed up to 1 */
    FIELD_DROPPED, /* taken out: it says who asks, and the certificate does */
    FIELD_CLOSED,  /* refused */
    FIELD_NEVER    /* refused, and no terms can allow it: what is kept at the
                      endpoint, or goes on there, would be nobody's own */
};

struct field_info {
    const char *path;
    uint32_t routes; /* bit per enum route */
    enum field_shape shape;
    enum field_default otherwise;
    const char *like; /* its members are those of this path; NULL: its own */
    bool off;         /* a bool whose false is the same as leaving it out */
    bool streamed;    /* only of requests with `stream` */
};

#define FIELD_MAX   320 /* rows at most; a test holds the table to it */
#define FIELD_WORDS (FIELD_MAX / 64)
/* Numbers that can be compared, over all routes. */
#define FIELD_NUMBERS 40

#define FIELD_NONE UINT16_MAX
/* Row 0: any member that the table does not have; in policies `others`. */
#define FIELD_OTHERS 0
/* Row 1: a last message of the assistant's, to be continued (`prefill`). */
#define FIELD_PREFILL 1

size_t field_count(void);
const struct field_info *field_info(uint16_t field); /* never NULL */
/* The row of member `name` of what `parent` is (FIELD_NONE: the top) in a
 * request of `route`; FIELD_NONE if there is none. */
uint16_t field_member(enum route route, uint16_t parent, const char *name,
                      size_t length);
/* The next row with this path after `after` (FIELD_NONE: the first); routes
 * may have different rows of one path. FIELD_NONE: no more. */
uint16_t field_find(const char *path, uint16_t after);
/* The row of `path` in requests of `route`, or FIELD_NONE. */
uint16_t field_of_route(enum route route, const char *path, size_t length);
/* Place of a number row in struct field_set, or -1. */
int field_number_slot(uint16_t field);

/* The fields of one request that rules can be made for. */
struct field_set {
    uint64_t present[FIELD_WORDS];
    int64_t number[FIELD_NUMBERS]; /* millionths, the largest, rounded up */
};

static inline bool field_set_has(const struct field_set *s, uint16_t field)
{
    return field < FIELD_MAX && (s->present[field / 64] >> field % 64 & 1) != 0;
}
static inline void field_set_add(struct field_set *s, uint16_t field)
{
    if (field < FIELD_MAX)
        s->present[field / 64] |= UINT64_C(1) << field % 64;
}
bool field_set_empty(const struct field_set *s);

/* "n=1 temperature=0.7 tool_choice": in the table's order, one space between.
 * SP_ETOOBIG: `size` is not enough. */
int field_set_print(const struct field_set *s, char *text, size_t size,
                    size_t *length) SP_MUST_USE;
/* The reverse for a request of `route`; only what field_set_print() writes is
 * right. SP_EINVAL. */
int field_set_parse(struct field_set *s, enum route route, const char *text,
                    size_t length) SP_MUST_USE;
#define FIELD_SET_TEXT 4096

/* A JSON number's text in millionths, rounded up; what does not fit becomes
 * INT64_MAX or -INT64_MAX. SP_EINVAL: not a number. */
int field_number_parse(const char *text, size_t length,
                       int64_t *millionths) SP_MUST_USE;
/* As short as it can be said: "1", "0.7", "-0.000001". */
#define FIELD_NUMBER_SIZE 24
void field_number_print(int64_t millionths, char text[FIELD_NUMBER_SIZE]);

/* docs/policy-reference.md's part. SP_EIO. */
int field_reference(FILE *out) SP_MUST_USE;

#endif
