/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dialer's policies: the newest, those that requests under way may still
 * dial by, and one that is about to come into force. It connects to what stands
 * in one of them, and a worker says by the serial in which. Runs in the dialer;
 * what it is given was approved, as far as the supervisor can tell.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/dialer_parts.h"
#include "gateway/rules_messages.h"

/* A dial under way is by a policy that is about to be forgotten: whoever waits
 * for it is told so. */
static void dials_end(struct dialer *d, const struct policy *p)
{
    for (size_t i = 0; i < LIMIT_WORKERS; i++) {
        struct dial *dial = LIST_FIRST(&d->clients[i].dials);

        /* From the start each time: telling a worker that does not listen ends
         * all of its dials. */
        while (dial != NULL) {
            if (dial->policy != p) {
                dial = LIST_NEXT(dial, link);
                continue;
            }
            dial_end(dial, SP_ECLOSED);
            dial = LIST_FIRST(&d->clients[i].dials);
        }
    }
}

static void forget(struct dialer *d, size_t i)
{
    dials_end(d, d->others[i].snapshot.policy);
    snapshot_release(&d->others[i].snapshot);
    d->nothers--;
    memmove(&d->others[i], &d->others[i + 1],
            (d->nothers - i) * sizeof(d->others[0]));
}

/* Newest last. */
static int add(struct dialer *d, uint64_t number, int memfd, char problem[256])
{
    struct snapshot s;
    int r = snapshot_from_fd(memfd, &s);

    if (r == 0 && s.policy == NULL) {
        snapshot_release(&s);
        r = SP_EPROTO;
    }
    snprintf(problem, 256, "dialer: %s", sp_strerror(r));
    if (r != 0)
        return r;
    snapshot_forget_text(&s);
    if (d->dns == NULL && dialer_needs_names(&s)) {
        snapshot_release(&s);
        snprintf(problem, 256,
                 "an endpoint is given by name, and none was at the start: "
                 "names are looked up only after a restart");
        return SP_EUNSUPPORTED;
    }
    if (d->nothers == DIALER_RULES)
        forget(d, 0);
    d->others[d->nothers++] =
        (struct dialer_rules){.number = number, .snapshot = s};
    return 0;
}

static void answer(struct dialer *d, uint64_t number, int error,
                   const char *problem)
{
    struct rules_ready v = {.number = number, .error = error};
    uint8_t data[sizeof(v) + 64];
    size_t length;

    if (error != 0)
        snprintf(v.problem, sizeof(v.problem), "%s", problem);
    if (rules_ready_put(&v, data, sizeof(data), &length) != 0 ||
        channel_send(d->channel, data, length, NULL, 0) != 0)
        log_warn("supervisor_does_not_listen", "type=%u", MESSAGE_RULES_READY);
}

static int on_rules(struct dialer *d, const uint8_t *data, size_t length,
                    int fd)
{
    struct rules_message v;
    char problem[256];
    int r = rules_message_get(&v, data, length);

    if (r != 0)
        return r;
    answer(d, v.number, add(d, v.number, fd, problem), problem);
    return 0;
}

static int on_drop(struct dialer *d, const uint8_t *data, size_t length)
{
    struct rules_message v;
    int r = rules_message_get(&v, data, length);

    for (size_t i = 0; r == 0 && i < d->nothers; i++) {
        if (d->others[i].number == v.number) {
            forget(d, i);
            break;
        }
    }
    return r;
}

int dialer_rules_message(struct dialer *d, const uint8_t *data, size_t length,
                         const int *fds, size_t nfds)
{
    if (message_type(data, length) == MESSAGE_RULES && nfds == 1)
        return on_rules(d, data, length, fds[0]);
    if (message_type(data, length) == MESSAGE_RULES_DROP && nfds == 0)
        return on_drop(d, data, length);
    return SP_EPROTO;
}

const struct snapshot *dialer_newest(const struct dialer *d)
{
    return d->nothers > 0 ? &d->others[d->nothers - 1].snapshot : &d->snapshot;
}

static const struct policy_endpoint *find_in(const struct policy *p,
                                             const struct ask_dial *ask)
{
    if (ask->policy != p->serial || ask->model >= p->nmodels ||
        ask->endpoint >= p->models[ask->model].nendpoints)
        return NULL;
    return &p->models[ask->model].endpoints[ask->endpoint];
}

const struct policy_endpoint *dialer_endpoint(const struct dialer *d,
                                              const struct ask_dial *ask,
                                              const struct policy **policy)
{
    const struct policy_endpoint *e;

    for (size_t i = d->nothers; i > 0; i--) {
        *policy = d->others[i - 1].snapshot.policy;
        if ((e = find_in(*policy, ask)) != NULL)
            return e;
    }
    *policy = d->snapshot.policy;
    return find_in(*policy, ask);
}
