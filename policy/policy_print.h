/* SPDX-License-Identifier: Apache-2.0 */
/* A policy's text in the one form that all policies of its meaning share. */
#ifndef SP_POLICY_POLICY_PRINT_H
#define SP_POLICY_POLICY_PRINT_H

#include <stddef.h>
#include <stdio.h>

#include "lib/error.h"
#include "lib/report.h"

/* Writes what policy_parse() accepts as canonical YAML (lib/schema_print.c);
 * `name` is the file's, for messages. The rules between elements are not looked
 * at again. SP_EINVAL with at least one error reported, SP_ENOMEM, SP_EIO. */
int policy_print(const char *name, const char *yaml, size_t length, FILE *out,
                 struct report *report) SP_MUST_USE;

#endif
