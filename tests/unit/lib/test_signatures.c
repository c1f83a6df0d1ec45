/* SPDX-License-Identifier: Apache-2.0 */
/* Signature files beside a file: all are found, none can crowd others out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/limits.h"
#include "lib/signatures.h"

static char folder[64];

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/sp-signatures-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *name, const char *text)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(file_create(AT_FDCWD, path, 0644, text, strlen(text)), 0);
}

/* What is collected for `folder`/p.yaml, as "name=content name=content". */
static char *collected(const struct minisign_key *keys, size_t nkeys)
{
    static char text[65536];
    struct fileset *set = fileset_new();
    const uint8_t *data;
    const char *name;
    char path[256];
    size_t length, at = 0;

    snprintf(path, sizeof path, "%s/p.yaml", folder);
    assert_int_equal(signatures_collect(path, "@s/", keys, nkeys, set), 0);
    text[0] = '\0';
    for (size_t i = 0; fileset_at(set, i, &name, &data, &length) == 0; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s=%s",
                               i == 0 ? "" : " ", name, (const char *)data);
    fileset_free(set);
    return text;
}

static void only_signatures_of_this_file_are_taken(void **state)
{
    (void)state;
    assert_string_equal(collected(NULL, 0), "");
    put("p.yaml", "policy");
    put("p.yaml.0123456789ABCDEF.minisig", "b");
    put("p.yaml.0123456789abcdef.minisig", "c");
    put("p.yaml.minisig", "d");
    put("p.yaml.old.minisig", "e");
    put("p.yaml.0123456789ABCDEF.minisig.bak", "no");
    put("p.yaml2.0123456789ABCDEF.minisig", "no");
    put("q.yaml.0123456789ABCDEF.minisig", "no");
    put("p.yamlminisig", "no");
    assert_string_equal(collected(NULL, 0),
                        "@s/p.yaml.0123456789ABCDEF.minisig=b "
                        "@s/p.yaml.0123456789abcdef.minisig=c "
                        "@s/p.yaml.minisig=d @s/p.yaml.old.minisig=e");
}

static void what_cannot_be_read_is_there_but_empty(void **state)
{
    static char large[MINISIGN_FILE_MAX + 2];
    char path[256];

    (void)state;
    memset(large, 'x', sizeof large - 1);
    put("p.yaml.0000000000000001.minisig", large);
    snprintf(path, sizeof path, "%s/p.yaml.0000000000000002.minisig", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/p.yaml.0000000000000003.minisig", folder);
    assert_int_equal(mkfifo(path, 0600), 0); /* must not stop us */
    snprintf(path, sizeof path, "%s/p.yaml.0000000000000004.minisig", folder);
    assert_int_equal(symlink("nowhere", path), 0);
    assert_string_equal(collected(NULL, 0),
                        "@s/p.yaml.0000000000000001.minisig= "
                        "@s/p.yaml.0000000000000002.minisig= "
                        "@s/p.yaml.0000000000000003.minisig= "
                        "@s/p.yaml.0000000000000004.minisig=");
}

/* P8: whatever lies there, the approvers' signatures are looked at. */
static void strangers_crowd_nobody_out(void **state)
{
    struct minisign_key keys[2] = {0};
    struct fileset *set = fileset_new();
    const uint8_t *data;
    char name[64], path[256];
    size_t length;

    (void)state;
    assert_int_equal(minisign_id_parse("FFFFFFFFFFFFFFFE", keys[0].id), 0);
    assert_int_equal(minisign_id_parse("FFFFFFFFFFFFFFFF", keys[1].id), 0);
    for (unsigned i = 0; i < LIMIT_SIGNATURES + 50; i++) {
        snprintf(name, sizeof name, "p.yaml.%016X.minisig", i);
        put(name, "x");
    }
    put("p.yaml.FFFFFFFFFFFFFFFE.minisig", "good");
    put("p.yaml.ffffffffffffffff.minisig", "good");
    snprintf(path, sizeof path, "%s/p.yaml", folder);
    assert_int_equal(signatures_collect(path, "", keys, 2, set), 0);
    assert_int_equal(
        fileset_get(set, "p.yaml.FFFFFFFFFFFFFFFE.minisig", &data, &length), 0);
    assert_int_equal(
        fileset_get(set, "p.yaml.ffffffffffffffff.minisig", &data, &length), 0);
    for (length = 0; fileset_at(set, length, &(const char *){NULL}, &data,
                                &(size_t){0}) == 0;)
        length++;
    assert_int_equal(length, LIMIT_SIGNATURES);
    fileset_free(set);
}

static void names_have_ids_or_not(void **state)
{
    static const char *const wrong[] = {"",
                                        ".minisig",
                                        "p.minisig",
                                        "p.0123456789abcde.minisig",
                                        "p.0123456789abcdefa.minisig",
                                        "p.0123456789abcdeg.minisig",
                                        "0123456789abcdef.minisig",
                                        "p.0123456789abcdef.minisig2",
                                        "p.0123456789abcdef"};
    uint8_t id[8];
    char *path;

    (void)state;
    assert_int_equal(signatures_name_id("p.0123456789abcdef.minisig", id), 0);
    path = signatures_path("x/p.yaml", id);
    assert_string_equal(path, "x/p.yaml.0123456789ABCDEF.minisig");
    free(path);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (signatures_name_id(wrong[i], id) == 0)
            fail_msg("\"%s\" has no key id", wrong[i]);
}

static void no_folder_is_an_error(void **state)
{
    struct fileset *set = fileset_new();

    (void)state;
    assert_int_equal(
        signatures_collect("/nowhere/at/all/p.yaml", "", NULL, 0, set),
        SP_ENOENT);
    fileset_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_signatures_of_this_file_are_taken,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_there_but_empty,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(strangers_crowd_nobody_out, setup,
                                        teardown),
        cmocka_unit_test(names_have_ids_or_not),
        cmocka_unit_test(no_folder_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
