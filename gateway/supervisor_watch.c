/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who watches whom. The service manager watches the supervisor: it hears
 * WATCHDOG=1 for as long as this loop turns. The supervisor watches roles: one
 * that does not read what it is sent stands still, and is ended so that its
 * next start takes over. A role that is away, or that cannot start, is no
 * reason for the service manager to start everything again: it would find the
 * same disk full, and meanwhile who connects would not even be refused (P9).
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/notify.h"
#include "gateway/processes.h"
#include "lib/channel.h"

/* Looked at so often; still for two looks is still for 15 to 30 s at least,
 * and never a machine that was asleep. */
#define LOOK_MS   15000
#define STILL_MAX 2

/* --- The service manager's look at us --- */

static struct timeval of_ms(int64_t ms)
{
    return (struct timeval){.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    notify("WATCHDOG=1");
}

static void watchdog_init(struct supervisor *s)
{
    int64_t ms = notify_watchdog_ms();
    const struct timeval every = of_ms(ms);

    if (ms <= 0)
        return;
    s->watchdog = event_new(s->base, -1, EV_PERSIST, on_watchdog, s);
    if (s->watchdog == NULL || event_add(s->watchdog, &every) != 0)
        fatal("event", "error=%s", log_quote("out of memory"));
}

/* --- Our look at roles --- */

/* Revoker and authority sort a million numbers in one turn, and the dialer may
 * wait for a resolver: these are not still for that. */
static bool is_watched(const struct process *p)
{
    return p->state == ROLE_STATE_READY && p->channel != NULL &&
           (p->role == ROLE_KEEPER || p->role == ROLE_WORKER ||
            p->role == ROLE_CONTROL);
}

static void look(struct process *p)
{
    if (!is_watched(p) || !channel_unread(p->channel)) {
        p->still = 0;
        if (is_watched(p) && channel_nudge(p->channel) != 0)
            p->still = 1; /* it will be found unread, or closed */
        return;
    }
    if (++p->still < STILL_MAX)
        return;
    log_error("role_stands_still", "role=%s pid=%d", role_info(p->role)->name,
              (int)p->pid);
    process_kill(p);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct supervisor *s = arg;

    (void)fd;
    (void)what;
    for (size_t i = 0; i < processes_count(s); i++)
        look(&s->processes[i]);
}

static int64_t look_ms(void)
{
#ifdef SP_HOOKS
    const char *ms = getenv("SALLYPORT_LOOK_MS");

    if (ms != NULL && atoi(ms) > 0)
        return atoi(ms);
#endif
    return LOOK_MS;
}

void supervisor_watch_init(struct supervisor *s)
{
    const struct timeval every = of_ms(look_ms());

    watchdog_init(s);
    s->look = event_new(s->base, -1, EV_PERSIST, on_look, s);
    if (s->look == NULL || event_add(s->look, &every) != 0)
        fatal("event", "error=%s", log_quote("out of memory"));
}

/* --- What the service manager is told of it --- */

static void status_text(const struct supervisor *s, char text[96])
{
    const struct process *away = NULL;

    for (size_t i = processes_count(s); i-- > 0;)
        if (!s->processes[i].unused &&
            s->processes[i].state != ROLE_STATE_READY)
            away = &s->processes[i]; /* the keeper, if it is away */
    if (away == NULL)
        snprintf(text, 96, "STATUS=Serving");
    else
        snprintf(text, 96, "STATUS=%s: %s is %s",
                 away->role == ROLE_KEEPER ? "Refusing everything" : "Serving",
                 role_info(away->role)->name, role_state_text(away->state));
}

void supervisor_status(struct supervisor *s, const char *state)
{
    char text[96], message[160];

    if (s->phase != PHASE_RUNNING)
        return;
    status_text(s, text);
    if (state == NULL && strcmp(text, s->status_told) == 0)
        return;
    snprintf(s->status_told, sizeof(s->status_told), "%s", text);
    snprintf(message, sizeof(message), "%s%s%s", state != NULL ? state : "",
             state != NULL ? "\n" : "", text);
    notify(message);
}
