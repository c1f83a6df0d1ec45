/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries as notices, notices as messages, and as what leaves: JSON for the
 * hook, RFC 5424 for syslog. Runs in the keeper and the supervisor. Nothing in
 * here was chosen by whoever asks models: names come from the policy.
 */
#include "gateway/notice.h"

#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/msg.h"
#include "policy/policy.h"

/* RFC 5424, section 6.2.1: the facility is "system daemons". */
#define FACILITY 3
/* The number that RFC 5612 keeps for documents; there is none of ours. */
#define ENTERPRISE "sallyport@32473"

#define NAME_CHARACTERS  "abcdefghijklmnopqrstuvwxyz0123456789._-"
#define MODEL_CHARACTERS NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ:"

static const struct {
    const char *text;
    enum entry_kind kind;
    int severity; /* 4: warning, 5: notice */
    bool window;  /* it is about one */
    const char *says;
} events[NOTICE_EVENTS] = {
    [NOTICE_WINDOW_OPENED] = {"window.opened", ENTRY_WINDOW_OPENED, 5, true,
                              " is open until "},
    [NOTICE_WINDOW_ENDS] = {"window.notice", ENTRY_WINDOW_NOTICE, 4, true,
                            " ends in "},
    [NOTICE_WINDOW_CLOSED] = {"window.closed", ENTRY_WINDOW_CLOSED, 4, true,
                              " has ended"},
    [NOTICE_SUSPENDED] = {"person.suspended", ENTRY_PERSON_SUSPENDED, 4, false,
                          " is suspended"},
    [NOTICE_RESUMED] = {"person.resumed", ENTRY_PERSON_RESUMED, 5, false,
                        " is given back"},
    [NOTICE_REVOKED] = {"party.revoked", ENTRY_PARTY_REVOKED, 4, false,
                        " is revoked"},
};

const char *notice_event_text(enum notice_event event)
{
    return events[event < NOTICE_EVENTS ? event : NOTICE_WINDOW_ENDS].text;
}

/* ---- from an entry ---- */

static void take(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from == NULL ? "" : from);
}

/* "party/model/opens": no name has a slash. */
static void window_take(struct notice *v, const char *window)
{
    const char *slash = strchr(window, '/');
    const char *second = slash == NULL ? NULL : strchr(slash + 1, '/');

    take(v->window, sizeof v->window, window);
    if (second == NULL)
        return;
    snprintf(v->party, sizeof v->party, "%.*s", (int)(slash - window), window);
    snprintf(v->model, sizeof v->model, "%.*s", (int)(second - slash - 1),
             slash + 1);
}

/* Of a tripwire that it was one: which, whoever set it off need not know. */
static void cause_take(struct notice *v, const char *cause)
{
    snprintf(v->cause, sizeof v->cause, "%.*s", (int)strcspn(cause, ":"),
             cause);
}

static void people_take(struct notice *v, const char *party, const char *person)
{
    take(v->party, sizeof v->party, party);
    take(v->person, sizeof v->person, person);
}

static void event_take(struct notice *v, const struct entry *e)
{
    switch (v->event) {
    case NOTICE_WINDOW_OPENED:
        window_take(v, e->u.window_opened.window);
        v->closes = e->u.window_opened.closes;
        break;
    case NOTICE_WINDOW_ENDS:
        window_take(v, e->u.window_notice.window);
        v->closes = e->u.window_notice.closes;
        v->before = e->u.window_notice.before;
        break;
    case NOTICE_WINDOW_CLOSED:
        window_take(v, e->u.window_closed.window);
        cause_take(v, e->u.window_closed.cause);
        break;
    case NOTICE_SUSPENDED:
        people_take(v, e->u.person_suspended.party,
                    e->u.person_suspended.person);
        cause_take(v, e->u.person_suspended.cause);
        break;
    case NOTICE_RESUMED:
        people_take(v, e->u.person_resumed.party, e->u.person_resumed.person);
        break;
    case NOTICE_REVOKED:
        people_take(v, e->u.party_revoked.party, e->u.party_revoked.person);
        break;
    case NOTICE_EVENTS:
    default:
        break;
    }
}

bool notice_from_entry(struct notice *v, const struct entry *e)
{
    for (unsigned i = 0; i < NOTICE_EVENTS; i++) {
        if (events[i].kind != e->kind)
            continue;
        *v = (struct notice){
            .n = e->n, .t = e->t, .event = (enum notice_event)i};
        event_take(v, e);
        return true;
    }
    return false;
}

/* ---- as a message ---- */

int notice_put(const struct notice *v, void *memory, size_t capacity,
               size_t *length)
{
    struct msg_out m;

    msg_put_begin(&m, memory, capacity, MESSAGE_NOTICE);
    msg_put_u64(&m, v->n);
    msg_put_i64(&m, v->t);
    msg_put_u8(&m, (uint8_t)v->event);
    msg_put_text(&m, v->party);
    msg_put_text(&m, v->person);
    msg_put_text(&m, v->window);
    msg_put_text(&m, v->model);
    msg_put_i64(&m, v->closes);
    msg_put_i64(&m, v->before);
    msg_put_text(&m, v->cause);
    *length = m.length;
    return msg_put_end(&m);
}

static void get_name(struct msg_in *m, char *text, size_t size,
                     const char *allowed, bool must)
{
    msg_get_text(m, text, size);
    if (text[strspn(text, allowed)] != '\0' || (must && text[0] == '\0'))
        m->failed = true;
}

int notice_get(struct notice *v, const void *data, size_t length)
{
    struct msg_in m;
    unsigned event;
    bool window;

    *v = (struct notice){0};
    if (msg_get_begin(&m, data, length) != MESSAGE_NOTICE)
        return SP_EPROTO;
    v->n = msg_get_u64(&m);
    v->t = msg_get_i64(&m);
    if ((event = msg_get_u8(&m)) >= NOTICE_EVENTS)
        return SP_EPROTO;
    v->event = (enum notice_event)event;
    window = events[event].window;
    get_name(&m, v->party, sizeof v->party, NAME_CHARACTERS, true);
    get_name(&m, v->person, sizeof v->person, NAME_CHARACTERS, false);
    get_name(&m, v->window, sizeof v->window, MODEL_CHARACTERS "/", window);
    get_name(&m, v->model, sizeof v->model, MODEL_CHARACTERS, window);
    v->closes = msg_get_i64(&m);
    v->before = msg_get_i64(&m);
    get_name(&m, v->cause, sizeof v->cause, "abcdefghijklmnopqrstuvwxyz",
             false);
    if (v->t < 0 || v->closes < 0 || v->before < 0 ||
        window != (v->window[0] != '\0') || window != (v->model[0] != '\0') ||
        (window && v->person[0] != '\0'))
        return SP_EPROTO;
    return msg_get_end(&m);
}

/* ---- for people ---- */

static void put_utc(struct text *t, int64_t ms)
{
    char utc[CLOCK_UTC_SIZE];

    clock_format_utc(ms, utc);
    text_put(t, utc);
}

static int64_t seconds_left(const struct notice *v)
{
    return v->closes > v->t ? (v->closes - v->t) / 1000 : 0;
}

static void put_count(struct text *t, int64_t count, const char *unit)
{
    text_number(t, (uint64_t)count);
    text_put(t, " ");
    text_put(t, unit);
    text_put(t, count == 1 ? "" : "s");
}

/* "2 days 3 hours", "59 minutes", "1 second": the two largest units. */
static void put_span(struct text *t, int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    const size_t last = sizeof units / sizeof *units - 1;
    size_t i = 0;

    while (i < last && seconds < units[i].seconds)
        i++;
    put_count(t, seconds / units[i].seconds, units[i].name);
    seconds %= units[i].seconds;
    if (i == last || seconds < units[i + 1].seconds)
        return;
    text_put(t, " ");
    put_count(t, seconds / units[i + 1].seconds, units[i + 1].name);
}

static void put_whose(struct text *t, const struct notice *v)
{
    text_put(t, "Access of ");
    text_put(t, v->party);
    if (v->person[0] != '\0') {
        text_put(t, "/");
        text_put(t, v->person);
    }
    if (v->model[0] != '\0') {
        text_put(t, " to ");
        text_put(t, v->model);
    }
}

void notice_sentence(struct text *t, const struct notice *v)
{
    put_whose(t, v);
    text_put(t, events[v->event].says);
    if (v->event == NOTICE_WINDOW_ENDS) {
        put_span(t, seconds_left(v));
        text_put(t, ", at ");
    }
    if (v->closes > 0)
        put_utc(t, v->closes);
    if (v->cause[0] != '\0') {
        text_put(t, " (");
        text_put(t, v->cause);
        text_put(t, ")");
    }
    text_put(t, ".");
}

/* ---- JSON ---- */

static void quote(struct text *t, const char *value)
{
    size_t length = t->length;

    if (json_quote(t->data, t->capacity, &length, value, strlen(value)) != 0)
        t->failed = true;
    else
        t->length = length;
}

/* `lead` is how the name is written; nothing of what is not said. */
static void member(struct text *t, const char *lead, const char *value)
{
    if (value[0] == '\0')
        return;
    text_put(t, lead);
    quote(t, value);
}

static void member_time(struct text *t, const char *lead, int64_t ms)
{
    char utc[CLOCK_UTC_SIZE];

    clock_format_utc(ms, utc);
    member(t, lead, utc);
}

static void member_number(struct text *t, const char *lead, int64_t number)
{
    text_put(t, lead);
    text_number(t, (uint64_t)number);
}

static void member_addresses(struct text *t, const struct policy_notices *to)
{
    text_put(t, ",\"addresses\":[");
    for (size_t i = 0; to != NULL && i < to->naddresses; i++) {
        text_put(t, i > 0 ? "," : "");
        quote(t, to->addresses[i]);
    }
    text_put(t, "]");
}

void notice_json(struct text *t, const struct notice *v, const char *deployment,
                 const struct policy_notices *to)
{
    char words[1024];
    struct text sentence;

    text_init(&sentence, words, sizeof words - 1);
    notice_sentence(&sentence, v);
    words[sentence.length] = '\0';
    member(t, "{\"event\":", notice_event_text(v->event));
    member_number(t, ",\"n\":", (int64_t)v->n);
    member_time(t, ",\"time\":", v->t);
    member(t, ",\"deployment\":", deployment);
    member(t, ",\"party\":", v->party);
    member(t, ",\"person\":", v->person);
    member(t, ",\"model\":", v->model);
    member(t, ",\"window\":", v->window);
    if (v->closes > 0) {
        member_time(t, ",\"closes\":", v->closes);
        member_number(t, ",\"seconds_left\":", seconds_left(v));
    }
    if (v->before > 0)
        member_number(t, ",\"before\":", v->before / 1000);
    member(t, ",\"cause\":", v->cause);
    member(t, ",\"text\":", words);
    member_addresses(t, to);
    text_put(t, "}\n");
}

/* ---- syslog ---- */

void notice_parameter(struct text *t, const char *name, const char *value)
{
    text_put(t, " ");
    text_put(t, name);
    text_put(t, "=\"");
    for (; *value != '\0'; value++) {
        if (strchr("\"\\]", *value) != NULL)
            text_add(t, "\\", 1);
        text_add(t, value, 1);
    }
    text_put(t, "\"");
}

static void parameter_if_any(struct text *t, const char *name,
                             const char *value)
{
    if (value[0] != '\0')
        notice_parameter(t, name, value);
}

static void parameter_number(struct text *t, const char *name, int64_t number)
{
    char digits[24];

    snprintf(digits, sizeof digits, "%lld", (long long)number);
    notice_parameter(t, name, digits);
}

static void structured_data(struct text *t, const struct notice *v)
{
    char utc[CLOCK_UTC_SIZE];

    text_put(t, "[" ENTERPRISE);
    parameter_number(t, "n", (int64_t)v->n);
    notice_parameter(t, "party", v->party);
    parameter_if_any(t, "person", v->person);
    parameter_if_any(t, "model", v->model);
    parameter_if_any(t, "window", v->window);
    if (v->closes > 0) {
        clock_format_utc(v->closes, utc);
        notice_parameter(t, "closes", utc);
        parameter_number(t, "seconds_left", seconds_left(v));
    }
    if (v->before > 0)
        parameter_number(t, "before", v->before / 1000);
    parameter_if_any(t, "cause", v->cause);
    text_put(t, "]");
}

/* PRI VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SD MSG. All of it is
 * ASCII, so there is no byte order mark. */
void notice_syslog(struct text *t, const struct notice *v,
                   const char *deployment)
{
    text_put(t, "<");
    text_number(t, (uint64_t)(FACILITY * 8 + events[v->event].severity));
    text_put(t, ">1 ");
    put_utc(t, v->t);
    text_put(t, " ");
    text_put(t, deployment);
    text_put(t, " sallyport - ");
    text_put(t, notice_event_text(v->event));
    text_put(t, " ");
    structured_data(t, v);
    text_put(t, " ");
    notice_sentence(t, v);
}
