/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One YAML document as a tree whose nodes know where they stand. What makes
 * YAML read differently by different people is refused: aliases, anchors,
 * tags, merge keys, directives, further documents, duplicate keys, keys that
 * are not text, control and text-direction characters, bad UTF-8.
 */
#ifndef SP_LIB_DOCUMENT_H
#define SP_LIB_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/report.h"

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

#define DOCUMENT_DEPTH   16   /* the policy language needs 7 */
#define DOCUMENT_MEMBERS 4096 /* of one list or mapping */

/* The mappings that may have more members than that: those under this key at
 * this depth (the root's members are at 1). */
struct document_large {
    const char *key;
    unsigned depth;
    size_t members;
};

struct node {
    enum node_kind kind;
    unsigned line, column;
    bool plain; /* scalar: written without quotes */
    bool bad;   /* an error was reported for it: look no further */
    char *key;  /* member of a mapping, else NULL */
    unsigned key_line, key_column;
    char *text;          /* scalar: without NUL or control characters */
    struct node **items; /* list's elements or mapping's members, in order */
    size_t count;

    /* Set by schema_check(): */
    const struct schema_field *field;
    bool implied;   /* not in the file: the default */
    int64_t number; /* count, size, ms; index of a choice; 0 or 1 */
    uint8_t hash[32];
};

struct document {
    char *name;        /* the file's, for messages */
    struct node *root; /* a mapping */
};

/* Reads at most `max` bytes' worth of YAML. 0; SP_EINVAL with at least one
 * error reported; SP_ENOMEM. Errors that leave a tree (duplicate keys and the
 * like) are SP_EINVAL too, with *d set so that more can be found: the caller
 * frees *d in any case. */
int document_parse(const char *name, const char *text, size_t length,
                   size_t max, struct report *report,
                   struct document **d) SP_MUST_USE;
/* The same with mappings that may be large. */
int document_parse_large(const char *name, const char *text, size_t length,
                         size_t max, const struct document_large *large,
                         struct report *report,
                         struct document **d) SP_MUST_USE;
void document_free(struct document *d);

/* The member `key` of a mapping, or NULL (also if `n` is NULL). */
struct node *node_member(const struct node *n, const char *key);
/* A new scalar (text) or mapping (NULL) as the last member of `n`, standing
 * where `n` stands, marked implied. NULL: out of memory. */
struct node *node_imply(struct node *n, const char *key, const char *text);

/* Reports an error at a node's value. */
void document_error(const struct document *d, struct report *r,
                    const struct node *n, const char *format, ...)
    SP_PRINTF(4, 5);
/* The same at a member's key. */
void document_error_key(const struct document *d, struct report *r,
                        const struct node *n, const char *format, ...)
    SP_PRINTF(4, 5);

#endif
