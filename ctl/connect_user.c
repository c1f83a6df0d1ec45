/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the kernel about one socket. Runs in `sallyport connect`.
 */
#include "ctl/connect_user.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct question {
    struct nlmsghdr head;
    struct inet_diag_req_v2 body;
};

/* The other end's socket is the one whose ends are ours, exchanged. */
static int question_build(int fd, struct question *q)
{
    struct sockaddr_storage near = {0}, far = {0};
    socklen_t near_length = sizeof near, far_length = sizeof far;
    struct inet_diag_sockid *id = &q->body.id;
    const struct sockaddr_in *in[2] = {(struct sockaddr_in *)&far,
                                       (struct sockaddr_in *)&near};
    const struct sockaddr_in6 *in6[2] = {(struct sockaddr_in6 *)&far,
                                         (struct sockaddr_in6 *)&near};

    if (getsockname(fd, (struct sockaddr *)&near, &near_length) != 0 ||
        getpeername(fd, (struct sockaddr *)&far, &far_length) != 0)
        return SP_ENOENT;
    *q = (struct question){
        .head = {.nlmsg_len = sizeof *q,
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST},
        .body = {
            .sdiag_family = (uint8_t)near.ss_family,
            .sdiag_protocol = IPPROTO_TCP,
            .idiag_states = ~0u,
            .id = {.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}}};
    if (near.ss_family == AF_INET) {
        id->idiag_sport = in[0]->sin_port;
        id->idiag_dport = in[1]->sin_port;
        memcpy(id->idiag_src, &in[0]->sin_addr, 4);
        memcpy(id->idiag_dst, &in[1]->sin_addr, 4);
        return 0;
    }
    id->idiag_sport = in6[0]->sin6_port;
    id->idiag_dport = in6[1]->sin6_port;
    memcpy(id->idiag_src, &in6[0]->sin6_addr, 16);
    memcpy(id->idiag_dst, &in6[1]->sin6_addr, 16);
    return near.ss_family == AF_INET6 ? 0 : SP_EIO;
}

/* One that has been closed has no user any more, whoever's it was: the kernel
 * says 0 then. */
static int answer_read(const void *data, size_t length, uid_t *uid)
{
    const struct nlmsghdr *head = data;
    const struct inet_diag_msg *m;
    const struct nlmsgerr *error;

    if (length < sizeof *head || head->nlmsg_len > length)
        return SP_EIO;
    if (head->nlmsg_type == NLMSG_ERROR) {
        error = NLMSG_DATA(head);
        return head->nlmsg_len >= NLMSG_LENGTH(sizeof *error) &&
                       error->error == -ENOENT
                   ? SP_ENOENT
                   : SP_EIO;
    }
    if (head->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        head->nlmsg_len < NLMSG_LENGTH(sizeof *m))
        return SP_EIO;
    m = NLMSG_DATA(head);
    *uid = m->idiag_uid;
    return m->idiag_state == TCP_ESTABLISHED ? 0 : SP_ENOENT;
}

int connect_user(int fd, uid_t *uid)
{
    _Alignas(struct nlmsghdr) char answer[4096];
    struct question q;
    int r = question_build(fd, &q), netlink;
    ssize_t n;

    if (r != 0)
        return r;
    netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (netlink < 0)
        return SP_EIO;
    n = send(netlink, &q, sizeof q, 0) == (ssize_t)sizeof q
            ? recv(netlink, answer, sizeof answer, MSG_DONTWAIT)
            : -1;
    r = n < 0 ? SP_EIO : answer_read(answer, (size_t)n, uid);
    close(netlink);
    return r;
}
