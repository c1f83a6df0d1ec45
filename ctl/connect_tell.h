/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `sallyport connect` says while it runs: lines for people on standard
 * error, or with --json one object a line on standard output. Nothing of what
 * is asked or answered is in them (P7).
 */
#ifndef SP_CTL_CONNECT_TELL_H
#define SP_CTL_CONNECT_TELL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

struct tell_member {
    const char *name;
    const char *text; /* NULL: it is the number */
    int64_t number;
};

#define TELL_TEXT(n, t)                                                        \
    {                                                                          \
        (n), (t), 0                                                            \
    }
#define TELL_NUMBER(n, v)                                                      \
    {                                                                          \
        (n), NULL, (v)                                                         \
    }

void tell_open(bool json);
bool tell_is_json(void);

/* `event` is a constant word, `words` a line for people; `members` up to one
 * without a name, or NULL. */
void tell(const char *event, const struct tell_member *members,
          const char *words, ...) SP_PRINTF(3, 4);

#endif
