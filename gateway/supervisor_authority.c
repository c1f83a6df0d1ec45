/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's part of the deployment's own authority: it opens the index
 * for the keeper, passes what the ledger revoked on to the authority, and hands
 * new lists to the publisher. It looks into none of these files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/authority_messages.h"
#include "gateway/processes.h"
#include "lib/channel.h"

static const char *const list_names[PUBLISHED_LISTS] = {
    [PUBLISHED_CA] = "ca.crl",
    [PUBLISHED_ROOT] = "root.crl",
};

static bool is_ready(const struct process *p)
{
    return p->state == ROLE_STATE_READY;
}

static bool policy_uses_authority(const struct policy *p)
{
    for (size_t i = 0; i < p->nparties; i++)
        if (strcmp(p->parties[i].anchors, "ca") == 0)
            return true;
    return false;
}

/* The folder, if there is an authority of ours in it: -1. */
static int folder_open(const struct settings *s)
{
    char *path = settings_path(s, s->authority);
    char *slash = path == NULL ? NULL : strrchr(path, '/');
    int fd = -1;

    if (slash != NULL && slash != path && strcmp(slash, "/ca.crt") == 0) {
        *slash = '\0';
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    free(path);
    if (fd >= 0 && faccessat(fd, "issued/index", F_OK, 0) != 0 &&
        faccessat(fd, "issuing.key", F_OK, 0) != 0 &&
        faccessat(fd, "ca.key", F_OK, 0) != 0) {
        close(fd); /* an authority that is elsewhere */
        fd = -1;
    }
    return fd;
}

/* The policy in force may be the first that uses it. */
static void folder_look(struct supervisor *s)
{
    struct process *authority = &s->processes[AUTHORITY];

    if (policy_uses_authority(s->snapshot.policy))
        s->authority = folder_open(s->snapshot.settings);
    authority->unused =
        s->authority < 0 ||
        faccessat(s->authority, ".", R_OK | W_OK | X_OK, AT_EACCESS) != 0;
    if (s->authority >= 0 && authority->unused)
        log_warn("authority_not_writable", "advice=%s",
                 log_quote("what the ledger revokes is not written into the "
                           "authority's index, and no list is signed: let the "
                           "daemon's user write to its folder, or run "
                           "`sallyport ca crl` yourself"));
}

void supervisor_authority_init(struct supervisor *s)
{
    s->authority = -1;
    folder_look(s);
    s->processes[PUBLISHER].unused = s->snapshot.settings->crl_listen == NULL;
}

void supervisor_authority_adapt(struct supervisor *s)
{
    if (s->authority >= 0)
        return;
    folder_look(s);
    if (!s->processes[AUTHORITY].unused)
        process_begin(&s->processes[AUTHORITY]);
}

static int file_open(const struct supervisor *s, const char *name)
{
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW;
    int fd = s->authority < 0 ? -1 : openat(s->authority, name, flags);
    struct stat st;

    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

void supervisor_send_index(struct supervisor *s)
{
    const struct authority_number v = {.number = ++s->links};
    uint8_t data[32];
    size_t length;
    int fd;

    if (!is_ready(&s->processes[KEEPER]) ||
        (fd = file_open(s, "issued/index")) < 0)
        return;
    if (authority_number_put(MESSAGE_INDEX, &v, data, sizeof(data), &length) ==
        0)
        process_send(&s->processes[KEEPER], data, length, &fd, 1);
    close(fd);
}

void supervisor_publish(struct supervisor *s)
{
    for (unsigned i = 0; i < PUBLISHED_LISTS; i++) {
        const struct publish_message v = {.list = (enum published_list)i};
        uint8_t data[32];
        size_t length;
        int fd;

        if (!is_ready(&s->processes[PUBLISHER]) ||
            (fd = file_open(s, list_names[i])) < 0)
            continue;
        if (publish_message_put(&v, data, sizeof(data), &length) == 0)
            process_send(&s->processes[PUBLISHER], data, length, &fd, 1);
        close(fd);
    }
}

/* The ledger hears of the newest list, whoever made it; `fresh`: of any. */
void supervisor_announce_list(struct supervisor *s, bool fresh)
{
    const struct revocations_number v = {.number = fresh ? 0 : 1};
    uint8_t data[64];
    size_t length;

    if (is_ready(&s->processes[AUTHORITY]) && is_ready(&s->processes[KEEPER]) &&
        revocations_number_put(MESSAGE_ANNOUNCE, &v, data, sizeof(data),
                               &length) == 0)
        process_send(&s->processes[AUTHORITY], data, length, NULL, 0);
}

int supervisor_authority_message(struct supervisor *s, const uint8_t *data,
                                 size_t length)
{
    struct authority_number number;
    struct crl_loaded loaded;

    switch (message_type(data, length)) {
    case MESSAGE_PUBLISHED:
        if (authority_number_get(&number, data, length) != 0)
            return SP_EPROTO;
        supervisor_publish(s);
        if (s->revokes_left_out) {
            s->revokes_left_out = false;
            supervisor_send_index(s);
        }
        return 0;
    case MESSAGE_CRL_LOADED:
        if (crl_loaded_get(&loaded, data, length) != 0)
            return SP_EPROTO;
        if (is_ready(&s->processes[KEEPER]))
            process_send(&s->processes[KEEPER], data, length, NULL, 0);
        return 0;
    default:
        return SP_EPROTO;
    }
}

/* One that is not there, or has its hands full, hears of it when the index is
 * read again. */
int supervisor_revoke(struct supervisor *s, const uint8_t *data, size_t length)
{
    struct process *authority = &s->processes[AUTHORITY];
    struct revoke_message v;

    if (revoke_message_get(&v, data, length) != 0)
        return SP_EPROTO;
    if (!is_ready(authority) || authority->channel == NULL)
        return 0;
    if (channel_queued(authority->channel) < CHANNEL_BUSY)
        process_send(authority, data, length, NULL, 0);
    else
        s->revokes_left_out = true;
    return 0;
}
