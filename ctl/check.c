/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport check: are the files right, and what do they allow, in plain
 * words for those who sign. Runs in the command, reads only.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/approvals.h"
#include "ctl/check.h"
#include "ctl/overview.h"
#include "ctl/verbs.h"
#include "lib/clock.h"
#include "policy/schemas.h"

static const char help[] =
    "usage: sallyport check DIR|FILE\n"
    "       sallyport check --reference policy|settings\n"
    "\n"
    "Checks a deployment's sallyport.yaml and policy.yaml (or one of them) "
    "and\n"
    "tells in plain words who may use what, from when to when, on which "
    "terms.\n"
    "Every problem is told as file:line:column: what is wrong: what is "
    "expected.\n"
    "Also says whether the policy has the signatures that it needs; missing "
    "ones are\n"
    "no error here (`sallyportd -n` is the check that wants them).\n"
    "\n"
    "  --reference NAME   print the reference of policy.yaml or "
    "sallyport.yaml\n"
    "\n"
    "Exit status: 0 all is right, 1 something is wrong, 2 wrong usage.\n";

static void people_print(const struct policy *p, uint32_t party)
{
    const char *comma = "";

    printf("    people: ");
    for (size_t i = 0; i < p->npeople; i++) {
        const struct policy_person *person = &p->people[i];

        if (person->party != party)
            continue;
        printf("%s%s", comma, person->name);
        if (person->kind == PERSON_SERVICE)
            printf(" (service of %s)", person->custodian);
        comma = ", ";
    }
    printf("\n");
}

static void limit_print(const char *before, int64_t limit, const char *after)
{
    if (limit >= 0)
        printf("%s%" PRId64 "%s", before, limit, after);
}

static void terms_print(const struct policy_terms *t)
{
    const char *comma = "";

    printf("    terms %s: ", t->name);
    for (unsigned r = 0; r < ROUTE_COUNT; r++)
        if (t->uses & 1u << r && r != ROUTE_MODEL) {
            printf("%s%s", comma, route_info((enum route)r)->name);
            comma = ", ";
        }
    limit_print("; ", t->window_requests, " requests in all");
    limit_print("; ", t->person_requests, " requests a person");
    limit_print("; ", t->person_concurrent, " at a time");
    limit_print("; ", t->person_requests_per_minute, " a minute");
    printf("; bodies up to %" PRId64 " bytes; %" PRId64 " s a request\n",
           t->request_bytes, t->request_ms / 1000);
}

static void window_print(const struct overview *d, uint32_t i, int64_t now)
{
    const struct policy *p = d->policy;
    const struct policy_window *w = &p->windows[i];
    char opens[CLOCK_UTC_SIZE], closes[CLOCK_UTC_SIZE], span[SPAN_SIZE];
    struct standing_window s;
    enum window_look look = overview_window(d, i, now, &s);
    int64_t used;

    clock_format_utc(w->opens, opens);
    clock_format_utc(s.closes, closes);
    printf("  %s (%s) may use %s\n", p->parties[w->party].name,
           party_kind_text(p->parties[w->party].kind),
           p->models[w->model].name);
    span_format(s.never ? 0 : s.closes - w->opens, span);
    printf("    from %.19sZ to %.19sZ (%s): %s", opens, closes, span,
           window_look_text(look));
    if (look == LOOK_OPEN) {
        span_format(s.closes - now, span);
        printf(", %s left", span);
    }
    printf("\n");
    if (d->standing != NULL) {
        used = s.first_opened == 0 ? 0 : now - s.first_opened;
        used = used < 0 ? 0 : used > LIMIT_ACCESS_MS ? LIMIT_ACCESS_MS : used;
        printf("    days used: %" PRId64 ".%" PRId64 " of 30\n",
               used / 86400000, used % 86400000 / 8640000);
    }
    people_print(p, w->party);
    for (size_t k = 0; k < w->nterms; k++)
        terms_print(&p->terms[w->terms[k]]);
}

static void settings_print(const struct overview *d)
{
    const struct settings *s = d->settings;

    printf("%s: right\n  deployment %s listens on %s with ", d->settings_path,
           s->deployment, s->listen);
    if (s->workers == 0)
        printf("a worker per core\n");
    else
        printf("%u worker%s\n", s->workers, s->workers == 1 ? "" : "s");
}

void check_policy_print(const struct overview *d, int64_t now)
{
    const struct policy *p = d->policy;

    printf("%s: right\n  policy %u", d->policy_path, p->serial);
    if (p->developer != NULL)
        printf(" of %s", p->developer);
    printf(", %s, SHA-256 ", p->sequence == SEQUENCE_CONCURRENT
                                 ? "concurrent"
                                 : "government first");
    for (size_t i = 0; i < 32; i++)
        printf("%02x", p->sha256[i]);
    printf("\n");
    if (d->standing != NULL)
        printf("  the ledger has %" PRIu64 " published entries; this policy "
               "is %s\n",
               d->entries,
               d->in_force ? "in force" : "not in force yet, and may follow");
    for (uint32_t i = 0; i < p->nwindows; i++)
        window_print(d, i, now);
    for (size_t m = 0; m < p->nmodels; m++) {
        bool used = false;

        for (size_t i = 0; i < p->nwindows; i++)
            used = used || p->windows[i].model == m;
        if (!used)
            printf("  nobody may use %s\n", p->models[m].name);
    }
}

static int reference_print(const char *name)
{
    if (strcmp(name, "policy") == 0)
        return policy_reference(stdout) == 0 ? EXIT_HOLDS : EXIT_FAILS;
    if (strcmp(name, "settings") == 0)
        return settings_reference(stdout) == 0 ? EXIT_HOLDS : EXIT_FAILS;
    fputs(help, stderr);
    return EXIT_MISUSED;
}

int verb_check(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"reference", required_argument, NULL, 'r'},
        {NULL, 0, NULL, 0}};
    struct overview d = {0};
    int option, status = EXIT_FAILS;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return EXIT_HOLDS;
        }
        if (option == 'r')
            return reference_print(optarg);
        fputs(help, stderr);
        return EXIT_MISUSED;
    }
    if (optind + 1 != argc) {
        fputs(help, stderr);
        return EXIT_MISUSED;
    }
    if (overview_load(argv[optind], &d) == 0 && overview_replay(&d) == 0) {
        if (d.settings != NULL)
            settings_print(&d);
        check_policy_print(&d, clock_wall_ms());
        if (d.settings != NULL)
            approvals_print(&d, stdout);
        status = EXIT_HOLDS;
    }
    overview_release(&d);
    return status;
}
