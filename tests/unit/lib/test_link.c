/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link: questions and answers, bells for sleepers only, the watermark
 * from a second thread, and memory that no peer can pull away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/link.h"

struct ends {
    struct link *asking;
    struct link *answering;
    int memory; /* kept to play the hostile peer */
};

static struct link_fds fds_copy(const struct link_fds *fds)
{
    return (struct link_fds){dup(fds->memory), dup(fds->bell_asking),
                             dup(fds->bell_answering)};
}

static struct ends ends_new(void)
{
    struct link_fds fds, copy;
    struct ends e;

    assert_int_equal(link_create(&fds), 0);
    e.memory = dup(fds.memory);
    copy = fds_copy(&fds);
    assert_int_equal(link_open(&fds, LINK_ASKING, &e.asking), 0);
    assert_int_equal(link_open(&copy, LINK_ANSWERING, &e.answering), 0);
    return e;
}

static void ends_free(struct ends *e)
{
    link_free(e->asking);
    link_free(e->answering);
    (void)close(e->memory);
}

static bool rings(const struct link *l)
{
    struct pollfd p = {.fd = link_doorbell(l), .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

static void test_questions_and_answers(void **state)
{
    struct ends e = ends_new();
    char got[RING_RECORD_MAX];
    size_t length;

    (void)state;
    assert_int_equal(link_put(e.asking, "may I?", 6), 0);
    assert_int_equal(link_get(e.asking, got, &length), SP_EAGAIN);
    assert_int_equal(link_get(e.answering, got, &length), 0);
    assert_memory_equal(got, "may I?", 6);
    assert_int_equal(link_put(e.answering, "yes", 3), 0);
    assert_int_equal(link_get(e.answering, got, &length), SP_EAGAIN);
    assert_int_equal(link_get(e.asking, got, &length), 0);
    assert_memory_equal(got, "yes", 3);
    assert_int_equal(link_put(e.asking, got, 0), SP_ETOOBIG);
    ends_free(&e);
}

static void test_bells_ring_for_sleepers_only(void **state)
{
    struct ends e = ends_new();
    char got[RING_RECORD_MAX];
    size_t length;

    (void)state;
    assert_int_equal(link_put(e.asking, "1", 1), 0);
    assert_false(rings(e.answering));
    assert_false(link_may_sleep(e.answering));
    assert_int_equal(link_get(e.answering, got, &length), 0);
    assert_true(link_may_sleep(e.answering));
    assert_int_equal(link_put_quiet(e.asking, "2", 1), 0);
    assert_false(rings(e.answering));
    link_flush(e.asking);
    assert_true(rings(e.answering));
    assert_false(rings(e.asking));
    link_awake(e.answering);
    assert_false(rings(e.answering));
    assert_int_equal(link_get(e.answering, got, &length), 0);
    assert_true(link_may_sleep(e.asking));
    assert_int_equal(link_put(e.answering, "3", 1), 0);
    assert_true(rings(e.asking));
    link_awake(e.asking);
    ends_free(&e);
}

static void test_full_ring(void **state)
{
    struct ends e = ends_new();
    static char record[RING_RECORD_MAX], got[RING_RECORD_MAX];
    size_t length, count = 0;

    (void)state;
    while (link_put(e.asking, record, sizeof(record)) == 0)
        count++;
    assert_int_equal(link_put(e.asking, record, sizeof(record)), SP_EAGAIN);
    assert_int_equal(count, LINK_RING_BYTES / (RING_RECORD_MAX + 8));
    while (link_get(e.answering, got, &length) == 0)
        count--;
    assert_int_equal(count, 0);
    ends_free(&e);
}

static void test_P1_watermark(void **state)
{
    struct ends e = ends_new();

    (void)state;
    assert_int_equal(link_published(e.asking), 0);
    link_publish(e.answering, 5);
    assert_int_equal(link_published(e.asking), 5);
    link_publish(e.answering, 3); /* never goes down */
    assert_int_equal(link_published(e.asking), 5);
    assert_false(rings(e.asking)); /* nobody waited */
    assert_true(link_wait_for(e.asking, 5));
    assert_false(link_wait_for(e.asking, 8));
    link_publish(e.answering, 7);
    assert_false(rings(e.asking));
    link_publish(e.answering, 9);
    assert_true(rings(e.asking));
    link_awake(e.asking);
    link_publish(e.answering, 10); /* once for one wish */
    assert_false(rings(e.asking));
    assert_false(link_wait_for(e.asking, 11));
    assert_true(link_wait_for(e.asking, 0));
    link_publish(e.answering, 12);
    assert_false(rings(e.asking));
    link_beat(e.answering, 123456789012);
    assert_int_equal(link_last_beat(e.asking), 123456789012);
    ends_free(&e);
}

/* The sync thread publishes while the deciding thread answers. */
#define NUMBERS 30000

static void *publish_all(void *arg)
{
    for (uint64_t n = 1; n <= NUMBERS; n++)
        link_publish(arg, n);
    return NULL;
}

static void *answer_all(void *arg)
{
    for (uint32_t n = 1; n <= NUMBERS; n++) {
        while (link_put(arg, &n, sizeof(n)) == SP_EAGAIN)
            (void)sched_yield();
    }
    return NULL;
}

/* Sleeps whenever it may, so that a lost wake-up stops it. */
static bool reader_turn(struct link *l, uint32_t *read, uint64_t *reached)
{
    struct pollfd p = {.fd = link_doorbell(l), .events = POLLIN};
    char got[RING_RECORD_MAX];
    size_t length;

    while (link_get(l, got, &length) == 0)
        (*read)++;
    while (*reached < NUMBERS && link_wait_for(l, *reached + 1))
        *reached = link_published(l);
    if (*read == NUMBERS && *reached == NUMBERS)
        return true;
    if (!link_may_sleep(l))
        return true;
    if (poll(&p, 1, 20000) != 1)
        return false;
    link_awake(l);
    return true;
}

static void test_P1_two_threads_lose_no_wake_up(void **state)
{
    struct ends e = ends_new();
    pthread_t publisher, answerer;
    uint32_t read = 0;
    uint64_t reached = 0;

    (void)state;
    assert_int_equal(pthread_create(&publisher, NULL, publish_all, e.answering),
                     0);
    assert_int_equal(pthread_create(&answerer, NULL, answer_all, e.answering),
                     0);
    while (read < NUMBERS || reached < NUMBERS)
        assert_true(reader_turn(e.asking, &read, &reached));
    assert_int_equal(pthread_join(publisher, NULL), 0);
    assert_int_equal(pthread_join(answerer, NULL), 0);
    assert_int_equal(reached, NUMBERS);
    ends_free(&e);
}

static void test_P12_memory_cannot_be_pulled_away(void **state)
{
    struct ends e = ends_new();
    struct stat st;

    (void)state;
    assert_int_equal(fstat(e.memory, &st), 0);
    assert_int_equal(ftruncate(e.memory, 0), -1);
    assert_int_equal(ftruncate(e.memory, st.st_size + 1), -1);
    assert_int_equal(fcntl(e.memory, F_ADD_SEALS, F_SEAL_WRITE), -1);
    ends_free(&e);
}

static void test_P12_descriptors_close_on_exec(void **state)
{
    struct link_fds fds;

    (void)state;
    assert_int_equal(link_create(&fds), 0);
    assert_int_equal(fcntl(fds.memory, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(fds.bell_asking, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(fds.bell_answering, F_GETFD), FD_CLOEXEC);
    assert_true((fcntl(fds.bell_asking, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(fds.bell_answering, F_GETFL) & O_NONBLOCK) != 0);
    link_fds_close(&fds);
    assert_int_equal(fds.memory, -1);
    link_fds_close(&fds); /* harmless */
}

static void test_P12_other_memory_is_refused(void **state)
{
    static const struct {
        const char *what;
        off_t more;
        int seals;
    } cases[] = {
        {"no seals", 0, 0},
        {"may shrink", 0, F_SEAL_GROW | F_SEAL_SEAL},
        {"may grow", 0, F_SEAL_SHRINK | F_SEAL_SEAL},
        {"too short", -4096, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL},
        {"too long", 4096, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL},
    };
    struct link_fds good;
    struct stat st;

    (void)state;
    assert_int_equal(link_create(&good), 0);
    assert_int_equal(fstat(good.memory, &st), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct link_fds fds = fds_copy(&good);
        struct link *l = NULL;

        (void)close(fds.memory);
        assert_int_equal(file_memory("bad", &fds.memory), 0);
        assert_int_equal(ftruncate(fds.memory, st.st_size + cases[i].more), 0);
        assert_int_equal(fcntl(fds.memory, F_ADD_SEALS, cases[i].seals), 0);
        if (link_open(&fds, LINK_ANSWERING, &l) != SP_EPROTO)
            fail_msg("accepted: %s", cases[i].what);
        assert_null(l);
        assert_int_equal(fcntl(fds.memory, F_GETFD), -1); /* were closed */
        assert_int_equal(fcntl(fds.bell_asking, F_GETFD), -1);
    }
    link_fds_close(&good);
}

/* The asking end writes over everything it can reach. */
static void test_P12_scribbling_worker(void **state)
{
    struct ends e = ends_new();
    char got[RING_RECORD_MAX];
    struct stat st;
    uint8_t *all;
    size_t length;
    int error = 0;

    (void)state;
    assert_int_equal(fstat(e.memory, &st), 0);
    all = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
               e.memory, 0);
    assert_ptr_not_equal(all, MAP_FAILED);
    memset(all, 0xff, (size_t)st.st_size);
    for (int i = 0; i < 1000 && error != SP_EPROTO; i++)
        error = link_get(e.answering, got, &length);
    assert_int_equal(error, SP_EPROTO);
    link_publish(e.answering, 77); /* goes by its own number */
    assert_int_equal(link_published(e.asking), 77);
    link_awake(e.answering);
    link_flush(e.answering);
    assert_false(link_may_sleep(e.answering));
    (void)munmap(all, (size_t)st.st_size);
    ends_free(&e);
}

/* A bell filled to the brim still rings and does not hold up the ringer. */
static void test_P12_filled_bell(void **state)
{
    struct ends e = ends_new();
    const uint64_t most = UINT64_MAX - 1;

    (void)state;
    assert_int_equal(write(link_doorbell(e.answering), &most, 8), 8);
    assert_true(link_may_sleep(e.answering));
    assert_int_equal(link_put(e.asking, "x", 1), 0);
    assert_true(rings(e.answering));
    link_awake(e.answering);
    assert_false(rings(e.answering));
    ends_free(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_questions_and_answers),
        cmocka_unit_test(test_bells_ring_for_sleepers_only),
        cmocka_unit_test(test_full_ring),
        cmocka_unit_test(test_P1_watermark),
        cmocka_unit_test(test_P1_two_threads_lose_no_wake_up),
        cmocka_unit_test(test_P12_memory_cannot_be_pulled_away),
        cmocka_unit_test(test_P12_descriptors_close_on_exec),
        cmocka_unit_test(test_P12_other_memory_is_refused),
        cmocka_unit_test(test_P12_scribbling_worker),
        cmocka_unit_test(test_P12_filled_bell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
