/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of roles and verbs.
 */
#include "gateway/control_staff.h"

#include <inttypes.h>
#include <stdio.h>

#include "gateway/messages.h"

#define MAY(role) (1u << STAFF_##role)
#define LOOKS     (MAY(OBSERVER) | MAY(OPERATOR) | MAY(RELEASER) | MAY(OWNER))
#define ACTS      (MAY(OPERATOR) | MAY(OWNER))
/* The developer's control of the release date: no operator has it, and nobody
 * else is asked. */
#define RELEASES (MAY(RELEASER) | MAY(OWNER))

static const struct {
    const char *text;
    unsigned who;
} table[STAFF_VERB_COUNT] = {
    [ORDER_SUSPEND] = {"suspend", ACTS},
    [ORDER_RESUME] = {"resume", ACTS},
    [ORDER_REVOKE] = {"revoke", ACTS},
    [ORDER_CLOSE] = {"close", ACTS},
    [ORDER_RELEASE] = {"release", RELEASES},
    [ORDER_STATEMENT] = {"resume --statement", ACTS},
    [ORDER_REVEAL] = {"seal reveal", ACTS},
    [ORDER_CERTIFICATES] = {"ca", ACTS},
    [ORDER_RELOAD] = {"reload", ACTS},
    [ORDER_DRAIN] = {"drain", ACTS},
    [STAFF_ASK_STATUS] = {"status", LOOKS},
    [STAFF_ASK_WINDOWS] = {"windows", LOOKS},
};

const char *staff_text(enum staff role)
{
    static const char *const text[STAFF_COUNT] = {
        [STAFF_NONE] = "nobody",       [STAFF_OBSERVER] = "observer",
        [STAFF_OPERATOR] = "operator", [STAFF_RELEASER] = "releaser",
        [STAFF_OWNER] = "owner",
    };

    return text[(unsigned)role < STAFF_COUNT ? role : STAFF_NONE];
}

const char *staff_verb_text(unsigned verb)
{
    return verb < STAFF_VERB_COUNT ? table[verb].text : "unknown";
}

bool staff_may(enum staff role, unsigned verb)
{
    return verb < STAFF_VERB_COUNT && (unsigned)role < STAFF_COUNT &&
           (table[verb].who & (1u << role)) != 0;
}

enum staff staff_of(const struct staff_list *l, uint32_t own, uint32_t uid)
{
    if (uid == 0 || uid == own)
        return STAFF_OWNER;
    for (uint32_t i = 0; i < l->count; i++)
        if (l->staff[i].uid == uid)
            return l->staff[i].role;
    return STAFF_NONE;
}

void staff_take(struct staff_list *l, const struct settings *s)
{
    for (l->count = 0; l->count < s->nstaff && l->count < STAFF_MAX; l->count++)
        l->staff[l->count] = s->staff[l->count];
}

int staff_message_put(const struct staff_list *v, void *memory, size_t capacity,
                      size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_STAFF);
    msg_put_u32(&m, v->count);
    for (uint32_t i = 0; i < v->count && i < STAFF_MAX; i++) {
        msg_put_u32(&m, v->staff[i].uid);
        msg_put_u8(&m, (uint8_t)v->staff[i].role);
    }
    *length = m.length;
    return msg_put_end(&m);
}

int staff_message_get(struct staff_list *v, const void *data, size_t length)
{
    struct msg_in m;

    *v = (struct staff_list){0};
    if (msg_get_begin(&m, data, length) != MESSAGE_STAFF)
        return SP_EPROTO;
    v->count = msg_get_u32(&m);
    if (m.failed || v->count > STAFF_MAX)
        return SP_EPROTO;
    for (uint32_t i = 0; i < v->count; i++) {
        uint8_t role;

        v->staff[i].uid = msg_get_u32(&m);
        role = msg_get_u8(&m);
        if (role < STAFF_OBSERVER || role > STAFF_RELEASER)
            return SP_EPROTO;
        v->staff[i].role = (enum staff)role;
    }
    return msg_get_end(&m);
}

/* An owner is not named: whoever may become one knows. */
void staff_refusal(enum staff role, unsigned verb, uint32_t uid,
                   char text[ORDER_TEXT_SIZE])
{
    int n = snprintf(text, ORDER_TEXT_SIZE, "uid %" PRIu32 " is %s: `%s` needs",
                     uid, staff_text(role), staff_verb_text(verb));

    for (enum staff r = STAFF_OBSERVER; r < STAFF_OWNER; r++)
        if (staff_may(r, verb))
            n += snprintf(text + n, ORDER_TEXT_SIZE - (size_t)n, " %s",
                          staff_text(r));
}
