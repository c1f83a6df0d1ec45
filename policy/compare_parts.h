/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of comparisons, for the compare files alone: what is told, and
 * parts that several elements of a policy have. */
#ifndef SP_POLICY_COMPARE_PARTS_H
#define SP_POLICY_COMPARE_PARTS_H

#include "policy/compare.h"
#include "policy/words.h"

struct comparison {
    const struct policy *before, *now;
    compare_tell *tell;
    void *arg;
    char about[512];
};

SP_PRINTF(2, 3)
void compare_about(struct comparison *c, const char *format, ...);
SP_PRINTF(3, 4)
void change_tell(struct comparison *c, enum change_kind kind,
                 const char *format, ...);

/* What more of it means. */
enum more { MORE_IS_WIDER, MORE_IS_NARROWER, MORE_IS_OTHER };

/* A number, -1: no limit, which is more than any. */
void compare_number(struct comparison *c, const char *what, enum more more,
                    int64_t before, int64_t now);
/* Yes or no. */
void compare_flag(struct comparison *c, const char *what, enum more more,
                  bool before, bool now);
/* A text that decides nothing, or NULL. */
void compare_text(struct comparison *c, const char *what, const char *before,
                  const char *now);
void compare_budget(struct comparison *c, const char *whose,
                    const struct budget *before, const struct budget *now);

/* An allow-list; '*' at the end of an element stands for anything. */
struct allowed {
    char *const *list;
    size_t count;
    bool empty_is_any;
};
void compare_list(struct comparison *c, const char *what,
                  const struct allowed *before, const struct allowed *now);

/* Who is asked about a party's certificates. */
void compare_revocation(struct comparison *c, const struct policy_revocation *a,
                        const struct policy_revocation *b);

/* Two terms that the uses `routes` (a bit per enum route) are under, before
 * and now. */
void compare_terms(struct comparison *c, const struct policy_terms *before,
                   const struct policy_terms *now, uint32_t routes);

#endif
