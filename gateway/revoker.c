/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The revoker: reads revocation lists and responders' answers, which are
 * strangers' bytes, verifies them, and says who is revoked. It has no network
 * and opens no file: the dialer fetches, the supervisor opens, and what it says
 * is one sealed piece of memory that workers map (certs/revocations.h). The
 * ledger hears of each list before it takes effect (P5).
 */
#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "certs/crl.h"
#include "certs/pem.h"
#include "gateway/revoker_parts.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/http_url.h"
#include "lib/log.h"

/* Channels to workers and the dialer, descriptors that come and go. */
#define REVOKER_FILES (LIMIT_WORKERS + 64)
/* The supervisor never waits for anybody. */
#define SUPERVISOR_WAIT_MS 10000
/* Lists are told no faster than the keeper writes them down. */
#define TOLD_AT_ONCE  128
#define TOLD_PAUSE_MS 20
/* A set, as certs/revocations.h bounds it. */
#define PREVIOUS_MAX (256u << 20)

static struct revoker revoker;

/* --- telling the set --- */

/* Waits for room: a set counts only if all of its lists were told before. The
 * queue of the channel is never used in this direction. */
static void supervisor_send(struct revoker *r, const void *data, size_t length,
                            const int *fd)
{
    int e = channel_send_wait(r->start->channel, data, length, fd,
                              fd != NULL ? 1 : 0, SUPERVISOR_WAIT_MS);

    if (e != 0)
        fatal("supervisor_does_not_listen", "type=%u error=%s",
              message_type(data, length), log_quote(sp_strerror(e)));
}

/* A new revoker is given files before it tells of lists: what it has beside
 * theirs is what the one before it had fetched. */
static enum crl_source origin_of(const struct revoker *r,
                                 const uint8_t sha256[32])
{
    for (size_t i = 0; i < r->norigins; i++)
        if (memcmp(r->origins[i].sha256, sha256, 32) == 0)
            return r->origins[i].source;
    return CRL_FETCHED;
}

/* Big-endian bytes as a decimal number, by long division. */
static void number_text(const uint8_t number[20], char text[64])
{
    uint8_t rest[20];
    char digits[64];
    size_t n = 0;

    memcpy(rest, number, sizeof(rest));
    do {
        unsigned remainder = 0, any = 0;

        for (size_t i = 0; i < sizeof(rest); i++) {
            unsigned value = remainder << 8 | rest[i];

            rest[i] = (uint8_t)(value / 10);
            remainder = value % 10;
            any |= rest[i];
        }
        digits[n++] = (char)('0' + remainder);
        if (any == 0)
            break;
    } while (n < sizeof(digits) - 1);
    for (size_t i = 0; i < n; i++)
        text[i] = digits[n - 1 - i];
    text[n] = '\0';
}

static void tell_list(struct revoker *r, const struct revocations_info *info)
{
    struct crl_loaded v = {.this_update = info->this_update,
                           .next_update = info->next_update,
                           .count = (uint32_t)info->count};
    char number[64] = "";
    uint8_t data[256];
    size_t length;

    memcpy(v.issuer_key, info->issuer_key, sizeof(v.issuer_key));
    memcpy(v.sha256, info->sha256, sizeof(v.sha256));
    v.source = (uint8_t)origin_of(r, info->sha256);
    if (info->has_number)
        number_text(info->number, number);
    /* More than 40 digits are no number that an honest authority gives. */
    if (strlen(number) < sizeof(v.number))
        memcpy(v.number, number, strlen(number) + 1);
    log_info("list", "issuer=%s number=%s next_update=%lld revoked=%u",
             log_quote(info->issuer), v.number, (long long)v.next_update,
             v.count);
    if (crl_loaded_put(&v, data, sizeof(data), &length) == 0)
        supervisor_send(r, data, length, NULL);
}

static bool set_has(const struct revocations *set, const uint8_t sha256[32])
{
    struct revocations_info info;

    for (size_t i = 0; set != NULL && i < set->nlists; i++) {
        revocations_list(set, i, &info);
        if (!info.sticky && memcmp(info.sha256, sha256, 32) == 0)
            return true;
    }
    return false;
}

/* `before`: what was told already; NULL: nothing. A list with several points
 * is there once for each. */
static void tell_lists(struct revoker *r, const struct revocations *before)
{
    uint8_t told[32] = {0};
    size_t count = 0;

    for (size_t i = 0; i < r->set.nlists; i++) {
        struct revocations_info info;

        revocations_list(&r->set, i, &info);
        if (info.sticky || set_has(before, info.sha256) ||
            memcmp(told, info.sha256, sizeof(told)) == 0)
            continue;
        memcpy(told, info.sha256, sizeof(told));
        if (++count % TOLD_AT_ONCE == 0)
            (void)poll(NULL, 0, TOLD_PAUSE_MS);
        tell_list(r, &info);
    }
}

static int set_to_memory(const struct revoker *r, int *fd)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    size_t at = 0;
    int e = file_memory("sallyport-revocations", fd);

    if (e != 0)
        return e;
    while (at < r->set.length) {
        ssize_t n = write(*fd, r->set.data + at, r->set.length - at);

        if (n <= 0)
            break;
        at += (size_t)n;
    }
    if (at < r->set.length || fcntl(*fd, F_ADD_SEALS, seals) != 0) {
        close(*fd);
        return SP_EIO;
    }
    return 0;
}

static void tell_ages(struct revoker *r)
{
    static uint8_t data[CHANNEL_MESSAGE_MAX];
    size_t length;

    if (revoker_ages(r, data, sizeof(data), &length))
        supervisor_send(r, data, length, NULL);
}

static void tell_set(struct revoker *r)
{
    struct revocations_number v = {.revoker = r->start->setup.generation};
    uint8_t data[64];
    size_t length;
    int fd, e = set_to_memory(r, &fd);

    if (e != 0)
        fatal("revocations_not_handed_on", "error=%s",
              log_quote(sp_strerror(e)));
    v.number = ++r->number;
    if (revocations_number_put(MESSAGE_REVOCATIONS, &v, data, sizeof(data),
                               &length) == 0)
        supervisor_send(r, data, length, &fd);
    close(fd);
    log_info("revocations", "number=%llu lists=%u serials=%llu bytes=%zu",
             (unsigned long long)v.number, r->set.nlists,
             (unsigned long long)r->set.nrecords, r->set.length);
    tell_ages(r);
}

/* --- making the set --- */

static void origin_note(struct revoker *r, const uint8_t sha256[32],
                        enum crl_source source)
{
    struct list_origin *more;

    for (size_t i = 0; i < r->norigins; i++)
        if (memcmp(r->origins[i].sha256, sha256, 32) == 0)
            return;
    more = realloc(r->origins, (r->norigins + 1) * sizeof(*more));
    if (more == NULL)
        return; /* then it says "fetched" */
    r->origins = more;
    memcpy(more[r->norigins].sha256, sha256, 32);
    more[r->norigins++].source = source;
}

static void origins_clean(struct revoker *r)
{
    for (size_t i = 0; i < r->norigins;)
        if (set_has(&r->set, r->origins[i].sha256))
            i++;
        else
            r->origins[i] = r->origins[--r->norigins];
}

/* Takes the memory. */
static void set_replace(struct revoker *r, uint8_t *memory, size_t length)
{
    const struct revocations before = r->set;
    uint8_t *old = r->memory;
    struct revocations view;

    if (revocations_open(memory, length, &view) != 0)
        fatal("revocations_corrupt", "length=%zu", length);
    r->memory = memory;
    r->set = view;
    origins_clean(r);
    if (r->number > 0) { /* else the supervisor says when */
        tell_lists(r, before.data != NULL ? &before : NULL);
        tell_set(r);
    }
    free(old);
}

static int set_build(struct revoker *r, struct crl *const *crls, size_t count,
                     struct revocations_outcome *outcomes)
{
    struct revocations_built built;
    int e = revocations_build(crls, count, r->set.data != NULL ? &r->set : NULL,
                              clock_wall_ms(), outcomes, &built);

    if (e != 0)
        return e;
    if (built.taken == 0 && r->set.data != NULL) {
        free(built.data);
        return 0;
    }
    set_replace(r, built.data, built.length);
    return 0;
}

/* Lists that are verified and were taken; what is wrong with others is in the
 * log. The first error, if none is good. */
static int lists_verify(struct revoker *r, uint32_t party, struct crl_list *l,
                        const char *name)
{
    char problem[CRL_PROBLEM];
    int first = 0;
    size_t good = 0;

    for (size_t i = 0; i < l->count; i++) {
        int e =
            crl_verify(l->items[i], r->pools[party], clock_wall_ms(), problem);

        if (e == 0) {
            struct crl *swap = l->items[good];

            l->items[good++] = l->items[i];
            l->items[i] = swap;
            continue;
        }
        if (first == 0)
            first = e;
        log_warn("list_refused", "party=%s from=%s list=%zu problem=%s",
                 r->policy->parties[party].name, log_quote(name), i + 1,
                 log_quote(problem));
    }
    return good > 0 ? (int)good : first;
}

static int lists_build(struct revoker *r, struct crl_list *l, size_t good,
                       enum crl_source source, const char *name, int64_t *next)
{
    struct revocations_outcome *outcomes = calloc(good, sizeof(*outcomes));
    int e = outcomes == NULL ? SP_ENOMEM : 0;

    for (size_t i = 0; e == 0 && i < good; i++) {
        const struct crl_info *info = crl_info(l->items[i]);

        origin_note(r, info->sha256, source);
        if (*next == 0 || info->next_update < *next)
            *next = info->next_update;
    }
    if (e == 0)
        e = set_build(r, l->items, good, outcomes);
    for (size_t i = 0; outcomes != NULL && i < good; i++)
        if (e == 0 && outcomes[i].error != 0) {
            log_warn("list_refused", "from=%s list=%zu problem=%s",
                     log_quote(name), i + 1, log_quote(outcomes[i].problem));
            if (good == 1)
                e = outcomes[i].error;
        }
    free(outcomes);
    return e;
}

/* The next list of a text with several. */
static bool block_next(const uint8_t **at, size_t *left, const uint8_t **block,
                       size_t *length)
{
    static const char begin[] = "-----BEGIN X509 CRL-----";
    static const char end[] = "-----END X509 CRL-----";
    const uint8_t *stop;

    *block = memmem(*at, *left, begin, sizeof(begin) - 1);
    if (*block == NULL)
        return false;
    *left -= (size_t)(*block - *at);
    stop = memmem(*block, *left, end, sizeof(end) - 1);
    *length = stop == NULL ? *left : (size_t)(stop - *block) + sizeof(end) - 1;
    *at = *block + *length;
    *left -= *length;
    return true;
}

static int lists_join(struct crl_list *all, struct crl_list *more)
{
    size_t count = all->count + more->count;
    struct crl **items = realloc(all->items, count * sizeof(*items));

    if (items == NULL)
        return SP_ENOMEM;
    memcpy(items + all->count, more->items, more->count * sizeof(*items));
    free(more->items);
    *more = (struct crl_list){0};
    all->items = items;
    all->count = count;
    return 0;
}

/* Of a file with many, one that cannot be read keeps only those out whom it
 * would be about; what is behind the last that a text may have is not looked
 * at. The first error, if none can. */
static int lists_read(const struct revoker *r, uint32_t party,
                      const uint8_t *bytes, size_t length, const char *name,
                      struct crl_list *all)
{
    char problem[CRL_PROBLEM];
    int first = crl_parse(bytes, length, all, problem);
    const uint8_t *block;
    size_t size, i = 1;

    if (first == 0)
        return 0;
    for (; i <= CRL_LISTS_MAX && block_next(&bytes, &length, &block, &size);
         i++) {
        struct crl_list one = {0};
        int e = crl_parse(block, size, &one, problem);

        if (e == 0)
            e = lists_join(all, &one);
        if (e != 0)
            log_warn("list_refused", "party=%s from=%s list=%zu problem=%s",
                     r->policy->parties[party].name, log_quote(name), i,
                     log_quote(problem));
        crl_list_release(&one);
    }
    if (i > CRL_LISTS_MAX && block_next(&bytes, &length, &block, &size))
        log_warn("lists_too_many", "party=%s from=%s looked_at=%d",
                 r->policy->parties[party].name, log_quote(name),
                 CRL_LISTS_MAX);
    if (all->count > 0)
        return 0;
    log_warn("list_refused", "party=%s from=%s problem=%s",
             r->policy->parties[party].name, log_quote(name),
             log_quote(problem));
    return first;
}

int revoker_take(struct revoker *r, uint32_t party, const uint8_t *bytes,
                 size_t length, enum crl_source source, const char *name,
                 int64_t *next)
{
    struct crl_list l = {0};
    int e = lists_read(r, party, bytes, length, name, &l);

    *next = 0;
    if (e != 0)
        return e;
    e = lists_verify(r, party, &l, name);
    if (e > 0)
        e = lists_build(r, &l, (size_t)e, source, name, next);
    crl_list_release(&l);
    ERR_clear_error();
    return e;
}

bool revoker_may_ask(const struct revoker *r, uint32_t party, const char *named,
                     char url[REVOCATION_URL_MAX + 1])
{
    struct http_url parsed;
    int n;

    if (http_url_parse(named, strlen(named), &parsed) != 0 ||
        !policy_revocation_allows(revoker_rule(r, party), parsed.host))
        return false;
    n = snprintf(url, REVOCATION_URL_MAX + 1, "http://%s:%u%s", parsed.host,
                 parsed.port, parsed.path);
    return n > 0 && n <= REVOCATION_URL_MAX;
}

/* --- from the supervisor --- */

static void on_crl_file(struct revoker *r, const struct crl_file *v, int fd)
{
    const char *name;
    uint8_t *bytes = NULL;
    size_t length = 0;
    int64_t next;
    int e;

    if (v->party >= r->policy->nparties || r->pools[v->party] == NULL) {
        close(fd);
        return;
    }
    name = revoker_rule(r, v->party)->crl;
    name = name != NULL ? name : "file";
    e = file_read_fd(fd, REVOCATION_LIST_MAX, &bytes, &length);
    close(fd);
    if (e == 0)
        e = revoker_take(r, v->party, bytes, length, CRL_FROM_FILE, name,
                         &next);
    if (e != 0)
        log_error("list_not_used", "party=%s file=%s problem=%s",
                  r->policy->parties[v->party].name, log_quote(name),
                  log_quote(sp_strerror(e)));
    free(bytes);
}

/* What another revoker had built: nobody in it is ever good again. */
static void on_previous(struct revoker *r, int fd)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    struct revocations view;

    if (r->set.data == NULL &&
        file_read_fd(fd, PREVIOUS_MAX, &bytes, &n) == 0 && n > 0 &&
        revocations_open(bytes, n, &view) == 0) {
        r->memory = bytes;
        r->set = view;
        bytes = NULL;
    }
    free(bytes);
    close(fd);
}

/* Everybody gets a set to ask, also before the first list is here. What is told
 * from here on has numbers behind `number`. */
static void on_announce(struct revoker *r, uint64_t number)
{
    int e = r->set.data == NULL ? set_build(r, NULL, 0, NULL) : 0;

    if (e != 0)
        fatal("revocations_not_built", "error=%s", log_quote(sp_strerror(e)));
    if (r->number < number)
        r->number = number;
    tell_lists(r, NULL);
    tell_set(r);
}

/* --- from the dialer --- */

/* The bytes are in sealed memory: nobody changes them while they are read. */
static void fetched(struct revoker *r, const struct answer_fetch *v, int fd)
{
    static const uint8_t nothing[1];
    void *bytes = NULL;

    if (v->error == 0 && v->length > 0) {
        if (file_check_seals(fd, F_SEAL_WRITE | F_SEAL_SHRINK) != 0 ||
            lseek(fd, 0, SEEK_END) != (off_t)v->length)
            fatal("dialer_broke_protocol", "what=%s",
                  log_quote("memory that is not sealed, or shorter"));
        bytes = mmap(NULL, v->length, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes == MAP_FAILED)
            fatal("mmap", "error=%s", log_quote(sp_strerror(SP_ENOMEM)));
    }
    if (!lists_answered(r, v, bytes != NULL ? bytes : nothing))
        (void)question_answered(r, v, bytes != NULL ? bytes : nothing);
    if (bytes != NULL)
        munmap(bytes, v->length);
}

static void on_dialer_message(void *arg, const uint8_t *data, size_t length,
                              int *fds, size_t nfds)
{
    struct revoker *r = arg;
    struct answer_fetch v;

    if (answer_fetch_get(&v, data, length) == 0 &&
        nfds == (v.error == 0 ? 1u : 0u))
        fetched(r, &v, nfds == 1 ? fds[0] : -1);
    else
        log_error("dialer_broke_protocol", "type=%u",
                  message_type(data, length));
    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
}

static void dialer_gone(struct revoker *r)
{
    channel_free(r->dialer);
    r->dialer = NULL;
    lists_dialer_gone(r);
    questions_dialer_gone(r);
}

static void on_dialer_closed(void *arg, int error)
{
    struct revoker *r = arg;

    (void)error; /* the supervisor knows why, and sends a new one */
    dialer_gone(r);
}

int revoker_fetch(struct revoker *r, const struct ask_fetch *ask)
{
    uint8_t data[REVOCATION_ASK_MAX + REVOCATION_URL_MAX + 64];
    size_t length;
    int e = ask_fetch_put(ask, data, sizeof(data), &length);

    if (e == 0)
        e = r->dialer == NULL ? SP_ECLOSED
                              : channel_send(r->dialer, data, length, NULL, 0);
    return e;
}

/* --- from workers --- */

static void asker_close(struct asker *a)
{
    if (a->channel != NULL)
        channel_free(a->channel);
    a->channel = NULL;
}

static void on_worker_message(void *arg, const uint8_t *data, size_t length,
                              int *fds, size_t nfds)
{
    struct asker *a = arg;
    struct ask_revocation ask;

    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
    if (nfds == 0 && ask_revocation_get(&ask, data, length) == 0 &&
        ask.party < a->revoker->policy->nparties &&
        a->revoker->pools[ask.party] != NULL) {
        question_ask(a, &ask);
        return;
    }
    log_error("worker_broke_protocol", "worker=%zu type=%u",
              (size_t)(a - a->revoker->askers), message_type(data, length));
    asker_close(a);
}

static void on_worker_closed(void *arg, int error)
{
    (void)error; /* the supervisor knows why, and sends a new one */
    asker_close(arg);
}

static void on_worker(struct revoker *r, const struct link_message *v, int fd)
{
    struct asker *a = &r->askers[v->worker];

    asker_close(a);
    a->revoker = r;
    a->number = v->generation;
    a->channel =
        channel_new(r->base, fd, on_worker_message, on_worker_closed, a);
    if (a->channel == NULL)
        fatal("channel", "worker=%u error=%s", v->worker,
              log_quote("out of memory"));
}

static void on_fetches(struct revoker *r, int fd)
{
    if (r->dialer != NULL)
        dialer_gone(r);
    r->dialer =
        channel_new(r->base, fd, on_dialer_message, on_dialer_closed, r);
    if (r->dialer == NULL)
        fatal("channel", "error=%s", log_quote("out of memory"));
    lists_tick(r);
}

/* From the supervisor, which is trusted. */
static void on_message(void *arg, const uint8_t *data, size_t length, int *fds,
                       size_t nfds)
{
    struct revoker *r = arg;
    struct revocations_number number;
    struct fetch_channel fetches;
    struct link_message link;
    struct crl_file file;

    switch (message_type(data, length)) {
    case MESSAGE_CRL_FILE:
        if (nfds == 1 && crl_file_get(&file, data, length) == 0) {
            on_crl_file(r, &file, fds[0]);
            return;
        }
        break;
    case MESSAGE_REVOCATIONS:
        if (nfds == 1 && revocations_number_get(&number, data, length) == 0) {
            on_previous(r, fds[0]);
            return;
        }
        break;
    case MESSAGE_ANNOUNCE:
        if (nfds == 0 && revocations_number_get(&number, data, length) == 0) {
            on_announce(r, number.number);
            return;
        }
        break;
    case MESSAGE_FETCHES:
        if (nfds == 1 && fetch_channel_get(&fetches, data, length) == 0) {
            on_fetches(r, fds[0]);
            return;
        }
        break;
    case MESSAGE_REVOKER:
        if (nfds == 1 && link_message_get(&link, data, length) == 0) {
            on_worker(r, &link, fds[0]);
            return;
        }
        break;
    default:
        break;
    }
    role_message_other(data, length, nfds);
}

/* --- the start --- */

static int pool_add(STACK_OF(X509) * pool, const struct snapshot *s,
                    const char *name, char problem[256])
{
    STACK_OF(X509) *certs = NULL;
    const uint8_t *pem;
    size_t length;
    int e = snapshot_file(s->files, name, &pem, &length);

    snprintf(problem, 256, "%.128s: %s", name, sp_strerror(e));
    if (e == 0)
        e = pem_read_certificates(pem, length, &certs, problem);
    for (int i = 0; e == 0 && i < sk_X509_num(certs); i++) {
        X509 *cert = sk_X509_value(certs, i);

        if (X509_up_ref(cert) != 1 || sk_X509_push(pool, cert) == 0)
            e = SP_ENOMEM;
    }
    sk_X509_pop_free(certs, X509_free);
    return e;
}

/* A party's authorities: who may sign its lists. */
static int pools_load(struct revoker *r, char problem[256])
{
    int e = 0;

    snprintf(problem, 256, "%s", sp_strerror(SP_ENOMEM));
    r->pools = calloc(r->policy->nparties + 1, sizeof(STACK_OF(X509) *));
    r->nquestions = calloc(r->policy->nparties + 1, sizeof(*r->nquestions));
    r->nsent = calloc(r->policy->nparties + 1, sizeof(*r->nsent));
    if (r->pools == NULL || r->nquestions == NULL || r->nsent == NULL)
        return SP_ENOMEM;
    for (size_t i = 0; e == 0 && i < r->policy->nparties; i++) {
        const struct policy_party *p = &r->policy->parties[i];

        if (p->revocation.mode == POLICY_REVOCATION_NONE)
            continue;
        if ((r->pools[i] = sk_X509_new_null()) == NULL)
            return SP_ENOMEM;
        e = pool_add(r->pools[i], &r->snapshot, p->anchors, problem);
        if (e == 0 && p->intermediates != NULL)
            e = pool_add(r->pools[i], &r->snapshot, p->intermediates, problem);
    }
    return e;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct revoker *r = arg;

    (void)fd;
    (void)what;
    lists_tick(r);
    questions_tick(r);
}

static int revoker_events(struct revoker *r)
{
    static const struct timeval tick = {.tv_usec = REVOKER_TICK_MS * 1000};

    r->base = event_base_new();
    if (r->base == NULL)
        return SP_ENOMEM;
    r->tick = event_new(r->base, -1, EV_PERSIST, on_tick, r);
    return r->tick != NULL && event_add(r->tick, &tick) == 0 ? 0 : SP_ENOMEM;
}

int revoker_main(struct role_start *start)
{
    struct revoker *r = &revoker;
    struct sandbox_report report = {0};
    char problem[256];
    int e;

    r->start = start;
    TAILQ_INIT(&r->questions);
    if ((e = snapshot_from_fd(start->fds[0], &r->snapshot)) != 0 ||
        (r->policy = r->snapshot.policy) == NULL)
        return role_failed(start, false, "revoker: snapshot: %s",
                           sp_strerror(e));
    snapshot_forget_text(&r->snapshot);
    role_log(start, r->snapshot.settings->log_level);
    if (sodium_init() < 0)
        return role_failed(start, true, "revoker: libsodium");
    if ((e = pools_load(r, problem)) != 0)
        return role_failed(start, false, "revoker: %s", problem);
    if ((e = revoker_events(r)) != 0 || (e = lists_init(r)) != 0 ||
        (e = role_sandbox(start, NULL, 0, REVOKER_FILES, &report)) != 0)
        return role_failed(start, true, "revoker: %s", sp_strerror(e));
    r->supervisor =
        channel_new(r->base, start->channel, on_message, role_closed, r);
    if (r->supervisor == NULL || role_ready(start) != 0)
        return role_failed(start, true, "revoker: no channel");
    event_base_dispatch(r->base);
    fatal("event_loop", "error=%s", log_quote("ended by itself"));
}
