/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where revocation lists come from, and when. Runs in the revoker. The policy
 * names lists; certificates name others, which are fetched if their hosts are
 * allowed. A list is fetched again well before it is over, and at least twice
 * in the age that the policy allows; one that cannot be had is asked for again
 * and again, more and more slowly, while the one that is there counts until it
 * is stale (P9).
 */
#include <stdlib.h>
#include <string.h>

#include "certs/crl.h"
#include "gateway/revoker_parts.h"
#include "lib/clock.h"
#include "lib/log.h"

/* Lists of 30 MB come over slow lines; this is one try. */
#define FETCH_LIMIT_MS 60000
/* After a failure, doubling. */
#define AGAIN_FIRST_MS 2000
#define AGAIN_MOST_MS  300000
/* Tries without a list until one that a certificate named may lose its place
 * to another. */
#define FAILURES_ENOUGH 3
/* A list is never fetched more often than this because it is nearly over. */
#define PAUSE_LEAST_MS 10000

static struct list_source *source_find(const struct revoker *r, uint32_t party,
                                       const char *url)
{
    struct list_source *s;

    LIST_FOREACH (s, &r->sources, link)
        if (s->party == party && strcmp(s->url, url) == 0)
            return s;
    return NULL;
}

static size_t sources_of(const struct revoker *r, uint32_t party)
{
    const struct list_source *s;
    size_t n = 0;

    LIST_FOREACH (s, &r->sources, link)
        n += s->party == party;
    return n;
}

/* Certificates of a party may name what is not there: that does not keep the
 * lists of others from being fetched. */
static bool source_make_room(struct revoker *r, uint32_t party)
{
    struct list_source *s, *worst = NULL;

    if (sources_of(r, party) < REVOKER_SOURCES_MAX)
        return true;
    LIST_FOREACH (s, &r->sources, link)
        if (s->party == party && !s->named && s->failures >= FAILURES_ENOUGH &&
            (worst == NULL || s->failures > worst->failures))
            worst = s;
    if (worst == NULL)
        return false;
    LIST_REMOVE(worst, link);
    free(worst);
    return true;
}

static int source_add(struct revoker *r, uint32_t party, const char *url,
                      bool named)
{
    struct list_source *s;

    if (source_find(r, party, url) != NULL)
        return 0;
    if (strlen(url) > REVOCATION_URL_MAX || !source_make_room(r, party)) {
        log_warn("list_not_fetched", "party=%s url=%s problem=%s",
                 r->policy->parties[party].name, log_quote(url),
                 log_quote("too many lists, or too long an address"));
        return 0;
    }
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return SP_ENOMEM;
    s->party = party;
    s->named = named;
    memcpy(s->url, url, strlen(url) + 1);
    LIST_INSERT_HEAD(&r->sources, s, link);
    return 0;
}

void lists_learn(struct revoker *r, uint32_t party, X509 *cert)
{
    char urls[CHAIN_POINTS_MAX][HTTP_URL_MAX + 1];
    char url[REVOCATION_URL_MAX + 1];
    size_t n;

    if (revoker_rule(r, party)->mode == POLICY_REVOCATION_OCSP)
        return; /* nobody would look at them */
    n = crl_urls_of(cert, urls, CHAIN_POINTS_MAX);
    for (size_t i = 0; i < n; i++)
        if (revoker_may_ask(r, party, urls[i], url) &&
            source_add(r, party, url, false) != 0)
            log_warn("list_not_fetched", "error=%s",
                     log_quote(sp_strerror(SP_ENOMEM)));
}

int lists_init(struct revoker *r)
{
    int e = 0;

    for (uint32_t i = 0; e == 0 && i < r->policy->nparties; i++) {
        const struct policy_revocation *rule = revoker_rule(r, i);

        for (size_t j = 0; e == 0 && j < rule->nfetch; j++)
            e = source_add(r, i, rule->fetch[j], true);
        for (int j = 0; e == 0 && j < sk_X509_num(r->pools[i]); j++)
            lists_learn(r, i, sk_X509_value(r->pools[i], j));
    }
    return e;
}

static void source_failed(struct list_source *s, const char *why)
{
    int64_t pause = AGAIN_MOST_MS;

    if (s->failures < 8)
        pause = AGAIN_FIRST_MS << s->failures;
    if (pause > AGAIN_MOST_MS)
        pause = AGAIN_MOST_MS;
    s->failures++;
    s->next = clock_boot_ms() + pause;
    log_warn("list_not_fetched", "url=%s tries=%u problem=%s again_ms=%lld",
             log_quote(s->url), s->failures, log_quote(why), (long long)pause);
}

/* Half of what the policy allows; or when nine tenths of what is left of the
 * list have passed. */
static void source_good(struct revoker *r, struct list_source *s, int64_t over)
{
    int64_t pause = revoker_rule(r, s->party)->max_age_ms / 2;
    int64_t left = over - clock_wall_ms();

    if (over != 0 && left / 10 * 9 < pause)
        pause = left / 10 * 9;
    if (pause < PAUSE_LEAST_MS)
        pause = PAUSE_LEAST_MS;
    s->failures = 0;
    s->next = clock_boot_ms() + pause;
}

/* The party has another list now: its deltas may have their base. */
static void deltas_again(struct revoker *r, uint32_t party)
{
    struct list_source *s;

    LIST_FOREACH (s, &r->sources, link)
        if (s->party == party && s->baseless) {
            s->baseless = false;
            s->next = 0;
        }
}

bool lists_answered(struct revoker *r, const struct answer_fetch *v,
                    const uint8_t *bytes)
{
    struct list_source *s;
    int64_t over = 0;
    char why[64];
    int e = v->error;

    LIST_FOREACH (s, &r->sources, link)
        if (s->ticket == v->ticket && v->ticket != 0)
            break;
    if (s == NULL)
        return false;
    s->ticket = 0;
    if (e == 0 && v->status != 200) {
        snprintf(why, sizeof(why), "status %u", v->status);
        source_failed(s, why);
        return true;
    }
    if (e == 0)
        e = revoker_take(r, s->party, bytes, v->length, CRL_FETCHED, s->url,
                         &over);
    s->baseless = e == SP_ENOENT && v->error == 0;
    if (e != 0) {
        source_failed(s, sp_strerror(e));
    } else {
        source_good(r, s, over);
        deltas_again(r, s->party);
    }
    return true;
}

/* They are asked for again when there is a dialer again. */
void lists_dialer_gone(struct revoker *r)
{
    struct list_source *s;

    LIST_FOREACH (s, &r->sources, link)
        s->ticket = 0;
}

static void source_fetch(struct revoker *r, struct list_source *s, int64_t now)
{
    struct ask_fetch ask = {.ticket = ++r->tickets,
                            .party = s->party,
                            .timeout_ms = FETCH_LIMIT_MS,
                            .most = REVOCATION_LIST_MAX};

    memcpy(ask.url, s->url, sizeof(ask.url));
    s->ticket = ask.ticket;
    s->asked = now;
    if (revoker_fetch(r, &ask) == 0)
        return;
    s->ticket = 0;
    s->next = now + 500; /* as soon as there is a dialer again */
}

void lists_tick(struct revoker *r)
{
    int64_t now = clock_boot_ms();
    struct list_source *s;

    LIST_FOREACH (s, &r->sources, link) {
        if (s->ticket != 0 && now - s->asked > FETCH_LIMIT_MS + 5000) {
            s->ticket = 0; /* it went with a dialer */
            source_failed(s, "no answer");
        }
        if (s->ticket == 0 && s->next <= now)
            source_fetch(r, s, now);
    }
}
