/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON (RFC 8259) read once into a flat tape of nodes that point into
 * the text. Stricter than the RFC where two parsers could differ (P10): valid
 * UTF-8 without a byte order mark, no duplicate names in an object (compared
 * after unescaping), none with U+0000, no unpaired surrogate escapes, no bytes
 * behind the value, numbers of at most 64 characters that a double can hold,
 * bounded depth and size. Numbers are kept as they are written, so what is
 * forwarded is what was asked; that is why this is not a library that turns
 * them into doubles.
 */
#ifndef SP_LIB_JSON_H
#define SP_LIB_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

enum json_fault {
    JSON_FINE,
    JSON_SYNTAX,
    JSON_BAD_UTF8,
    JSON_DUPLICATE_NAME,
    JSON_TOO_DEEP,
    JSON_TOO_LARGE,
    JSON_TRAILING,
    JSON_NO_MEMORY
};

struct json_node {
    uint8_t type;   /* enum json_type */
    bool escaped;   /* a string with a backslash in it */
    uint32_t start; /* offset of the value's first byte */
    uint32_t end;   /* offset behind its last byte */
    uint32_t name;  /* member of an object: node index of its name; else 0 */
    uint32_t next;  /* index of the next sibling, 0 at the end */
    uint32_t child; /* first member or element, 0 if none */
    uint32_t count; /* members or elements */
};

struct json {
    const char *text; /* the caller's; must outlive this */
    size_t length;
    struct json_node *nodes; /* node 0 is the document's value */
    size_t count;
    size_t capacity;
    bool spaced; /* there is white space between tokens */
    enum json_fault fault;
    size_t fault_offset;
};

/* Parses; `j` starts zeroed and may be reused for further documents (its nodes
 * are kept). 0, or with `fault` and `fault_offset`: SP_ETOOBIG (too deep, too
 * many nodes, a number too long or too large), SP_ENOMEM, SP_EINVAL (all
 * others). After an error there are no nodes to look at. An array in an array
 * has depth 2. */
int json_parse(struct json *j, const char *text, size_t length,
               size_t max_depth, size_t max_nodes) SP_MUST_USE;
void json_release(struct json *j);
const char *json_fault_text(enum json_fault fault);

/* The member `name` of an object node, or 0. */
uint32_t json_member(const struct json *j, uint32_t object, const char *name);
/* Whether a string node equals `text` after unescaping. */
bool json_equals(const struct json *j, uint32_t node, const char *text);
/* Unescapes a string node into `out` with a NUL; SP_ETOOBIG if it does not fit
 * in `size` bytes or holds U+0000. */
int json_text(const struct json *j, uint32_t node, char *out,
              size_t size) SP_MUST_USE;
/* How many bytes a string node has once it is unescaped; 0 for other nodes. */
size_t json_text_bytes(const struct json *j, uint32_t node);
/* A number node as a whole number; SP_EINVAL if it is not one or has an
 * exponent or fraction, SP_ERANGE if it does not fit. */
int json_int(const struct json *j, uint32_t node, int64_t *value) SP_MUST_USE;

/* Writes JSON strings: `text` quoted and escaped, appended at out + *length;
 * SP_ETOOBIG if `size` is not enough. Bytes must be valid UTF-8 (others are
 * written as U+FFFD). */
int json_quote(char *out, size_t size, size_t *length, const char *text,
               size_t text_length) SP_MUST_USE;

#endif
