/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGHUP and `sallyport reload`: the folder is read again and checked as at a
 * start; what is not right changes nothing. Certificates and keys alone are
 * handed to the workers as they are (here); anything else makes other rules,
 * which come into force by an entry of the keeper's (supervisor_rules.c). Runs
 * in the supervisor; the files are the operator's.
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

/* What the folder has now, checked as at a start. Other rules are on their way
 * then, and *fresh is empty. */
static int read_fresh(struct supervisor *s, struct snapshot *fresh)
{
    struct report report = {.limit = LIMIT_POLICY_ERRORS};
    char *text = NULL;
    size_t length = 0;
    int r;

    report.out = open_memstream(&text, &length);
    if (report.out == NULL)
        return SP_ENOMEM;
    r = snapshot_read(s->config, &report, fresh);
    if (r == 0 && supervisor_rules_differ(s, fresh) &&
        (r = supervisor_rules_begin(s, fresh, &report)) != 0)
        snapshot_release(fresh);
    (void)fclose(report.out);
    if (r != 0 && text != NULL) {
        reload_result_add(&s->reload, text);
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
    for (unsigned i = 0; i < LIMIT_WORKERS; i++)
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

static void tell_reloaded(struct supervisor *s)
{
    char server[TLS_CERTIFICATE_TEXT] = "none";
    const uint8_t *pem;
    size_t length;

    if (fileset_get(s->snapshot.files, "@server.crt", &pem, &length) == 0)
        tls_certificate_text(pem, length, server);
    log_info("reloaded",
             "reload=%" PRIu64 " rules=%" PRIu64 " policy=%u new_files=%zu %s",
             s->reloads, s->rules, s->snapshot.policy->serial, s->reload_files,
             server);
    reload_result_say(&s->reload, "reload %" PRIu64 ": %zu new file%s",
                      s->reloads, s->reload_files,
                      s->reload_files == 1 ? "" : "s");
    reload_result_say(&s->reload, "policy: serial %u",
                      s->snapshot.policy->serial);
    reload_result_say(&s->reload, "certificate: %s", server);
}

static int reload_files(struct supervisor *s, const struct snapshot *fresh)
{
    struct fileset *new = NULL;
    int r = pick_new(s, fresh, &new, &s->reload_files);

    if (r == 0 && s->reload_files > 0)
        r = take_over(s, new);
    fileset_free(new);
    return r;
}

static void refused(struct supervisor *s, int error)
{
    s->reload.error = error;
    if (s->reload.length == 0)
        reload_result_say(&s->reload, "%s: %s", s->config, sp_strerror(error));
    log_error("reload_refused", "reload=%" PRIu64 " error=%s problem=%s",
              s->reloads, log_quote(sp_strerror(error)),
              log_quote("nothing was changed (revocation lists are read all "
                        "the same)"));
}

void supervisor_reloaded(struct supervisor *s, int error, char *problem)
{
    if (error != 0 && problem[0] != '\0') {
        reload_result_add(&s->reload, problem);
        log_problems(problem);
    }
    if (error != 0)
        refused(s, error);
    else
        tell_reloaded(s);
    supervisor_status(s, "READY=1");
    supervisor_reload_over(s, &s->reload);
    if (s->reload_wanted)
        supervisor_reload(s);
}

static void reload(struct supervisor *s)
{
    struct snapshot fresh = {0};
    char nothing[] = "";
    int r;

    s->reloads++;
    s->reload = (struct reload_result){0};
    s->reload_files = 0;
    r = read_fresh(s, &fresh);
    if (r == 0 && fresh.settings == NULL)
        return; /* other rules: supervisor_reloaded() comes */
    if (r == 0)
        r = reload_files(s, &fresh);
    snapshot_release(&fresh);
    supervisor_reloaded(s, r, nothing);
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
    s->reload_wanted = s->phase == PHASE_STARTING ||
                       s->change.state != CHANGE_NONE ||
                       supervisor_handing_over(s);
    if (s->phase != PHASE_RUNNING)
        return;
    /* First, and whatever else is wrong: closing waits for nothing (P8). The
     * lists are opened, and the revoker reads them. */
    supervisor_send_lists(s);
    supervisor_send_index(s);
    supervisor_publish(s);
    if (s->reload_wanted)
        return; /* once this one has ended */
    notify_reloading();
    reload(s);
}
