/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport check --against: what a policy changes, in plain words. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/check.h"
#include "lib/file.h"
#include "policy/compare.h"

/* The files that it names need not be there any more. NULL: told on stderr. */
static struct policy *old_load(const char *file)
{
    struct report report = {.out = stderr};
    struct policy *p = NULL;
    uint8_t *text = NULL;
    size_t length = 0;
    int r = file_read(AT_FDCWD, file, LIMIT_POLICY_BYTES, &text, &length);

    if (r == 0)
        r = policy_parse(file, (const char *)text, length, NULL, NULL, &report,
                         &p);
    if (r != 0 && r != SP_EINVAL)
        fprintf(stderr, "%s: %s\n", file, sp_strerror(r));
    free(text);
    return p;
}

/* Changes of one kind, the first with a title before it. */
struct telling {
    enum change_kind kind;
    const char *title;
    size_t told;
};

static void tell(void *arg, const struct change *change)
{
    struct telling *t = arg;

    if (change->kind != t->kind)
        return;
    if (t->told++ == 0)
        printf("  %s\n", t->title);
    printf("    %s: %s\n", change->about, change->words);
}

static void hash_print(const uint8_t sha256[32])
{
    for (size_t i = 0; i < 32; i++)
        printf("%02x", sha256[i]);
}

/* Whether the new one could come into force after the old one. */
static void chain_print(const struct policy *was, const struct policy *is)
{
    if (is->serial <= was->serial)
        printf("  cannot follow it: serial %u, expected one above %u\n",
               is->serial, was->serial);
    if (!is->has_replaces || memcmp(is->replaces, was->sha256, 32) != 0) {
        printf("  does not replace it: expected `replaces: ");
        hash_print(was->sha256);
        printf("`\n");
    }
}

int check_against(const struct overview *d, const char *file)
{
    static const struct telling kinds[] = {
        {CHANGE_NARROWER,
         "what is refused, ended or less, and was not before:", 0},
        {CHANGE_WIDER, "what is allowed or more, and was not before:", 0},
        {CHANGE_OTHER, "what is otherwise different:", 0},
    };
    struct policy *was = old_load(file);
    size_t told = 0;
    int r = 0;

    if (was == NULL)
        return SP_EINVAL;
    printf("%s: right\n  policy %u against %s, policy %u\n", d->policy_path,
           d->policy->serial, file, was->serial);
    if (memcmp(was->sha256, d->policy->sha256, 32) == 0)
        printf("  the very same file\n");
    else
        chain_print(was, d->policy);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && r == 0; i++) {
        struct telling t = kinds[i];

        r = policy_compare(was, d->policy, tell, &t);
        told += t.told;
    }
    if (r != 0)
        fprintf(stderr, "sallyport check: %s\n", sp_strerror(r));
    else if (told == 0)
        printf("  nothing changes for anybody\n");
    policy_free(was);
    return r;
}
