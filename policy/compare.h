/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one policy changes against another, in plain words for those who sign:
 * what would be refused that was not before, what would be allowed, and what
 * is otherwise different. Of files that policies name (anchors, documents) the
 * names and written hashes are compared. Pure; runs in the command.
 */
#ifndef SP_POLICY_COMPARE_H
#define SP_POLICY_COMPARE_H

#include "policy/policy.h"

enum change_kind {
    CHANGE_NARROWER, /* somebody would be refused, cut or given less who was
                        not, or later or for a shorter time */
    CHANGE_WIDER,    /* the reverse */
    CHANGE_OTHER     /* neither, or nobody can say */
};

struct change {
    enum change_kind kind;
    const char *about; /* "party caisi", "terms evaluation" … */
    const char *words; /* what is new, and in parentheses what was */
};

/* *change and its texts live until it returns. */
typedef void compare_tell(void *arg, const struct change *change);

/* Tells every change from `before` to `now`, in the order of the language.
 * Nothing is told of serial, replaces and author: those are of the file. 0 or
 * SP_ENOMEM. */
int policy_compare(const struct policy *before, const struct policy *now,
                   compare_tell *tell, void *arg) SP_MUST_USE;

#endif
