/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport status DIR`: asks the running daemon over its control socket what
 * it is doing. Runs as an operator of the daemon's own user, or root. The
 * answer is checked before it is printed: the socket may be anybody's.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/control_socket.h"
#include "ctl/verbs.h"
#include "gateway/control_messages.h"
#include "lib/clock.h"

static const char usage[] =
    "usage: sallyport status DIR [--json]\n"
    "\n"
    "Asks the daemon of the deployment in DIR (or with the configuration file\n"
    "DIR, or at the control socket DIR) what it is doing: processes, ledger,\n"
    "requests in progress, the clock, the last reload. Exit status 0: "
    "everything\n"
    "is ready; 1: it is not, or it is ending, or no daemon answers; 2: wrong\n"
    "usage.\n";

static const char *const clock_text[] = {
    [CLOCK_GOOD] = "good",
    [CLOCK_BEHIND] = "behind",
    [CLOCK_SETTLING] = "settling",
};

static int ask(int fd, struct control_status *status)
{
    uint8_t data[CONTROL_MESSAGE_MAX];
    size_t length;
    int r = ask_status_put(data, sizeof(data), &length);

    if (r == 0)
        r = control_exchange(fd, data, sizeof(data), &length);
    if (r == 0)
        r = answer_status_get(status, data, length);
    return r;
}

static bool all_ready(const struct control_status *s)
{
    for (uint32_t i = 0; i < s->roles.count; i++)
        if (s->roles.roles[i].state != ROLE_STATE_READY)
            return false;
    return s->roles.count > 0 && s->ledger.known &&
           s->roles.phase == CONTROL_SERVING;
}

static void print_witnesses(const struct control_ledger *l)
{
    printf("witnesses  %u of %u must cosign, %llu entries are cosigned\n",
           l->quorum, l->witnesses, (unsigned long long)l->cosigned);
    if ((l->alarm & WITNESS_ALARM_FORK) != 0)
        puts("ALARM      FORK: a witness has cosigned another history of this "
             "ledger (`sallyport log show --kind witness.alarm`)");
    if ((l->alarm & WITNESS_ALARM_MISSING) != 0)
        puts("ALARM      too few witnesses have cosigned for too long");
    if (l->refusing)
        puts("REFUSING   every request, because of that (on_missing: refuse)");
}

static void print_reloads(const struct control_roles *r)
{
    char at[CLOCK_UTC_SIZE];

    if (r->reloads == 0)
        return;
    clock_format_utc(r->reload_at, at);
    printf("reloads    %llu, the last at %s: %s\n",
           (unsigned long long)r->reloads, at,
           r->reload_refused ? "it changed nothing" : "taken over");
}

static void print_text(const struct control_status *s)
{
    const struct control_ledger *l = &s->ledger;
    char started[CLOCK_UTC_SIZE];

    clock_format_utc(s->roles.started, started);
    printf("version    %s\nstarted    %s\nphase      %s\ncrypto     %s\n",
           s->version, started, control_phase_text(s->roles.phase), s->crypto);
    print_reloads(&s->roles);
    if (l->known)
        printf("policy     serial %u\n"
               "ledger     %llu entries, %llu durable, %llu published\n"
               "requests   %u in progress\n"
               "clock      %s\n"
               "landlock   %s\n",
               l->policy, (unsigned long long)l->size,
               (unsigned long long)l->durable, (unsigned long long)l->published,
               l->open, clock_text[l->clock],
               l->landlock > 0 ? "yes" : "no: the kernel has none");
    if (l->known && l->witnesses > 0)
        print_witnesses(l);
    printf("\n%-12s %8s %6s %s\n", "ROLE", "PID", "STARTS", "STATE");
    for (uint32_t i = 0; i < s->roles.count; i++) {
        const struct control_role *r = &s->roles.roles[i];
        char name[32];

        if (strcmp(r->name, "worker") == 0)
            snprintf(name, sizeof(name), "%s/%u", r->name, r->index);
        else
            snprintf(name, sizeof(name), "%s", r->name);
        printf("%-12s %8lld %6llu %s\n", name, (long long)r->pid,
               (unsigned long long)r->generation, role_state_text(r->state));
    }
}

/* Texts of an answer are printable ASCII without spaces (the decoder's word);
 * quotes are still escaped. */
static void print_json_text(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

static void print_json(const struct control_status *s)
{
    const struct control_ledger *l = &s->ledger;

    printf("{\"version\":");
    print_json_text(s->version);
    printf(",\"crypto\":");
    print_json_text(s->crypto);
    printf(",\"started\":%lld,\"ready\":%s,\"phase\":\"%s\",\"reloads\":%llu",
           (long long)s->roles.started, all_ready(s) ? "true" : "false",
           control_phase_text(s->roles.phase),
           (unsigned long long)s->roles.reloads);
    if (s->roles.reloads > 0)
        printf(",\"reloaded\":%lld,\"reload_refused\":%s",
               (long long)s->roles.reload_at,
               s->roles.reload_refused ? "true" : "false");
    if (l->known)
        printf(",\"policy\":%u,\"ledger\":{\"entries\":%llu,\"durable\":%llu,"
               "\"published\":%llu},\"requests\":%u,\"clock\":\"%s\","
               "\"landlock\":%u",
               l->policy, (unsigned long long)l->size,
               (unsigned long long)l->durable, (unsigned long long)l->published,
               l->open, clock_text[l->clock], l->landlock);
    if (l->known && l->witnesses > 0)
        printf(",\"witnesses\":{\"asked\":%u,\"quorum\":%u,\"cosigned\":%llu,"
               "\"missing\":%s,\"fork\":%s,\"refusing\":%s}",
               l->witnesses, l->quorum, (unsigned long long)l->cosigned,
               (l->alarm & WITNESS_ALARM_MISSING) != 0 ? "true" : "false",
               (l->alarm & WITNESS_ALARM_FORK) != 0 ? "true" : "false",
               l->refusing ? "true" : "false");
    printf(",\"roles\":[");
    for (uint32_t i = 0; i < s->roles.count; i++) {
        const struct control_role *r = &s->roles.roles[i];

        printf("%s{\"role\":", i > 0 ? "," : "");
        print_json_text(r->name);
        printf(",\"index\":%u,\"pid\":%lld,\"starts\":%llu,\"state\":\"%s\"}",
               r->index, (long long)r->pid, (unsigned long long)r->generation,
               role_state_text(r->state));
    }
    printf("]}\n");
}

static int status_of(const char *dir, bool json)
{
    struct control_status status;
    int fd, r;

    if (control_connect("status", dir, &fd) != 0)
        return EXIT_FAILS;
    r = ask(fd, &status);
    close(fd);
    if (r != 0) {
        control_no_answer("status", dir, r);
        return EXIT_FAILS;
    }
    if (json)
        print_json(&status);
    else
        print_text(&status);
    return all_ready(&status) ? EXIT_HOLDS : EXIT_FAILS;
}

int verb_status(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    bool json = false;
    int c;

    optind = 0;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'j':
            json = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return EXIT_HOLDS;
        default:
            fputs(usage, stderr);
            return EXIT_MISUSED;
        }
    }
    if (argc - optind != 1) {
        fputs(usage, stderr);
        return EXIT_MISUSED;
    }
    return status_of(argv[optind], json);
}
