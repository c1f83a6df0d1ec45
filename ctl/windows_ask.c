/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the running daemon how windows stand, a piece at a time. Runs in the
 * command; what answers is not trusted.
 */
#include <time.h>
#include <unistd.h>

#include "ctl/control_socket.h"
#include "ctl/windows.h"

/* Too many ask at once: again, for ten seconds. */
#define TRIES    100
#define PAUSE_MS 100
/* A policy that is replaced while it is told is told from its beginning. */
#define RESTARTS 8

static int ask(int fd, uint32_t from, struct windows_head *head,
               struct msg_in *rows)
{
    static uint8_t data[CONTROL_WINDOWS_MAX];
    size_t length;
    int r = ask_windows_put(from, data, sizeof(data), &length);

    if (r == 0)
        r = control_exchange(fd, data, sizeof(data), &length);
    return r != 0 ? r : windows_head_get(rows, head, data, length);
}

static int ask_patiently(int fd, uint32_t from, struct windows_head *head,
                         struct msg_in *rows)
{
    static const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    int r = ask(fd, from, head, rows);

    for (int i = 0; r == 0 && head->error == SP_EAGAIN && i < TRIES; i++) {
        (void)nanosleep(&pause, NULL);
        r = ask(fd, from, head, rows);
    }
    return r != 0 ? r : head->error;
}

int rows_ask(int fd, struct rows *rows)
{
    struct windows_head head = {0};
    uint32_t from = 0, policy = 0;
    int r, restarts = 0;

    do {
        struct msg_in in;

        if ((r = ask_patiently(fd, from, &head, &in)) != 0)
            break;
        if (from != 0 && head.policy != policy) {
            rows_release(rows);
            from = 0;
            head.next = 0;
            r = ++restarts > RESTARTS ? SP_EAGAIN : 0;
            continue;
        }
        policy = head.policy;
        if (head.next <= from) /* it would never end */
            r = SP_EPROTO;
        else
            r = rows_take(rows, &in);
        from = head.next;
    } while (r == 0 && head.next != STANDINGS_END);
    close(fd);
    return r;
}
