/* SPDX-License-Identifier: Apache-2.0 */
/* P10: URLs that strangers' certificates name have one spelling, or are
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/http_url.h"

static void urls_that_are_read(void **state)
{
    static const struct {
        const char *text, *host;
        int port;
        const char *path;
    } cases[] = {
        {"http://a", "a", 80, "/"},
        {"http://a/", "a", 80, "/"},
        {"HTTP://Crl.Example.GOV/x.crl", "crl.example.gov", 80, "/x.crl"},
        {"http://a:8080/b?c=d&e", "a", 8080, "/b?c=d&e"},
        {"http://a:65535/", "a", 65535, "/"},
        {"http://127.0.0.1:1/", "127.0.0.1", 1, "/"},
        {"http://1.example/", "1.example", 80, "/"},
        {"http://xn--e1afmkfd/%C3%A9/..", "xn--e1afmkfd", 80, "/%C3%A9/.."},
        {"http://a/@:", "a", 80, "/@:"},
        {"http://a/b//c", "a", 80, "/b//c"},
    };
    struct http_url url;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (http_url_parse(cases[i].text, strlen(cases[i].text), &url) != 0)
            fail_msg("%s is refused", cases[i].text);
        assert_string_equal(url.host, cases[i].host);
        assert_int_equal(url.port, cases[i].port);
        assert_string_equal(url.path, cases[i].path);
    }
}

static void urls_that_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "http://",
        "http:///",
        "https://a/",
        "ldap://a/",
        "file:///etc/passwd",
        "//a/",
        " http://a/",
        "http://a/ ",
        "http://a /",
        "http://user@a/",
        "http://user:secret@a/",
        "http://a@b/",
        "http://a:80@b/",
        "http://a/#f",
        "http://a#f",
        "http://a?b",
        "http://a\\@b/",
        "http://a\\b",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]:80/",
        "http://a:/",
        "http://a:0/",
        "http://a:080/",
        "http://a:65536/",
        "http://a:99999999999/",
        "http://a:8a/",
        "http://a:-1/",
        "http://a:+80/",
        "http://a:80:80/",
        "http://a..b/",
        "http://.a/",
        "http://a./",
        "http://-a/",
        "http://a-/",
        "http://a_b/",
        "http://a%2eb/",
        "http://\xc3\xa9/",
        "http://a/\xc3\xa9",
        "http://a/\r\nX: y",
        "http://a/\t",
        "http://a/\x7f",
        "http://a/%",
        "http://a/%4",
        "http://a/%4g",
        "http://a/<b>",
        "http://a/\"",
        "http://a/{b}",
        "http://a/b|c",
        "http://a/b\\c",
        "http://a/^",
        "http://a/`",
        "http://a/[b]",
        /* other spellings of addresses */
        "http://2130706433/",
        "http://127.1/",
        "http://0x7f.0.0.1/",
        "http://127.0.0.0x1/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.0.0.256/",
        "http://127.0.0.01/",
        "http://1.2.3.4.5/",
        "http://a.0/",
    };
    struct http_url url;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (http_url_parse(texts[i], strlen(texts[i]), &url) != SP_EINVAL)
            fail_msg("%s is read: %s %u %s", texts[i], url.host, url.port,
                     url.path);
    }
    assert_int_equal(http_url_parse("http://a\0.b/", 12, &url), SP_EINVAL);
    assert_int_equal(http_url_parse("http://a/\0", 10, &url), SP_EINVAL);
}

static void urls_have_bounds(void **state)
{
    char text[HTTP_URL_MAX + 2];
    struct http_url url;

    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text, "http://a/", 9);
    assert_int_equal(http_url_parse(text, HTTP_URL_MAX, &url), 0);
    assert_int_equal(strlen(url.path), HTTP_URL_MAX - 8);
    assert_int_equal(http_url_parse(text, HTTP_URL_MAX + 1, &url), SP_ETOOBIG);
    /* Labels of 63 bytes, a host of 253. */
    memset(text + 7, 'a', sizeof text - 7);
    assert_int_equal(http_url_parse(text, 7 + 63, &url), 0);
    assert_int_equal(http_url_parse(text, 7 + 64, &url), SP_EINVAL);
    for (size_t i = 7 + 63; i < sizeof text; i += 64)
        text[i] = '.';
    assert_int_equal(http_url_parse(text, 7 + 253, &url), 0);
    assert_int_equal(http_url_parse(text, 7 + 254, &url), SP_ETOOBIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_that_are_read),
        cmocka_unit_test(urls_that_are_refused),
        cmocka_unit_test(urls_have_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
