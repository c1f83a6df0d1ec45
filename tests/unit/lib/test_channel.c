/* SPDX-License-Identifier: Apache-2.0 */
/* Channels: messages and descriptors arrive as sent; what was cut, what brings
 * too much and what floods is refused without losing a descriptor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/channel.h"

/* How many descriptors this process has: every test must leave it as it was. */
static size_t open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(d);
    while (readdir(d) != NULL)
        count++;
    (void)closedir(d);
    return count;
}

static size_t descriptors_before;

static int setup(void **state)
{
    (void)state;
    descriptors_before = open_descriptors();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return open_descriptors() == descriptors_before ? 0 : -1;
}

/* Plain calls ------------------------------------------------------------ */

static void test_message_and_descriptors(void **state)
{
    int ends[2], sent[2], got[4];
    char text[16];
    size_t length, nfds = 4;
    struct stat a, b;

    (void)state;
    assert_int_equal(channel_pair(ends), 0);
    assert_int_equal(pipe(sent), 0);
    assert_int_equal(channel_send_wait(ends[0], "take", 4, sent, 2, 1000), 0);
    assert_int_equal(channel_receive_wait(ends[1], text, sizeof(text), &length,
                                          got, &nfds, 1000),
                     0);
    assert_int_equal(length, 4);
    assert_memory_equal(text, "take", 4);
    assert_int_equal(nfds, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
        assert_int_equal(fstat(got[i], &a) + fstat(sent[i], &b), 0);
        assert_int_equal(a.st_ino, b.st_ino);
        (void)close(got[i]);
        (void)close(sent[i]);
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void test_ends_are_close_on_exec_and_non_blocking(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(channel_pair(ends), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fcntl(ends[i], F_GETFD), FD_CLOEXEC);
        assert_true((fcntl(ends[i], F_GETFL) & O_NONBLOCK) != 0);
        (void)close(ends[i]);
    }
}

static void test_sending_is_checked(void **state)
{
    static char large[CHANNEL_MESSAGE_MAX + 1];
    int ends[2], fds[CHANNEL_FDS_MAX + 1] = {0};
    size_t length, nfds = 0;

    (void)state;
    assert_int_equal(channel_pair(ends), 0);
    assert_int_equal(channel_send_wait(ends[0], large, 0, NULL, 0, 0),
                     SP_EINVAL);
    assert_int_equal(
        channel_send_wait(ends[0], large, sizeof(large), NULL, 0, 0),
        SP_ETOOBIG);
    assert_int_equal(
        channel_send_wait(ends[0], "x", 1, fds, CHANNEL_FDS_MAX + 1, 0),
        SP_EINVAL);
    assert_int_equal(
        channel_send_wait(ends[0], large, CHANNEL_MESSAGE_MAX, NULL, 0, 0), 0);
    assert_int_equal(channel_receive_wait(ends[1], large, sizeof(large),
                                          &length, NULL, &nfds, 0),
                     0);
    assert_int_equal(length, CHANNEL_MESSAGE_MAX);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void test_waiting_ends(void **state)
{
    static char large[CHANNEL_MESSAGE_MAX];
    int ends[2], error, sent = 0;
    size_t length, nfds = 0;

    (void)state;
    assert_int_equal(channel_pair(ends), 0);
    assert_int_equal(channel_receive_wait(ends[0], large, sizeof(large),
                                          &length, NULL, &nfds, 20),
                     SP_ETIMEDOUT);
    do
        error = channel_send_wait(ends[0], large, sizeof(large), NULL, 0, 20);
    while (error == 0 && sent++ < 10000);
    assert_int_equal(error, SP_ETIMEDOUT);
    (void)close(ends[1]);
    assert_int_equal(channel_send_wait(ends[0], "x", 1, NULL, 0, 20),
                     SP_ECLOSED);
    (void)close(ends[0]);
}

static void test_end_of_the_peer(void **state)
{
    int ends[2], got[1];
    char text[8];
    size_t length, nfds = 1;

    (void)state;
    assert_int_equal(channel_pair(ends), 0);
    assert_int_equal(channel_send_wait(ends[0], "last", 4, NULL, 0, 0), 0);
    (void)close(ends[0]);
    assert_int_equal(
        channel_receive_wait(ends[1], text, 8, &length, got, &nfds, 1000), 0);
    assert_int_equal(nfds, 0);
    nfds = 1;
    assert_int_equal(
        channel_receive_wait(ends[1], text, 8, &length, got, &nfds, 1000),
        SP_ECLOSED);
    assert_int_equal(nfds, 0);
    (void)close(ends[1]);
}

static void test_P12_cut_messages_are_refused(void **state)
{
    int ends[2], got[8], sent[2];
    char text[8];
    size_t length, nfds;

    (void)state;
    assert_int_equal(channel_pair(ends), 0);
    assert_int_equal(pipe(sent), 0);
    nfds = 8; /* longer than the room, with descriptors */
    assert_int_equal(channel_send_wait(ends[0], "123456789", 9, sent, 2, 0), 0);
    assert_int_equal(
        channel_receive_wait(ends[1], text, 8, &length, got, &nfds, 0),
        SP_EPROTO);
    assert_int_equal(nfds, 0);
    nfds = 1; /* more descriptors than asked for */
    assert_int_equal(channel_send_wait(ends[0], "x", 1, sent, 2, 0), 0);
    assert_int_equal(
        channel_receive_wait(ends[1], text, 8, &length, got, &nfds, 0),
        SP_EPROTO);
    assert_int_equal(nfds, 0);
    nfds = 0;
    assert_int_equal(channel_send_wait(ends[0], "x", 1, sent, 2, 0), 0);
    assert_int_equal(
        channel_receive_wait(ends[1], text, 8, &length, NULL, &nfds, 0),
        SP_EPROTO);
    for (int i = 0; i < 2; i++) {
        (void)close(sent[i]);
        (void)close(ends[i]);
    }
}

/* By hand: more descriptors in one packet than channel_send() lets through. */
static void send_many(int fd, int what, size_t count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(64 * sizeof(int))];
    } control;
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    struct msghdr mh = {.msg_iov = &iov,
                        .msg_iovlen = 1,
                        .msg_control = control.bytes,
                        .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    int fds[64];

    for (size_t i = 0; i < count; i++)
        fds[i] = what;
    memset(&control, 0, sizeof(control));
    control.align.cmsg_level = SOL_SOCKET;
    control.align.cmsg_type = SCM_RIGHTS;
    control.align.cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(&control.align), fds, count * sizeof(int));
    assert_int_equal(sendmsg(fd, &mh, 0), 1);
}

static void test_P12_more_descriptors_than_any_message_has(void **state)
{
    int ends[2], got[CHANNEL_FDS_MAX];
    char text[8];
    size_t length, nfds = CHANNEL_FDS_MAX;

    (void)state;
    assert_int_equal(channel_pair(ends), 0);
    send_many(ends[0], ends[0], 40);
    assert_int_equal(
        channel_receive_wait(ends[1], text, 8, &length, got, &nfds, 0),
        SP_EPROTO);
    assert_int_equal(nfds, 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* A process that has the most descriptors it may have loses those of this
 * message, not the channel. */
static void test_no_room_for_descriptors(void **state)
{
    struct rlimit had, few;
    int ends[2], sent[2], got[8];
    char text[8];
    size_t length, nfds = 8;

    (void)state;
    assert_int_equal(channel_pair(ends), 0);
    assert_int_equal(pipe(sent), 0);
    assert_int_equal(channel_send_wait(ends[0], "one", 3, sent, 2, 0), 0);
    assert_int_equal(channel_send_wait(ends[0], "two", 3, sent, 2, 0), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
    few = had;
    few.rlim_cur = (rlim_t)sent[1] + 2; /* room for one of the two */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(
        channel_receive_wait(ends[1], text, 8, &length, got, &nfds, 0), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
    assert_int_equal(length, 3);
    assert_int_equal(nfds, 0);
    nfds = 8;
    assert_int_equal(
        channel_receive_wait(ends[1], text, 8, &length, got, &nfds, 0), 0);
    assert_int_equal(nfds, 2);
    for (int i = 0; i < 2; i++) {
        (void)close(got[i]);
        (void)close(sent[i]);
        (void)close(ends[i]);
    }
}

/* In the event loop ------------------------------------------------------ */

struct owner {
    struct event_base *base;
    struct channel *channel;
    int other;
    size_t messages;
    size_t descriptors;
    size_t closed;
    int error;
    bool frees; /* at the first message */
    char last[16];
};

static void on_message(void *arg, const uint8_t *data, size_t length, int *fds,
                       size_t nfds)
{
    struct owner *o = arg;

    o->messages++;
    o->descriptors += nfds;
    for (size_t i = 0; i < nfds; i++)
        (void)close(fds[i]);
    memset(o->last, 0, sizeof(o->last));
    memcpy(o->last, data, length < 15 ? length : 15);
    if (o->frees) {
        channel_free(o->channel);
        o->channel = NULL;
    }
}

static void on_closed(void *arg, int error)
{
    struct owner *o = arg;

    o->closed++;
    o->error = error;
    if (o->frees) {
        channel_free(o->channel);
        o->channel = NULL;
    }
}

static void owner_begin(struct owner *o)
{
    int ends[2];

    memset(o, 0, sizeof(*o));
    assert_int_equal(channel_pair(ends), 0);
    o->base = event_base_new();
    assert_non_null(o->base);
    o->other = ends[1];
    o->channel = channel_new(o->base, ends[0], on_message, on_closed, o);
    assert_non_null(o->channel);
}

static void owner_turn(struct owner *o)
{
    for (int i = 0; i < 5; i++)
        (void)event_base_loop(o->base, EVLOOP_NONBLOCK);
}

static void owner_end(struct owner *o)
{
    channel_free(o->channel);
    event_base_free(o->base);
    if (o->other >= 0)
        (void)close(o->other);
}

static void other_closes(struct owner *o)
{
    (void)close(o->other);
    o->other = -1;
}

static void test_loop_delivers(void **state)
{
    struct owner o;
    int fds[2];

    (void)state;
    owner_begin(&o);
    assert_int_equal(pipe(fds), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(channel_send_wait(o.other, "a", 1, fds, 2, 0), 0);
    owner_turn(&o);
    assert_int_equal(o.messages, 100);
    assert_int_equal(o.descriptors, 200);
    assert_int_equal(o.closed, 0);
    (void)close(fds[0]);
    (void)close(fds[1]);
    owner_end(&o);
}

static void test_loop_tells_the_end_once_after_the_last_message(void **state)
{
    struct owner o;

    (void)state;
    owner_begin(&o);
    assert_int_equal(channel_send_wait(o.other, "last", 4, NULL, 0, 0), 0);
    other_closes(&o);
    owner_turn(&o);
    assert_int_equal(o.messages, 1);
    assert_string_equal(o.last, "last");
    assert_int_equal(o.closed, 1);
    assert_int_equal(o.error, SP_ECLOSED);
    assert_int_equal(channel_send(o.channel, "x", 1, NULL, 0), SP_ECLOSED);
    owner_turn(&o);
    assert_int_equal(o.closed, 1);
    owner_end(&o);
}

static void test_owner_may_free_in_either_callback(void **state)
{
    struct owner o;

    (void)state;
    owner_begin(&o);
    o.frees = true;
    for (int i = 0; i < 3; i++)
        assert_int_equal(channel_send_wait(o.other, "a", 1, NULL, 0, 0), 0);
    owner_turn(&o);
    assert_int_equal(o.messages, 1);
    assert_int_equal(o.closed, 0); /* not after channel_free() */
    owner_end(&o);

    owner_begin(&o);
    o.frees = true;
    other_closes(&o);
    owner_turn(&o);
    assert_int_equal(o.closed, 1);
    assert_null(o.channel);
    owner_end(&o);
}

static void test_P12_loop_closes_on_a_broken_protocol(void **state)
{
    struct owner o;
    static char large[CHANNEL_MESSAGE_MAX + 1];

    (void)state;
    owner_begin(&o);
    assert_int_equal(send(o.other, large, sizeof(large), 0), sizeof(large));
    owner_turn(&o);
    assert_int_equal(o.messages, 0);
    assert_int_equal(o.closed, 1);
    assert_int_equal(o.error, SP_EPROTO);
    owner_end(&o);

    owner_begin(&o);
    send_many(o.other, o.other, CHANNEL_FDS_MAX + 1);
    owner_turn(&o);
    assert_int_equal(o.messages, 0);
    assert_int_equal(o.error, SP_EPROTO);
    owner_end(&o);

    owner_begin(&o); /* an empty packet is none */
    assert_int_equal(send(o.other, large, 0, 0), 0);
    owner_turn(&o);
    assert_int_equal(o.closed, 1);
    owner_end(&o);
}

/* Sends until it is refused; returns how many went. */
static size_t fill(struct owner *o, const int *fds, size_t nfds, int *error)
{
    uint32_t i = 0;

    for (;; i++) {
        *error = channel_send(o->channel, &i, sizeof(i), fds, nfds);
        if (*error != 0)
            return i;
    }
}

static void test_queue_is_bounded_and_in_order(void **state)
{
    struct owner o;
    size_t sent, length, nfds;
    uint32_t number;
    int error, fds[2], got[1];
    struct stat a, b;

    (void)state;
    owner_begin(&o);
    assert_int_equal(pipe(fds), 0);
    sent = fill(&o, fds, 1, &error);
    assert_int_equal(error, SP_EAGAIN);
    assert_true(sent > 1024 && sent < 3000);
    assert_int_equal(fstat(fds[0], &a), 0);
    for (uint32_t i = 0; i < sent; i++) {
        nfds = 1;
        error =
            channel_receive_wait(o.other, &number, 4, &length, got, &nfds, 0);
        if (error == SP_ETIMEDOUT) {
            owner_turn(&o);
            i--;
            continue;
        }
        assert_int_equal(error, 0);
        assert_int_equal(number, i);
        assert_int_equal(nfds, 1);
        assert_int_equal(fstat(got[0], &b), 0);
        assert_int_equal(a.st_ino, b.st_ino);
        (void)close(got[0]);
    }
    assert_int_equal(channel_send(o.channel, "x", 1, NULL, 0), 0);
    (void)close(fds[0]);
    (void)close(fds[1]);
    owner_end(&o);
}

static void test_what_is_queued_is_given_back(void **state)
{
    struct owner o;
    int error, pair[2];

    (void)state;
    owner_begin(&o);
    assert_int_equal(pipe(pair), 0);
    (void)fill(&o, pair, 2, &error);
    assert_int_equal(error, SP_EAGAIN);
    owner_end(&o); /* teardown counts the descriptors */

    owner_begin(&o);
    (void)fill(&o, pair, 2, &error);
    other_closes(&o);
    owner_turn(&o);
    assert_int_equal(o.closed, 1);
    owner_end(&o);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

/* A peer that reads no more but stays: told from the loop, not from within
 * channel_send(). */
static void test_peer_that_stops_reading(void **state)
{
    struct owner o;

    (void)state;
    owner_begin(&o);
    assert_int_equal(shutdown(o.other, SHUT_RD), 0);
    assert_int_equal(channel_send(o.channel, "x", 1, NULL, 0), SP_ECLOSED);
    assert_int_equal(o.closed, 0);
    owner_turn(&o);
    assert_int_equal(o.closed, 1);
    assert_int_equal(o.error, SP_ECLOSED);
    owner_end(&o);
}

/* Who does not read is found out, and whose owner is told nothing. */
static void test_nudges_are_read_and_not_told(void **state)
{
    struct owner o;
    struct channel *other;

    (void)state;
    owner_begin(&o);
    other = channel_new(o.base, o.other, on_message, on_closed, &o);
    assert_non_null(other);
    assert_false(channel_unread(other));
    assert_int_equal(channel_nudge(other), 0);
    assert_true(channel_unread(other));
    owner_turn(&o);
    assert_false(channel_unread(other));
    assert_int_equal(o.messages, 0);
    assert_int_equal(channel_send(other, "a", 1, NULL, 0), 0);
    assert_true(channel_unread(other));
    owner_turn(&o);
    assert_int_equal(o.messages, 1);
    assert_false(channel_unread(other));
    channel_free(other);
    o.other = -1;
    owner_end(&o);
}

static void test_flood_leaves_others_their_turn(void **state)
{
    struct owner o;

    (void)state;
    owner_begin(&o);
    for (int i = 0; i < 100; i++)
        assert_int_equal(channel_send_wait(o.other, "a", 1, NULL, 0, 0), 0);
    (void)event_base_loop(o.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
    assert_true(o.messages > 0 && o.messages < 100);
    owner_end(&o);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_message_and_descriptors),
        TEST(test_ends_are_close_on_exec_and_non_blocking),
        TEST(test_sending_is_checked),
        TEST(test_waiting_ends),
        TEST(test_end_of_the_peer),
        TEST(test_P12_cut_messages_are_refused),
        TEST(test_P12_more_descriptors_than_any_message_has),
        TEST(test_no_room_for_descriptors),
        TEST(test_loop_delivers),
        TEST(test_loop_tells_the_end_once_after_the_last_message),
        TEST(test_owner_may_free_in_either_callback),
        TEST(test_P12_loop_closes_on_a_broken_protocol),
        TEST(test_queue_is_bounded_and_in_order),
        TEST(test_what_is_queued_is_given_back),
        TEST(test_peer_that_stops_reading),
        TEST(test_nudges_are_read_and_not_told),
        TEST(test_flood_leaves_others_their_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
