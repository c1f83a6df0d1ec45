/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named blobs, and their way from one process to another in a sealed memfd:
 * the supervisor reads, the others need no files. The reader checks
 * everything, seals first: only memory that nobody can change any more is
 * read, and only a layout that adds up to the last byte is taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/msg.h"

/* Policy, trust anchors, CRLs and NDA texts of 256 parties stay below these. */
#define FILESET_BLOBS_MAX 4096
#define FILESET_BYTES_MAX (64u << 20)
#define FILESET_NAME_MAX  4095
#define FILESET_TYPE      0x5346 /* "FS", as the type of one long message */
#define FILESET_SEALS     (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

struct blob {
    char *name;
    uint8_t *data;
    size_t length;
};

struct fileset {
    struct blob *blobs;
    size_t count;
    size_t bytes; /* of the sealed form */
};

struct fileset *fileset_new(void)
{
    struct fileset *s = calloc(1, sizeof(*s));

    if (s != NULL)
        s->bytes = 2 + 4; /* type, count */
    return s;
}

static void blob_release(struct blob *b)
{
    free(b->name);
    /* Keys and credentials travel in sets like everything else. */
    explicit_bzero(b->data, b->length);
    free(b->data);
}

void fileset_free(struct fileset *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++)
        blob_release(&s->blobs[i]);
    free(s->blobs);
    free(s);
}

static struct blob *fileset_find(const struct fileset *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->blobs[i].name, name) == 0)
            return &s->blobs[i];
    }
    return NULL;
}

static int blob_copy(struct blob *b, const char *name, const void *data,
                     size_t length)
{
    b->name = strdup(name);
    b->data = malloc(length + 1);
    b->length = length;
    if (b->name == NULL || b->data == NULL) {
        free(b->name);
        free(b->data);
        return SP_ENOMEM;
    }
    if (length > 0)
        memcpy(b->data, data, length);
    b->data[length] = '\0';
    return 0;
}

int fileset_add(struct fileset *s, const char *name, const void *data,
                size_t length)
{
    size_t name_length = strlen(name);
    size_t more = 4 + name_length + 4 + length;
    struct blob *blobs;
    int error;

    if (name_length == 0 || name_length > FILESET_NAME_MAX)
        return SP_EINVAL;
    if (fileset_find(s, name) != NULL)
        return SP_EEXIST;
    if (s->count == FILESET_BLOBS_MAX || length > FILESET_BYTES_MAX ||
        more > FILESET_BYTES_MAX - s->bytes)
        return SP_ETOOBIG;
    blobs = realloc(s->blobs, (s->count + 1) * sizeof(*blobs));
    if (blobs == NULL)
        return SP_ENOMEM;
    s->blobs = blobs;
    error = blob_copy(&blobs[s->count], name, data, length);
    if (error != 0)
        return error;
    s->count++;
    s->bytes += more;
    return 0;
}

int fileset_get(const struct fileset *s, const char *name, const uint8_t **data,
                size_t *length)
{
    const struct blob *b = fileset_find(s, name);

    if (b == NULL)
        return SP_ENOENT;
    *data = b->data;
    *length = b->length;
    return 0;
}

int fileset_at(const struct fileset *s, size_t i, const char **name,
               const uint8_t **data, size_t *length)
{
    if (i >= s->count)
        return SP_ENOENT;
    *name = s->blobs[i].name;
    *data = s->blobs[i].data;
    *length = s->blobs[i].length;
    return 0;
}

void fileset_drop(struct fileset *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++) {
        struct blob *b = &s->blobs[i];

        if (strcmp(b->name, name) != 0)
            continue;
        s->bytes -= 4 + strlen(b->name) + 4 + b->length;
        blob_release(b);
        s->count--;
        memmove(b, b + 1, (s->count - i) * sizeof(*b));
        return;
    }
}

static void blob_swap(struct blob *a, struct blob *b)
{
    struct blob was = *a;

    a->data = b->data;
    a->length = b->length;
    b->data = was.data;
    b->length = was.length;
}

int fileset_swap(struct fileset *all, struct fileset *some)
{
    size_t leaving = 0, coming = 0;

    for (size_t i = 0; i < some->count; i++) {
        const struct blob *b = fileset_find(all, some->blobs[i].name);

        if (b == NULL)
            return SP_ENOENT;
        leaving += b->length;
        coming += some->blobs[i].length;
    }
    if (all->bytes - leaving + coming > FILESET_BYTES_MAX ||
        some->bytes - coming + leaving > FILESET_BYTES_MAX)
        return SP_ETOOBIG;
    for (size_t i = 0; i < some->count; i++) {
        struct blob *b = fileset_find(all, some->blobs[i].name);

        if (b != NULL) /* as found above */
            blob_swap(b, &some->blobs[i]);
    }
    all->bytes = all->bytes - leaving + coming;
    some->bytes = some->bytes - coming + leaving;
    return 0;
}

static int fileset_encode(const struct fileset *s, uint8_t *memory)
{
    struct msg_out m;

    msg_put_begin(&m, memory, s->bytes, FILESET_TYPE);
    msg_put_u32(&m, (uint32_t)s->count);
    for (size_t i = 0; i < s->count; i++) {
        msg_put_text(&m, s->blobs[i].name);
        msg_put_bytes(&m, s->blobs[i].data, s->blobs[i].length);
    }
    return msg_put_end(&m);
}

static int fill(int fd, const uint8_t *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, data, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sp_error_from_errno();
        data += n;
        length -= (size_t)n;
    }
    return 0;
}

int fileset_seal(const struct fileset *s, int *memfd)
{
    uint8_t *memory = malloc(s->bytes);
    int fd = -1;
    int error;

    if (memory == NULL)
        return SP_ENOMEM;
    if ((error = fileset_encode(s, memory)) != 0 ||
        (error = file_memory("sallyport-files", &fd)) != 0 ||
        (error = fill(fd, memory, s->bytes)) != 0)
        goto out;
    if (fcntl(fd, F_ADD_SEALS, FILESET_SEALS) != 0) {
        error = sp_error_from_errno();
        goto out;
    }
    *memfd = fd;
    fd = -1;
out:
    if (fd >= 0)
        (void)close(fd);
    explicit_bzero(memory, s->bytes);
    free(memory);
    return error;
}

static int fileset_decode_one(struct fileset *s, struct msg_in *m)
{
    char name[FILESET_NAME_MAX + 1];
    const uint8_t *data;
    size_t length;
    int error;

    msg_get_text(m, name, sizeof(name));
    data = msg_get_bytes(m, FILESET_BYTES_MAX, &length);
    if (data == NULL)
        return SP_EPROTO;
    error = fileset_add(s, name, data, length);
    return error == 0 || error == SP_ENOMEM ? error : SP_EPROTO;
}

static int fileset_decode(struct fileset *s, const uint8_t *data, size_t length)
{
    struct msg_in m;
    uint32_t count;
    int error;

    if (msg_get_begin(&m, data, length) != FILESET_TYPE)
        return SP_EPROTO;
    count = msg_get_u32(&m);
    for (uint32_t i = 0; i < count; i++) {
        error = fileset_decode_one(s, &m);
        if (error != 0)
            return error;
    }
    return msg_get_end(&m);
}

/* Mapped, not read: a role in its sandbox may do that, too, and what several
 * share has one position. Its seals say that it cannot shrink under us. */
static int fileset_map(int memfd, const uint8_t **data, size_t *length)
{
    int error = file_check_seals(memfd, FILESET_SEALS);
    struct stat st;
    void *memory;

    if (error != 0)
        return error;
    if (fstat(memfd, &st) != 0)
        return sp_error_from_errno();
    if (!S_ISREG(st.st_mode) || st.st_size <= 0 ||
        (uint64_t)st.st_size > FILESET_BYTES_MAX)
        return SP_EPROTO;
    *length = (size_t)st.st_size;
    memory = mmap(NULL, *length, PROT_READ, MAP_PRIVATE, memfd, 0);
    if (memory == MAP_FAILED)
        return errno == ENOMEM ? SP_ENOMEM : SP_EIO;
    *data = memory;
    return 0;
}

static void fileset_unmap(const uint8_t *data, size_t length)
{
    (void)munmap((void *)(uintptr_t)data, length);
}

int fileset_from_fd(int memfd, struct fileset **s)
{
    struct fileset *set;
    const uint8_t *data = NULL;
    size_t length = 0;
    int error = fileset_map(memfd, &data, &length);

    if (error != 0)
        return error;
    set = fileset_new();
    error = set == NULL ? SP_ENOMEM : fileset_decode(set, data, length);
    fileset_unmap(data, length);
    if (error != 0)
        fileset_free(set);
    else
        *s = set;
    return error;
}
