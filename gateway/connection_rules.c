/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection lives longer than rules do. When there are newer ones, who its
 * client is is asked again, with the certificate of the handshake; where
 * anchors and demands are the same, nothing is verified twice. Runs in a
 * worker.
 */
#include <stdlib.h>

#include "certs/tls.h"
#include "gateway/connection_parts.h"
#include "gateway/deadlines.h"
#include "lib/clock.h"
#include "lib/log.h"

const struct identity identity_of_nobody = {.party = IDENTITY_NOBODY,
                                            .person = IDENTITY_NOBODY};

static void renewed_free(struct identity *id)
{
    if (id == NULL)
        return;
    identity_release(id);
    free(id);
}

/* NULL: nobody, or nobody knows. */
static struct identity *renew(const struct connection *c,
                              const struct rules *new)
{
    X509 *leaf = SSL_get0_peer_certificate(c->ssl);
    struct identity *id = calloc(1, sizeof(*id));

    if (id != NULL && leaf != NULL &&
        identity_renew(c->rules->identities, c->identity, new->identities, leaf,
                       clock_wall_ms(), id) == 0)
        return id;
    renewed_free(id);
    return NULL;
}

/* Of the newest answer. False: the window is gone. */
static bool window_rename(struct connection *c)
{
    const struct rules_now *now = &c->rules->now;

    if (c->window >= c->rules->policy->nwindows)
        return true;
    c->window = now->windows[c->window];
    return c->window != VERDICT_NONE;
}

void connection_rules(struct connection *c)
{
    struct rules *new = c->all->worker->rules;
    struct identity *before = c->renewed;
    bool answered = c->window < c->rules->policy->nwindows, gone;

    if (c->rules == new || c->identity == NULL || c->ssl == NULL)
        return;
    c->renewed = renew(c, new);
    c->identity = c->renewed != NULL ? c->renewed : &identity_of_nobody;
    gone = !window_rename(c) || (answered && c->renewed == NULL);
    if (c->peer.all != NULL)
        peer_renew(&c->peer, c->rules->policy, c->ssl, c->identity);
    renewed_free(before);
    rules_drop(c->rules);
    c->rules = rules_hold(new);
    if (gone)
        connection_cut(c); /* what is still on its way ends now (P2) */
}

void connection_rules_end(struct connection *c)
{
    renewed_free(c->renewed);
    c->renewed = NULL;
    rules_drop(c->rules);
    c->rules = NULL;
}

/* What is under way was decided by older rules, and goes on by these if by the
 * newer ones, too, this is the same person, in a window and with a model that
 * are there. */
static bool exchange_stays(const struct exchange *x, const struct identity *id)
{
    const struct rules *r = x->rules;
    const struct rules_now *now = &r->now;

    if (id->person == IDENTITY_NOBODY || x->facts.person >= r->policy->npeople)
        return false;
    if (now->people[x->facts.person] != id->person)
        return false;
    return (x->window >= r->policy->nwindows ||
            now->windows[x->window] != VERDICT_NONE) &&
           (x->model >= r->policy->nmodels ||
            now->models[x->model] != VERDICT_NONE);
}

/* Its window, or its model's time before the release, may be shorter now. */
static void deadline_look(struct exchange *x)
{
    const struct rules *old = x->rules, *new = x->worker->rules;
    const struct policy_window *w;
    uint32_t now;

    if (x->window >= old->policy->nwindows)
        return;
    now = old->now.windows[x->window];
    w = &new->policy->windows[now];
    deadlines_lower(x->worker->deadlines, x, rules_window_closes(new, now),
                    w->closes == new->policy->models[w->model].release
                        ? REASON_MODEL_RELEASED
                        : REASON_WINDOW_EXPIRED);
}

static enum reason reason_to_end(const struct exchange *x,
                                 const struct identity *id)
{
    return id->person == IDENTITY_NOBODY            ? REASON_IDENTITY_UNMAPPED
           : x->window < x->rules->policy->nwindows ? REASON_WINDOW_CLOSED
                                                    : REASON_MODEL_NOT_FOUND;
}

static void exchange_look(struct connection *c)
{
    struct exchange *x = c->exchange;

    if (x == NULL || rules_are_newest(x->rules))
        return;
    if (!x->admitted)
        exchange_renew(x);
    else if (exchange_stays(x, c->identity))
        deadline_look(x);
    else
        exchange_cut(x, reason_to_end(x, c->identity));
}

void exchange_look_again(struct exchange *x)
{
    const struct identity *id = x->peer != NULL ? x->peer->identity : NULL;

    if (id == NULL || rules_are_newest(x->rules) || !x->admitted ||
        x->state == EXCHANGE_ENDED)
        return;
    if (exchange_stays(x, id))
        deadline_look(x);
    else
        exchange_cut(x, reason_to_end(x, id));
}

void connections_rules(struct connections *cs)
{
    struct connection *next;

    deadlines_rules(cs->worker->deadlines);
    for (struct connection *c = cs->first; c != NULL; c = next) {
        next = c->next;
        connection_rules(c);
        if (c->state != CONNECTION_CLOSED)
            exchange_look(c);
    }
}
