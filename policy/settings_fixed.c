/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of sallyport.yaml is fixed while the daemon runs: where things are, who
 * the daemon is, and what its processes were built around at their start. Runs
 * in the supervisor, on the operator's own files.
 */
#include <string.h>

#include "policy/settings.h"

static bool text_equal(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool listeners_equal(const struct settings *a, const struct settings *b)
{
    if (a->nlisteners != b->nlisteners)
        return false;
    for (size_t i = 0; i < a->nlisteners; i++)
        if (!text_equal(a->listeners[i].address, b->listeners[i].address) ||
            strcmp(a->listeners[i].profile, b->listeners[i].profile) != 0 ||
            a->listeners[i].allow_test_pki != b->listeners[i].allow_test_pki)
            return false;
    return true;
}

static bool witness_equal(const struct settings_witness *a,
                          const struct settings_witness *b)
{
    return text_equal(a->name, b->name) && text_equal(a->ca, b->ca) &&
           text_equal(a->endpoint.url, b->endpoint.url) &&
           text_equal(a->vkey, b->vkey);
}

static bool witnesses_equal(const struct settings *a, const struct settings *b)
{
    if (a->nwitnesses != b->nwitnesses ||
        a->witness_quorum != b->witness_quorum ||
        a->witness_refuse != b->witness_refuse ||
        a->witness_overdue_ms != b->witness_overdue_ms ||
        a->witness_every_ms != b->witness_every_ms ||
        a->witness_timeout_ms != b->witness_timeout_ms)
        return false;
    for (size_t i = 0; i < a->nwitnesses; i++)
        if (!witness_equal(&a->witnesses[i], &b->witnesses[i]))
            return false;
    return true;
}

const char *settings_fixed_change(const struct settings *a,
                                  const struct settings *b)
{
    const struct {
        bool same;
        const char *name;
    } fixed[] = {
        {text_equal(a->deployment, b->deployment), "deployment"},
        {text_equal(a->origin, b->origin), "ledger/origin"},
        {text_equal(a->ledger, b->ledger), "ledger/folder"},
        {text_equal(a->transcripts, b->transcripts), "transcripts"},
        {text_equal(a->authority, b->authority), "authority"},
        {text_equal(a->control, b->control), "control"},
        {text_equal(a->crl_listen, b->crl_listen), "crl/listen"},
        {text_equal(a->metrics_listen, b->metrics_listen), "metrics/listen"},
        {a->crl_lifetime_ms == b->crl_lifetime_ms, "crl/lifetime"},
        {a->fips == b->fips, "crypto/fips"},
        {a->clock_settle_ms == b->clock_settle_ms, "clock/settle"},
        {a->checkpoint_ms == b->checkpoint_ms, "ledger/checkpoint"},
        {a->connections >= b->connections, "limits/connections (larger)"},
        {listeners_equal(a, b), "listen, listeners"},
        {witnesses_equal(a, b), "witnesses"},
    };

    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        if (!fixed[i].same)
            return fixed[i].name;
    return NULL;
}
