/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision: pure and total. The order is fixed (docs/policy.md):
 *
 *   clock → identity → certificate → revocation → suspended → source → model →
 * window → nda → route → purpose → body → fields → tools → media → rate and
 *   concurrency → budgets
 */
#ifndef SP_POLICY_DECIDE_H
#define SP_POLICY_DECIDE_H

#include "lib/clock.h"
#include "policy/facts.h"
#include "policy/standing.h"

#define VERDICT_NONE UINT32_MAX

enum decide_step {
    STEP_CLOCK,
    STEP_IDENTITY,
    STEP_CERTIFICATE,
    STEP_REVOCATION,
    STEP_SUSPENDED,
    STEP_SOURCE,
    STEP_MODEL,
    STEP_WINDOW,
    STEP_NDA,
    STEP_ROUTE,
    STEP_PURPOSE,
    STEP_BODY,
    STEP_FIELDS,
    STEP_TOOLS,
    STEP_MEDIA,
    STEP_RATE,
    STEP_BUDGET,
    STEP_ALLOWED
};

struct verdict {
    enum reason reason;    /* REASON_NONE: allowed */
    enum decide_step step; /* where it was refused, or STEP_ALLOWED */
    uint32_t window; /* index in the policy, VERDICT_NONE if not reached */
    uint32_t terms;
    uint32_t model;
    int64_t deadline; /* ms UTC: min of window's end, certificate's end,
                         request's seconds */
    enum reason deadline_reason; /* what to tell when it is cut there */
    int64_t closes; /* ms UTC: when the window of an admitted request to a model
                       ends, for whatever reason is known now; else 0 */
    int retry_after;      /* seconds 1–60 if retryable, else 0 */
    struct cost reserve;  /* allowed: what is set aside until it ends. 0 of a
                             unit that no budget limits */
    uint64_t tokens_left; /* …and what it may use at most before it is cut;
                             UINT64_MAX: no limit */
    uint64_t bytes_left;  /* of its answer; never more than answer_bytes */
    enum reason bytes_reason; /* to tell when it is cut for bytes */
    uint16_t field;           /* the one that was refused, or FIELD_NONE */
};

/* `p` is the policy bound to the standing; if it is not, or none is, everything
 * is refused as audit_unavailable. Local routes (model lists) have no
 * window or terms of one model: they are allowed while any window of the
 * party whose terms name the use is open, with the latest end as deadline, and
 * are under the rate and concurrency of that window's terms. The gateway's own
 * routes need no window and no terms: they are under the largest rate of any
 * terms of the party's windows and their own. What is due by
 * time (standing_due) must have been applied before. */
struct verdict policy_decide(const struct policy *p, const struct standing *s,
                             const struct facts *f, int64_t now,
                             enum clock_state clock);

/* The same, and tells each step that was taken as it was left: with the verdict
 * so far, whose `step` it is. */
typedef void decide_trace_fn(void *arg, const struct verdict *so_far);
struct verdict policy_decide_traced(const struct policy *p,
                                    const struct standing *s,
                                    const struct facts *f, int64_t now,
                                    enum clock_state clock,
                                    decide_trace_fn *trace, void *arg);

/* The entry of this decision: request.admitted or request.refused. Texts point
 * into policy and facts. */
void decide_entry(const struct policy *p, const struct facts *f,
                  const struct verdict *v, struct entry *e);

/* The reverse, for deciding again (P6): the facts that a request's entry
 * records, with names found in `p`; names it does not have become nobody. */
void decide_facts(const struct policy *p, const struct entry *e,
                  struct facts *f);

/* Requests a minute of one person's to the gateway's own routes: the largest
 * rate that any terms of the party allow; -1: no limit but their own. */
int64_t decide_own_rate(const struct policy *p, uint32_t party);

/* The gateway's own limit on a route of its own, in a minute. */
uint32_t decide_own_limit(enum route route);

const char *decide_step_text(enum decide_step step);
/* The step that gives a reason, for one that was written down; where several
 * do, the one that mostly does. STEP_ALLOWED for REASON_NONE. */
enum decide_step decide_reason_step(enum reason reason);

/* Why a window that is not open is not; REASON_NONE if it is. */
enum reason decide_window_reason(const struct policy *p,
                                 const struct standing *s, uint32_t window,
                                 int64_t now);

/* Whether `person` may see `model` in a list at `now`: a window of it is open
 * for the party. */
bool decide_model_visible(const struct policy *p, const struct standing *s,
                          uint32_t party, uint32_t model, int64_t now);

#endif
