/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring: every record arrives once, whole and in order, also between two
 * threads that sleep; and a peer that writes anything it likes into the shared
 * part gets SP_EPROTO for good and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/ring.h"

#define SIZE 8192

struct pair {
    void *memory;
    struct ring producer;
    struct ring consumer;
};

static struct pair pair_new(void)
{
    struct pair p;

    p.memory = aligned_alloc(64, ring_footprint(SIZE));
    assert_non_null(p.memory);
    memset(p.memory, 0, ring_footprint(SIZE));
    ring_attach(&p.producer, p.memory, SIZE);
    ring_attach(&p.consumer, p.memory, SIZE);
    return p;
}

static void pair_free(struct pair *p)
{
    free(p->memory);
}

static void test_sizes(void **state)
{
    struct pair p = pair_new();
    static uint8_t record[RING_RECORD_MAX + 1], got[RING_RECORD_MAX];
    size_t length;

    (void)state;
    assert_int_equal(ring_put(&p.producer, record, 0), SP_ETOOBIG);
    assert_int_equal(ring_put(&p.producer, record, RING_RECORD_MAX + 1),
                     SP_ETOOBIG);
    assert_int_equal(ring_get(&p.consumer, got, &length), SP_EAGAIN);
    for (size_t n = 1; n <= RING_RECORD_MAX; n++) {
        memset(record, (int)n, n);
        assert_int_equal(ring_put(&p.producer, record, n), 0);
        assert_int_equal(ring_get(&p.consumer, got, &length), 0);
        assert_int_equal(length, n);
        assert_memory_equal(got, record, n);
    }
    assert_int_equal(ring_get(&p.consumer, got, &length), SP_EAGAIN);
    pair_free(&p);
}

static void test_full_and_empty(void **state)
{
    struct pair p = pair_new();
    uint8_t record[12] = {0}, got[RING_RECORD_MAX];
    size_t length;

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SIZE / 16; i++)
            assert_int_equal(ring_put(&p.producer, record, 12), 0);
        assert_int_equal(ring_put(&p.producer, record, 1), SP_EAGAIN);
        assert_int_equal(ring_get(&p.consumer, got, &length), 0);
        assert_int_equal(ring_put(&p.producer, record, 12), 0);
        assert_int_equal(ring_put(&p.producer, record, 1), SP_EAGAIN);
        for (int i = 0; i < SIZE / 16; i++)
            assert_int_equal(ring_get(&p.consumer, got, &length), 0);
        assert_int_equal(ring_get(&p.consumer, got, &length), SP_EAGAIN);
    }
    pair_free(&p);
}

static void test_random_records_in_order(void **state)
{
    struct pair p = pair_new();
    static uint8_t record[RING_RECORD_MAX], got[RING_RECORD_MAX];
    size_t sizes[SIZE / 8], put = 0, taken = 0, length;

    (void)state;
    srandom(5);
    for (int i = 0; i < 200000; i++) {
        if (random() % 2 == 0) {
            size_t n = random() % 10 == 0 ? (size_t)random() % 4096 + 1
                                          : (size_t)random() % 200 + 1;

            memset(record, (int)(put & 0xff), n);
            if (ring_put(&p.producer, record, n) == 0)
                sizes[put++ % (SIZE / 8)] = n;
        } else if (ring_get(&p.consumer, got, &length) == 0) {
            assert_true(taken < put);
            assert_int_equal(length, sizes[taken % (SIZE / 8)]);
            assert_int_equal(got[0], taken & 0xff);
            assert_int_equal(got[length - 1], taken & 0xff);
            taken++;
        } else {
            assert_int_equal(taken, put);
        }
    }
    assert_true(taken > 10000);
    pair_free(&p);
}

static void test_wake_only_a_sleeper_and_once(void **state)
{
    struct pair p = pair_new();
    uint8_t got[RING_RECORD_MAX];
    size_t length;

    (void)state;
    assert_int_equal(ring_put(&p.producer, "a", 1), 0);
    assert_false(ring_must_wake(&p.producer));
    assert_false(ring_may_sleep(&p.consumer)); /* there is something */
    assert_false(
        ring_must_wake(&p.producer)); /* and so no sleep was announced */
    assert_int_equal(ring_get(&p.consumer, got, &length), 0);
    assert_true(ring_may_sleep(&p.consumer));
    assert_int_equal(ring_put(&p.producer, "b", 1), 0);
    assert_true(ring_must_wake(&p.producer));
    assert_false(ring_must_wake(&p.producer));
    ring_awake(&p.consumer);
    assert_int_equal(ring_get(&p.consumer, got, &length), 0);
    assert_true(ring_may_sleep(&p.consumer));
    ring_awake(&p.consumer);
    assert_false(ring_must_wake(&p.producer));
    pair_free(&p);
}

/* Two threads ------------------------------------------------------------ */

#define RECORDS 200000

struct traffic {
    struct pair pair;
    int bell;
};

static size_t length_of(uint32_t i)
{
    return 4 + (i * 2654435761u >> 24) * (i % 97 == 0 ? 15 : 1);
}

static void *produce(void *arg)
{
    struct traffic *t = arg;
    static uint8_t record[RING_RECORD_MAX];
    const uint64_t one = 1;

    for (uint32_t i = 0; i < RECORDS; i++) {
        memset(record, (int)(i & 0xff), length_of(i));
        memcpy(record, &i, sizeof(i));
        while (ring_put(&t->pair.producer, record, length_of(i)) == SP_EAGAIN)
            (void)sched_yield();
        if (ring_must_wake(&t->pair.producer) &&
            write(t->bell, &one, sizeof(one)) != sizeof(one))
            return NULL;
    }
    return t;
}

/* Returns false if the bell did not ring in time: a lost wake-up. */
static bool consumer_sleep(struct traffic *t)
{
    struct pollfd p = {.fd = t->bell, .events = POLLIN};
    uint64_t count;

    if (!ring_may_sleep(&t->pair.consumer))
        return true;
    if (poll(&p, 1, 20000) != 1)
        return false;
    (void)!read(t->bell, &count, sizeof(count));
    ring_awake(&t->pair.consumer);
    return true;
}

static void test_two_threads_lose_nothing(void **state)
{
    struct traffic t = {.pair = pair_new(), .bell = eventfd(0, EFD_NONBLOCK)};
    static uint8_t got[RING_RECORD_MAX];
    pthread_t thread;
    void *result;
    size_t length;

    (void)state;
    assert_true(t.bell >= 0);
    assert_int_equal(pthread_create(&thread, NULL, produce, &t), 0);
    for (uint32_t i = 0; i < RECORDS;) {
        int error = ring_get(&t.pair.consumer, got, &length);
        uint32_t number;

        if (error == SP_EAGAIN) {
            assert_true(consumer_sleep(&t));
            continue;
        }
        assert_int_equal(error, 0);
        memcpy(&number, got, sizeof(number));
        assert_int_equal(number, i);
        assert_int_equal(length, length_of(i));
        if (length > 4)
            assert_int_equal(got[length - 1], i & 0xff);
        i++;
    }
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_non_null(result);
    (void)close(t.bell);
    pair_free(&t.pair);
}

/* Hostile peers ---------------------------------------------------------- */

static void expect_broken_consumer(struct pair *p)
{
    static uint8_t got[RING_RECORD_MAX];
    size_t length;

    assert_int_equal(ring_get(&p->consumer, got, &length), SP_EPROTO);
    /* For good, also when the peer puts it right. */
    atomic_store(&p->consumer.shared->head, p->consumer.mine);
    assert_int_equal(ring_get(&p->consumer, got, &length), SP_EPROTO);
    assert_false(ring_may_sleep(&p->consumer));
}

static void test_P12_hostile_head(void **state)
{
    static const uint64_t heads[] = {SIZE + 8,       4,         1, UINT64_MAX,
                                     UINT64_MAX - 7, 1ull << 63};

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct pair p = pair_new();

        atomic_store(&p.consumer.shared->head, heads[i]);
        expect_broken_consumer(&p);
        pair_free(&p);
    }
}

static void test_P12_hostile_head_that_goes_back(void **state)
{
    static uint8_t got[RING_RECORD_MAX];
    struct pair p = pair_new();
    size_t length;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(ring_put(&p.producer, "x", 1), 0);
    assert_int_equal(ring_get(&p.consumer, got, &length), 0);
    atomic_store(&p.consumer.shared->head, 16);
    expect_broken_consumer(&p);
    pair_free(&p);
}

static void test_P12_hostile_lengths(void **state)
{
    static const uint32_t lengths[] = {
        0, 5, RING_RECORD_MAX, RING_RECORD_MAX + 1, UINT32_MAX, UINT32_MAX - 3};

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct pair p = pair_new();

        assert_int_equal(ring_put(&p.producer, "x", 1), 0); /* 8 bytes */
        memcpy(p.consumer.data, &lengths[i], sizeof(lengths[i]));
        expect_broken_consumer(&p);
        pair_free(&p);
    }
}

/* Enough bytes are there, but the reader's memory holds RING_RECORD_MAX. */
static void test_P12_hostile_length_past_the_readers_memory(void **state)
{
    static const uint8_t record[4000] = {0};
    static const uint32_t lengths[] = {RING_RECORD_MAX + 1, 2 * 4000};

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct pair p = pair_new();

        assert_int_equal(ring_put(&p.producer, record, sizeof(record)), 0);
        assert_int_equal(ring_put(&p.producer, record, sizeof(record)), 0);
        memcpy(p.consumer.data, &lengths[i], sizeof(lengths[i]));
        expect_broken_consumer(&p);
        pair_free(&p);
    }
}

static void test_P12_hostile_tail(void **state)
{
    static const uint64_t tails[] = {
        SIZE + 8, SIZE + 64, 4, UINT64_MAX, UINT64_MAX - SIZE - 7, 1ull << 63};
    static const uint8_t record[RING_RECORD_MAX - 4] = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        struct pair p = pair_new();

        assert_int_equal(ring_put(&p.producer, record, sizeof(record)), 0);
        assert_int_equal(ring_put(&p.producer, record, sizeof(record)), 0);
        atomic_store(&p.producer.shared->tail, tails[i]);
        assert_int_equal(ring_put(&p.producer, record, 1), SP_EPROTO);
        atomic_store(&p.producer.shared->tail, SIZE);
        assert_int_equal(ring_put(&p.producer, record, 1), SP_EPROTO);
        pair_free(&p);
    }
}

static void test_P12_tail_that_goes_back(void **state)
{
    static const uint8_t record[RING_RECORD_MAX - 4] = {0};
    static uint8_t got[RING_RECORD_MAX];
    struct pair p = pair_new();
    size_t length;

    (void)state;
    assert_int_equal(ring_put(&p.producer, record, sizeof(record)), 0);
    assert_int_equal(ring_put(&p.producer, record, sizeof(record)), 0);
    assert_int_equal(ring_get(&p.consumer, got, &length), 0);
    assert_int_equal(ring_put(&p.producer, record, sizeof(record)), 0);
    atomic_store(&p.producer.shared->tail, 0);
    assert_int_equal(ring_put(&p.producer, record, 1), SP_EPROTO);
    pair_free(&p);
}

/* A peer that writes anything anywhere at any time. The memory is exactly as
 * large as the ring, so that AddressSanitizer sees a step outside. */
static void test_P12_scribbling_peer(void **state)
{
    static uint8_t record[RING_RECORD_MAX], got[RING_RECORD_MAX + 64];
    int broken = 0;

    (void)state;
    srandom(13);
    for (int round = 0; round < 3000; round++) {
        struct pair p = pair_new();
        uint8_t *bytes = p.memory;

        memset(got + RING_RECORD_MAX, 0x5a, 64);
        for (int i = 0; i < 100; i++) {
            size_t length = 0;
            int error;

            switch (random() % 4) {
            case 0:
                bytes[(size_t)random() % ring_footprint(SIZE)] =
                    (uint8_t)random();
                break;
            case 1: /* plausible positions go deeper */
                atomic_store(random() % 2 != 0 ? &p.consumer.shared->head
                                               : &p.consumer.shared->tail,
                             (uint64_t)random() % (2 * SIZE) & ~7ull);
                break;
            case 2:
                error = ring_put(&p.producer, record,
                                 (size_t)random() % RING_RECORD_MAX + 1);
                assert_true(error == 0 || error == SP_EAGAIN ||
                            error == SP_EPROTO);
                (void)ring_must_wake(&p.producer);
                break;
            default:
                error = ring_get(&p.consumer, got, &length);
                assert_true(error == 0 || error == SP_EAGAIN ||
                            error == SP_EPROTO);
                assert_true(error != 0 ||
                            (length >= 1 && length <= RING_RECORD_MAX));
                (void)ring_may_sleep(&p.consumer);
                break;
            }
            assert_true(p.producer.mine - p.producer.theirs <= SIZE);
            assert_true(p.consumer.theirs - p.consumer.mine <= SIZE);
        }
        for (size_t i = 0; i < 64; i++)
            assert_int_equal(got[RING_RECORD_MAX + i], 0x5a);
        broken += p.consumer.broken || p.producer.broken;
        pair_free(&p);
    }
    assert_true(broken > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_full_and_empty),
        cmocka_unit_test(test_random_records_in_order),
        cmocka_unit_test(test_wake_only_a_sleeper_and_once),
        cmocka_unit_test(test_two_threads_lose_nothing),
        cmocka_unit_test(test_P12_hostile_head),
        cmocka_unit_test(test_P12_hostile_head_that_goes_back),
        cmocka_unit_test(test_P12_hostile_lengths),
        cmocka_unit_test(test_P12_hostile_length_past_the_readers_memory),
        cmocka_unit_test(test_P12_hostile_tail),
        cmocka_unit_test(test_P12_tail_that_goes_back),
        cmocka_unit_test(test_P12_scribbling_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
