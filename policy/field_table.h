/* SPDX-License-Identifier: Apache-2.0 */
/* The rows behind policy/field.h, for field.c alone. */
#ifndef SP_POLICY_FIELD_TABLE_H
#define SP_POLICY_FIELD_TABLE_H

#include "policy/field.h"

extern const struct field_info field_table[];
extern const size_t field_table_count;

#endif
