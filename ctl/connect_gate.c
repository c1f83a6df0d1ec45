/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls and the queue of those that wait. Runs in `sallyport connect`.
 */
#include "ctl/connect_gate.h"

#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/client_tls.h"
#include "ctl/connect_link.h"
#include "ctl/verbs.h"
#include "lib/clock.h"

/* After a failure nothing is tried for so long: who is refused is recorded by
 * the gateway each time, and a card signs each time. */
#define AGAIN_MS 500
/* Nothing was sent yet, so trying again is safe: who waits is told only after
 * so many failures in a row. A gateway that is restarted is seldom away longer.
 */
#define TRIES 3

static void pump(struct gate *g);

/* ---- addresses ---- */

static int addresses_find(struct gate *g)
{
    struct addrinfo *all = NULL;
    int e = remote_resolve(g->o.remote, &all);

    if (e != 0)
        return e;
    if (g->addresses != NULL)
        freeaddrinfo(g->addresses);
    g->addresses = all;
    return 0;
}

/* ---- ends of calls ---- */

static void call_detach(struct gate_call *call)
{
    if (call->on != NULL)
        call->on->call = NULL;
    call->on = NULL;
}

static void call_end(struct gate_call *call, const struct gate_end *e)
{
    call_detach(call);
    call->sink->end(call->arg, e);
}

static void end_fill(struct gate_end *e, const struct reason_info *reason,
                     const char *text)
{
    *e = (struct gate_end){.reason = reason};
    snprintf(e->text, sizeof e->text, "%s", text);
    connect_text_clean(e->text);
}

/* Nobody who waits could be served soon: all are told why. */
static void waiting_fail(struct gate *g)
{
    struct gate_call *call;
    struct gate_end e;

    end_fill(&e, g->trouble, g->trouble_text);
    while ((call = TAILQ_FIRST(&g->waiting)) != NULL) {
        TAILQ_REMOVE(&g->waiting, call, next);
        g->nwaiting--;
        call->waits = false;
        call_end(call, &e);
    }
}

/* ---- what connections tell ---- */

static void trouble_begin(struct gate *g, const struct reason_info *reason,
                          const char *text)
{
    bool news = g->trouble != reason || strcmp(g->trouble_text, text) != 0;
    int64_t now = clock_boot_ms();

    g->trouble = reason;
    snprintf(g->trouble_text, sizeof g->trouble_text, "%s", text);
    if (now >= g->again_at) { /* those that were begun together count once */
        g->again_at = now + AGAIN_MS;
        g->failures++;
    }
    if (news)
        g->o.trouble(g->o.arg, reason, g->trouble_text);
}

static void trouble_end(struct gate *g)
{
    if (g->trouble == NULL)
        return;
    g->trouble = NULL;
    g->failures = 0;
    g->again_at = 0;
    g->trouble_text[0] = '\0';
    g->o.trouble(g->o.arg, NULL, "");
}

void gate_link_ready(struct gate *g)
{
    pump(g);
}

/* An answer is proof that all is well; a handshake is not, in TLS 1.3. */
void gate_link_answered(struct gate *g)
{
    trouble_end(g);
}

/* Whether those who wait would wait in vain. Connections that stand will serve
 * them, unless it is something that somebody has to do something about. */
static bool waiting_is_vain(const struct gate *g)
{
    return !g->trouble->retry || (g->nlinks == 0 && g->failures >= TRIES);
}

void gate_link_failed(struct gate *g, const struct reason_info *reason,
                      const char *text, bool slowly)
{
    trouble_begin(g, reason, text);
    if (slowly)
        g->failures = TRIES;
    if (waiting_is_vain(g))
        waiting_fail(g);
    if (g->nlinks == 0)
        g->stale = true;
    pump(g);
}

void gate_link_broke(struct gate *g, struct gate_call *call, bool answered,
                     bool reused, const struct reason_info *reason,
                     const char *text)
{
    struct gate_end e;

    if (call != NULL && !answered && reused && call->safe && !call->again) {
        call->again = true;
        call_detach(call);
        call->waits = true;
        TAILQ_INSERT_HEAD(&g->waiting, call, next);
        g->nwaiting++;
    } else if (call != NULL) {
        end_fill(&e, reason, text);
        call_end(call, &e);
    }
    pump(g);
}

void gate_link_complete(struct gate *g, struct gate_call *call)
{
    const struct gate_end e = {.complete = true};

    call_end(call, &e);
    pump(g);
}

/* ---- who is served by what ---- */

/* The newest idle connection that still stands. */
static struct gate_connection *idle_take(struct gate *g)
{
    struct gate_connection *c;

    while ((c = LIST_FIRST(&g->idle)) != NULL && !link_stands(c))
        link_close(c);
    return c;
}

static void waiting_serve(struct gate *g)
{
    struct gate_call *call;
    struct gate_connection *c;

    while ((call = TAILQ_FIRST(&g->waiting)) != NULL &&
           (c = idle_take(g)) != NULL) {
        TAILQ_REMOVE(&g->waiting, call, next);
        g->nwaiting--;
        call->waits = false;
        link_ask(c, call);
    }
}

/* The name is looked up again once nothing leads there any more. Nobody else
 * waits for the answer: there is no connection. */
static bool addresses_there(struct gate *g)
{
    if (g->stale && g->nlinks == 0 && addresses_find(g) == 0)
        g->stale = false;
    return g->addresses != NULL;
}

static void pump(struct gate *g)
{
    const struct timeval again = {.tv_usec = AGAIN_MS * 1000 + 1000};

    if (g->pumping || g->over)
        return;
    g->pumping = true;
    waiting_serve(g);
    if (g->trouble != NULL && clock_boot_ms() < g->again_at) {
        if (waiting_is_vain(g))
            waiting_fail(g);
        else if (g->nwaiting > 0)
            event_add(g->timer, &again);
    } else if (addresses_there(g)) {
        while (g->connecting < g->nwaiting && g->nlinks < g->o.connections &&
               link_open(g) == 0)
            ;
        if (g->nwaiting > 0 && g->nlinks == 0) {
            trouble_begin(g, connect_reason(CONNECT_GATE_UNREACHABLE), "");
            waiting_fail(g);
        }
    }
    g->pumping = false;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    pump(arg);
}

/* ---- what is asked from outside ---- */

void gate_ask(struct gate *g, struct gate_call *call)
{
    call->waits = true;
    call->on = NULL;
    if (call->first)
        TAILQ_INSERT_HEAD(&g->waiting, call, next);
    else
        TAILQ_INSERT_TAIL(&g->waiting, call, next);
    g->nwaiting++;
    /* Not from within: who asks is not ready for its end yet. */
    event_active(g->timer, EV_TIMEOUT, 0);
}

void gate_cancel(struct gate *g, struct gate_call *call)
{
    struct gate_connection *c = call->on;

    if (call->waits) {
        TAILQ_REMOVE(&g->waiting, call, next);
        g->nwaiting--;
        call->waits = false;
    } else if (c != NULL) {
        call_detach(call);
        link_close(c);
        event_active(g->timer, EV_TIMEOUT, 0);
    }
}

void gate_pause(struct gate_call *call, bool paused)
{
    if (call->on != NULL)
        link_pause(call->on, paused);
}

int gate_open(const struct gate *g)
{
    return g->nlinks;
}

uint64_t gate_opened(const struct gate *g)
{
    return g->opened;
}

/* ---- from start to end ---- */

static int tls_new(struct gate *g)
{
    const struct remote *r = g->o.remote;
    const struct client_options o = {.anchors = r->anchors,
                                     .credential = &r->credential};
    char problem[CLIENT_PROBLEM] = "";
    int e = client_tls_new(&o, &g->tls, problem);

    if (e == 0)
        return EXIT_HOLDS;
    fprintf(stderr, "sallyport connect: %s\n",
            problem[0] != '\0' ? problem : sp_strerror(e));
    return EXIT_FAILS;
}

int gate_new(const struct gate_options *o, struct gate **out)
{
    struct gate *g = calloc(1, sizeof *g);
    int e;

    *out = g;
    if (g == NULL)
        return EXIT_FAILS;
    g->o = *o;
    TAILQ_INIT(&g->waiting);
    LIST_INIT(&g->idle);
    LIST_INIT(&g->links);
    g->timer = event_new(o->base, -1, 0, on_timer, g);
    if (g->timer == NULL)
        return EXIT_FAILS;
    if ((e = addresses_find(g)) != 0) {
        fprintf(stderr, "sallyport connect: %s: %s\n", o->remote->host,
                gai_strerror(e));
        return EXIT_FAILS;
    }
    return tls_new(g);
}

void gate_free(struct gate *g)
{
    struct gate_connection *c;

    if (g == NULL)
        return;
    g->over = true;
    while ((c = LIST_FIRST(&g->links)) != NULL)
        link_free(c);
    if (g->timer != NULL)
        event_free(g->timer);
    if (g->addresses != NULL)
        freeaddrinfo(g->addresses);
    SSL_CTX_free(g->tls);
    free(g);
}
