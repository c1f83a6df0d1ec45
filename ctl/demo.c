/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport demo`: makes a deployment in a temporary folder, puts the daemon
 * in front of the demo model, and tells the story of demo_story.c. Runs as
 * whoever called it and listens on loopback only; everything it started is
 * ended and everything it wrote is removed, whatever happens.
 */
#include "ctl/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/verbs.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "policy/settings.h"

#define START_MS 20000
#define STOP_MS  40000 /* the daemon's own drain deadline is 30 s */
#define ARGS_MAX 24

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

bool demo_interrupted(void)
{
    return interrupted != 0;
}

const char *demo_path(const char *folder, const char *name, char out[DEMO_PATH])
{
    int n = snprintf(out, DEMO_PATH, "%s/%s", folder, name);

    if (n < 0 || n >= DEMO_PATH)
        out[0] = '\0'; /* cannot be: the folder's name is short */
    return out;
}

/* --- preparing --- */

static void output_read(const char *path, char *output, size_t size)
{
    uint8_t *data;
    size_t length;

    output[0] = '\0';
    if (file_read(AT_FDCWD, path, 4u << 20, &data, &length) != 0)
        return;
    /* The end matters: that is where the reason is. */
    size_t skip = length < size ? 0 : length - size + 1;
    snprintf(output, size, "%s", (char *)data + skip);
    free(data);
}

int demo_run(struct demo *d, char *output, size_t size, ...)
{
    const char *argv[ARGS_MAX];
    char log[DEMO_PATH];
    struct child c = {0};
    int n = 0;
    va_list ap;

    argv[n++] = d->self;
    va_start(ap, size);
    while (n < ARGS_MAX && (argv[n] = va_arg(ap, const char *)) != NULL)
        n++;
    va_end(ap);
    demo_path(d->folder, "run.log", log);
    if (n == ARGS_MAX || child_start(&c, log, argv) != 0)
        return -1;
    int status = child_wait(&c, START_MS);
    output_read(log, output, size);
    return status;
}

/* A port that is free now. The daemon binds it moments later; if somebody is
 * faster, the demo says so and stops. */
static int port_find(struct demo *d)
{
    char text[ADDRESS_TEXT];

    if (address_parse("127.0.0.1:0", &d->address) != 0)
        return SP_EINVAL;
    int fd = address_listen(&d->address);
    if (fd < 0)
        return SP_EIO;
    close(fd);
    address_format(&d->address, text);
    snprintf(d->listen, sizeof d->listen, "127.0.0.1:%s",
             strstr(text, "port=") + 5);
    return 0;
}

static void log_show(const char *what, const char *path)
{
    char tail[4096];

    output_read(path, tail, sizeof tail);
    fprintf(stderr, "sallyport demo: %s; the end of its log:\n%s\n", what,
            tail);
}

static int endpoint_start(struct demo *d)
{
    char log[DEMO_PATH], line[256];
    const char *const argv[] = {d->self, "demo-model", "--listen",
                                "127.0.0.1:0", NULL};

    if (child_start(&d->endpoint, demo_path(d->folder, "model.log", log),
                    argv) != 0 ||
        child_wait_line(&d->endpoint, "listening ", line, sizeof line,
                        START_MS) != 0) {
        log_show("the demo model did not start", log);
        return SP_EIO;
    }
    const char *port = strstr(line, "port=");
    snprintf(d->model, sizeof d->model, "127.0.0.1:%s",
             port == NULL ? "0" : port + 5);
    return 0;
}

static int init_run(struct demo *d, const char *folder)
{
    char endpoint[96], output[4096];

    snprintf(endpoint, sizeof endpoint, "http://%s", d->model);
    int status = demo_run(d, output, sizeof output, "init", folder, "--listen",
                          d->listen, "--model", "orion", "--endpoint", endpoint,
                          "--party", "caisi", "--person", "evaluator",
                          "--lasts", "30d", NULL);
    if (status == 0)
        return 0;
    fprintf(stderr, "sallyport demo: init failed (%d): %s\n", status, output);
    return SP_EIO;
}

/* What stands in the sallyport.yaml that init wrote. */
static int deployment_name(struct demo *d, char *name, size_t size)
{
    char path[DEMO_PATH];
    uint8_t *yaml = NULL;
    size_t length;
    struct report report = {.out = stderr, .limit = 5};
    struct settings *s = NULL;
    int r = file_read(AT_FDCWD, demo_path(d->gate, "sallyport.yaml", path),
                      LIMIT_POLICY_BYTES, &yaml, &length);

    if (r == 0)
        r = settings_parse(path, (char *)yaml, length, d->gate, &report, &s);
    if (r == 0)
        snprintf(name, size, "%s", s->deployment);
    settings_free(s);
    free(yaml);
    return r;
}

/* One model; all three are the same endpoint. */
static int model_print(FILE *f, const struct demo *d, const char *name)
{
    return fprintf(f,
                   "  %s:\n"
                   "    upstream: {endpoints: [\"http://%s\"], model: %s-x7}\n"
                   "    apis: [openai.chat, openai.completions, "
                   "openai.responses, anthropic.messages]\n",
                   name, d->model, name);
}

static int window_print(FILE *f, const char *party, const char *model,
                        int64_t opens, int64_t closes)
{
    char from[CLOCK_UTC_SIZE], to[CLOCK_UTC_SIZE];

    clock_format_utc(opens, from);
    clock_format_utc(closes, to);
    return fprintf(f,
                   "  - {party: %s, model: %s, opens: %s, closes: %s, terms: "
                   "[evaluation]}\n",
                   party, model, from, to);
}

static int policy_print(FILE *f, struct demo *d, const char *deployment)
{
    int64_t now = clock_wall_ms() / 1000 * 1000;

    d->brief_closes = clock_wall_ms() + DEMO_BRIEF_MS;
    fprintf(f, "# Two parties and three models; caisi may use two of them, one "
               "for seconds.\n"
               "policy: 1\n"
               "serial: 1\n"
               "basis: voluntary\n"
               "developer: Demo Lab, Inc.\n"
               "models:\n");
    model_print(f, d, "orion");
    model_print(f, d, "orion-brief");
    model_print(f, d, "orion-other");
    fprintf(f,
            "parties:\n"
            "  caisi:\n"
            "    kind: government\n"
            "    anchors: ca\n"
            "    people:\n"
            "      evaluator: {san_uri: "
            "\"sallyport://%s/caisi/evaluator\"}\n"
            "  hospital:\n"
            "    kind: critical-infrastructure\n"
            "    anchors: ca\n"
            "    people:\n"
            "      defender: {san_uri: \"sallyport://%s/hospital/defender\"}\n"
            "terms:\n"
            "  evaluation:\n"
            "    uses: [chat.completions, completions, responses, messages, "
            "messages.count_tokens, models]\n"
            "windows:\n",
            deployment, deployment);
    window_print(f, "caisi", "orion", now, now + LIMIT_ACCESS_MS);
    window_print(f, "caisi", "orion-brief", now, d->brief_closes);
    window_print(f, "hospital", "orion-other", now, now + LIMIT_ACCESS_MS);
    return ferror(f) ? SP_EIO : 0;
}

static int policy_write(struct demo *d)
{
    char path[DEMO_PATH], deployment[64];
    int r = deployment_name(d, deployment, sizeof deployment);

    if (r != 0)
        return r;
    FILE *f = fopen(demo_path(d->gate, "policy.yaml", path), "w");
    if (f == NULL)
        return SP_EIO;
    r = policy_print(f, d, deployment);
    return fclose(f) == 0 ? r : SP_EIO;
}

static int folder_failed(struct demo *d, const char *folder)
{
    fprintf(stderr, "sallyport demo: %s: %s\n", folder, strerror(errno));
    d->folder[0] = '\0';
    return SP_EIO;
}

/* Absolute, because the lines that are printed at the end are pasted
 * elsewhere. */
static int folder_keep(struct demo *d, const char *keep)
{
    char path[PATH_MAX];

    if (mkdir(keep, 0700) != 0 || realpath(keep, path) == NULL)
        return folder_failed(d, keep);
    errno = ENAMETOOLONG;
    if (strlen(path) >= sizeof d->folder)
        return folder_failed(d, keep);
    memcpy(d->folder, path, strlen(path) + 1);
    return 0;
}

static int folder_make(struct demo *d)
{
    const char *base = getenv("TMPDIR");

    if (base == NULL || base[0] != '/' || strlen(base) > 200)
        base = "/tmp";
    snprintf(d->folder, sizeof d->folder, "%s/sallyport-demo-XXXXXX", base);
    return mkdtemp(d->folder) != NULL ? 0 : folder_failed(d, base);
}

/* As the two officers would. */
static int policy_approve(struct demo *d)
{
    static const char *const keys[] = {"approvers/approver-1.key",
                                       "approvers/approver-2.key"};
    char key[DEMO_PATH], output[4096];

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        int status = demo_run(d, output, sizeof output, "approve", d->gate,
                              "--key", demo_path(d->gate, keys[i], key), NULL);

        if (status == 0)
            continue;
        fprintf(stderr, "sallyport demo: approve failed (%d): %s\n", status,
                output);
        return SP_EIO;
    }
    return 0;
}

int demo_prepare(struct demo *d)
{
    int r;

    demo_path(d->folder, "gate", d->gate);
    demo_path(d->folder, "stranger", d->stranger);
    if ((r = endpoint_start(d)) != 0 || (r = port_find(d)) != 0 ||
        (r = init_run(d, d->gate)) != 0 || (r = init_run(d, d->stranger)) != 0)
        return r;
    if ((r = policy_write(d)) != 0)
        fprintf(stderr, "sallyport demo: the policy: %s\n", sp_strerror(r));
    return r != 0 ? r : policy_approve(d);
}

/* Beside this program where it was built or installed, else in PATH. */
static void daemon_find(const struct demo *d, char path[PATH_MAX])
{
    static const char *const places[] = {"/sallyportd", "/../sbin/sallyportd"};
    const char *slash = strrchr(d->self, '/');

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(path, PATH_MAX, "%.*s%s", (int)(slash - d->self), d->self,
                 places[i]);
        if (access(path, X_OK) == 0)
            return;
    }
    snprintf(path, PATH_MAX, "sallyportd");
}

int demo_daemon_start(struct demo *d)
{
    char program[PATH_MAX], log[DEMO_PATH], config[DEMO_PATH], line[512];

    daemon_find(d, program);
    demo_path(d->gate, "sallyport.yaml", config);
    const char *const argv[] = {program, "-c", config, NULL};
    if (child_start(&d->daemon, demo_path(d->folder, "daemon.log", log),
                    argv) == 0 &&
        child_wait_line(&d->daemon, "supervisor ready", line, sizeof line,
                        START_MS) == 0)
        return 0;
    log_show("sallyportd did not start", log);
    return SP_EIO;
}

int demo_daemon_stop(struct demo *d)
{
    return child_stop(&d->daemon, STOP_MS);
}

/* --- the verb --- */

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void demo_clean(struct demo *d, bool keep)
{
    demo_daemon_stop(d);
    child_stop(&d->endpoint, STOP_MS);
    if (d->folder[0] == '\0')
        return;
    if (keep)
        printf("kept: %s\n", d->folder);
    else if (nftw(d->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        fprintf(stderr, "sallyport demo: %s could not be removed: %s\n",
                d->folder, strerror(errno));
}

static void lines_print(const struct demo *d)
{
    printf("\nThe gate is up again for its 30 days. From another terminal:\n\n"
           "  curl -N --cacert '%s/ca/ca.crt' \\\n"
           "    --cert '%s/people/caisi/evaluator.crt' \\\n"
           "    --key '%s/people/caisi/evaluator.key' \\\n"
           "    https://%s/v1/chat/completions \\\n"
           "    -H 'content-type: application/json' \\\n"
           "    -d '{\"model\":\"orion\",\"stream\":true,\"messages\":"
           "[{\"role\":\"user\",\"content\":\"hello\"}]}'\n\n"
           "  '%s' windows '%s'\n"
           "  '%s' log show '%s'\n\n"
           "Ctrl-C ends it and removes everything.\n",
           d->gate, d->gate, d->gate, d->listen, d->self, d->gate, d->self,
           d->gate);
    fflush(stdout);
}

/* Until a signal, or until one of the two ends by itself. */
static int stay_up(struct demo *d)
{
    int status;

    if (demo_daemon_start(d) != 0)
        return EXIT_FAILS;
    lines_print(d);
    while (!interrupted) {
        poll(NULL, 0, 500);
        if (child_ended(&d->daemon, &status) ||
            child_ended(&d->endpoint, &status)) {
            fprintf(stderr, "sallyport demo: a process ended by itself\n");
            return EXIT_FAILS;
        }
    }
    return EXIT_HOLDS;
}

static int demo_play(struct demo *d, bool once)
{
    int64_t start = clock_boot_ms();

    if (demo_prepare(d) != 0 || demo_daemon_start(d) != 0)
        return EXIT_FAILS;
    printf("A gate on %s, a model behind it on %s, in %s\n\n", d->listen,
           d->model, d->folder);
    fflush(stdout);
    bool ok = demo_story_tell(d);
    if (interrupted) {
        fprintf(stderr, "sallyport demo: interrupted\n");
        return EXIT_FAILS;
    }
    if (!ok) {
        char log[DEMO_PATH];
        log_show("that is not what had to be seen",
                 demo_path(d->folder, "daemon.log", log));
        return EXIT_FAILS;
    }
    printf("\n%u checks, all as expected, in %.1f s\n", d->checks,
           (double)(clock_boot_ms() - start) / 1000.0);
    return once ? EXIT_HOLDS : stay_up(d);
}

static void help_print(FILE *out)
{
    fputs("usage: sallyport demo [--once] [--keep DIR]\n\n"
          "Starts a gate and a model behind it on loopback, in a temporary "
          "folder, and shows\nwith real connections who gets in, what happens "
          "when a window ends, and that the\nledger notices one flipped "
          "byte.\n\n"
          "  --once      exit when the story is told: 0 if everything was as "
          "expected,\n              1 if anything was not; without it the gate "
          "stays up until Ctrl-C\n"
          "  --keep DIR  make DIR, use it, and do not remove it\n",
          out);
}

int verb_demo(int argc, char **argv)
{
    static const struct option options[] = {
        {"once", no_argument, NULL, 'o'},
        {"keep", required_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    static struct demo d;
    struct sigaction stop = {.sa_handler = on_signal};
    const char *keep = NULL;
    bool once = false;

    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') {
            help_print(stdout);
            return EXIT_HOLDS;
        }
        if (c == '?')
            return EXIT_MISUSED;
        once = once || c == 'o';
        keep = c == 'k' ? optarg : keep;
    }
    if (optind != argc) {
        help_print(stderr);
        return EXIT_MISUSED;
    }
    /* Without SA_RESTART: what waits returns, and the way out is taken. */
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGHUP, &stop, NULL);
    int status = EXIT_FAILS;
    if ((keep != NULL ? folder_keep(&d, keep) : folder_make(&d)) == 0) {
        ssize_t n = readlink("/proc/self/exe", d.self, sizeof d.self - 1);
        d.self[n > 0 ? n : 0] = '\0';
        status = demo_play(&d, once);
    }
    demo_clean(&d, keep != NULL);
    return status;
}
