/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints a policy through its schema. Runs in the command, on an operator's
 * file.
 */
#include "policy/policy_print.h"

#include "lib/limits.h"
#include "policy/schemas.h"

int policy_print(const char *name, const char *yaml, size_t length, FILE *out,
                 struct report *report)
{
    struct document *d = NULL;
    int r = document_parse_large(name, yaml, length, LIMIT_POLICY_BYTES,
                                 &policy_large, report, &d);

    if (r == 0)
        r = schema_check(d, policy_schema, report);
    if (r == 0)
        r = schema_print(out, d, policy_schema);
    document_free(d);
    return r;
}
