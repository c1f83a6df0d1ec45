/* SPDX-License-Identifier: Apache-2.0 */
/* A deployment's folder as the command reads it. */
#ifndef SP_CTL_DEPLOYMENT_H
#define SP_CTL_DEPLOYMENT_H

#include <stdbool.h>
#include <stdio.h>

#include "policy/policy.h"
#include "policy/settings.h"

struct deployment {
    struct settings *settings;
    struct policy *policy; /* NULL if it was not asked for */
};

/* Reads `folder`/sallyport.yaml and, if asked, the policy that it names, with
 * every file the policy names. All problems go to `err`, with file, line and
 * column where there are any. SP_EINVAL, SP_ENOENT, SP_ENOMEM, SP_EIO. */
int deployment_load(const char *folder, bool with_policy, FILE *err,
                    struct deployment *d) SP_MUST_USE;
void deployment_release(struct deployment *d);

/* Parses a policy whose files are below `folder` (settings->folder, or where a
 * deployment is being made); `name` is for messages. */
int deployment_parse_policy(const char *folder, const char *name,
                            const char *yaml, size_t length, FILE *err,
                            struct policy **p) SP_MUST_USE;

/* `text` is 1 to `max` of a-z 0-9 and the characters in `more`, beginning with
 * a letter or digit: ids of deployments, names of parties and people. */
bool word_is(const char *text, const char *more, size_t max);

/* "FOLDER/NAME", malloc'd; NULL: out of memory. */
char *path_join(const char *folder, const char *name);

#endif
