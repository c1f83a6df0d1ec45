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
    const struct node *models, *parties, *terms;
    const struct node **people;  /* node of each person */
    const struct node **windows; /* node of each window */
    bool no_memory;
};

/* Sorts the names, once all are built: policy_find_…() need it. SP_ENOMEM. */
int policy_sort(struct policy *p) SP_MUST_USE;

/* The rules between elements: P3, sequence, overlaps, duplicates, uses. */
void policy_check(struct policy_build *b);

#endif
