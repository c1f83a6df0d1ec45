/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: their form, their levels, and that no value can forge one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"

static char captured[65536];

/* Standard error goes to a pipe until capture_end(), which fills `captured`. */
static int saved_stderr, capture_pipe;

static void capture_begin(void)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    saved_stderr = dup(STDERR_FILENO);
    (void)dup2(ends[1], STDERR_FILENO);
    (void)close(ends[1]);
    capture_pipe = ends[0];
}

static void capture_end(void)
{
    ssize_t n = read(capture_pipe, captured, sizeof(captured) - 1);

    (void)dup2(saved_stderr, STDERR_FILENO);
    (void)close(saved_stderr);
    (void)close(capture_pipe);
    captured[n > 0 ? n : 0] = '\0';
}

static size_t lines(void)
{
    size_t count = 0;

    for (const char *p = captured; *p != '\0'; p++)
        count += *p == '\n';
    return count;
}

static void test_form_of_a_line(void **state)
{
    int64_t t;

    (void)state;
    log_open("worker/0", LOG_LEVEL_INFO);
    capture_begin();
    log_info("request_refused", "conn=%x reason=%s", 0x1au, "no_window");
    capture_end();
    assert_int_equal(clock_parse_utc(captured, 24, &t), 0);
    assert_true(llabs(t - clock_wall_ms()) < 60000);
    assert_string_equal(
        captured + 24,
        " info worker/0 request_refused conn=1a reason=no_window\n");
}

static void test_levels(void **state)
{
    static const struct {
        const char *name;
        size_t lines;
    } cases[] = {{"error", 1}, {"warn", 2}, {"info", 3}, {"debug", 4}};
    enum log_level level;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(log_level_parse(cases[i].name, &level), 0);
        log_open("t", level);
        capture_begin();
        log_error("e", "a=1");
        log_warn("e", "a=1");
        log_info("e", "a=1");
        log_debug("e", "a=1");
        capture_end();
        assert_int_equal(lines(), cases[i].lines);
    }
    assert_int_equal(log_level_parse("verbose", &level), SP_EINVAL);
    assert_int_equal(log_level_parse("", &level), SP_EINVAL);
    assert_int_equal(log_level_parse("INFO", &level), SP_EINVAL);
}

static void test_no_value_forges_a_line(void **state)
{
    (void)state;
    log_open("t", LOG_LEVEL_INFO);
    capture_begin();
    log_info("e", "name=%s",
             "x\n2026-01-01T00:00:00.000Z info t forged\r\x1b[31m");
    capture_end();
    assert_int_equal(lines(), 1);
    assert_null(strchr(captured, '\x1b'));
    assert_null(strchr(captured, '\r'));
}

static void test_long_lines_are_cut_and_ended(void **state)
{
    char text[5000];

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_open("a-name-that-is-longer-than-thirty-one-bytes", LOG_LEVEL_INFO);
    capture_begin();
    log_info("e", "a=%s", text);
    log_info("e", "b=%d", 2);
    capture_end();
    assert_int_equal(lines(), 2);
    assert_true(strlen(captured) < 4096);
    assert_non_null(strstr(captured, " a-name-that-is-longer-than-thir e "));
    assert_non_null(strstr(captured, " e b=2\n"));
}

static void test_errno_passes_through(void **state)
{
    (void)state;
    log_open("t", LOG_LEVEL_INFO);
    capture_begin();
    errno = ENOSPC;
    log_info("e", "error=\"%m\"");
    assert_int_equal(errno, ENOSPC);
    capture_end();
    assert_non_null(strstr(captured, "error=\"No space left on device\""));
}

static void test_quote(void **state)
{
    static const struct {
        const char *data;
        size_t length;
        const char *wanted;
    } cases[] = {
        {"plain", 5, "\"plain\""},
        {"", 0, "\"\""},
        {"a\"b\\c", 5, "\"a\\\"b\\\\c\""},
        {"\n\r\t\0x", 5, "\"\\x0a\\x0d\\x09\\x00x\""},
        {"\xc3\xa9\x7f", 3, "\"\\xc3\\xa9\\x7f\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(log_quote_bytes(cases[i].data, cases[i].length),
                            cases[i].wanted);
    assert_string_equal(log_quote("a b"), "\"a b\"");
    assert_string_equal(log_quote(NULL), "\"\"");
}

static void test_quote_cuts_at_200_bytes(void **state)
{
    char text[301];
    const char *quoted;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    quoted = log_quote(text);
    assert_int_equal(strlen(quoted), 200 + 3 + 2);
    assert_string_equal(quoted + 200, "x...\"");
    text[200] = '\0';
    assert_int_equal(strlen(log_quote(text)), 202);
    memset(text, 1, sizeof(text));
    assert_int_equal(strlen(log_quote_bytes(text, 300)), 4 * 200 + 3 + 2);
}

static void test_eight_quotes_live_together(void **state)
{
    const char *quotes[8];
    char one[2] = "0";

    (void)state;
    for (int i = 0; i < 8; i++) {
        one[0] = (char)('0' + i);
        quotes[i] = log_quote(one);
    }
    for (int i = 0; i < 8; i++)
        assert_int_equal(quotes[i][1], '0' + i);
}

static void test_fatal_exits_with_1(void **state)
{
    int status;
    pid_t child;

    (void)state;
    log_open("t", LOG_LEVEL_ERROR);
    capture_begin();
    child = fork();
    if (child == 0)
        fatal("start", "why=%s", "\"test\"");
    assert_int_equal(waitpid(child, &status, 0), child);
    capture_end();
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    assert_non_null(strstr(captured, " error t start why=\"test\"\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form_of_a_line),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_no_value_forges_a_line),
        cmocka_unit_test(test_long_lines_are_cut_and_ended),
        cmocka_unit_test(test_errno_passes_through),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_quote_cuts_at_200_bytes),
        cmocka_unit_test(test_eight_quotes_live_together),
        cmocka_unit_test(test_fatal_exits_with_1),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
