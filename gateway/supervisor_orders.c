/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders on their way from control to the keeper, and their answers on the way
 * back. Runs in the supervisor: it remembers which are under way, so that each
 * is answered even if the keeper dies with it, and carries out what is about
 * the daemon itself, when the keeper has its entry on disk (P5).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/control_staff.h"
#include "gateway/processes.h"
#include "lib/clock.h"

static void answer_send(struct supervisor *s,
                        const struct order_answer_message *v)
{
    uint8_t data[sizeof(*v) + 64];
    size_t length;

    if (s->processes[CONTROL].state == ROLE_STATE_READY &&
        order_answer_message_put(v, data, sizeof(data), &length) == 0)
        process_send(&s->processes[CONTROL], data, length, NULL, 0);
}

static void answer(struct supervisor *s, uint64_t ticket, int error,
                   const char *text)
{
    struct order_answer_message v = {.ticket = ticket, .answer.error = error};

    snprintf(v.answer.text, sizeof(v.answer.text), "%s", text);
    answer_send(s, &v);
}

/* --- What the supervisor does itself --- */

static void carry_out_reload(struct supervisor *s,
                             struct order_answer_message *v)
{
    if (s->reload_ticket != 0 || s->change.state != CHANGE_NONE) {
        v->answer.error = SP_EAGAIN;
        snprintf(v->answer.text, sizeof(v->answer.text),
                 "another reload is under way: nothing was read for this one");
        answer_send(s, v);
        return;
    }
    s->reload_ticket = v->ticket;
    s->reload_entry = v->answer.n;
    supervisor_reload(s);
}

/* Answered before it begins: control ends with the daemon. */
static void carry_out_drain(struct supervisor *s, uint32_t within_ms,
                            struct order_answer_message *v)
{
    answer_send(s, v);
    if (s->phase <= PHASE_RUNNING)
        supervisor_drain(s, within_ms);
}

void supervisor_reload_over(struct supervisor *s,
                            const struct reload_result *result)
{
    struct order_answer_message v = {
        .ticket = s->reload_ticket,
        .answer = {.error = result->error, .n = s->reload_entry}};

    s->reload_at = clock_wall_ms();
    s->reload_refused = result->error != 0;
    supervisor_tell_roles(s);
    if (s->reload_ticket == 0)
        return;
    s->reload_ticket = 0;
    if (result->error != 0)
        snprintf(v.answer.text, sizeof(v.answer.text),
                 "nothing was changed (revocation lists are read all the "
                 "same); entry %" PRIu64 " has the order",
                 v.answer.n);
    reload_result_text(result, v.answer.report);
    answer_send(s, &v);
}

/* --- On the way to the keeper --- */

static bool is_about_gateway(enum order_verb verb)
{
    return verb == ORDER_RELOAD || verb == ORDER_DRAIN;
}

/* Why it cannot be carried out now, or NULL: then nothing is written. */
static const char *obstacle(const struct supervisor *s, enum order_verb verb)
{
    if (s->processes[KEEPER].state != ROLE_STATE_READY)
        return "the ledger cannot be written now: nothing was recorded, and "
               "every request is refused meanwhile";
    if (s->norders == SUPERVISOR_ORDERS)
        return "the keeper does not take orders now: nothing was recorded";
    if (!is_about_gateway(verb) || s->phase == PHASE_RUNNING)
        return NULL;
    return s->phase == PHASE_STARTING
               ? "not everything has started yet: nothing was recorded"
               : "the daemon is ending already: nothing was recorded";
}

/* What stands for "as the settings say" becomes a number before it is in the
 * ledger. */
static void pass_on(struct supervisor *s, struct order_message *v)
{
    static uint8_t data[sizeof(*v) + 64];
    size_t length;

    if (v->order.within_ms == ORDER_DRAIN_DEFAULT)
        v->order.within_ms = (uint32_t)s->snapshot.settings->drain_ms;
    if (v->order.verb == ORDER_CERTIFICATES) { /* it is read before */
        supervisor_send_index(s);
        supervisor_publish(s);
        supervisor_announce_list(s, false);
    }
    s->orders[s->norders++] =
        (struct supervisor_order){v->ticket, v->order.verb, v->order.within_ms};
    if (order_message_put(v, data, sizeof(data), &length) == 0)
        process_send(&s->processes[KEEPER], data, length, NULL, 0);
}

int supervisor_order(struct supervisor *s, const uint8_t *data, size_t length)
{
    static struct order_message v;
    int r = order_message_get(&v, data, length);
    const char *why;

    if (r != 0)
        return r;
    if (supervisor_handing_over(s) &&
        supervisor_handover_order(s, data, length) == 0)
        return 0;
    why = obstacle(s, v.order.verb);
    if (why == NULL)
        pass_on(s, &v);
    else
        answer(s, v.ticket,
               s->processes[KEEPER].state != ROLE_STATE_READY ? SP_ECLOSED
                                                              : SP_EAGAIN,
               why);
    return 0;
}

/* --- On the way back --- */

static void answered(struct supervisor *s, const struct supervisor_order *o,
                     struct order_answer_message *v)
{
    if (v->answer.error == 0 && o->verb == ORDER_RELOAD) {
        carry_out_reload(s, v);
        return;
    }
    if (v->answer.error == 0 && o->verb == ORDER_DRAIN) {
        carry_out_drain(s, o->within_ms, v);
        return;
    }
    if (v->answer.error == SP_ETIMEDOUT && is_about_gateway(o->verb))
        snprintf(v->answer.text, sizeof(v->answer.text),
                 "entry %" PRIu64 " is not on disk yet: not carried out, give "
                 "the order again",
                 v->answer.n);
    answer_send(s, v);
}

int supervisor_order_answer(struct supervisor *s, const uint8_t *data,
                            size_t length)
{
    struct order_answer_message v;
    int r = order_answer_message_get(&v, data, length);

    for (size_t i = 0; r == 0 && i < s->norders; i++) {
        const struct supervisor_order o = s->orders[i];

        if (o.ticket != v.ticket)
            continue;
        s->norders--;
        memmove(&s->orders[i], &s->orders[i + 1],
                (s->norders - i) * sizeof(s->orders[0]));
        answered(s, &o, &v);
        supervisor_handover_step(s);
        return 0;
    }
    return r != 0 ? r : SP_EPROTO; /* to an order that nobody gave */
}

void supervisor_orders_lost(struct supervisor *s)
{
    size_t count = s->norders;

    s->norders = 0;
    for (size_t i = 0; i < count; i++)
        answer(s, s->orders[i].ticket, SP_ECLOSED,
               "the keeper ended before it was on disk: every request is "
               "refused meanwhile; look at the ledger, and give the order "
               "again if it is not there");
}

/* --- Who is heard --- */

void supervisor_tell_staff(struct supervisor *s)
{
    uint8_t data[512];
    struct staff_list v;
    size_t length;

    staff_take(&v, s->snapshot.settings);
    if (s->processes[CONTROL].state == ROLE_STATE_READY &&
        staff_message_put(&v, data, sizeof(data), &length) == 0)
        process_send(&s->processes[CONTROL], data, length, NULL, 0);
}
