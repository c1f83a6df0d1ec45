/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where exchanges come from and where they go. Runs in a worker; looks at
 * nothing of what they carry.
 */
#include "gateway/exchange_pool.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/metrics_page.h"
#include "lib/text.h"

/* Exchanges kept for use again. */
#define SPARE_EXCHANGES 256
/* A larger document's parse gives its memory back at once. */
#define SPARE_JSON_NODES 4096

/* What waits when the model's side is read once more, and what one read ends:
 * an event, and many behind it, in which names may become longer. */
#define HELD_EVENTS_BYTES                                                      \
    (LIMIT_RELAY_BYTES + 2 * (LIMIT_EVENT_BYTES + WORKER_SCRATCH))

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct json *exchange_json_take(struct worker *w)
{
    if (w->nspare_json > 0)
        return w->spare_json[--w->nspare_json];
    return calloc(1, sizeof(struct json));
}

void exchange_json_give(struct worker *w, struct json *j)
{
    if (j == NULL)
        return;
    j->text = NULL;
    if (j->capacity > SPARE_JSON_NODES)
        json_release(j);
    if (w->nspare_json < COUNT(w->spare_json)) {
        w->spare_json[w->nspare_json++] = j;
        return;
    }
    json_release(j);
    free(j);
}

static void list_insert(struct worker *w, struct exchange *x)
{
    x->next = w->exchanges;
    x->previous = NULL;
    if (w->exchanges != NULL)
        w->exchanges->previous = x;
    w->exchanges = x;
    metrics_add(METRICS_REQUESTS, 1);
}

struct exchange *exchange_new(struct worker *w, const struct codec *codec,
                              void *stream, const struct identity *id,
                              const char *address)
{
    struct exchange *x = w->spare;
    struct text request_id;
    uint8_t random[REQUEST_ID_LENGTH / 2];

    if (x != NULL) {
        w->spare = x->wait_next;
        w->nspare--;
    } else {
        x = malloc(sizeof(*x));
        if (x == NULL)
            return NULL;
    }
    memset(x, 0, sizeof(*x));
    x->worker = w;
    x->rules = rules_hold(w->rules);
    x->codec = codec;
    x->stream = stream;
    x->cause = CAUSE_COUNT;
    x->window = x->terms = x->model = VERDICT_NONE;
    x->facts = (struct facts){.party = id->party,
                              .person = id->person,
                              .cert_not_before = id->not_before,
                              .test_pki = id->test_pki,
                              .cert_not_after = id->not_after,
                              .max_tokens = -1,
                              .outputs = 1};
    memcpy(x->facts.cert_sha256, id->cert_sha256, sizeof(id->cert_sha256));
    memcpy(x->facts.address, address,
           strnlen(address, sizeof(x->facts.address) - 1));
    buf_init(&x->body, LIMIT_BODY_BYTES);
    buf_init(&x->forward, 2 * LIMIT_BODY_BYTES);
    buf_init(&x->held, HELD_EVENTS_BYTES);
    worker_random(w, x->salt, sizeof(x->salt));
    worker_random(w, random, sizeof(random));
    text_init(&request_id, x->request_id, REQUEST_ID_LENGTH);
    text_hex(&request_id, random, sizeof(random));
    list_insert(w, x);
    return x;
}

/* x->next stays as it is: whoever walks the list may end what it visits. */
void exchange_bury(struct exchange *x)
{
    struct worker *w = x->worker;

    if (x->previous != NULL)
        x->previous->next = x->next;
    else
        w->exchanges = x->next;
    if (x->next != NULL)
        x->next->previous = x->previous;
    metrics_take(METRICS_REQUESTS);
    if (x->streaming)
        metrics_take(METRICS_STREAMS);
    x->wait_next = w->graveyard;
    w->graveyard = x;
}

void exchanges_bury(struct worker *w)
{
    while (w->graveyard != NULL) {
        struct exchange *x = w->graveyard;

        w->graveyard = x->wait_next;
        rules_drop(x->rules);
        x->rules = NULL;
        if (w->nspare < SPARE_EXCHANGES) {
            sodium_memzero(x, sizeof(*x));
            x->wait_next = w->spare;
            w->spare = x;
            w->nspare++;
        } else {
            free(x);
        }
    }
}

void exchanges_free(struct worker *w)
{
    exchanges_bury(w);
    while (w->spare != NULL) {
        struct exchange *x = w->spare;

        w->spare = x->wait_next;
        free(x);
    }
    while (w->nspare_json > 0) {
        struct json *j = w->spare_json[--w->nspare_json];

        json_release(j);
        free(j);
    }
}
