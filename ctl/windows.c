/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport windows: every window of the policy with what the ledger says of
 * it. Runs in the command, reads only; entries of the last second may not be
 * published yet.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "ctl/overview.h"
#include "ctl/verbs.h"
#include "lib/clock.h"

static const char help[] =
    "usage: sallyport windows DIR [--json]\n"
    "\n"
    "Shows each access window: party, model, state (scheduled, open, closed,\n"
    "expired), when it opens and closes, the time left, requests used and\n"
    "allowed, and requests that are open. Read from the policy and the "
    "ledger.\n"
    "\n"
    "Exit status: 0, 1 the files are wrong or the ledger does not add up, 2\n"
    "wrong usage.\n";

/* What the table and the JSON say of one window. */
struct row {
    const char *id, *party, *model, *state;
    char opens[CLOCK_UTC_SIZE], closes[CLOCK_UTC_SIZE];
    int64_t left;  /* ms; 0 unless open */
    int64_t limit; /* requests in all; -1: none */
    uint64_t requests;
    uint32_t open_requests;
};

static void row_fill(const struct overview *d, uint32_t i, int64_t now,
                     struct row *row)
{
    const struct policy *p = d->policy;
    const struct policy_window *w = &p->windows[i];
    struct standing_window s;
    enum window_look look = overview_window(d, i, now, &s);

    *row = (struct row){.id = w->id,
                        .party = p->parties[w->party].name,
                        .model = p->models[w->model].name,
                        .state = window_look_text(look),
                        .left = look == LOOK_OPEN ? s.closes - now : 0,
                        .requests = s.requests,
                        .open_requests = s.open_requests};
    clock_format_utc(w->opens, row->opens);
    clock_format_utc(s.closes, row->closes);
    for (size_t k = 0; k < w->nterms; k++) {
        int64_t limit = p->terms[w->terms[k]].window.total[UNIT_REQUESTS];

        row->limit = limit < 0 || row->limit < 0 ? -1 : row->limit + limit;
    }
}

static void row_print(const struct row *row)
{
    char left[SPAN_SIZE] = "-", limit[24] = "-";

    if (row->left > 0)
        span_format(row->left, left);
    if (row->limit >= 0)
        snprintf(limit, sizeof limit, "%" PRId64, row->limit);
    printf("%-20s %-20s %-9s %.19sZ %.19sZ %-12s %9" PRIu64 "/%-9s %5" PRIu32
           "\n",
           row->party, row->model, row->state, row->opens, row->closes, left,
           row->requests, limit, row->open_requests);
}

/* Names have no characters that JSON would escape. */
static void row_print_json(const struct row *row, bool first)
{
    printf("%s{\"window\":\"%s\",\"party\":\"%s\",\"model\":\"%s\","
           "\"state\":\"%s\",\"opens\":\"%s\",\"closes\":\"%s\","
           "\"left_ms\":%" PRId64 ",\"requests\":%" PRIu64 ",",
           first ? "" : ",\n", row->id, row->party, row->model, row->state,
           row->opens, row->closes, row->left, row->requests);
    if (row->limit >= 0)
        printf("\"requests_limit\":%" PRId64 ",", row->limit);
    else
        printf("\"requests_limit\":null,");
    printf("\"open_requests\":%" PRIu32 "}", row->open_requests);
}

static void rows_print(const struct overview *d, bool json)
{
    int64_t now = clock_wall_ms();
    struct row row;

    if (json)
        printf("[");
    else
        printf("%-20s %-20s %-9s %-20s %-20s %-12s %9s/%-9s %5s\n", "PARTY",
               "MODEL", "STATE", "OPENS", "CLOSES", "LEFT", "REQUESTS", "LIMIT",
               "OPEN");
    for (uint32_t i = 0; i < d->policy->nwindows; i++) {
        row_fill(d, i, now, &row);
        if (json)
            row_print_json(&row, i == 0);
        else
            row_print(&row);
    }
    if (json)
        printf("]\n");
}

int verb_windows(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                            {"json", no_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    struct overview d = {0};
    int option, status = EXIT_FAILS;
    bool json = false;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'j') {
            json = true;
            continue;
        }
        fputs(help, option == 'h' ? stdout : stderr);
        return option == 'h' ? EXIT_HOLDS : EXIT_MISUSED;
    }
    if (optind + 1 != argc) {
        fputs(help, stderr);
        return EXIT_MISUSED;
    }
    if (overview_load(argv[optind], &d) == 0 && overview_replay(&d) == 0) {
        if (d.settings == NULL || d.standing == NULL)
            fprintf(stderr, "no ledger yet: as the policy has it\n");
        else if (!d.in_force)
            fprintf(stderr, "this policy is not in force yet: as it will be\n");
        rows_print(&d, json);
        status = EXIT_HOLDS;
    }
    overview_release(&d);
    return status;
}
