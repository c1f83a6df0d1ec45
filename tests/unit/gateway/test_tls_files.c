/* SPDX-License-Identifier: Apache-2.0 */
/* Which files TLS is made with, and that settings and profiles agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/tls_profile.h"
#include "gateway/tls_files.h"
#include "policy/schemas.h"

static void settings_name_every_profile(void **state)
{
    char *reference = NULL;
    size_t length = 0;
    FILE *f = open_memstream(&reference, &length);

    (void)state;
    assert_non_null(tls_profile_find(SETTINGS_PROFILE_DEFAULT));
    assert_null(tls_profile_find("modern"));
    assert_int_equal(settings_reference(f), 0);
    (void)fclose(f);
    assert_non_null(strstr(reference, "strict, piv, cnsa or cnsa1"));
    for (size_t i = 0; tls_profile_at(i) != NULL; i++)
        assert_ptr_equal(tls_profile_find(tls_profile_at(i)->name),
                         tls_profile_at(i));
    assert_null(tls_profile_at(4));
    free(reference);
}

static void files_are_numbered(void **state)
{
    char a[] = "a", b[] = "b", c[] = "c", d[] = "d", e[] = "e", lab[] = "lab";
    struct settings_names names[] = {{.certificate = a, .key = b},
                                     {.certificate = a, .key = b, .ocsp = c}};
    struct settings_client_certificate client = {lab, d, e};
    const struct settings s = {.server_certificate = a,
                               .server_key = b,
                               .server_names = names,
                               .nserver_names = 2,
                               .client_certificates = &client,
                               .nclient_certificates = 1};
    const struct {
        const char *name, *where, *path;
        bool secret;
    } want[] = {
        {"@server.crt", "server/certificate", "a", false},
        {"@server.key", "server/key", "b", true},
        {"@names/1.crt", "server_names/0/certificate", "a", false},
        {"@names/1.key", "server_names/0/key", "b", true},
        {"@names/2.crt", "server_names/1/certificate", "a", false},
        {"@names/2.key", "server_names/1/key", "b", true},
        {"@names/2.ocsp", "server_names/1/ocsp", "c", false},
        {"@client/lab.crt", "client_certificates/lab/certificate", "d", false},
        {"@client/lab.key", "client_certificates/lab/key", "e", true},
    };
    const size_t count = sizeof(want) / sizeof(*want);
    struct tls_file f;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_true(tls_file_at(&s, i, &f));
        assert_string_equal(f.name, want[i].name);
        assert_string_equal(f.where, want[i].where);
        assert_string_equal(f.path, want[i].path);
        assert_int_equal(f.secret, want[i].secret);
        assert_non_null(f.what);
    }
    assert_false(tls_file_at(&s, count, &f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_name_every_profile),
        cmocka_unit_test(files_are_numbered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
