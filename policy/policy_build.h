/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the two halves of policy_parse(): what was built from the tree, and
 * the tree beside it for the places of errors. Elements of maps have the index
 * of their nodes; some may be unfinished where errors were found.
 */
#ifndef SP_POLICY_POLICY_BUILD_H
#define SP_POLICY_POLICY_BUILD_H

#include "lib/document.h"
#include "policy/policy.h"

struct policy_build {
    struct document *d;
    struct report *report;
    policy_file_fn *file;
    void *file_arg;
    struct policy *p;
    const struct node *models, *parties, *terms, *documents;
    const struct node **people;  /* node of each person */
    const struct node **windows; /* node of each window */
    bool no_memory;
};

static inline bool node_is_good(const struct node *n)
{
    return n != NULL && !n->bad;
}

/* Members of a mapping or a list; 0 of anything else. */
static inline size_t node_members(const struct node *n)
{
    return node_is_good(n) && n->kind != NODE_SCALAR ? n->count : 0;
}

static inline int64_t node_number(const struct node *n, int64_t otherwise)
{
    return node_is_good(n) && n->kind == NODE_SCALAR ? n->number : otherwise;
}

/* A copy of a scalar's text; NULL if it is none, or with b->no_memory. */
char *build_text(struct policy_build *b, const struct node *n);
/* Zeroed, never NULL without b->no_memory. */
void *build_array(struct policy_build *b, size_t count, size_t size);

/* policy_revocation.c: who is asked about a party's certificates. */
void revocation_build(struct policy_build *b, struct policy_revocation *r,
                      const struct node *n);
/* policy_notices.c: when a window's end is told (`list` NULL: not written);
 * `lasts` as it is written, 0: that is wrong itself. Where a party's go. */
void notify_build(struct policy_build *b, struct policy_window *w,
                  const struct node *list, int64_t lasts);
void notices_build(struct policy_build *b, struct policy_party *party,
                   const struct node *n);
void notices_release(struct policy_party *party);

/* A file that the policy names must be there. */
void file_check(struct policy_build *b, const struct node *n, const char *key,
                bool read, const char *expected);

/* policy_terms.c: all terms of the tree; policy_fields.c: the rules for fields
 * of one. `base` is what the terms extend, or NULL. */
void terms_build(struct policy_build *b);
/* The index of a name among a map's members; if it is none of them, says so
 * with the nearest. -1. */
int reference_find(struct policy_build *b, const struct node *name,
                   const struct node *map, const char *what);
/* The budget of a mapping, or none if `n` is NULL. */
void budget_build(struct budget *b, const struct node *n);
void fields_build(struct policy_build *b, struct policy_terms *t,
                  const struct node *own, const struct node *base);
/* Sorts the names, once all are built: policy_find_…() need it. SP_ENOMEM. */
int policy_sort(struct policy *p) SP_MUST_USE;

/* policy_match.c: what a party's certificates must be; how a person is
 * recognised. */
void certificates_build(struct policy_build *b, struct policy_party *party,
                        const struct node *n);
void match_build(struct policy_build *b, struct policy_person *person,
                 const struct node *n);
/* Whether what it says is well formed, and the person's kind has a policy. */
void match_check_text(struct policy_build *b, size_t i);
/* Whether a certificate that matches this person could match one before; says
 * so. `seen` starts empty. For what match_check() does not compare. */
struct table;
bool match_could_be_taken(struct policy_build *b, struct table *seen, size_t i);
void match_is_ambiguous(struct policy_build *b, size_t i);

/* The rules between elements: P3, sequence, overlaps, duplicates, uses. */
void policy_check(struct policy_build *b);

#endif
