/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts refused connections by source. Runs in a worker; the only thing here
 * that comes from outside are addresses, as the kernel tells them.
 */
#include "gateway/refused.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/admission.h"
#include "gateway/metrics_page.h"
#include "lib/clock.h"
#include "lib/log.h"

/* Sources that are counted one by one; more than that share places. */
#define REFUSED_SOURCES 256
#define REFUSED_MS      1000

struct refused {
    char address[46];
    int64_t last;   /* boot ms of the last entry */
    uint32_t count; /* since then */
    char reason[32];
};

struct refusals {
    struct worker *worker;
    struct event *timer;
    struct refused sources[REFUSED_SOURCES];
};

static struct refused *refused_find(struct refusals *rs, const char *address,
                                    int64_t now)
{
    struct refused *unused = NULL;
    uint32_t hash = 2166136261u;

    for (const char *p = address; *p != '\0'; p++)
        hash = (hash ^ (uint8_t)*p) * 16777619u;
    for (uint32_t i = 0; i < 8; i++) {
        struct refused *r = &rs->sources[(hash + i) % REFUSED_SOURCES];

        if (strcmp(r->address, address) == 0)
            return r;
        if (unused == NULL && r->count == 0 && now - r->last >= REFUSED_MS)
            unused = r;
    }
    if (unused == NULL) /* more sources than places: they share one */
        return &rs->sources[hash % REFUSED_SOURCES];
    memset(unused, 0, sizeof(*unused));
    snprintf(unused->address, sizeof(unused->address), "%s", address);
    unused->last = now - REFUSED_MS;
    return unused;
}

static void refused_tell(struct refusals *rs, struct refused *r, int64_t now)
{
    struct connection_refused v = {.count = r->count};

    snprintf(v.address, sizeof(v.address), "%s", r->address);
    snprintf(v.reason, sizeof(v.reason), "%s", r->reason);
    admission_connection_refused(rs->worker->admissions, &v);
    log_info("connection_refused", "address=%s reason=%s count=%u", r->address,
             r->reason, r->count);
    r->count = 0;
    r->last = now;
}

void refused_count(struct refusals *rs, const char *address, const char *reason)
{
    int64_t now = clock_boot_ms();
    struct refused *r = refused_find(rs, address, now);

    snprintf(r->reason, sizeof(r->reason), "%s", reason);
    r->count++;
    metrics_add(METRICS_TURNED_AWAY, 1);
    if (now - r->last >= REFUSED_MS)
        refused_tell(rs, r, now);
}

/* What was counted and not told yet, if it was last told long enough ago. */
static void refusals_tell(struct refusals *rs, int64_t long_enough)
{
    int64_t now = clock_boot_ms();

    for (size_t i = 0; i < REFUSED_SOURCES; i++)
        if (rs->sources[i].count > 0 &&
            now - rs->sources[i].last >= long_enough)
            refused_tell(rs, &rs->sources[i], now);
}

static void on_refused_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    refusals_tell(arg, REFUSED_MS);
}

struct refusals *refusals_new(struct worker *w)
{
    const struct timeval second = {.tv_sec = 1};
    struct refusals *rs = calloc(1, sizeof(*rs));

    if (rs == NULL)
        return NULL;
    rs->worker = w;
    rs->timer = event_new(w->base, -1, EV_PERSIST, on_refused_timer, rs);
    if (rs->timer == NULL || event_add(rs->timer, &second) != 0) {
        refusals_free(rs);
        return NULL;
    }
    return rs;
}

void refusals_free(struct refusals *rs)
{
    if (rs == NULL)
        return;
    refusals_tell(rs, 0);
    if (rs->timer != NULL)
        event_free(rs->timer);
    free(rs);
}
