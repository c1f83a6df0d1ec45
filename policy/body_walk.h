/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A body's members beside the table of fields, in the order of the text. For
 * body.c (facts) and whoever looks for one of them.
 */
#ifndef SP_POLICY_BODY_WALK_H
#define SP_POLICY_BODY_WALK_H

#include "lib/json.h"
#include "policy/field.h"

struct body_walk {
    const struct json *j;
    enum route route;
    void *arg;
    /* `node` is a member's value, or a text of a set. `field` FIELD_NONE: not
     * in the table. Null members at the top are not told: they ask for
     * nothing. False stops the walk. */
    bool (*member)(void *arg, uint32_t node, uint16_t field);
    /* `node` is not what its field can be, or its name is not plain. */
    bool (*odd)(void *arg, uint32_t node);
};

/* False: a call stopped it. */
bool body_walk(const struct body_walk *w);

#endif
