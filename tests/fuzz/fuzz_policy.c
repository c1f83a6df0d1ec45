/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a policy, as settings and as an entry: never a crash, an error
 * for each refusal, and a policy that is right can be lived with.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/decide.h"
#include "policy/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void policy_try(const char *text, size_t size)
{
    struct report report = {0};
    struct policy *p;
    int r = policy_parse("p", text, size, NULL, NULL, &report, &p);

    if ((r == 0) != (p != NULL) || (r == SP_EINVAL) != (report.errors > 0))
        abort();
    for (size_t i = 0; p != NULL && i < p->nwindows; i++)
        if (p->windows[i].closes <= p->windows[i].opens ||
            p->windows[i].closes - p->windows[i].opens > LIMIT_ACCESS_MS)
            abort();
    policy_free(p);
}

static void settings_try(const char *text, size_t size)
{
    struct report report = {0};
    struct settings *s;
    int r = settings_parse("s", text, size, "", &report, &s);

    if ((r == 0) != (s != NULL) || (r == SP_EINVAL) != (report.errors > 0))
        abort();
    settings_free(s);
}

static void entry_try(const char *text, size_t size)
{
    static struct entry_reader reader;
    char line[LIMIT_ENTRY_BYTES];
    struct entry e;
    size_t length;

    if (entry_decode(&reader, text, size, &e) == 0 &&
        (entry_encode(&e, line, sizeof line, &length) != 0 || length != size ||
         memcmp(line, text, size) != 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    policy_try((const char *)data, size);
    settings_try((const char *)data, size);
    entry_try((const char *)data, size);
    return 0;
}
