/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of numbers. Runs in the supervisor (makes them), in workers and the
 * keeper (write them) and in control (reads them).
 */
#include "gateway/metrics_page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"

#define PAGE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

#define US 1000ull
#define MS 1000000ull
#define S  1000000000ull

/* A decision takes microseconds, a disk milliseconds, a model up to minutes.
 * The last bucket has no end. */
static const uint64_t ends[METRICS_HISTOGRAMS][METRICS_BUCKETS] = {
    [METRICS_DECISION] = {US, 2 * US, 3 * US, 5 * US, 10 * US, 20 * US, 50 * US,
                          100 * US, 200 * US, 500 * US, MS, 2 * MS, 5 * MS,
                          20 * MS, 100 * MS, UINT64_MAX},
    [METRICS_DURABILITY] = {0, 100 * US, 200 * US, 500 * US, MS, 2 * MS, 5 * MS,
                            10 * MS, 20 * MS, 50 * MS, 100 * MS, 200 * MS,
                            500 * MS, S, 5 * S, UINT64_MAX},
    [METRICS_FIRST_BYTE] = {MS, 2 * MS, 5 * MS, 10 * MS, 20 * MS, 50 * MS,
                            100 * MS, 200 * MS, 500 * MS, S, 2 * S, 5 * S,
                            20 * S, 60 * S, 300 * S, UINT64_MAX},
};

static struct metrics_page unread;
struct metrics_page *metrics_mine = &unread;

uint64_t metrics_bucket_end(enum metrics_histogram which, unsigned bucket)
{
    return ends[which][bucket];
}

void metrics_observe(enum metrics_histogram which, uint64_t ns)
{
    unsigned first = METRICS_OBSERVED + (unsigned)which * METRICS_HISTOGRAM;
    unsigned bucket = 0;

    while (ns > ends[which][bucket])
        bucket++;
    metrics_add(first + bucket, 1);
    metrics_add(first + METRICS_BUCKETS, ns);
}

/* The largest of this span of time and the one before it. */
void metrics_turn(int64_t every_ms)
{
    static uint64_t span, now_max, before_max;
    uint64_t now = clock_boot_ns();
    uint64_t last = metrics_read(metrics_mine, METRICS_BEAT);
    uint64_t lag = 0;

    if (last != 0 && now - last > (uint64_t)every_ms * MS)
        lag = now - last - (uint64_t)every_ms * MS;
    if (now / MS / METRICS_LAG_MS != span) {
        span = now / MS / METRICS_LAG_MS;
        before_max = now_max;
        now_max = 0;
    }
    if (lag > now_max)
        now_max = lag;
    metrics_set(METRICS_LAG, now_max > before_max ? now_max : before_max);
    metrics_set(METRICS_BEAT, now);
}

/* ---- memory ---- */

int metrics_page_create(int *memory)
{
    int r = file_memory("sallyport-metrics", memory);

    if (r != 0)
        return r;
    if (ftruncate(*memory, (off_t)sizeof(struct metrics_page)) != 0 ||
        fcntl(*memory, F_ADD_SEALS, PAGE_SEALS) != 0) {
        r = sp_error_from_errno();
        close(*memory);
    }
    return r;
}

static int page_map(int memory, bool writable, struct metrics_page **p)
{
    int r = file_check_seals(memory, PAGE_SEALS);
    struct stat st;
    void *map;

    if (r != 0)
        return r;
    if (fstat(memory, &st) != 0 ||
        st.st_size != (off_t)sizeof(struct metrics_page))
        return SP_EPROTO;
    map = mmap(NULL, sizeof(struct metrics_page),
               writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
               memory, 0);
    if (map == MAP_FAILED)
        return SP_ENOMEM;
    *p = map;
    return 0;
}

int metrics_page_open(int memory, bool writable, struct metrics_page **p)
{
    int r = page_map(memory, writable, p);

    close(memory);
    return r;
}

void metrics_page_free(struct metrics_page *p)
{
    if (p != NULL)
        (void)munmap(p, sizeof(*p));
}

/* Sums go on from those of the process before; states are this one's. */
int metrics_adopt(int memory)
{
    struct metrics_page *before = metrics_mine, *page;
    int r = metrics_page_open(memory, true, &page);

    if (r != 0)
        return r;
    metrics_mine = page;
    for (unsigned i = 0; i < METRICS_STATES; i++)
        metrics_set(i, metrics_read(before, i));
    for (unsigned i = METRICS_STATES; i < METRICS_CELLS; i++)
        metrics_add(i, metrics_read(before, i));
    if (before != &unread)
        metrics_page_free(before);
    return 0;
}

void metrics_page_ended(struct metrics_page *p)
{
    for (unsigned i = 0; i < METRICS_STATES; i++)
        atomic_store_explicit(&p->cells[i], 0, memory_order_relaxed);
}
