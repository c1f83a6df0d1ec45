/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport init`: from one command line to a deployment that runs at once.
 * This file reads and checks the options and tells what was made; making it
 * is init_make.c. Runs as the operator.
 */
#include "ctl/init.h"

#include <getopt.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/address.h"
#include "ctl/deployment.h"
#include "ctl/verbs.h"
#include "lib/clock.h"
#include "lib/limits.h"
#include "policy/endpoint.h"

static const char usage[] =
    "usage: sallyport init DIR --model MODEL --endpoint URL --party PARTY\n"
    "                          --person PERSON [OPTION]...\n"
    "\n"
    "Makes a deployment in DIR, which must be new or empty, with one window "
    "that is\n"
    "open now. Nothing is overwritten; if anything fails, nothing is left.\n"
    "\n"
    "  --model MODEL           the name that clients use\n"
    "  --endpoint URL          where the model answers: https://HOST[:PORT], "
    "http:// to\n"
    "                          loopback or a private address, unix:/PATH\n"
    "  --party PARTY           the organisation that is given access\n"
    "  --person PERSON         its first evaluator, who gets a certificate\n"
    "  --listen ADDR:PORT      where clients connect (127.0.0.1:8443)\n"
    "  --lasts DURATION        of the window, at most 30d (30d)\n"
    "  --kind KIND             of the party: government, state-local,\n"
    "                          critical-infrastructure, trusted-partner "
    "(government)\n"
    "  --name NAME             one more DNS name or address of the server;\n"
    "                          may be repeated\n"
    "  --endpoint-ca FILE      PEM of who vouches for an https endpoint\n"
    "  --upstream-model NAME   what the endpoint calls the model\n"
    "  --deployment ID         in certificates and the ledger's name (from "
    "DIR)\n";

struct init_options {
    struct init_plan plan;
    const char *lasts;
    const char *extra[INIT_NAMES_MAX];
    size_t nextra;
    struct address address;
    char deployment[64];
    char host[INIT_HOST_MAX]; /* of the listening address */
    char url[96];             /* for the line that is printed */
};

static int complain(int status, const char *format, ...) SP_PRINTF(2, 3);

static int complain(int status, const char *format, ...)
{
    va_list list;

    fputs("sallyport init: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    return status;
}

/* --- checking ------------------------------------------------------------ */

static bool host_is_wildcard(const struct sockaddr_storage *sa)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (sa->ss_family == AF_INET) {
        memcpy(&v4, sa, sizeof v4);
        return v4.sin_addr.s_addr == htonl(INADDR_ANY);
    }
    memcpy(&v6, sa, sizeof v6);
    return IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr);
}

static void name_add(struct init_plan *p, const char *name)
{
    for (size_t i = 0; i < p->nnames; i++) {
        if (strcmp(p->names[i], name) == 0)
            return;
    }
    if (p->nnames < INIT_NAMES_MAX)
        p->names[p->nnames++] = name;
}

/* The names of the server's certificate: how clients will call it. */
static void names_choose(struct init_options *o)
{
    bool wildcard = host_is_wildcard(&o->address.sa);
    const char *port = strrchr(o->plan.listen, ':') + 1;

    if (!wildcard)
        name_add(&o->plan, o->host);
    name_add(&o->plan, "localhost");
    if (wildcard) {
        name_add(&o->plan, "127.0.0.1");
        name_add(&o->plan, "::1");
    }
    for (size_t i = 0; i < o->nextra; i++)
        name_add(&o->plan, o->extra[i]);
    snprintf(o->url, sizeof o->url,
             !wildcard && strchr(o->host, ':') != NULL ? "https://[%s]:%s"
                                                       : "https://%s:%s",
             wildcard ? "localhost" : o->host, port);
}

static int listen_check(struct init_options *o)
{
    const char *listen = o->plan.listen;
    const char *colon = strrchr(listen, ':');
    size_t length;

    if (address_path(listen) != NULL || colon == NULL ||
        address_parse(listen, &o->address) != 0)
        return complain(EXIT_MISUSED,
                        "--listen %s: expected ADDRESS:PORT such as "
                        "127.0.0.1:8443 or [::1]:8443",
                        listen);
    length = (size_t)(colon - listen);
    if (listen[0] == '[') {
        listen++;
        length -= 2;
    }
    snprintf(o->host, sizeof o->host, "%.*s", (int)length, listen);
    names_choose(o);
    return EXIT_HOLDS;
}

static int lasts_check(struct init_options *o)
{
    int64_t ms = 0;
    int r = clock_parse_duration(o->lasts, strlen(o->lasts), &ms);

    ms -= ms % 1000;
    if (r != 0 || ms < 1000 || ms > LIMIT_ACCESS_MS)
        return complain(EXIT_MISUSED,
                        "--lasts %s: expected 1s to 30d, such as 30d, 12h, "
                        "90m or 45s",
                        o->lasts);
    o->plan.opens = clock_wall_ms() / 1000 * 1000;
    o->plan.closes = o->plan.opens + ms;
    return EXIT_HOLDS;
}

static int endpoint_check(const struct init_plan *p)
{
    struct policy_endpoint e = {0};
    const char *expected = "a URL";
    int r = endpoint_parse(p->endpoint, &e, &expected);
    bool https = r == 0 && e.scheme == ENDPOINT_HTTPS;

    endpoint_release(&e); /* also what a failure left */
    /* It goes between quotation marks into the policy. */
    for (const char *c = p->endpoint; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~' || *c == '"' || *c == '\\')
            r = SP_EINVAL;
    }
    if (r != 0)
        return complain(EXIT_MISUSED, "--endpoint %s: expected %s", p->endpoint,
                        expected);
    if (https && p->endpoint_ca == NULL)
        return complain(EXIT_MISUSED,
                        "--endpoint %s: expected --endpoint-ca FILE with it: "
                        "the PEM of who vouches for that host",
                        p->endpoint);
    if (!https && p->endpoint_ca != NULL)
        return complain(EXIT_MISUSED,
                        "--endpoint-ca: expected only with an https:// "
                        "endpoint");
    return EXIT_HOLDS;
}

/* As policies name models. */
static bool model_is(const char *text)
{
    static const char rest[] = "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-";
    size_t length = strlen(text);

    return length > 0 && length <= LIMIT_MODEL_BYTES &&
           strspn(text, rest) == length && strchr("._:-", text[0]) == NULL;
}

static int kind_check(const struct init_plan *p)
{
    for (int k = 0; k < PARTY_AUDITOR; k++) {
        if (strcmp(p->kind, party_kind_text((enum party_kind)k)) == 0)
            return EXIT_HOLDS;
    }
    return complain(EXIT_MISUSED,
                    "--kind %s: expected government, state-local, "
                    "critical-infrastructure or trusted-partner",
                    p->kind);
}

static int names_check(const struct init_plan *p)
{
    const struct {
        const char *option, *value;
    } words[] = {{"--party", p->party}, {"--person", p->person}};

    for (size_t i = 0; i < 2; i++) {
        if (!word_is(words[i].value, "._-", LIMIT_NAME_BYTES))
            return complain(EXIT_MISUSED,
                            "%s %s: expected 1 to %d of a-z 0-9 . _ -, "
                            "beginning with a letter or digit",
                            words[i].option, words[i].value, LIMIT_NAME_BYTES);
    }
    if (!model_is(p->model))
        return complain(EXIT_MISUSED,
                        "--model %s: expected 1 to %d of a-z A-Z 0-9 . _ : -, "
                        "beginning with a letter or digit",
                        p->model, LIMIT_MODEL_BYTES);
    if (p->upstream_model == NULL)
        return EXIT_HOLDS;
    for (const char *c = p->upstream_model; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\')
            return complain(EXIT_MISUSED,
                            "--upstream-model: expected printable ASCII "
                            "without \" and \\");
    }
    if (p->upstream_model[0] == '\0' ||
        strlen(p->upstream_model) > LIMIT_MODEL_BYTES)
        return complain(EXIT_MISUSED,
                        "--upstream-model: expected 1 to %d bytes",
                        LIMIT_MODEL_BYTES);
    return EXIT_HOLDS;
}

/* From the folder's own name: "/srv/Gate 2" gives "gate-2". */
static void deployment_guess(struct init_options *o)
{
    char path[PATH_MAX];
    const char *name, *folder = o->plan.folder;
    size_t n = 0;

    /* "." and ".." have no names of their own. */
    if (folder[strspn(folder, "./")] == '\0' && realpath(folder, path) != NULL)
        folder = path;
    else
        snprintf(path, sizeof path, "%s", folder);
    while (strlen(path) > 1 && path[strlen(path) - 1] == '/')
        path[strlen(path) - 1] = '\0';
    name = strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;
    for (; *name != '\0' && n + 1 < sizeof o->deployment; name++) {
        char c = *name;

        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
            c = '-';
        if (c != '-' || (n > 0 && o->deployment[n - 1] != '-'))
            o->deployment[n++] = c;
    }
    while (n > 0 && o->deployment[n - 1] == '-')
        n--;
    o->deployment[n] = '\0';
    o->plan.deployment = n > 0 ? o->deployment : "sallyport";
}

static int required_check(const struct init_plan *p)
{
    const struct {
        const char *option, *value;
    } required[] = {{"--model MODEL", p->model},
                    {"--endpoint URL", p->endpoint},
                    {"--party PARTY", p->party},
                    {"--person PERSON", p->person}};

    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++) {
        if (required[i].value == NULL)
            return complain(EXIT_MISUSED,
                            "expected %s (`sallyport init --help` shows all)",
                            required[i].option);
    }
    return EXIT_HOLDS;
}

static int options_check(struct init_options *o)
{
    struct init_plan *p = &o->plan;
    int status;

    if ((status = required_check(p)) != EXIT_HOLDS ||
        (status = names_check(p)) != EXIT_HOLDS ||
        (status = kind_check(p)) != EXIT_HOLDS ||
        (status = endpoint_check(p)) != EXIT_HOLDS ||
        (status = listen_check(o)) != EXIT_HOLDS ||
        (status = lasts_check(o)) != EXIT_HOLDS)
        return status;
    if (p->deployment == NULL)
        deployment_guess(o);
    if (!word_is(p->deployment, "-", 63))
        return complain(EXIT_MISUSED,
                        "--deployment %s: expected 1 to 63 of a-z 0-9 -, "
                        "beginning with a letter or digit",
                        p->deployment);
    return EXIT_HOLDS;
}

/* --- telling ------------------------------------------------------------- */

/* A word as a shell reads it back. */
static void shell_print(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/:@%+-";

    if (text[0] != '\0' && strspn(text, plain) == strlen(text)) {
        fputs(text, stdout);
        return;
    }
    putchar('\'');
    for (; *text != '\0'; text++)
        fputs(*text == '\'' ? "'\\''" : (char[]){*text, '\0'}, stdout);
    putchar('\'');
}

static void path_print(const char *before, const char *folder, const char *name,
                       const char *after)
{
    char path[PATH_MAX + 512];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    fputs(before, stdout);
    shell_print(path);
    fputs(after, stdout);
}

static void made_print(const struct init_plan *p, const char *folder)
{
    char until[CLOCK_UTC_SIZE], person[256];
    const struct {
        const char *name, *what;
    } made[] = {
        {"sallyport.yaml", "how the daemon runs"},
        {"policy.yaml", "who may reach which model, when, on what terms"},
        {"approvers/approver-1.key", "signs policies; approver-2.key too"},
        {"ca/ca.crt", "the authority's certificate: clients trust it"},
        {"ca/ca.key", "its key: keep it from everybody (docs/authority.md)"},
        {"ca/issuing.key", "issues certificates; issuing.crt is vouched for"},
        {"keys/server.crt", "the server's certificate, and .key"},
        {"keys/ledger.vkey", "verifies the ledger; keys/ledger.key signs it"},
        {person, "the evaluator's certificate, and .key"},
    };

    snprintf(person, sizeof person, "people/%s/%s.crt", p->party, p->person);
    printf("Made in %s:\n", folder);
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
        printf("  %-32s %s\n", made[i].name, made[i].what);
    clock_format_utc(p->closes, until);
    printf("\nThe window of %s for %s is open until %s.\n", p->party, p->model,
           until);
}

static void next_print(const struct init_options *o, const char *folder)
{
    const struct init_plan *p = &o->plan;
    char name[256];

    fputs("\nThe policy is signed with both approvers' keys, which lie here "
          "without passwords\nfor a quick start. Before it matters, let two "
          "officers make keys on their own\nmachines (`sallyport approve "
          "keygen FILE`), put the public ones into\nsallyport.yaml and remove "
          "approvers/: docs/approvals.md.\n",
          stdout);
    fputs("\nStart the gate:\n", stdout);
    path_print("  sallyportd -c ", folder, "sallyport.yaml", "\n");
    fputs("\nThen ask the model:\n", stdout);
    path_print("  curl --cacert ", folder, "ca/ca.crt", " \\\n");
    snprintf(name, sizeof name, "people/%s/%s.crt", p->party, p->person);
    path_print("    --cert ", folder, name, " \\\n");
    snprintf(name, sizeof name, "people/%s/%s.key", p->party, p->person);
    path_print("    --key ", folder, name, " \\\n");
    printf("    %s/v1/chat/completions -H 'content-type: application/json' "
           "\\\n"
           "    -d '{\"model\":\"%s\",\"messages\":[{\"role\":\"user\","
           "\"content\":\"Hello\"}]}'\n",
           o->url, p->model);
}

/* --- the verb ------------------------------------------------------------ */

enum {
    OPT_HELP = 1,
    OPT_NAME,
    OPT_LISTEN,
    OPT_MODEL,
    OPT_ENDPOINT,
    OPT_ENDPOINT_CA,
    OPT_PARTY,
    OPT_PERSON,
    OPT_LASTS,
    OPT_KIND,
    OPT_DEPLOYMENT,
    OPT_UPSTREAM_MODEL
};

static const struct option options[] = {
    {"help", no_argument, NULL, OPT_HELP},
    {"name", required_argument, NULL, OPT_NAME},
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"model", required_argument, NULL, OPT_MODEL},
    {"endpoint", required_argument, NULL, OPT_ENDPOINT},
    {"endpoint-ca", required_argument, NULL, OPT_ENDPOINT_CA},
    {"party", required_argument, NULL, OPT_PARTY},
    {"person", required_argument, NULL, OPT_PERSON},
    {"lasts", required_argument, NULL, OPT_LASTS},
    {"kind", required_argument, NULL, OPT_KIND},
    {"deployment", required_argument, NULL, OPT_DEPLOYMENT},
    {"upstream-model", required_argument, NULL, OPT_UPSTREAM_MODEL},
    {NULL, 0, NULL, 0},
};

static void option_set(struct init_options *o, int option, const char *value)
{
    const char **const slots[] = {
        [OPT_LISTEN] = &o->plan.listen,
        [OPT_MODEL] = &o->plan.model,
        [OPT_ENDPOINT] = &o->plan.endpoint,
        [OPT_ENDPOINT_CA] = &o->plan.endpoint_ca,
        [OPT_PARTY] = &o->plan.party,
        [OPT_PERSON] = &o->plan.person,
        [OPT_LASTS] = &o->lasts,
        [OPT_KIND] = &o->plan.kind,
        [OPT_DEPLOYMENT] = &o->plan.deployment,
        [OPT_UPSTREAM_MODEL] = &o->plan.upstream_model,
    };

    if (option != OPT_NAME)
        *slots[option] = value;
    else
        o->extra[o->nextra++] = value;
}

/* EXIT_HOLDS with *done if there is nothing more to do. */
static int options_read(struct init_options *o, int argc, char **argv,
                        bool *done)
{
    int option;

    *done = false;
    optind = 0; /* GNU: start anew, whoever parsed before */
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?')
            return EXIT_MISUSED;
        if (option == OPT_HELP) {
            fputs(usage, stdout);
            *done = true;
            return EXIT_HOLDS;
        }
        if (option == OPT_NAME && o->nextra + 4 >= INIT_NAMES_MAX)
            return complain(EXIT_MISUSED, "--name: expected at most %d of them",
                            INIT_NAMES_MAX - 4);
        option_set(o, option, optarg);
    }
    if (argc - optind != 1 || argv[optind][0] == '\0')
        return complain(EXIT_MISUSED,
                        "expected one folder (`sallyport init --help` shows "
                        "how)");
    o->plan.folder = argv[optind];
    return options_check(o);
}

int verb_init(int argc, char **argv)
{
    struct init_options o = {
        .plan = {.listen = "127.0.0.1:8443", .kind = "government"},
        .lasts = "30d"};
    char problem[512], folder[PATH_MAX];
    bool done;
    int status = options_read(&o, argc, argv, &done);

    if (status != EXIT_HOLDS || done)
        return status;
    if (init_make(&o.plan, problem) != 0)
        return complain(EXIT_FAILS, "%s", problem);
    /* Absolute: the lines are pasted elsewhere. */
    if (realpath(o.plan.folder, folder) == NULL)
        snprintf(folder, sizeof folder, "%s", o.plan.folder);
    made_print(&o.plan, folder);
    next_print(&o, folder);
    return EXIT_HOLDS;
}
