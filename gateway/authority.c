/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authority: when the ledger has revoked a certificate that the
 * deployment's own authority issued, this writes it into the authority's index
 * and publishes a new revocation list; and it signs a new list before the last
 * one is over. Nobody has to ask. It can reach the authority's folder and
 * nothing else, and reads nothing that a stranger wrote; it is the only role
 * that ever has the issuing key, and only if that lies there without a
 * passphrase (docs/authority.md).
 */
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "certs/authority.h"
#include "certs/authority_crl.h"
#include "certs/chain.h"
#include "gateway/authority_messages.h"
#include "gateway/revocation_messages.h"
#include "gateway/roles.h"
#include "gateway/snapshot.h"
#include "lib/channel.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"

/* Revocations that come together are one list. */
#define TOGETHER_MS 100
/* How often it is asked whether a new list is due; and after a failure. */
#define LOOK_MS  60000
#define AGAIN_MS 5000
/* While a command has the folder's lock. */
#define LOCKED_MS 200
#define LIST_MAX  (64u << 20)
#define FILES     64

enum { FD_FILES, FD_FOLDER };

struct duty {
    struct revoke_message m;
    bool done;
};

static struct {
    struct role_start *start;
    struct snapshot snapshot;
    struct event_base *base;
    struct channel *channel;
    struct event *work;
    struct duty *duties;
    size_t nduties, capacity;
    uint64_t published; /* lists so far */
    bool unsigned_told; /* that the key is not to be had */
    bool look;          /* somebody else may have made a list */
    uint8_t told[32];   /* the list that the ledger heard of last */
} role;

static void work_after(int64_t ms)
{
    const struct timeval after = {.tv_sec = (time_t)(ms / 1000),
                                  .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

    if (event_add(role.work, &after) != 0)
        fatal("timer", "error=%s", log_quote("out of memory"));
}

static void supervisor_send(const void *data, size_t length)
{
    /* What it does not hear now it would never hear of. Whoever comes after us
     * tells all of it. */
    if (channel_send(role.channel, data, length, NULL, 0) != 0)
        fatal("supervisor_does_not_listen", "type=%u",
              message_type(data, length));
}

/* --- the list that is there --- */

static int64_t time_of(const ASN1_TIME *t)
{
    struct tm tm;

    if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
        return 0;
    return (int64_t)timegm(&tm) * 1000;
}

static X509_CRL *list_read(uint8_t **der, size_t *length)
{
    int folder = role.start->fds[FD_FOLDER];
    const uint8_t *at;
    X509_CRL *crl;

    if (file_read(folder, "ca.crl", LIST_MAX, der, length) != 0)
        return NULL;
    at = *der;
    crl = d2i_X509_CRL(NULL, &at, (long)*length);
    ERR_clear_error();
    return crl;
}

/* Whether a new one is due: there is none, or half of its time has passed. */
static bool list_is_due(int64_t now)
{
    uint8_t *der = NULL;
    size_t length;
    X509_CRL *crl = list_read(&der, &length);
    int64_t from = 0, to = 0;

    if (crl != NULL) {
        from = time_of(X509_CRL_get0_lastUpdate(crl));
        to = time_of(X509_CRL_get0_nextUpdate(crl));
    }
    X509_CRL_free(crl);
    free(der);
    return now >= from + (to - from) / 2;
}

/* For the ledger: which list anybody could have seen, once. */
static void list_tell(const struct authority *a)
{
    struct crl_loaded v = {.source = CRL_OF_AUTHORITY};
    uint8_t *der = NULL, data[256];
    size_t length;
    X509_CRL *crl = list_read(&der, &length);

    if (crl != NULL &&
        chain_key_hash(authority_certificate(a), v.issuer_key) == 0 &&
        EVP_Digest(der, length, v.sha256, NULL, EVP_sha256(), NULL) == 1 &&
        memcmp(role.told, v.sha256, sizeof(role.told)) != 0) {
        memcpy(role.told, v.sha256, sizeof(role.told));
        snprintf(v.number, sizeof(v.number), "%llu",
                 (unsigned long long)authority_crl_number(der, length));
        v.this_update = time_of(X509_CRL_get0_lastUpdate(crl));
        v.next_update = time_of(X509_CRL_get0_nextUpdate(crl));
        if (X509_CRL_get_REVOKED(crl) != NULL)
            v.count = (uint32_t)sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl));
        if (crl_loaded_put(&v, data, sizeof(data), &length) == 0)
            supervisor_send(data, length);
    }
    X509_CRL_free(crl);
    free(der);
}

static void published_tell(void)
{
    const struct authority_number v = {.number = ++role.published};
    uint8_t data[32];
    size_t length;

    if (authority_number_put(MESSAGE_PUBLISHED, &v, data, sizeof(data),
                             &length) == 0)
        supervisor_send(data, length);
}

/* --- the work --- */

static enum authority_reason reason_of(const struct duty *d)
{
    enum authority_reason reason;

    return authority_reason_parse(d->m.reason, &reason) == 0
               ? reason
               : AUTHORITY_UNSPECIFIED;
}

/* Into the index. One that is there already, or is none of this authority's,
 * is done with. */
static int duties_do(struct authority *a, int64_t now, char problem[256])
{
    size_t count;

    for (size_t i = 0; i < role.nduties; i++) {
        struct duty *d = &role.duties[i];
        const struct authority_selection s = {.sha256 = d->m.sha256};
        int r;

        if (d->done)
            continue;
        r = authority_revoke(a, &s, reason_of(d), now, &count, problem);
        if (r != 0 && r != SP_EEXIST && r != SP_ENOENT)
            return r;
        d->done = true;
    }
    return 0;
}

static int publish(struct authority *a, int64_t now, char problem[256])
{
    int64_t next = now + role.snapshot.settings->crl_lifetime_ms;
    uint64_t number = 0;
    int r = authority_publish(a, now, next, &number, problem);

    if (r != 0)
        return r;
    log_info("list_published", "number=%llu orders=%zu",
             (unsigned long long)number, role.nduties);
    list_tell(a);
    published_tell();
    return 0;
}

static bool key_is_here(void)
{
    enum authority_key_state state = AUTHORITY_KEY_NONE;
    int r = authority_look_key(role.start->fds[FD_FOLDER], ".",
                               AUTHORITY_ISSUING, &state);
    bool here = r == 0 && state == AUTHORITY_KEY_PLAIN;

    if (!here && !role.unsigned_told)
        log_warn(
            "list_not_signed", "advice=%s",
            log_quote("the issuing key is elsewhere, or has a passphrase: "
                      "run `sallyport ca crl` where it is; the gate itself "
                      "needs no list for what it revoked"));
    role.unsigned_told = !here;
    return here;
}

static int work(int64_t now, char problem[256])
{
    bool key = key_is_here();
    const struct authority_opening o = {.at = role.start->fds[FD_FOLDER],
                                        .folder = ".",
                                        .part = AUTHORITY_ISSUING,
                                        .with_key = key,
                                        .at_once = true};
    struct authority *a = NULL;
    int r = authority_open(&o, &a, problem);

    if (r == 0)
        r = duties_do(a, now, problem);
    if (r == 0 && key && (role.nduties > 0 || list_is_due(now)))
        r = publish(a, now, problem);
    else if (r == 0)
        list_tell(a);
    /* Without the key, too: what did not fit on its way here may come now. */
    if (r == 0 && !key && role.nduties > 0)
        published_tell();
    authority_close(a);
    ERR_clear_error();
    return r;
}

static void on_work(evutil_socket_t fd, short what, void *arg)
{
    char problem[256] = "";
    int64_t now = clock_wall_ms();
    int r;

    (void)fd;
    (void)what;
    (void)arg;
    if (role.nduties == 0 && !role.look && !list_is_due(now)) {
        work_after(LOOK_MS);
        return;
    }
    r = work(now, problem);
    if (r == 0) {
        role.look = false;
        role.nduties = 0;
        work_after(LOOK_MS);
        return;
    }
    /* A command is at work, perhaps on somebody who types: we have more to
     * listen to than its lock. */
    if (r == SP_EAGAIN) {
        work_after(LOCKED_MS);
        return;
    }
    log_error("authority_failed", "error=%s problem=%s again_ms=%d",
              log_quote(sp_strerror(r)), log_quote(problem), AGAIN_MS);
    work_after(AGAIN_MS);
}

static void duty_add(const struct revoke_message *m)
{
    for (size_t i = 0; i < role.nduties; i++)
        if (memcmp(role.duties[i].m.sha256, m->sha256, sizeof(m->sha256)) == 0)
            return;
    if (role.nduties == role.capacity) {
        size_t capacity = role.capacity == 0 ? 64 : role.capacity * 2;
        struct duty *more = realloc(role.duties, capacity * sizeof(*more));

        if (more == NULL)
            fatal("out_of_memory", "duties=%zu", role.nduties);
        role.duties = more;
        role.capacity = capacity;
    }
    role.duties[role.nduties++] = (struct duty){.m = *m};
    work_after(TOGETHER_MS);
}

/* From the supervisor, which is trusted. */
static void on_message(void *arg, const uint8_t *data, size_t length, int *fds,
                       size_t nfds)
{
    struct revocations_number number;
    struct revoke_message revoke;

    (void)arg;
    (void)fds;
    switch (message_type(data, length)) {
    case MESSAGE_REVOKE:
        if (nfds == 0 && revoke_message_get(&revoke, data, length) == 0) {
            duty_add(&revoke);
            return;
        }
        break;
    case MESSAGE_ANNOUNCE:
        if (nfds == 0 && revocations_number_get(&number, data, length) == 0) {
            if (number.number == 0) /* a keeper that has heard of nothing */
                memset(role.told, 0, sizeof(role.told));
            role.look = true;
            work_after(TOGETHER_MS);
            return;
        }
        break;
    default:
        break;
    }
    role_message_other(data, length, nfds);
}

int authority_main(struct role_start *start)
{
    const struct sandbox_path paths[] = {
        {.fd = start->fds[FD_FOLDER], .writable = true}};
    struct sandbox_report report = {0};
    int r;

    role.start = start;
    if ((r = snapshot_from_fd(start->fds[FD_FILES], &role.snapshot)) != 0)
        return role_failed(start, false, "authority: snapshot: %s",
                           sp_strerror(r));
    role_log(start, role.snapshot.settings->log_level);
    role.base = event_base_new();
    if (role.base != NULL)
        role.work = event_new(role.base, -1, 0, on_work, NULL);
    if (role.work == NULL ||
        (r = role_sandbox(start, paths, 1, FILES, &report)) != 0)
        return role_failed(start, true, "authority: %s", sp_strerror(r));
    role.channel =
        channel_new(role.base, start->channel, on_message, role_closed, NULL);
    if (role.channel == NULL || role_ready(start) != 0)
        return role_failed(start, true, "authority: no channel");
    work_after(TOGETHER_MS);
    event_base_dispatch(role.base);
    fatal("event_loop", "error=%s", log_quote("ended by itself"));
}
