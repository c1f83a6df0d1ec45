/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One notice to one party: an entry of the ledger that concerns it, as the
 * keeper tells the supervisor (docs/notices.md, docs/messages.md), and the two
 * forms in which it leaves. It has names of that party alone, and no words of
 * operators.
 */
#ifndef SP_GATEWAY_NOTICE_H
#define SP_GATEWAY_NOTICE_H

#include "gateway/messages.h"
#include "lib/text.h"
#include "policy/entry.h"

enum notice_event {
    NOTICE_WINDOW_OPENED,
    NOTICE_WINDOW_ENDS, /* window.notice */
    NOTICE_WINDOW_CLOSED,
    NOTICE_SUSPENDED,
    NOTICE_RESUMED,
    NOTICE_REVOKED,
    NOTICE_EVENTS
};

#define NOTICE_NAME   65  /* of a party or a person, with a NUL */
#define NOTICE_MODEL  129 /* of a model */
#define NOTICE_WINDOW 256 /* "party/model/opens" */
#define NOTICE_CAUSE  16

struct notice {
    uint64_t n; /* the entry, which is on disk */
    int64_t t;  /* its time, ms UTC, ≥ 0 */
    enum notice_event event;
    char party[NOTICE_NAME];
    char person[NOTICE_NAME]; /* "": the whole party, or about a window */
    char window[NOTICE_WINDOW], model[NOTICE_MODEL]; /* "": about people */
    int64_t closes;                                  /* ms UTC; 0: not said */
    int64_t before;           /* ms, of a notice that it ends; else 0 */
    char cause[NOTICE_CAUSE]; /* [a-z]*, "": there is none */
};

/* False: the entry is no party's business, or only in the ledger. */
bool notice_from_entry(struct notice *v, const struct entry *e);

MESSAGE_PAIR(notice, notice);

/* "window.notice" …: the entry's kind. */
const char *notice_event_text(enum notice_event event);
/* A sentence for people. */
void notice_sentence(struct text *t, const struct notice *v);

/* Room for either form with as many addresses as a party has. */
#define NOTICE_BYTES 8192

/* A line of JSON for the hook, with the newline. */
void notice_json(struct text *t, const struct notice *v, const char *deployment,
                 const struct policy_notices *to);
/* An RFC 5424 message, without any framing. */
void notice_syslog(struct text *t, const struct notice *v,
                   const char *deployment);
/* A value of structured data, in quotes (RFC 5424, section 6.3.3). */
void notice_parameter(struct text *t, const char *name, const char *value);

#endif
