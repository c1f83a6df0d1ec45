/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One timer for each stream that is held together. Runs in a worker.
 */
#include "gateway/gather.h"

#include <event2/event.h>
#include <stdlib.h>

struct gather {
    struct event *timer;
    void (*then)(struct exchange *x);
};

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    struct exchange *x = arg;

    (void)fd;
    (void)what;
    x->gathering = false;
    x->gather->then(x);
}

static int64_t time_of(const struct exchange *x)
{
    const struct policy *p = x->rules->policy;

    return x->answer.type == ANSWER_EVENTS && x->terms < p->nterms
               ? p->terms[x->terms].coalesce_ms
               : 0;
}

static struct gather *gather_new(struct exchange *x)
{
    struct gather *g = calloc(1, sizeof(*g));

    if (g == NULL)
        return NULL;
    g->timer = event_new(x->worker->base, -1, 0, on_time, x);
    if (g->timer != NULL)
        return g;
    free(g);
    return NULL;
}

bool gather_more(struct exchange *x, void (*then)(struct exchange *x))
{
    int64_t ms = time_of(x);
    const struct timeval wait = {.tv_sec = ms / 1000,
                                 .tv_usec = ms % 1000 * 1000};

    if (ms <= 0)
        return false;
    if (x->gathering)
        return true;
    if (x->gather == NULL && (x->gather = gather_new(x)) == NULL)
        return false;
    x->gather->then = then;
    x->gathering = event_add(x->gather->timer, &wait) == 0;
    return x->gathering;
}

void gather_end(struct exchange *x)
{
    x->gathering = false;
    if (x->gather == NULL)
        return;
    event_free(x->gather->timer);
    free(x->gather);
    x->gather = NULL;
}
