/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much is left: what the gateway says about windows and budgets, asked for
 * now and then, and told when it matters: as a window opens, 24 h, 1 h, 15, 5
 * and 1 minutes before it ends and as it does; when a budget is down to a half,
 * a quarter, a tenth, nothing.
 */
#ifndef SP_CTL_CONNECT_LOOKOUT_H
#define SP_CTL_CONNECT_LOOKOUT_H

#include <stdbool.h>

#include "ctl/connect_gate.h"
#include "lib/json.h"

struct lookout;

struct lookout_options {
    struct gate *gate;
    const char *host;  /* the gateway's, for the Host field */
    int every_minutes; /* 0: only when there is a reason to */
};

/* SP_ENOMEM. `o` is copied. */
int lookout_new(const struct lookout_options *o,
                struct lookout **w) SP_MUST_USE;
void lookout_free(struct lookout *w);

/* A status as the gateway gave it; with `tells` everything that is open is
 * told, too. */
void lookout_take(struct lookout *w, const struct json *status, bool tells);
/* Something was refused or cut: asks for the status soon, to tell what is left.
 */
void lookout_wonder(struct lookout *w);
/* Once a second. */
void lookout_tick(struct lookout *w);

#endif
