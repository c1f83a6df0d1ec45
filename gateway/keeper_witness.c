/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's witnesses. A thread of the keeper takes each new checkpoint (at
 * most one every `every`), proves from the tiles that it extends what each
 * witness has, hands that to the dialer, verifies what comes back and keeps
 * it, beside the checkpoint, in `checkpoint.cosigned`. No answer to a client
 * waits for any of this; the deciding thread only looks at what the thread has
 * found, and writes it down.
 *
 * What a witness answers has come through the dialer from outside. Nothing in
 * it is believed but signatures; what a forked ledger would hear is an alarm,
 * and never taken for an outage (ledger/submission.h).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/keeper.h"
#include "gateway/witness_messages.h"
#include "ledger/cosignature.h"
#include "ledger/submission.h"
#include "ledger/view.h"
#include "lib/file.h"

/* How often the thread looks for a new checkpoint, and the deciding thread for
 * what was found. */
#define LOOK_MS 100
/* The dialer keeps the time limit; this is for one that does not. */
#define DIALER_GRACE_MS 1000
/* A witness that does not cosign is asked again after this, doubling. */
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MOST_MS  60000

_Static_assert(WITNESS_ASK_MAX >= SUBMISSION_MAX, "a submission is one ask");

/* One witness; the thread's own. */
struct witness_state {
    uint64_t size; /* it has cosigned, as far as we know */
    uint64_t ticket;
    uint64_t old; /* what was said in the question that is under way */
    bool asked, retried;
    bool forked;            /* it is not asked any more */
    int64_t again, backoff; /* boot ms */
};

/* What the deciding thread is to write down. */
struct witness_found {
    bool fork;
    uint64_t size;
    const char *why; /* constant */
};

struct keeper_witnesses {
    const struct settings *settings;
    struct ledger *ledger;
    int folder;
    pthread_t thread;

    pthread_mutex_t mutex; /* the five below */
    pthread_cond_t wake;
    bool stopping;
    int fd;            /* of the channel to the dialer; -1: none */
    bool taken;        /* by the thread, which closes it then */
    uint64_t cosigned; /* the largest size that has its quorum */
    struct witness_found found[SETTINGS_WITNESSES_MAX];

    /* The thread's own. */
    struct note_verifier log, keys[SETTINGS_WITNESSES_MAX];
    struct witness_state states[SETTINGS_WITNESSES_MAX];
    uint64_t tickets;
    struct ledger_view *view; /* of the head below */
    struct checkpoint head;
    char note[NOTE_MAX]; /* the head with all cosignatures so far */
    size_t length;       /* 0: none yet */
    size_t plain;        /* length of the note as we signed it */
    bool met;            /* the file has a head with its quorum */

    /* The deciding thread's own. */
    bool told[SETTINGS_WITNESSES_MAX];
    int64_t looked;      /* boot ms */
    uint64_t waits_for;  /* a size; its quorum has been missing … */
    int64_t waits_since; /* … since this boot ms */
    uint8_t alarm;       /* bits of enum witness_alarm */
    uint64_t cosigned_seen;
};

/* --- The thread: heads --- */

static int head_read(struct keeper_witnesses *w)
{
    struct ledger_view *view = NULL;
    struct note_line line;
    uint8_t *data = NULL;
    size_t length, text;
    struct checkpoint head;

    int r = file_read(w->folder, "checkpoint", NOTE_MAX, &data, &length);
    if (r == 0)
        r = note_find((const char *)data, length, &w->log, &line);
    if (r == 0)
        r = note_text((const char *)data, length, &text);
    if (r == 0)
        r = checkpoint_parse((const char *)data, text, &head);
    if (r == 0 && w->length > 0 && head.size == w->head.size) {
        free(data); /* the one we have, perhaps with cosignatures */
        return 0;
    }
    if (r == 0)
        r = view_new(w->folder, &head, &view);
    if (r == 0) {
        memcpy(w->note, data, length);
        w->length = w->plain = length;
        w->head = head;
        ledger_view_free(w->view);
        w->view = view;
    }
    free(data);
    return r;
}

/* The newest head that was ever signed: whoever has seen more has not seen it
 * from us. It is on disk before anybody can see it as `checkpoint`. */
static uint64_t newest_signed(const struct keeper_witnesses *w)
{
    struct checkpoint c;

    return view_read_note(w->folder, "last-signed", &w->log, 1, &c, NULL) == 0
               ? c.size
               : w->head.size;
}

/* At the start: what has its quorum already. */
static void cosigned_read(struct keeper_witnesses *w)
{
    struct note_line line;
    struct checkpoint c;
    uint8_t *data = NULL;
    size_t length, text;
    unsigned count;

    if (file_read(w->folder, LEDGER_COSIGNED, NOTE_MAX, &data, &length) != 0)
        return;
    const char *note = (const char *)data;
    if (note_find(note, length, &w->log, &line) == 0 &&
        note_text(note, length, &text) == 0 &&
        checkpoint_parse(note, text, &c) == 0 &&
        cosignature_count(note, length, w->keys, w->settings->nwitnesses, NULL,
                          &count) == 0 &&
        count >= w->settings->witness_quorum) {
        w->met = true;
        w->cosigned = c.size;
    }
    free(data);
}

/* A head that has its quorum is never replaced by one that has not. */
static void cosigned_write(struct keeper_witnesses *w)
{
    unsigned count = 0;

    int r = cosignature_count(w->note, w->length, w->keys,
                              w->settings->nwitnesses, NULL, &count);
    bool met = count >= w->settings->witness_quorum;
    if (r == 0 && (met || !w->met))
        r = file_replace(w->folder, LEDGER_COSIGNED, 0600, w->note, w->length);
    if (r != 0) {
        log_error("cosignatures_not_kept", "size=%llu error=%s",
                  (unsigned long long)w->head.size, log_quote(sp_strerror(r)));
        return;
    }
    log_info("cosigned", "size=%llu witnesses=%u quorum=%u",
             (unsigned long long)w->head.size, count,
             w->settings->witness_quorum);
    if (!met)
        return;
    w->met = true;
    pthread_mutex_lock(&w->mutex);
    if (w->head.size > w->cosigned)
        w->cosigned = w->head.size;
    pthread_mutex_unlock(&w->mutex);
}

/* --- The thread: asking --- */

static const char *witness_called(const struct keeper_witnesses *w, size_t i)
{
    return w->settings->witnesses[i].name;
}

static bool witness_wanted(const struct keeper_witnesses *w, size_t i,
                           uint64_t size, int64_t now)
{
    const struct witness_state *s = &w->states[i];

    return !s->forked && now >= s->again && s->size < size;
}

static void witness_back_off(struct witness_state *s)
{
    s->backoff = s->backoff == 0 ? BACKOFF_FIRST_MS : s->backoff * 2;
    if (s->backoff > BACKOFF_MOST_MS)
        s->backoff = BACKOFF_MOST_MS;
    s->again = clock_boot_ms() + s->backoff;
}

/* 0: it is under way. */
static int witness_submit(struct keeper_witnesses *w, size_t i, int fd)
{
    static char body[SUBMISSION_MAX + 1];
    static uint8_t data[SUBMISSION_MAX + 64];
    struct witness_state *s = &w->states[i];
    struct ask_witness ask = {.witness = (uint32_t)i,
                              .body = (const uint8_t *)body};
    size_t length;

    int r =
        submission_make(w->view, w->note, w->plain, s->size, body, &ask.length);
    if (r == SP_ERANGE) /* somebody handed it a newer head: ours comes later */
        return r;
    if (r == 0) {
        ask.ticket = s->ticket = ++w->tickets;
        s->old = s->size;
        r = ask_witness_put(&ask, data, sizeof(data), &length);
    }
    if (r == 0)
        r = channel_send_wait(fd, data, length, NULL, 0, DIALER_GRACE_MS);
    if (r != 0)
        log_warn("witness_not_asked", "witness=%s error=%s",
                 log_quote(witness_called(w, i)), log_quote(sp_strerror(r)));
    s->asked = r == 0;
    return r;
}

static void fork_found(struct keeper_witnesses *w, size_t i, const char *why)
{
    w->states[i].forked = true;
    log_error("witness_fork_alarm", "witness=%s size=%llu what=%s advice=%s",
              log_quote(witness_called(w, i)), (unsigned long long)w->head.size,
              log_quote(why),
              log_quote("find out who else has this ledger's key, or which "
                        "copy is the wrong one (docs/witnesses.md)"));
    pthread_mutex_lock(&w->mutex);
    w->found[i] = (struct witness_found){true, w->head.size, why};
    pthread_mutex_unlock(&w->mutex);
}

static void cosignature_take(struct keeper_witnesses *w, size_t i,
                             const struct answer_witness *a)
{
    struct witness_state *s = &w->states[i];
    unsigned added = 0;

    int r = cosignature_append(w->note, sizeof(w->note), &w->length,
                               (const char *)a->body, a->length, &w->keys[i], 1,
                               &added);
    if (r != 0 || added == 0) {
        log_warn(
            "witness_not_believed", "witness=%s error=%s",
            log_quote(witness_called(w, i)),
            log_quote(r != 0 ? sp_strerror(r) : "no cosignature of its key"));
        witness_back_off(s);
        return;
    }
    s->size = w->head.size;
    s->backoff = 0;
}

/* One answer to the question that was asked last. */
static void answer_take(struct keeper_witnesses *w, size_t i,
                        const struct answer_witness *a, int fd)
{
    struct witness_state *s = &w->states[i];
    const char *why;
    uint64_t size;

    s->asked = false;
    switch (submission_judge(a->status, (const char *)a->body, a->length,
                             s->old, newest_signed(w), &size, &why)) {
    case SUBMISSION_COSIGNED:
        cosignature_take(w, i, a);
        return;
    case SUBMISSION_FORK:
        fork_found(w, i, why);
        return;
    case SUBMISSION_STALE:
        if (size < s->old)
            log_warn("witness_forgot", "witness=%s cosigned=%llu says=%llu",
                     log_quote(witness_called(w, i)),
                     (unsigned long long)s->old, (unsigned long long)size);
        s->size = size;
        if (!s->retried) {
            s->retried = true;
            (void)witness_submit(w, i, fd);
        }
        return;
    case SUBMISSION_REFUSED:
        log_warn("witness_refused", "witness=%s status=%u error=%s",
                 log_quote(witness_called(w, i)), a->status,
                 log_quote(a->error != 0 ? sp_strerror(a->error) : why));
        witness_back_off(s);
        return;
    }
}

static bool any_asked(const struct keeper_witnesses *w)
{
    for (size_t i = 0; i < w->settings->nwitnesses; i++)
        if (w->states[i].asked)
            return true;
    return false;
}

/* Nobody waits for these answers any more. */
static bool is_over(struct keeper_witnesses *w, int fd)
{
    pthread_mutex_lock(&w->mutex);
    bool over = w->stopping || w->fd != fd;
    pthread_mutex_unlock(&w->mutex);
    return over;
}

/* Answers, until all are there or the time is up. SP_ECLOSED …: the dialer. */
static int answers_receive(struct keeper_witnesses *w, int fd)
{
    static uint8_t data[CHANNEL_MESSAGE_MAX];
    int64_t until =
        clock_boot_ms() + 2 * w->settings->witness_timeout_ms + DIALER_GRACE_MS;

    while (any_asked(w) && clock_boot_ms() < until) {
        size_t length, nfds = 0, before = w->length;
        struct answer_witness a;
        int r = channel_receive_wait(fd, data, sizeof(data), &length, NULL,
                                     &nfds, LOOK_MS);
        if (r == SP_ETIMEDOUT && !is_over(w, fd))
            continue;
        if (r == 0 && answer_witness_get(&a, data, length) != 0)
            r = SP_EPROTO;
        if (r != 0)
            return r;
        for (size_t i = 0; i < w->settings->nwitnesses; i++)
            if (w->states[i].asked && w->states[i].ticket == a.ticket)
                answer_take(w, i, &a, fd);
        if (w->length != before) /* a slow one holds up no quorum */
            cosigned_write(w);
    }
    return 0;
}

/* Hands the newest head to whoever has not cosigned it. */
static int round_run(struct keeper_witnesses *w, int fd)
{
    int r = head_read(w);

    if (r != 0) {
        log_error("checkpoint_not_read", "error=%s", log_quote(sp_strerror(r)));
        return 0;
    }
    for (size_t i = 0; i < w->settings->nwitnesses; i++) {
        struct witness_state *s = &w->states[i];

        s->asked = s->retried = false;
        if (witness_wanted(w, i, w->head.size, clock_boot_ms()))
            r = witness_submit(w, i, fd);
        if (r == SP_ECLOSED)
            return r;
    }
    return answers_receive(w, fd);
}

static bool round_due(const struct keeper_witnesses *w)
{
    uint64_t size = ledger_published(w->ledger);
    int64_t now = clock_boot_ms();

    for (size_t i = 0; i < w->settings->nwitnesses; i++)
        if (witness_wanted(w, i, size, now))
            return true;
    return false;
}

/* --- The thread: its life --- */

static void wait_ms(struct keeper_witnesses *w, int64_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000 * 1000000);
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    if (!w->stopping)
        (void)pthread_cond_timedwait(&w->wake, &w->mutex, &until);
}

/* The dialer is gone; another channel comes when there is another dialer. */
static void channel_lost(struct keeper_witnesses *w, int fd)
{
    pthread_mutex_lock(&w->mutex);
    if (w->fd == fd)
        w->fd = -1;
    pthread_mutex_unlock(&w->mutex);
    close(fd);
}

static void *thread_main(void *arg)
{
    struct keeper_witnesses *w = arg;
    int64_t next = 0;
    int fd = -1;

    for (;;) {
        pthread_mutex_lock(&w->mutex);
        wait_ms(w, LOOK_MS);
        bool stopping = w->stopping;
        int given = w->fd;
        w->taken = true;
        pthread_mutex_unlock(&w->mutex);
        if (stopping)
            break;
        if (given != fd && fd >= 0)
            close(fd); /* replaced; the old one was ours */
        fd = given;
        if (fd < 0 || clock_boot_ms() < next || !round_due(w))
            continue;
        next = clock_boot_ms() + w->settings->witness_every_ms;
        int r = round_run(w, fd);
        if (r == 0 || is_over(w, fd))
            continue;
        log_warn("witness_channel_lost", "error=%s", log_quote(sp_strerror(r)));
        channel_lost(w, fd);
        fd = -1;
    }
    return NULL;
}

static int keys_read(struct keeper *k, struct keeper_witnesses *w)
{
    const struct settings *s = w->settings;
    int r = note_verifier_parse(k->vkey, strlen(k->vkey), &w->log);

    for (size_t i = 0; r == 0 && i < s->nwitnesses; i++)
        r = note_verifier_parse(s->witnesses[i].vkey,
                                strlen(s->witnesses[i].vkey), &w->keys[i]);
    return r;
}

static int thread_start(struct keeper_witnesses *w)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return pthread_create(&w->thread, NULL, thread_main, w) == 0 ? 0 : SP_EIO;
}

int keeper_witnesses_start(struct keeper *k, int ledger_folder)
{
    const struct settings *s = k->snapshot.settings;
    struct keeper_witnesses *w;
    int r;

    if (s->nwitnesses == 0)
        return 0;
    if ((w = calloc(1, sizeof(*w))) == NULL)
        return SP_ENOMEM;
    w->settings = s;
    w->ledger = k->ledger;
    w->folder = ledger_folder;
    w->fd = -1;
    if ((r = keys_read(k, w)) == 0) {
        cosigned_read(w);
        w->cosigned_seen = w->cosigned;
        r = thread_start(w);
    }
    if (r != 0) {
        free(w);
        return r;
    }
    k->witnesses = w;
    return 0;
}

/* --- The deciding thread --- */

void keeper_witnesses_channel(struct keeper *k, int fd)
{
    struct keeper_witnesses *w = k->witnesses;

    if (w == NULL) {
        close(fd);
        return;
    }
    pthread_mutex_lock(&w->mutex);
    if (w->fd >= 0 && !w->taken)
        close(w->fd);
    w->taken = false;
    w->fd = fd;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->mutex);
}

void keeper_witnesses_stop(struct keeper *k)
{
    struct keeper_witnesses *w = k->witnesses;

    if (w == NULL)
        return;
    pthread_mutex_lock(&w->mutex);
    w->stopping = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->mutex);
    pthread_join(w->thread, NULL);
    if (w->fd >= 0)
        close(w->fd);
    ledger_view_free(w->view);
    free(w);
    k->witnesses = NULL;
}

static void alarm_record(struct keeper *k, const char *what,
                         const char *witness, uint64_t size,
                         const char *problem)
{
    struct entry e = {
        .kind = ENTRY_WITNESS_ALARM,
        .u.witness_alarm = {.what = what,
                            .witness = witness,
                            .size = size,
                            .problem = problem},
    };

    keeper_record(k, &e);
}

static void forks_look(struct keeper *k, const struct witness_found *found)
{
    struct keeper_witnesses *w = k->witnesses;

    for (size_t i = 0; i < w->settings->nwitnesses; i++) {
        if (!found[i].fork || w->told[i])
            continue;
        w->told[i] = true;
        w->alarm |= WITNESS_ALARM_FORK;
        alarm_record(k, "fork", witness_called(w, i), found[i].size,
                     found[i].why);
    }
}

/* Under load a newer head always waits; what counts is the one that waited
 * first. */
static void missing_look(struct keeper *k)
{
    struct keeper_witnesses *w = k->witnesses;
    bool was = (w->alarm & WITNESS_ALARM_MISSING) != 0;
    char problem[64];

    if (w->cosigned_seen >= w->waits_for) {
        w->waits_for = ledger_published(k->ledger);
        w->waits_since = k->boot;
        if (!was)
            return;
        w->alarm &= (uint8_t)~WITNESS_ALARM_MISSING;
        log_warn("witness_quorum_met", "size=%llu",
                 (unsigned long long)w->cosigned_seen);
        alarm_record(k, "met", NULL, w->cosigned_seen,
                     "cosigned by as many as must");
    } else if (!was &&
               k->boot - w->waits_since >= w->settings->witness_overdue_ms) {
        w->alarm |= WITNESS_ALARM_MISSING;
        snprintf(problem, sizeof(problem),
                 "not cosigned by %u witness%s in time",
                 w->settings->witness_quorum,
                 w->settings->witness_quorum == 1 ? "" : "es");
        log_error("witness_quorum_missing",
                  "size=%llu cosigned=%llu quorum=%u overdue_ms=%lld",
                  (unsigned long long)w->waits_for,
                  (unsigned long long)w->cosigned_seen,
                  w->settings->witness_quorum,
                  (long long)w->settings->witness_overdue_ms);
        alarm_record(k, "missing", NULL, w->waits_for, problem);
    }
}

void keeper_witnesses_turn(struct keeper *k)
{
    struct witness_found found[SETTINGS_WITNESSES_MAX];
    struct keeper_witnesses *w = k->witnesses;

    if (w == NULL || k->boot - w->looked < LOOK_MS)
        return;
    w->looked = k->boot;
    pthread_mutex_lock(&w->mutex);
    w->cosigned_seen = w->cosigned;
    memcpy(found, w->found, sizeof(found));
    pthread_mutex_unlock(&w->mutex);
    forks_look(k, found);
    missing_look(k);
    bool refusing = w->settings->witness_refuse && w->alarm != 0;
    if (refusing != k->refusing)
        log_warn(refusing ? "refusing_everything" : "refusing_no_more",
                 "because=%s", log_quote("witnesses: on_missing: refuse"));
    k->refusing = refusing;
}

void keeper_witnesses_tell(const struct keeper *k, struct control_ledger *v)
{
    const struct keeper_witnesses *w = k->witnesses;

    if (w == NULL)
        return;
    v->witnesses = (uint32_t)w->settings->nwitnesses;
    v->quorum = w->settings->witness_quorum;
    v->cosigned = w->cosigned_seen;
    v->alarm = w->alarm;
    v->refusing = k->refusing;
}
