/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport log report recipients`: who was given answers of a model, when and
 * how much, from the ledger alone: the question after a leak. Runs on an
 * operator's or auditor's machine; the ledger is verified in the same pass.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/log.h"
#include "ctl/verbs.h"
#include "lib/clock.h"
#include "policy/entry.h"

static const char usage[] =
    "usage: sallyport log report recipients DIR --model MODEL [--json]\n"
    "                     [--key VKEY | --key-file FILE | --no-key]\n"
    "\n"
    "Lists everybody who was given an answer of a model: first and last time, "
    "how\n"
    "many answers, how much of them the model said, from which addresses and\n"
    "certificates. People who were let in but got nothing are not recipients.\n"
    "\n"
    "Exit status: 0 listed, 1 the ledger does not hold, 2 wrong usage.\n";

struct recipient {
    char *party, *person;
    int64_t first, last; /* ends of answers */
    uint64_t requests, answers, content_bytes, output_tokens;
    size_t certificates, addresses; /* different ones, as far as we remember */
    uint8_t certificate[16][32];
    char address[16][46];
};

/* A request to the model that has no end yet. */
struct pending {
    uint64_t n;
    size_t recipient;
};

struct report_state {
    const char *model;
    struct entry_reader reader;
    struct recipient *list;
    size_t count, room;
    struct pending *open;
    size_t nopen, open_room;
};

static int grow(void **array, size_t *room, size_t count, size_t size)
{
    size_t more = *room == 0 ? 64 : *room * 2;
    void *bigger;

    if (count < *room)
        return 0;
    if ((bigger = reallocarray(*array, more, size)) == NULL)
        return SP_ENOMEM;
    *array = bigger;
    *room = more;
    return 0;
}

static int recipient_find(struct report_state *s, const struct entry_request *q,
                          size_t *at)
{
    void *array = s->list;
    int r;

    for (*at = 0; *at < s->count; ++*at)
        if (strcmp(s->list[*at].party, q->party) == 0 &&
            strcmp(s->list[*at].person, q->person) == 0)
            return 0;
    r = grow(&array, &s->room, s->count, sizeof *s->list);
    s->list = array;
    if (r != 0)
        return r;
    s->list[*at] = (struct recipient){.party = strdup(q->party),
                                      .person = strdup(q->person)};
    s->count++;
    return s->list[*at].party == NULL || s->list[*at].person == NULL ? SP_ENOMEM
                                                                     : 0;
}

static void source_note(struct recipient *p, const struct entry_request *q)
{
    size_t i;

    for (i = 0; i < p->certificates && i < 16; i++)
        if (memcmp(p->certificate[i], q->cert_sha256, 32) == 0)
            break;
    if (i == p->certificates && i < 16)
        memcpy(p->certificate[p->certificates++], q->cert_sha256, 32);
    for (i = 0; i < p->addresses && i < 16; i++)
        if (strcmp(p->address[i], q->address) == 0)
            break;
    if (i == p->addresses && i < 16)
        snprintf(p->address[p->addresses++], 46, "%s", q->address);
}

static int request_take(struct report_state *s, const struct entry *e)
{
    const struct entry_request *q = &e->u.request;
    void *array = s->open;
    size_t at;
    int r;

    if (q->window == NULL || q->model == NULL || q->party == NULL ||
        q->person == NULL || strcmp(q->model, s->model) != 0)
        return 0;
    if ((r = recipient_find(s, q, &at)) != 0)
        return r;
    s->list[at].requests++;
    source_note(&s->list[at], q);
    r = grow(&array, &s->open_room, s->nopen, sizeof *s->open);
    s->open = array;
    if (r == 0)
        s->open[s->nopen++] = (struct pending){e->n, at};
    return r;
}

static int compare_pending(const void *a, const void *b)
{
    const struct pending *x = a, *y = b;

    return (x->n > y->n) - (x->n < y->n);
}

static void end_take(struct report_state *s, const struct entry *e)
{
    const struct entry_request_closed *c = &e->u.request_closed;
    struct pending key = {.n = c->of};
    struct pending *at = s->nopen == 0
                             ? NULL
                             : bsearch(&key, s->open, s->nopen, sizeof *s->open,
                                       compare_pending);
    struct recipient *p;

    if (at == NULL)
        return;
    p = &s->list[at->recipient];
    s->nopen--;
    memmove(at, at + 1, (size_t)(s->open + s->nopen - at) * sizeof *at);
    if (c->content_bytes == 0)
        return; /* nothing that the model said */
    p->answers++;
    p->content_bytes += c->content_bytes;
    p->output_tokens += c->output_tokens;
    p->first = p->first == 0 ? e->t : p->first;
    p->last = e->t;
}

static int entry_see(void *arg, uint64_t n, const uint8_t *line, size_t length)
{
    struct report_state *s = arg;
    struct entry e;
    int r = entry_decode(&s->reader, (const char *)line, length, &e);

    if (r != 0 || e.n != n)
        return r == SP_ENOMEM ? r : SP_ECORRUPT;
    if (e.kind == ENTRY_REQUEST_ADMITTED)
        return request_take(s, &e);
    if (e.kind == ENTRY_REQUEST_CLOSED)
        end_take(s, &e);
    return 0;
}

/* ---- what is told ---- */

static int compare_recipients(const void *a, const void *b)
{
    const struct recipient *x = a, *y = b;
    int d = strcmp(x->party, y->party);

    return d != 0 ? d : strcmp(x->person, y->person);
}

static void recipient_json(const struct recipient *p, bool first)
{
    fputs(first ? "\n{\"party\":" : ",\n{\"party\":", stdout);
    log_print_json_text(p->party);
    fputs(",\"person\":", stdout);
    log_print_json_text(p->person);
    printf(",\"first\":%" PRId64 ",\"last\":%" PRId64 ",\"requests\":%" PRIu64
           ",\"answers\":%" PRIu64 ",\"content_bytes\":%" PRIu64
           ",\"output_tokens\":%" PRIu64 ",\"addresses\":[",
           p->first, p->last, p->requests, p->answers, p->content_bytes,
           p->output_tokens);
    for (size_t i = 0; i < p->addresses; i++) {
        fputs(i > 0 ? "," : "", stdout);
        log_print_json_text(p->address[i]);
    }
    fputs("],\"certificates\":[", stdout);
    for (size_t i = 0; i < p->certificates; i++) {
        fputs(i > 0 ? ",\"" : "\"", stdout);
        for (unsigned k = 0; k < 32; k++)
            printf("%02x", p->certificate[i][k]);
        putchar('"');
    }
    fputs("]}", stdout);
}

static void recipient_text(const struct recipient *p)
{
    char first[CLOCK_UTC_SIZE], last[CLOCK_UTC_SIZE];

    clock_format_utc(p->first, first);
    clock_format_utc(p->last, last);
    printf("%s/%s\n  %" PRIu64 " answers to %" PRIu64 " requests, %" PRIu64
           " bytes and %" PRIu64
           " tokens of the model's\n  first %s, last %s\n  from",
           p->party, p->person, p->answers, p->requests, p->content_bytes,
           p->output_tokens, first, last);
    for (size_t i = 0; i < p->addresses; i++)
        printf(" %s", p->address[i]);
    printf("%s, %zu%s certificate%s\n", p->addresses == 16 ? " …" : "",
           p->certificates, p->certificates == 16 ? " or more" : "",
           p->certificates == 1 ? "" : "s");
}

static void recipients_tell(const struct report_state *s,
                            const struct checkpoint *head, bool json)
{
    size_t told = 0;

    qsort(s->list, s->count, sizeof *s->list, compare_recipients);
    if (json) {
        fputs("{\"origin\":", stdout);
        log_print_json_text(head->origin);
        fputs(",\"model\":", stdout);
        log_print_json_text(s->model);
        printf(",\"checkpoint\":%" PRIu64
               ",\"still_open\":%zu,\"recipients\":[",
               head->size, s->nopen);
    }
    for (size_t i = 0; i < s->count; i++) {
        if (s->list[i].answers == 0)
            continue;
        if (json)
            recipient_json(&s->list[i], told == 0);
        else
            recipient_text(&s->list[i]);
        told++;
    }
    if (json)
        puts("]}");
    else
        printf("%zu people were given answers of %s, by the first %" PRIu64
               " entries of %s; %zu requests are still open\n",
               told, s->model, head->size, head->origin, s->nopen);
}

static int report_view(struct ledger_view *v, const char *model, bool json)
{
    struct report_state s = {.model = model};
    struct ledger_verdict verdict;
    int r;

    entry_reader_init(&s.reader);
    r = ledger_verify(v, entry_see, &s, &verdict);
    if (r == 0)
        recipients_tell(&s, ledger_view_checkpoint(v), json);
    else
        fprintf(stderr, "sallyport log report: %s\n",
                verdict.problem[0] != '\0' ? verdict.problem : sp_strerror(r));
    for (size_t i = 0; i < s.count; i++) {
        free(s.list[i].party);
        free(s.list[i].person);
    }
    free(s.list);
    free(s.open);
    entry_reader_release(&s.reader);
    return r == 0 ? EXIT_HOLDS : EXIT_FAILS;
}

int log_report(int argc, char **argv)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'},
        {"key-file", required_argument, NULL, 'f'},
        {"no-key", no_argument, NULL, 'n'},
        {"model", required_argument, NULL, 'm'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0}};
    const char *key = NULL, *key_file = NULL, *model = NULL;
    bool json = false, no_key = false, good = true;
    struct ledger_view *v = NULL;
    struct log_source s;
    int status;

    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        key = c == 'k' ? optarg : key;
        key_file = c == 'f' ? optarg : key_file;
        model = c == 'm' ? optarg : model;
        no_key = no_key || c == 'n';
        json = json || c == 'j';
        good = good && c != '?';
    }
    if (!good || argc - optind != 2 ||
        strcmp(argv[optind], "recipients") != 0 || model == NULL ||
        (key != NULL) + (key_file != NULL) + no_key > 1) {
        fputs(usage, stderr);
        return EXIT_MISUSED;
    }
    status = log_source_open(argv[optind + 1], key, key_file, &s);
    if (status != EXIT_HOLDS)
        return status;
    status = log_source_need_key(&s, no_key, "report");
    if (status == EXIT_HOLDS)
        status = log_view_open(&s, &v);
    if (status == EXIT_HOLDS)
        status = report_view(v, model, json);
    ledger_view_free(v);
    log_source_close(&s);
    return log_finish(status);
}
