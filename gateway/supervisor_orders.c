/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders on their way from control to the keeper, and their answers on the way
 * back. Runs in the supervisor, which reads neither: it remembers which are
 * under way, so that each is answered even if the keeper dies with it.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/processes.h"

static void answer(struct supervisor *s, uint64_t ticket, int error,
                   const char *text)
{
    struct order_answer_message v = {.ticket = ticket, .answer.error = error};
    uint8_t data[sizeof(v) + 64];
    size_t length;

    snprintf(v.answer.text, sizeof(v.answer.text), "%s", text);
    if (s->processes[CONTROL].state == ROLE_STATE_READY &&
        order_answer_message_put(&v, data, sizeof(data), &length) == 0)
        process_send(&s->processes[CONTROL], data, length, NULL, 0);
}

int supervisor_order(struct supervisor *s, const uint8_t *data, size_t length)
{
    struct order_message v;
    int r = order_message_get(&v, data, length);

    if (r != 0)
        return r;
    if (s->processes[KEEPER].state != ROLE_STATE_READY) {
        answer(s, v.ticket, SP_ECLOSED,
               "the ledger cannot be written now: nothing was recorded, and "
               "every request is refused meanwhile");
    } else if (s->norders == SUPERVISOR_ORDERS) {
        answer(s, v.ticket, SP_EAGAIN,
               "the keeper does not take orders now: nothing was recorded");
    } else {
        s->orders[s->norders++] = v.ticket;
        if (v.order.verb == ORDER_CERTIFICATES) { /* it is read before */
            supervisor_send_index(s);
            supervisor_publish(s);
            supervisor_announce_list(s, false);
        }
        process_send(&s->processes[KEEPER], data, length, NULL, 0);
    }
    return 0;
}

int supervisor_order_answer(struct supervisor *s, const uint8_t *data,
                            size_t length)
{
    struct order_answer_message v;
    int r = order_answer_message_get(&v, data, length);

    for (size_t i = 0; r == 0 && i < s->norders; i++) {
        if (s->orders[i] != v.ticket)
            continue;
        s->norders--;
        memmove(&s->orders[i], &s->orders[i + 1],
                (s->norders - i) * sizeof(s->orders[0]));
        if (s->processes[CONTROL].state == ROLE_STATE_READY)
            process_send(&s->processes[CONTROL], data, length, NULL, 0);
        return 0;
    }
    return r != 0 ? r : SP_EPROTO; /* to an order that nobody gave */
}

void supervisor_orders_lost(struct supervisor *s)
{
    size_t count = s->norders;

    s->norders = 0;
    for (size_t i = 0; i < count; i++)
        answer(s, s->orders[i], SP_ECLOSED,
               "the keeper ended before it was on disk: every request is "
               "refused meanwhile; look at the ledger, and give the order "
               "again if it is not there");
}
