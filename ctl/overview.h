/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A deployment as its files describe it: settings, policy and, if there is
 * one, what its ledger says so far. For verbs that look and change nothing.
 */
#ifndef SP_CTL_OVERVIEW_H
#define SP_CTL_OVERVIEW_H

#include "policy/settings.h"
#include "policy/standing.h"

struct overview {
    char *settings_path; /* NULL: a policy alone was named */
    char *policy_path;
    struct settings *settings; /* NULL: a policy alone was named */
    struct policy *policy;
    struct standing *standing; /* NULL: no ledger; else bound to the policy */
    bool in_force;             /* the policy is the newest one in the ledger */
    uint64_t entries;
};

/* Loads from a folder, a sallyport.yaml or a policy. Problems are told on
 * stderr, those of the files as file:line:column. 0 or SP_EINVAL. */
int overview_load(const char *path, struct overview *d) SP_MUST_USE;
/* Replays the ledger's published entries, if there is a ledger: a standing
 * that is not bound to the policy. 0 or SP_EINVAL. */
int overview_ledger(struct overview *d) SP_MUST_USE;
/* The same, with the policy bound. The standing
 * is as if this policy were loaded now, if it may be. 0 or SP_EINVAL. */
int overview_replay(struct overview *d) SP_MUST_USE;
void overview_release(struct overview *d);

enum window_look { LOOK_SCHEDULED, LOOK_OPEN, LOOK_CLOSED, LOOK_EXPIRED };
const char *window_look_text(enum window_look look);

/* How a window looks at `now`; without a ledger, as the policy has it. Fills
 * *w in any case. */
enum window_look overview_window(const struct overview *d, uint32_t window,
                                 int64_t now, struct standing_window *w);

/* "12 d 3 h", "59 s" … for times in ms. */
#define SPAN_SIZE 32
void span_format(int64_t ms, char text[SPAN_SIZE]);

#endif
