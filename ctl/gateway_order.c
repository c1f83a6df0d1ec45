/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport reload, drain: orders about the daemon itself, sent over the
 * control socket (docs/operators.md). Runs as whoever gives them. The answer
 * is checked before it is printed.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/control_socket.h"
#include "ctl/log.h"
#include "ctl/verbs.h"
#include "lib/clock.h"

static const char reload_help[] =
    "usage: sallyport reload DIR [--reason TEXT] [--json]\n"
    "\n"
    "Has the running daemon read the deployment's files again, as SIGHUP "
    "does,\n"
    "and says what it took over. What is wrong changes nothing: each problem\n"
    "is told as file:line:column, and the exit status is 1.\n"
    "\n"
    "  --reason TEXT  at most 200 printable characters, kept in the ledger\n"
    "  --json         prints {\"verb\",\"entry\",\"done\",\"lines\"}\n"
    "\n"
    "Exit status: 0: taken over; 1: it was not; 2: wrong usage.\n";

static const char drain_help[] =
    "usage: sallyport drain DIR [--deadline TIME] [--reason TEXT] [--json]\n"
    "\n"
    "Ends the running daemon: it accepts nothing more at once, lets what is\n"
    "open finish until the deadline, cuts the rest with an error that says\n"
    "why, and ends with exit status 0. Only a new start undoes it. The answer\n"
    "comes when it begins.\n"
    "\n"
    "  --deadline TIME  0s to 1h (\"30s\"); the default is timeouts.drain of\n"
    "                   sallyport.yaml\n"
    "  --reason TEXT    at most 200 printable characters, kept in the ledger\n"
    "  --json           prints {\"verb\",\"entry\",\"open\"}\n"
    "\n"
    "Exit status: 0: it has begun; 1: it has not; 2: wrong usage.\n";

struct gateway_order {
    const char *verb, *help;
    const char *dir;
    bool json;
    struct order order;
};

static int misuse(const struct gateway_order *g, const char *what)
{
    fprintf(stderr, "sallyport %s: %s\n\n%s", g->verb, what, g->help);
    return EXIT_MISUSED;
}

/* "30s", as sallyport.yaml has it. */
static bool deadline_take(struct gateway_order *g, const char *text)
{
    int64_t ms;

    if (clock_parse_duration(text, strlen(text), &ms) != 0 || ms < 0 ||
        ms > ORDER_DRAIN_MAX_MS)
        return false;
    g->order.within_ms = (uint32_t)ms;
    return true;
}

static void print_lines(const char *report)
{
    const char *comma = "";
    char line[ORDER_REPORT_SIZE];

    while (*report != '\0') {
        size_t length = strcspn(report, "\n");

        snprintf(line, sizeof(line), "%.*s", (int)length, report);
        fputs(comma, stdout);
        log_print_json_text(line);
        comma = ",";
        report += length + (report[length] == '\n');
    }
}

static void print_reload_json(const struct order_answer *a)
{
    printf("{\"verb\":\"reload\",\"entry\":");
    if (a->n > 0)
        printf("%" PRIu64, a->n);
    else
        printf("null");
    printf(",\"done\":%s", a->error == 0 ? "true" : "false");
    if (a->error != 0) {
        printf(",\"problem\":");
        log_print_json_text(a->text[0] != '\0' ? a->text
                                               : sp_strerror(a->error));
    }
    printf(",\"lines\":[");
    print_lines(a->report);
    printf("]}\n");
}

static void print_reload(const struct order_answer *a)
{
    if (a->error == 0) {
        printf("reloaded: entry %" PRIu64 "\n%s", a->n, a->report);
        return;
    }
    fputs(a->report, stderr);
    fprintf(stderr, "sallyport reload: %s\n",
            a->text[0] != '\0' ? a->text : sp_strerror(a->error));
}

static int tell_reload(const struct gateway_order *g,
                       const struct order_answer *a)
{
    if (g->json)
        print_reload_json(a);
    if (!g->json || a->error != 0)
        print_reload(a);
    return a->error == 0 ? EXIT_HOLDS : EXIT_FAILS;
}

static int tell_drain(const struct gateway_order *g,
                      const struct order_answer *a)
{
    if (a->error != 0) {
        fprintf(stderr, "sallyport drain: %s\n",
                a->text[0] != '\0' ? a->text : sp_strerror(a->error));
        return EXIT_FAILS;
    }
    if (g->json)
        printf("{\"verb\":\"drain\",\"entry\":%" PRIu64 ",\"open\":%" PRIu32
               "}\n",
               a->n, a->cut);
    else
        printf("draining: entry %" PRIu64 ", %" PRIu32 " request%s open\n",
               a->n, a->cut, a->cut == 1 ? "" : "s");
    return EXIT_HOLDS;
}

static int give(struct gateway_order *g)
{
    struct order_answer a;

    snprintf(g->order.target, sizeof(g->order.target), "%s",
             ORDER_TARGET_GATEWAY);
    if (control_give(g->verb, g->dir, &g->order, &a) != 0)
        return EXIT_FAILS;
    return g->order.verb == ORDER_DRAIN ? tell_drain(g, &a)
                                        : tell_reload(g, &a);
}

static int order_main(struct gateway_order *g, int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"json", no_argument, NULL, 'j'},
        {"reason", required_argument, NULL, 'r'},
        {"deadline", required_argument, NULL, 'd'},
        {0}};
    const char *problem;
    int c;

    optind = 0;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (c == 'h') {
            fputs(g->help, stdout);
            return EXIT_HOLDS;
        } else if (c == 'j') {
            g->json = true;
        } else if (c == 'r') {
            problem = control_text_take(g->order.reason,
                                        sizeof(g->order.reason), optarg, 0x20);
            if (problem != NULL)
                return misuse(g, problem);
        } else if (c == 'd' && g->order.verb == ORDER_DRAIN) {
            if (!deadline_take(g, optarg))
                return misuse(g, "expected a --deadline of 0s to 1h");
        } else {
            return misuse(g, "that is not an option of it");
        }
    }
    if (argc - optind != 1)
        return misuse(g, "wrong number of arguments");
    g->dir = argv[optind];
    return give(g);
}

int verb_reload(int argc, char **argv)
{
    struct gateway_order g = {
        .verb = "reload", .help = reload_help, .order.verb = ORDER_RELOAD};

    return order_main(&g, argc, argv);
}

int verb_drain(int argc, char **argv)
{
    struct gateway_order g = {
        .verb = "drain",
        .help = drain_help,
        .order = {.verb = ORDER_DRAIN, .within_ms = ORDER_DRAIN_DEFAULT}};

    return order_main(&g, argc, argv);
}
