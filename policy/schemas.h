/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of the two languages: policy.yaml and sallyport.yaml. The
 * references in docs/ are written from them.
 */
#ifndef SP_POLICY_SCHEMAS_H
#define SP_POLICY_SCHEMAS_H

#include "lib/schema.h"

extern const struct schema_field policy_schema[];
/* The mappings of people, which may be large. */
extern const struct document_large policy_large;
extern const struct schema_field settings_schema[];

/* The words of policy_schema that are enums of policy.h, by value. */
extern const char *const party_kind_words[];
extern const char *const person_kind_words[];
extern const char *const revocation_mode_words[];

/* docs/policy-reference.md and docs/settings-reference.md, whole. SP_EIO. */
int policy_reference(FILE *out) SP_MUST_USE;
int settings_reference(FILE *out) SP_MUST_USE;

#endif
