/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delivery of notices: to the operators' hook, a program that is run once for
 * each, and to syslog sockets, the operators' and the party's own. Runs in the
 * supervisor, the one role that may start a program. What is not delivered is
 * counted and logged; nothing waits for it.
 *
 * The hook runs in order, one at a time: as somebody who loses their place in a
 * queue would be hard to explain.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/notice.h"
#include "gateway/processes.h"
#include "lib/process.h"

/* That wait for the hook: as many windows may open at once. What comes then is
 * not delivered to it. */
#define NOTICES_WAITING LIMIT_POLICY_WINDOWS

struct waiting {
    char *line; /* JSON */
    size_t length;
    uint64_t n;
    char party[NOTICE_NAME];
};

struct notices {
    struct supervisor *supervisor;
    struct waiting waiting[NOTICES_WAITING]; /* oldest first */
    size_t count;
    pid_t pid; /* of the hook that runs for the oldest; 0: none does */
    bool too_slow;
    struct event *limit;
    uint64_t delivered, failed; /* to hook and syslog, one by one */
};

static void failed(struct notices *q, const char *via, uint64_t n,
                   const char *party, const char *why)
{
    q->failed++;
    log_error("notice_not_delivered",
              "via=%s n=%llu party=%s why=%s total=%llu", via,
              (unsigned long long)n, party, log_quote(why),
              (unsigned long long)q->failed);
}

static void delivered(struct notices *q, const char *via, uint64_t n,
                      const char *party)
{
    q->delivered++;
    log_info("notice_delivered", "via=%s n=%llu party=%s", via,
             (unsigned long long)n, party);
}

/* ---- syslog ---- */

static int datagram_send(const char *path, const void *data, size_t length)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    int fd, error = 0;

    if (n > sizeof a.sun_path)
        return ENAMETOOLONG;
    memcpy(a.sun_path, path, n);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    if (sendto(fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT,
               (const struct sockaddr *)&a, sizeof a) < 0)
        error = errno;
    close(fd);
    return error;
}

/* `to` is "unix:/PATH" or NULL. */
static void syslog_tell(struct notices *q, const struct notice *v,
                        const char *to)
{
    const struct settings *s = q->supervisor->snapshot.settings;
    char data[NOTICE_BYTES];
    struct text t;
    int error;

    if (to == NULL)
        return;
    text_init(&t, data, sizeof data);
    notice_syslog(&t, v, s->deployment);
    error =
        text_end(&t) != 0 ? EMSGSIZE : datagram_send(to + 5, t.data, t.length);
    if (error != 0)
        failed(q, "syslog", v->n, v->party, strerror(error));
    else
        delivered(q, "syslog", v->n, v->party);
}

/* ---- the hook ---- */

static void hook_next(struct notices *q);

static void waiting_drop_first(struct notices *q)
{
    free(q->waiting[0].line);
    q->count--;
    memmove(&q->waiting[0], &q->waiting[1], q->count * sizeof q->waiting[0]);
}

/* A file of memory: the hook may read it when it likes, and need not. */
static int input_make(const struct waiting *w)
{
    int fd = memfd_create("notice", MFD_CLOEXEC);

    if (fd >= 0 && (write(fd, w->line, w->length) != (ssize_t)w->length ||
                    lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static int hook_start(struct notices *q, const struct waiting *w)
{
    const struct settings *s = q->supervisor->snapshot.settings;
    const struct timeval after = {
        .tv_sec = (time_t)(s->notice_timeout_ms / 1000),
        .tv_usec = (suseconds_t)(s->notice_timeout_ms % 1000 * 1000)};
    char *path = settings_path(s, s->notice_hook);
    int input = path == NULL ? -1 : input_make(w);
    int r = input < 0 ? SP_EIO : process_start_program(path, input, &q->pid);

    if (input >= 0)
        close(input);
    free(path);
    q->too_slow = false;
    if (r == 0)
        (void)event_add(q->limit, &after);
    return r;
}

/* Begins with the next one, if none runs. A reload may have taken the hook
 * away meanwhile. */
static void hook_next(struct notices *q)
{
    while (q->count > 0 && q->pid == 0) {
        const struct waiting *w = &q->waiting[0];
        int r = q->supervisor->snapshot.settings->notice_hook == NULL
                    ? SP_ENOENT
                    : hook_start(q, w);

        if (r == 0)
            return;
        failed(q, "hook", w->n, w->party, sp_strerror(r));
        waiting_drop_first(q);
    }
}

static void hook_tell(struct notices *q, const struct notice *v,
                      const struct policy_notices *to)
{
    const struct settings *s = q->supervisor->snapshot.settings;
    struct waiting *w = &q->waiting[q->count];
    char line[NOTICE_BYTES];
    struct text t;

    if (s->notice_hook == NULL)
        return;
    text_init(&t, line, sizeof line);
    notice_json(&t, v, s->deployment, to);
    if (q->count == NOTICES_WAITING || text_end(&t) != 0 ||
        (w->line = malloc(t.length)) == NULL) {
        failed(q, "hook", v->n, v->party, "too many wait for it");
        return;
    }
    memcpy(w->line, t.data, t.length);
    w->length = t.length;
    w->n = v->n;
    memcpy(w->party, v->party, sizeof w->party);
    q->count++;
    hook_next(q);
}

/* All that it left behind ends with it: its group is its own. */
static void hook_kill(const struct notices *q)
{
    if (kill(-q->pid, SIGKILL) != 0)
        (void)kill(q->pid, SIGKILL);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    struct notices *q = arg;

    (void)fd;
    (void)what;
    q->too_slow = true;
    if (q->pid > 0)
        hook_kill(q);
}

static void hook_ended(struct notices *q, int status)
{
    const struct waiting *w = &q->waiting[0];

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !q->too_slow)
        delivered(q, "hook", w->n, w->party);
    else
        failed(q, "hook", w->n, w->party,
               q->too_slow ? "it took too long" : process_status_text(status));
    waiting_drop_first(q);
}

void supervisor_notices_reap(struct supervisor *s)
{
    struct notices *q = s->notices;
    siginfo_t ended = {0};
    int status;

    /* Not reaped before its group is gone, so that the number is nobody
     * else's. */
    if (q == NULL || q->pid == 0 ||
        waitid(P_PID, (id_t)q->pid, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        ended.si_pid != q->pid)
        return;
    hook_kill(q);
    (void)waitpid(q->pid, &status, 0);
    q->pid = 0;
    event_del(q->limit);
    hook_ended(q, status);
    hook_next(q);
}

/* ---- all of it ---- */

int supervisor_notice(struct supervisor *s, const uint8_t *data, size_t length)
{
    const struct policy *p = s->snapshot.policy;
    const struct policy_notices *to = NULL;
    struct notice v;
    int party, r = notice_get(&v, data, length);

    if (r != 0)
        return r;
    /* A new policy may have none of that name any more. */
    if ((party = policy_find_party(p, v.party)) >= 0)
        to = &p->parties[party].notices;
    if (to != NULL)
        syslog_tell(s->notices, &v, to->syslog);
    syslog_tell(s->notices, &v, s->snapshot.settings->notice_syslog);
    hook_tell(s->notices, &v, to);
    return 0;
}

bool supervisor_notices_wait(const struct supervisor *s)
{
    return s->notices != NULL && s->notices->count > 0;
}

void supervisor_notices_init(struct supervisor *s)
{
    const struct policy *p = s->snapshot.policy;
    struct notices *q = calloc(1, sizeof *q);

    if (q == NULL ||
        (q->limit = event_new(s->base, -1, 0, on_limit, q)) == NULL)
        fatal("event", "error=%s", log_quote("out of memory"));
    q->supervisor = s;
    s->notices = q;
    for (size_t i = 0; i < p->nparties; i++)
        if (s->snapshot.settings->notice_hook == NULL &&
            p->parties[i].notices.naddresses > 0) {
            log_warn("notices_without_hook", "party=%s advice=%s",
                     p->parties[i].name,
                     log_quote("its addresses are of no use without "
                               "`notices.hook` in sallyport.yaml"));
            break;
        }
}

void supervisor_notices_end(struct supervisor *s)
{
    struct notices *q = s->notices;

    if (q == NULL)
        return;
    if (q->pid > 0) {
        hook_kill(q);
        (void)waitpid(q->pid, NULL, 0);
        q->pid = 0;
    }
    while (q->count > 0) {
        failed(q, "hook", q->waiting[0].n, q->waiting[0].party,
               "the daemon ends");
        waiting_drop_first(q);
    }
}
