/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport windows: every window of the policy and how it stands. The running
 * daemon is asked, if there is one that answers this user; else policy and
 * ledger are read, of which entries of the last second may be missing. Changes
 * nothing.
 */
#include "ctl/windows.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/control_socket.h"
#include "ctl/overview.h"
#include "ctl/verbs.h"
#include "lib/clock.h"

static const char help[] =
    "usage: sallyport windows DIR [--json]\n"
    "\n"
    "Shows each access window: party, model, state (scheduled, open, closed,\n"
    "expired), when it opens and closes, the time left, requests used and\n"
    "allowed, requests that are open, and what is left of each budget. The\n"
    "running daemon is asked, if it answers you (DIR can be its control "
    "socket);\n"
    "otherwise it is read from the policy and the ledger.\n"
    "\n"
    "  --json  a list, an element for each window\n"
    "\n"
    "Exit status: 0, 1 the files are wrong or the ledger does not add up, 2\n"
    "wrong usage.\n";

/* ---- rows ---- */

void rows_release(struct rows *rows)
{
    free(rows->rows);
    *rows = (struct rows){0};
}

int rows_take(struct rows *rows, struct msg_in *m)
{
    while (m->position < m->length) {
        struct standings_row *more, *row;

        more = realloc(rows->rows, (rows->count + 1) * sizeof(*more));
        if (more == NULL)
            return SP_ENOMEM;
        rows->rows = more;
        row = &more[rows->count];
        *row = (struct standings_row){0};
        if (standings_row_get(m, row) != 0)
            return SP_EPROTO;
        rows->count++;
    }
    return msg_get_end(m);
}

/* What the daemon would have told. */
static int rows_of_files(const struct overview *d, struct rows *rows)
{
    static uint8_t data[CONTROL_WINDOWS_MAX];
    const struct standing *s = d->standing;
    int r = 0;

    for (uint32_t i = 0; r == 0 && i <= d->policy->nwindows; i++) {
        struct msg_out out;
        struct msg_in in;

        msg_put_begin(&out, data, sizeof(data), CONTROL_ANSWER_WINDOWS);
        r = i < d->policy->nwindows
                ? standings_window_put(&out, d->policy, s, i, clock_wall_ms())
                : standings_models_put(&out, d->policy, s);
        msg_get_begin(&in, data, out.length);
        if (r == 0)
            r = rows_take(rows, &in);
    }
    return r;
}

/* ---- printing ---- */

static const char *state_text(const struct standings_row *w)
{
    if (w->state == WINDOW_PENDING)
        return "scheduled";
    if (w->state == WINDOW_OPEN)
        return "open";
    return w->ordered ? "closed" : "expired";
}

static uint64_t left_of(const struct standings_row *b)
{
    return b->spent < b->limit ? b->limit - b->spent : 0;
}

/* The next budget that window `w` is under, after `at`: its own stand behind
 * it, its model's at the end. */
static bool budget_next(const struct rows *rows, size_t w, size_t *at)
{
    const struct standings_row *all = rows->rows;
    bool own = true;

    for (size_t i = w + 1; i < rows->count; i++) {
        own = own && all[i].kind == STANDINGS_BUDGET;
        if (i <= *at)
            continue;
        if (own || (all[i].kind == STANDINGS_MODEL_BUDGET &&
                    strcmp(all[i].model, all[w].model) == 0)) {
            *at = i;
            return true;
        }
    }
    return false;
}

static void print_budgets(const struct rows *rows, size_t w)
{
    size_t at = w;

    while (budget_next(rows, w, &at)) {
        const struct standings_row *b = &rows->rows[at];

        printf("    %s%s: %" PRIu64 " of %" PRIu64 " %s left\n",
               b->kind == STANDINGS_BUDGET ? "" : "all of ",
               b->kind == STANDINGS_BUDGET ? b->terms : b->model, left_of(b),
               b->limit, unit_text(b->unit));
    }
}

static void print_window(const struct rows *rows, size_t i)
{
    const struct standings_row *w = &rows->rows[i];
    char left[SPAN_SIZE] = "-", allowed[24] = "-";
    char opens[CLOCK_UTC_SIZE], closes[CLOCK_UTC_SIZE];

    clock_format_utc(w->opens, opens);
    clock_format_utc(w->closes, closes);
    if (w->state == WINDOW_OPEN)
        span_format(w->left, left);
    if (w->allowed >= 0)
        snprintf(allowed, sizeof allowed, "%" PRId64, w->allowed);
    printf("%-20s %-20s %-9s %.19sZ %.19sZ %-12s %9" PRIu64 "/%-9s %5" PRIu32
           "\n",
           w->party, w->model, state_text(w), opens, closes, left, w->requests,
           allowed, w->open);
    if (w->state == WINDOW_OPEN)
        print_budgets(rows, i);
}

static void print_budgets_json(const struct rows *rows, size_t w)
{
    const char *comma = "";
    size_t at = w;

    while (budget_next(rows, w, &at)) {
        const struct standings_row *b = &rows->rows[at];

        printf("%s{\"%s\":\"%s\",\"unit\":\"%s\",\"limit\":%" PRIu64
               ",\"spent\":%" PRIu64 ",\"left\":%" PRIu64 "}",
               comma, b->kind == STANDINGS_BUDGET ? "terms" : "model",
               b->kind == STANDINGS_BUDGET ? b->terms : b->model,
               unit_text(b->unit), b->limit, b->spent, left_of(b));
        comma = ",";
    }
}

/* Names have no characters that JSON would escape: see name_print(). */
static void print_window_json(const struct rows *rows, size_t i, bool first)
{
    const struct standings_row *w = &rows->rows[i];
    char opens[CLOCK_UTC_SIZE], closes[CLOCK_UTC_SIZE];

    clock_format_utc(w->opens, opens);
    clock_format_utc(w->closes, closes);
    printf("%s{\"window\":\"%s\",\"party\":\"%s\",\"model\":\"%s\","
           "\"state\":\"%s\",\"opens\":\"%s\",\"closes\":\"%s\","
           "\"left_ms\":%" PRId64 ",\"requests\":%" PRIu64 ",",
           first ? "" : ",\n", w->window, w->party, w->model, state_text(w),
           opens, closes, w->state == WINDOW_OPEN ? w->left : 0, w->requests);
    if (w->allowed >= 0)
        printf("\"requests_limit\":%" PRId64 ",", w->allowed);
    else
        printf("\"requests_limit\":null,");
    printf("\"open_requests\":%" PRIu32 ",\"budgets\":[", w->open);
    print_budgets_json(rows, i);
    printf("]}");
}

static void rows_print(const struct rows *rows, bool json)
{
    bool first = true;

    if (json)
        printf("[");
    else
        printf("%-20s %-20s %-9s %-20s %-20s %-12s %9s/%-9s %5s\n", "PARTY",
               "MODEL", "STATE", "OPENS", "CLOSES", "LEFT", "REQUESTS", "LIMIT",
               "OPEN");
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->rows[i].kind != STANDINGS_WINDOW)
            continue;
        if (json)
            print_window_json(rows, i, first);
        else
            print_window(rows, i);
        first = false;
    }
    if (json)
        printf("]\n");
}

/* ---- where from ---- */

static int from_files(const char *dir, bool json)
{
    struct overview d = {0};
    struct rows rows = {0};
    int status = EXIT_FAILS;

    if (overview_load(dir, &d) == 0 && overview_replay(&d) == 0 &&
        rows_of_files(&d, &rows) == 0) {
        if (d.settings == NULL || d.standing == NULL)
            fprintf(stderr, "no ledger yet: as the policy has it\n");
        else if (!d.in_force)
            fprintf(stderr, "this policy is not in force yet: as it will be\n");
        rows_print(&rows, json);
        status = EXIT_HOLDS;
    }
    rows_release(&rows);
    overview_release(&d);
    return status;
}

enum source {
    SOURCE_FILES,  /* a policy alone has no daemon */
    SOURCE_SOCKET, /* has no files */
    SOURCE_BOTH
};

static enum source source_of(const char *dir)
{
    char path[4096];
    struct stat st;

    if (stat(dir, &st) != 0)
        return SOURCE_FILES;
    if (S_ISSOCK(st.st_mode))
        return SOURCE_SOCKET;
    if (S_ISREG(st.st_mode))
        return strcmp(basename(dir), "sallyport.yaml") == 0 ? SOURCE_BOTH
                                                            : SOURCE_FILES;
    snprintf(path, sizeof path, "%s/sallyport.yaml", dir);
    return stat(path, &st) == 0 ? SOURCE_BOTH : SOURCE_FILES;
}

/* Asked over a socket that was connected to; what went wrong is told. */
static int from_daemon(int fd, const char *dir, bool json, bool quiet)
{
    struct rows rows = {0};
    int r = rows_ask(fd, &rows);

    if (r == 0)
        rows_print(&rows, json);
    else if (!quiet || r != SP_ECLOSED)
        control_no_answer("windows", dir, r);
    rows_release(&rows);
    return r;
}

static int windows_of(const char *dir, bool json)
{
    enum source source = source_of(dir);
    bool both = source == SOURCE_BOTH;
    int r, fd;

    if (source == SOURCE_FILES)
        return from_files(dir, json);
    r = both ? control_connect_quiet("windows", dir, &fd)
             : control_connect("windows", dir, &fd);
    if (r == 0)
        r = from_daemon(fd, dir, json, both);
    /* None is there, or it does not hear this user. */
    if (both && (r == SP_ECLOSED || r == SP_EPERM))
        return from_files(dir, json);
    return r == 0 ? EXIT_HOLDS : EXIT_FAILS;
}

int verb_windows(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                            {"json", no_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    bool json = false;
    int option;

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
    return windows_of(argv[optind], json);
}
