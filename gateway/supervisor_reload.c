/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGHUP, and the order `reload`: the files beside the policy are read again,
 * and what may change while the daemon runs is taken over: the server's
 * certificates and keys.
 * Runs in the supervisor. The files are the operator's; everything is checked
 * as at a start before anything is changed, and what is not right changes
 * nothing.
 *
 * The texts of sallyport.yaml and the policy stay those that the daemon was
 * started with, and so do the trust anchors: what widens access is in force
 * only after a start, which looks at the approvals (P8). So the files are
 * those that the running texts name.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "certs/tls.h"
#include "gateway/notify.h"
#include "gateway/processes.h"
#include "gateway/tls_files.h"
#include "lib/channel.h"
#include "lib/report.h"

/* A log line for each line of a report. */
static void log_problems(char *text)
{
    char *rest = text;

    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        if (line[0] != '\0')
            log_error("reload_refused", "problem=%s", log_quote(line));
}

/* What the folder has now, twice if its texts are not those in force: whether
 * a start would take them, then the files that the running ones name. */
static int read_fresh(struct supervisor *s, struct snapshot *fresh, bool *other,
                      struct reload_result *result)
{
    struct report report = {.limit = LIMIT_POLICY_ERRORS};
    char *text = NULL;
    size_t length = 0;
    int r;

    report.out = open_memstream(&text, &length);
    if (report.out == NULL)
        return SP_ENOMEM;
    *other = false;
    r = snapshot_read(s->config, &report, fresh);
    if (r == 0 && !snapshot_same_texts(&s->snapshot, fresh)) {
        *other = true;
        snapshot_release(fresh);
        r = snapshot_read_again(s->config, &s->snapshot, &report, fresh);
    }
    (void)fclose(report.out);
    if (r != 0 && text != NULL) {
        reload_result_add(result, text);
        log_problems(text);
    }
    free(text);
    return r;
}

/* Whether the file is another one than that in use. */
static bool is_new(const struct supervisor *s, const char *name,
                   const uint8_t *data, size_t length)
{
    const uint8_t *was;
    size_t was_length;

    return fileset_get(s->snapshot.files, name, &was, &was_length) != 0 ||
           was_length != length || memcmp(was, data, length) != 0;
}

/* What is new of what can be taken over; `count`: how many files. */
static int pick_new(const struct supervisor *s, const struct snapshot *fresh,
                    struct fileset **new, size_t *count)
{
    struct fileset *to = fileset_new();
    struct tls_file f;
    int r = to == NULL ? SP_ENOMEM : 0;

    *count = 0;
    for (size_t i = 0; r == 0 && tls_file_at(s->snapshot.settings, i, &f);
         i++) {
        const uint8_t *data;
        size_t length;

        r = fileset_get(fresh->files, f.name, &data, &length);
        if (r != 0 || !is_new(s, f.name, data, length))
            continue;
        if ((r = fileset_add(to, f.name, data, length)) == 0)
            ++*count;
    }
    if (r != 0)
        fileset_free(to);
    else
        *new = to;
    return r;
}

/* Also to those that are not ready: the set-up that they were sent has the old
 * files, and this waits behind it. */
static void tell_workers(struct supervisor *s, int memfd)
{
    const struct reload_message v = {.number = s->reloads};
    uint8_t data[32];
    size_t length;

    if (reload_message_put(&v, data, sizeof(data), &length) != 0)
        return;
    for (unsigned i = 0; i < s->nworkers; i++)
        process_send(&s->processes[WORKERS + i], data, length, &memfd, 1);
}

static int take_over(struct supervisor *s, struct fileset *new)
{
    int memfd, r = fileset_seal(new, &memfd);

    if (r != 0)
        return r;
    if ((r = fileset_swap(s->snapshot.files, new)) == 0)
        tell_workers(s, memfd);
    close(memfd);
    return r;
}

static void tell_reloaded(const struct supervisor *s, size_t count,
                          struct reload_result *result)
{
    char server[TLS_CERTIFICATE_TEXT] = "none";
    const uint8_t *pem;
    size_t length;

    if (fileset_get(s->snapshot.files, "@server.crt", &pem, &length) == 0)
        tls_certificate_text(pem, length, server);
    log_info("reloaded", "reload=%" PRIu64 " new_files=%zu %s", s->reloads,
             count, server);
    reload_result_say(result, "reload %" PRIu64 ": %zu new file%s", s->reloads,
                      count, count == 1 ? "" : "s");
    reload_result_say(result, "certificate: %s", server);
}

static int reload_files(struct supervisor *s, const struct snapshot *fresh,
                        struct reload_result *result)
{
    struct fileset *new = NULL;
    size_t count;
    int r = pick_new(s, fresh, &new, &count);

    if (r == 0 && count > 0)
        r = take_over(s, new);
    if (r == 0)
        tell_reloaded(s, count, result);
    fileset_free(new);
    return r;
}

static void refused(const struct supervisor *s, struct reload_result *result,
                    int error)
{
    result->error = error;
    if (result->length == 0)
        reload_result_say(result, "%s: %s", s->config, sp_strerror(error));
    log_error("reload_refused", "reload=%" PRIu64 " error=%s problem=%s",
              s->reloads, log_quote(sp_strerror(error)),
              log_quote("nothing was changed (revocation lists are read all "
                        "the same)"));
}

static void reload(struct supervisor *s, struct reload_result *result)
{
    struct snapshot fresh;
    bool other;
    int r = read_fresh(s, &fresh, &other, result);

    s->reloads++;
    if (r == 0 && (r = reload_files(s, &fresh, result)) != 0)
        snapshot_release(&fresh);
    if (r != 0) {
        refused(s, result, r);
        return;
    }
    if (other) {
        static const char text[] =
            "sallyport.yaml or the policy is another one than at the start: "
            "it takes effect with a restart; the files that the running ones "
            "name were read";

        log_warn("reload_needs_restart", "problem=%s", log_quote(text));
        reload_result_say(result, "needs a restart: %s", text);
    }
    snapshot_release(&fresh);
}

/* systemd.service(5), Type=notify-reload. */
static void notify_reloading(void)
{
    struct timespec now;
    char state[80];

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(state, sizeof(state),
             "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=Reloading",
             (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    notify(state);
}

void supervisor_reload(struct supervisor *s)
{
    static struct reload_result result;

    s->reload_wanted = s->phase == PHASE_STARTING;
    if (s->phase != PHASE_RUNNING)
        return;
    notify_reloading();
    /* First, and whatever else is wrong: closing waits for nothing (P8). The
     * lists are opened, and the revoker reads them. */
    supervisor_send_lists(s);
    supervisor_send_index(s);
    supervisor_publish(s);
    result = (struct reload_result){0};
    reload(s, &result);
    notify("READY=1\nSTATUS=Serving");
    supervisor_reload_over(s, &result);
}
