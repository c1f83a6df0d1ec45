/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tables of the policy language share: policy_schema.c (all of it) and
 * policy_schema_parties.c (parties, their people and certificates). Nobody else
 * includes this.
 */
#ifndef SP_POLICY_POLICY_SCHEMA_PARTS_H
#define SP_POLICY_POLICY_SCHEMA_PARTS_H

#include "lib/schema.h"

#define REQUIRED SCHEMA_REQUIRED
#define LATER    SCHEMA_LATER
#define IMPLIED  SCHEMA_IMPLIED
#define END                                                                    \
    {                                                                          \
        .name = NULL                                                           \
    }

#define LATER_FIELD(field, text)                                               \
    {                                                                          \
        .name = field, .type = SCHEMA_ANY, .flags = LATER, .help = text        \
    }

#define DAY_MS 86400000LL

/* The mapping of parties. */
extern const struct schema_field policy_party[];

#endif
