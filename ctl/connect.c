/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport connect`: a local port for an evaluator's tools, which need no
 * certificate then, only a base URL. Runs as the evaluator, with their key: so
 * whoever can use the port can use the key, and it is on loopback only.
 */
#include <event2/event.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "ctl/connect_caller.h"
#include "ctl/connect_keep.h"
#include "ctl/connect_lookout.h"
#include "ctl/connect_tell.h"
#include "ctl/connect_token.h"
#include "ctl/person_status.h"
#include "ctl/verbs.h"
#include "lib/clock.h"
#include "lib/log.h"

#define LISTEN_DEFAULT      "127.0.0.1:8710"
#define CONNECTIONS_DEFAULT 8
#define CONNECTIONS_MAX     64
#define EVERY_DEFAULT       30
#define EVERY_MAX           1440
/* After the first signal, for what is being answered. */
#define STOP_MS 5000

static const char usage[] =
    "usage: sallyport connect [GATE] [--enrolled DIR | --cert FILE --key "
    "FILE]\n"
    "                         [--listen 127.0.0.1:PORT|unix:PATH]\n"
    "                         [--receipts FILE] [--keep DIR]\n"
    "                         [--token-file FILE] [--connections N]\n"
    "                         [--any-user] [--every MINUTES] [--json]\n"
    "\n"
    "Listens on a local port and forwards what is asked there to the gateway "
    "GATE\n"
    "(https://HOST[:PORT]) with your certificate, so that tools need only a "
    "base\n"
    "URL: OpenAI's and Anthropic's SDKs, Inspect, lm-eval, curl. Prints that "
    "URL,\n"
    "who you are, what is open and what is left; ends with SIGINT or SIGTERM.\n"
    "\n"
    "Whoever can use the port can use your certificate: other users of this "
    "machine\n"
    "are refused, and web pages in a browser.\n"
    "\n" REMOTE_USAGE "  --listen 127.0.0.1:PORT|unix:PATH\n"
    "                  where tools ask (" LISTEN_DEFAULT
    "); port 0 takes a free one,\n"
    "                  [::1]:PORT is as good; a Unix socket may be used by "
    "you\n"
    "                  alone\n"
    "  --receipts FILE\n"
    "                  where the receipts of answers are kept, one JSON object "
    "a\n"
    "                  line, mode 0600; with an enrolment: receipts.jsonl in "
    "its\n"
    "                  folder. \"none\": nowhere\n"
    "  --keep DIR      also keep what was asked and answered, as N.asked and\n"
    "                  N.answered for each receipt; otherwise it is kept "
    "nowhere\n"
    "  --token-file FILE\n"
    "                  tools must send its first line as API key; made, with a "
    "new\n"
    "                  one, if it is not there\n"
    "  --any-user      other users of this machine may use the port, too: "
    "with\n"
    "                  --token-file those who have it\n"
    "  --connections N\n"
    "                  to the gateway, at most (8); requests wait for one\n"
    "  --every MINUTES\n"
    "                  tell what is left so often (30; 0: only when it "
    "matters)\n"
    "  --json          print all this as JSON, one object a line\n"
    "\n"
    "Exit status: 0 ended by a signal, 1 it could not start or receipts are "
    "lost,\n"
    "2 wrong usage.\n";

struct connect {
    struct remote remote;
    const char *listen, *receipts_path, *keep_path, *token_path;
    char receipts_default[PATH_MAX];
    char token[CONNECT_TOKEN_SIZE];
    char gate_host[300]; /* for Host */
    int connections, every;
    bool json, any_user;
    struct listening where;
    struct receipts *receipts;
    int keep;
    struct event_base *base;
    struct gate *gate;
    struct callers *callers;
    struct lookout *lookout;
    struct event *tick, *term, *interrupt, *hangup;
    int64_t stop_at; /* boot time; 0: nobody wants us to end */
    struct client_answer answer;
    struct json status;
};

/* ---- what is told ---- */

static void on_trouble(void *arg, const struct reason_info *reason,
                       const char *text)
{
    (void)arg;
    if (reason == NULL) {
        tell("gateway_back", NULL, "the gateway answers again");
    } else {
        const struct tell_member m[] = {TELL_TEXT("code", reason->code), {0}};

        tell("gateway_trouble", m, "%s", text[0] != '\0' ? text : reason->text);
    }
}

/* The same code is told once in ten seconds, however many requests meet it. */
static void on_refused(void *arg, const char *code, bool in_stream)
{
    struct connect *c = arg;
    static char last[64];
    static int64_t last_at;
    int64_t now = clock_boot_ms();
    enum reason reason = reason_from_code(code, strlen(code));
    const struct tell_member m[] = {TELL_TEXT("code", code), {0}};

    if (reason == REASON_COUNT ||
        (strcmp(last, code) == 0 && now < last_at + 10000))
        return;
    snprintf(last, sizeof last, "%s", code);
    last_at = now;
    tell(in_stream ? "cut" : "refused", m, "%s: %s: %s",
         in_stream ? "an answer was cut off" : "a request was refused", code,
         reason_info(reason)->text);
    if (!reason_info(reason)->retry && reason_info(reason)->status == 403)
        lookout_wonder(c->lookout);
}

static void start_print(const struct connect *c)
{
    const struct listening *l = &c->where;

    person_status_print(stdout, &c->status, c->remote.said);
    putchar('\n');
    if (l->path != NULL) {
        printf("  curl --unix-socket %s http://localhost/v1/models\n", l->path);
    } else {
        printf("  export OPENAI_BASE_URL=%s/v1\n", l->base);
        printf("  export ANTHROPIC_BASE_URL=%s\n", l->base);
    }
    if (c->token_path != NULL)
        printf("  export OPENAI_API_KEY=\"$(cat %s)\" "
               "ANTHROPIC_API_KEY=\"$(cat %s)\"\n",
               c->token_path, c->token_path);
    else
        puts("  export OPENAI_API_KEY=unused ANTHROPIC_API_KEY=unused");
    if (c->receipts != NULL)
        printf("\nReceipts go to %s.\n", c->receipts_path);
    else
        puts("\nReceipts are not kept (--receipts FILE).");
    fflush(stdout);
}

/* The gateway's own status, in one line with ours. */
static void start_print_json(const struct connect *c)
{
    char openai[160] = "", path[256] = "";
    const struct json_node *n = &c->status.nodes[0];
    const struct tell_member m[] = {
        TELL_TEXT("openai_base_url", openai),
        TELL_TEXT("anthropic_base_url", c->where.base),
        TELL_TEXT("unix_socket", path),
        TELL_TEXT("receipts", c->receipts != NULL ? c->receipts_path : ""),
        TELL_TEXT("gateway", c->remote.url),
        {0}};

    if (c->where.path != NULL)
        snprintf(path, sizeof path, "%s", c->where.path);
    else
        snprintf(openai, sizeof openai, "%s/v1", c->where.base);
    printf("{\"event\":\"status\",\"status\":%.*s}\n", (int)(n->end - n->start),
           c->status.text + n->start);
    tell("started", m, "listening");
}

/* ---- start ---- */

/* Who we are there: everything that can be wrong on the way is told here. */
static int status_get(struct connect *c)
{
    struct remote *r = &c->remote;
    int status = remote_open(r);

    if (status == EXIT_HOLDS)
        status =
            remote_ask(r, "GET", "/sallyport/v1/status", NULL, 200, &c->answer);
    remote_close(r);
    if (status != EXIT_HOLDS)
        return status;
    if (person_status_parse(&c->status,
                            (const char *)buf_bytes(&c->answer.body),
                            c->answer.body.length) == 0)
        return EXIT_HOLDS;
    fprintf(stderr, "sallyport connect: not the answer of a gateway\n");
    return EXIT_FAILS;
}

static int receipts_start(struct connect *c)
{
    const char *folder = c->remote.enrolment.folder;

    if (c->receipts_path == NULL && c->remote.enrolment.finished &&
        snprintf(c->receipts_default, PATH_MAX, "%s/receipts.jsonl", folder) <
            PATH_MAX)
        c->receipts_path = c->receipts_default;
    if (c->receipts_path == NULL || strcmp(c->receipts_path, "none") == 0)
        return EXIT_HOLDS;
    return receipts_open(c->receipts_path, &c->receipts);
}

static int files_start(struct connect *c)
{
    int status = EXIT_HOLDS;

    if (c->token_path != NULL)
        status = connect_token_get(c->token_path, c->token);
    if (status == EXIT_HOLDS)
        status = receipts_start(c);
    if (status == EXIT_HOLDS && c->keep_path != NULL)
        status = keep_folder(c->keep_path, &c->keep);
    return status == EXIT_HOLDS ? listening_open(&c->where, c->listen) : status;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct connect *c = arg;

    (void)fd;
    (void)what;
    receipts_tick(c->receipts);
    if (c->stop_at == 0) {
        lookout_tick(c->lookout);
        return;
    }
    if (clock_boot_ms() >= c->stop_at)
        callers_cut(c->callers);
    if (!callers_busy(c->callers) || clock_boot_ms() >= c->stop_at + STOP_MS)
        event_base_loopexit(c->base, NULL);
}

/* The first signal lets answers finish, the second does not. */
static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval often = {.tv_usec = 50000};
    struct connect *c = arg;
    bool first = c->stop_at == 0;

    (void)fd;
    (void)what;
    c->stop_at = clock_boot_ms() + (first ? STOP_MS : 0);
    if (first) {
        callers_stop(c->callers);
        listening_close(&c->where);
    }
    event_add(c->tick, &often);
}

static int events_start(struct connect *c)
{
    static const struct timeval second = {1, 0};

    c->tick = event_new(c->base, -1, EV_PERSIST, on_tick, c);
    c->term = evsignal_new(c->base, SIGTERM, on_stop, c);
    c->interrupt = evsignal_new(c->base, SIGINT, on_stop, c);
    c->hangup = evsignal_new(c->base, SIGHUP, on_stop, c);
    if (c->tick == NULL || c->term == NULL || c->interrupt == NULL ||
        c->hangup == NULL)
        return SP_ENOMEM;
    event_add(c->hangup, NULL);
    event_add(c->tick, &second);
    event_add(c->term, NULL);
    event_add(c->interrupt, NULL);
    return 0;
}

static void host_set(struct connect *c)
{
    const struct remote *r = &c->remote;
    bool six = strchr(r->host, ':') != NULL;

    snprintf(c->gate_host, sizeof c->gate_host, "%s%s%s:%s", six ? "[" : "",
             r->host, six ? "]" : "", r->port);
}

static int parts_start(struct connect *c)
{
    const struct gate_options g = {.base = c->base,
                                   .remote = &c->remote,
                                   .connections = c->connections,
                                   .trouble = on_trouble,
                                   .arg = c};
    int status = gate_new(&g, &c->gate);
    const struct callers_options o = {.base = c->base,
                                      .gate = c->gate,
                                      .where = &c->where,
                                      .receipts = c->receipts,
                                      .keep = c->keep,
                                      .token = c->token_path != NULL ? c->token
                                                                     : NULL,
                                      .any_user = c->any_user,
                                      .host = c->gate_host,
                                      .refused = on_refused,
                                      .arg = c};
    const struct lookout_options w = {
        .gate = c->gate, .host = c->gate_host, .every_minutes = c->every};

    if (status != EXIT_HOLDS)
        return status;
    return lookout_new(&w, &c->lookout) == 0 &&
                   callers_new(&o, &c->callers) == 0 && events_start(c) == 0
               ? EXIT_HOLDS
               : EXIT_FAILS;
}

/* The key is in our memory: no core of it, and no other process looks. */
static void process_set(void)
{
    struct rlimit files;
    const struct rlimit none = {0, 0};

    /* A file at its limit is an error of write(2), as a full disk is. */
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static int run(struct connect *c)
{
    int status = status_get(c);

    if (status == EXIT_HOLDS)
        status = files_start(c);
    if (status == EXIT_HOLDS && (c->base = event_base_new()) == NULL)
        status = EXIT_FAILS;
    host_set(c);
    if (status == EXIT_HOLDS)
        status = parts_start(c);
    if (status != EXIT_HOLDS)
        return status;
    if (c->json)
        start_print_json(c);
    else
        start_print(c);
    lookout_take(c->lookout, &c->status, false);
    return event_base_dispatch(c->base) >= 0 ? EXIT_HOLDS : EXIT_FAILS;
}

static int finish(struct connect *c, int status)
{
    uint64_t asked = c->callers == NULL ? 0 : callers_asked(c->callers);
    uint64_t opened = c->gate == NULL ? 0 : gate_opened(c->gate);
    bool kept;

    lookout_free(c->lookout);
    callers_free(c->callers);
    gate_free(c->gate);
    kept = receipts_close(c->receipts);
    if (status == EXIT_HOLDS) {
        const struct tell_member m[] = {
            TELL_NUMBER("requests", (int64_t)asked),
            TELL_NUMBER("connections_opened", (int64_t)opened),
            {0}};

        tell("ended", m,
             "ended: %" PRIu64 " requests over %" PRIu64 " connections%s",
             asked, opened, kept ? "" : "; RECEIPTS ARE MISSING");
    }
    listening_close(&c->where);
    if (c->tick != NULL)
        event_free(c->tick);
    if (c->term != NULL)
        event_free(c->term);
    if (c->interrupt != NULL)
        event_free(c->interrupt);
    if (c->hangup != NULL)
        event_free(c->hangup);
    if (c->base != NULL)
        event_base_free(c->base);
    json_release(&c->status);
    client_answer_release(&c->answer);
    remote_release(&c->remote);
    sodium_memzero(c->token, sizeof c->token);
    return status == EXIT_HOLDS && !kept ? EXIT_FAILS : status;
}

/* ---- options ---- */

static bool number_take(const char *text, int min, int max, int *out)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || value < min ||
        value > max)
        return false;
    *out = (int)value;
    return true;
}

enum {
    OPT_LISTEN = 2001,
    OPT_RECEIPTS,
    OPT_KEEP,
    OPT_TOKEN,
    OPT_CONNECTIONS,
    OPT_EVERY,
    OPT_ANY_USER
};

static bool option_take(struct connect *c, int option, const char *value)
{
    const char **text = option == OPT_LISTEN     ? &c->listen
                        : option == OPT_RECEIPTS ? &c->receipts_path
                        : option == OPT_KEEP     ? &c->keep_path
                        : option == OPT_TOKEN    ? &c->token_path
                                                 : NULL;

    if (text != NULL) {
        *text = value;
        return true;
    }
    if (option == OPT_CONNECTIONS)
        return number_take(value, 1, CONNECTIONS_MAX, &c->connections);
    if (option == OPT_EVERY)
        return number_take(value, 0, EVERY_MAX, &c->every);
    if (option == 'j' || option == OPT_ANY_USER) {
        *(option == 'j' ? &c->json : &c->any_user) = true;
        return true;
    }
    return remote_option(&c->remote, option, value);
}

int verb_connect(int argc, char **argv)
{
    static const struct option options[] = {
        REMOTE_OPTIONS,
        {"listen", required_argument, NULL, OPT_LISTEN},
        {"receipts", required_argument, NULL, OPT_RECEIPTS},
        {"keep", required_argument, NULL, OPT_KEEP},
        {"token-file", required_argument, NULL, OPT_TOKEN},
        {"connections", required_argument, NULL, OPT_CONNECTIONS},
        {"any-user", no_argument, NULL, OPT_ANY_USER},
        {"every", required_argument, NULL, OPT_EVERY},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0}};
    struct connect c = {.remote = {.verb = "connect"},
                        .listen = LISTEN_DEFAULT,
                        .connections = CONNECTIONS_DEFAULT,
                        .every = EVERY_DEFAULT,
                        .where = {.fd = -1},
                        .keep = -1};
    bool good = true;

    optind = 0;
    for (int o; (o = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (o == 'h') {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        good = good && option_take(&c, o, optarg);
    }
    if (good && argc - optind == 1 && c.remote.url == NULL)
        c.remote.url = argv[optind++];
    if (!good || argc != optind || !remote_is_complete(&c.remote) ||
        sodium_init() < 0) {
        fputs(usage, stderr);
        return EXIT_MISUSED;
    }
    process_set();
    tell_open(c.json);
    return finish(&c, run(&c));
}
