/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a decision, for decide.c and the files of its steps alone. */
#ifndef SP_POLICY_DECIDE_STEPS_H
#define SP_POLICY_DECIDE_STEPS_H

#include "policy/decide.h"

/* One request on its way through the steps. */
struct question {
    const struct policy *p;
    const struct standing *s;
    const struct facts *f;
    int64_t now;
    enum clock_state clock;
    const struct route_info *route;
    bool local, own;
    bool ended; /* the certificate, with a window that may be open again */
    size_t terms; /* index in the window's own list */
    int64_t window_end;
    int64_t hours_end; /* of the party's hours; INT64_MAX: none */
    struct verdict *v;
};

/* decide_source.c: where a request comes from, and when. */
enum reason step_source(struct question *q);

/* decide_budget.c: how much, within a minute and in all; what to reserve. */
enum reason step_rate(struct question *q);
enum reason step_budget(struct question *q);

/* decide_use.c: what a request says that it is for, and what it asks with.
 * They come after the route's step: q->v->terms is set, or the request has a
 * fault that is all there is to say. */
enum reason step_purpose(struct question *q);
enum reason step_fields(struct question *q);
enum reason step_tools(struct question *q);
enum reason step_media(struct question *q);

#endif
