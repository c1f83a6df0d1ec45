/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts what the program's own objects allocate, by the linker's --wrap
 * (ALLOCATIONS_WRAPPED in CMakeLists.txt), so that it works beside
 * sanitizers, which want malloc(3) for themselves. To be included by one
 * source of a program.
 */
#ifndef SP_BENCH_ALLOCATIONS_H
#define SP_BENCH_ALLOCATIONS_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Blocks asked for and given back so far; one thread. */
static uint64_t allocations_made, allocations_freed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t length);
void __real_free(void *block);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);
int __wrap_asprintf(char **text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int __wrap___asprintf_chk(char **text, int flag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void __wrap_free(void *block);

void *__wrap_malloc(size_t size)
{
    allocations_made++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    allocations_made++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    allocations_made++;
    return __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
    allocations_made++;
    return __real_reallocarray(old, count, size);
}

char *__wrap_strdup(const char *text)
{
    allocations_made++;
    return __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t length)
{
    allocations_made++;
    return __real_strndup(text, length);
}

int __wrap_asprintf(char **text, const char *format, ...)
{
    va_list list;
    int n;

    allocations_made++;
    va_start(list, format);
    n = vasprintf(text, format, list);
    va_end(list);
    return n;
}

/* What _FORTIFY_SOURCE makes of it. */
int __wrap___asprintf_chk(char **text, int flag, const char *format, ...)
{
    va_list list;
    int n;

    (void)flag;
    allocations_made++;
    va_start(list, format);
    n = vasprintf(text, format, list);
    va_end(list);
    return n;
}

void __wrap_free(void *block)
{
    allocations_freed += block != NULL;
    __real_free(block);
}

#endif
