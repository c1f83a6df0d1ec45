/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is asked about a party's certificates, compared: whoever is asked less
 * lets in more. Runs in the command.
 */
#include <string.h>

#include "policy/compare_parts.h"

static bool asks(const struct policy_revocation *r)
{
    return r->mode != POLICY_REVOCATION_NONE;
}

/* A fallback lets in who would be refused without; another kind of source
 * does both. */
static void compare_mode(struct comparison *c, enum policy_revocation_mode was,
                         enum policy_revocation_mode is)
{
    bool less =
        is == POLICY_REVOCATION_NONE || (was == POLICY_REVOCATION_OCSP &&
                                         is == POLICY_REVOCATION_OCSP_THEN_CRL);
    bool more = was == POLICY_REVOCATION_NONE ||
                (was == POLICY_REVOCATION_OCSP_THEN_CRL &&
                 is == POLICY_REVOCATION_OCSP);
    const char *a = policy_revocation_mode_text(was);
    const char *b = policy_revocation_mode_text(is);

    if (was == is)
        return;
    if (!less)
        change_tell(c, CHANGE_NARROWER, "revocation: %s (was %s)", b, a);
    if (!more)
        change_tell(c, CHANGE_WIDER, "revocation: %s (was %s)", b, a);
}

static bool list_has(char *const *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], text) == 0)
            return true;
    return false;
}

static void compare_fetch(struct comparison *c,
                          const struct policy_revocation *a,
                          const struct policy_revocation *b)
{
    for (size_t i = 0; i < a->nfetch; i++)
        if (!list_has(b->fetch, b->nfetch, a->fetch[i]))
            change_tell(c, CHANGE_WIDER, "revocation lists: no longer from %s",
                        a->fetch[i]);
    for (size_t i = 0; i < b->nfetch; i++)
        if (!list_has(a->fetch, a->nfetch, b->fetch[i]))
            change_tell(c, CHANGE_NARROWER, "revocation lists: also from %s",
                        b->fetch[i]);
}

static void compare_file(struct comparison *c, const char *was, const char *is)
{
    if (was != NULL && is == NULL)
        change_tell(c, CHANGE_WIDER, "revocation lists: no longer of %s", was);
    else if (was == NULL && is != NULL)
        change_tell(c, CHANGE_NARROWER, "revocation lists: also of %s", is);
    else
        compare_text(c, "revocation lists' file", was, is);
}

void compare_revocation(struct comparison *c, const struct policy_revocation *a,
                        const struct policy_revocation *b)
{
    const struct allowed was = {a->hosts, a->nhosts, false};
    const struct allowed is = {b->hosts, b->nhosts, false};

    compare_mode(c, a->mode, b->mode);
    if (asks(a) != asks(b))
        return;
    compare_file(c, a->crl, b->crl);
    compare_fetch(c, a, b);
    compare_list(c, "hosts that certificates may name", &was, &is);
    compare_text(c, "responder", a->responder, b->responder);
    compare_number(c, "max_age of revocation, ms", MORE_IS_WIDER, a->max_age_ms,
                   b->max_age_ms);
    compare_number(c, "cache of revocation, ms", MORE_IS_WIDER,
                   a->ocsp_cache_ms, b->ocsp_cache_ms);
    compare_number(c, "timeout of responders, ms", MORE_IS_OTHER, a->timeout_ms,
                   b->timeout_ms);
}
