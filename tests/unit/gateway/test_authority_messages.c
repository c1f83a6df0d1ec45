/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages about the deployment's own authority: what is put comes out the
 * same, whatever was cut, lengthened or changed is refused or read, and so is
 * each reason and list that nobody honest names (P12: a keeper or an authority
 * that was taken over).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "check_messages.h"
#include "gateway/authority_messages.h"
#include "lib/msg.h"

DECODER(authority_number, authority_number)
DECODER(revoke_message, revoke_message)
DECODER(publish_message, publish_message)

/* Puts what no honest sender says: the decoder must refuse it. */
#define REFUSED(name, type, in)                                                \
    do {                                                                       \
        uint8_t whole[ROOM];                                                   \
        size_t whole_length;                                                   \
        struct type seen;                                                      \
        assert_int_equal(name##_put(in, whole, sizeof(whole), &whole_length),  \
                         0);                                                   \
        assert_int_equal(name##_get(&seen, whole, whole_length), SP_EPROTO);   \
    } while (0)

/* Both types are one message. */
static void check_number(uint16_t type, uint64_t number)
{
    static const uint16_t types[] = {MESSAGE_INDEX, MESSAGE_PUBLISHED};
    const struct authority_number in = {.number = number};
    struct authority_number out;
    uint8_t data[32];
    size_t length, ignored;

    assert_int_equal(
        authority_number_put(type, &in, data, sizeof(data), &length), 0);
    for (size_t room = 0; room < length; room++)
        assert_int_equal(authority_number_put(type, &in, data, room, &ignored),
                         SP_ETOOBIG);
    assert_int_equal(authority_number_put(type, &in, data, length, &ignored),
                     0);
    assert_int_equal(message_type(data, length), type);
    assert_int_equal(authority_number_get(&out, data, length), 0);
    assert_int_equal(out.number, number);
    check_cuts(data, length, decode_authority_number);
    check_longer(data, length, decode_authority_number);
    check_types(data, length, decode_authority_number, types, 2);
    check_flips(data, length, decode_authority_number);
}

static void numbers_come_back(void **state)
{
    (void)state;
    check_number(MESSAGE_INDEX, 0x1122334455667788u);
    check_number(MESSAGE_PUBLISHED, 1);
    check_number(MESSAGE_PUBLISHED, UINT64_MAX);
}

static struct revoke_message a_revocation(const char *reason)
{
    struct revoke_message m = {0};

    for (size_t i = 0; i < sizeof(m.sha256); i++)
        m.sha256[i] = (uint8_t)(255 - i);
    memcpy(m.reason, reason, strlen(reason));
    return m;
}

/* Each that the index knows, and none at all. */
static void revocations_come_back(void **state)
{
    static const char *const reasons[] = {
        "",
        "unspecified",
        "keyCompromise",
        "cACompromise",
        "affiliationChanged",
        "superseded",
        "cessationOfOperation",
        "privilegeWithdrawn",
        "aACompromise",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        const struct revoke_message in = a_revocation(reasons[i]);
        struct revoke_message out;

        ROUND_TRIP(revoke_message, &in, &out, MESSAGE_REVOKE);
        assert_string_equal(out.reason, reasons[i]);
        assert_memory_equal(out.sha256, in.sha256, sizeof(in.sha256));
    }
}

/* It goes into a file of lines with blanks between, and into the log. */
static void P12_reasons_are_words(void **state)
{
    static const char *const bad[] = {
        "key compromise", " ",           "-",      "keyCompromise\n",
        "keyCompromise ", "\x7f",        "\x1b[m", "superseded\t",
        "../superseded",  "superseded0", "KEY",    "\xc3\xa9t\xc3\xa9",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct revoke_message in = a_revocation(bad[i]);

        REFUSED(revoke_message, revoke_message, &in);
    }
}

/* As its encoder would never write it. */
static int revoke_raw(const void *reason, size_t n)
{
    static const uint8_t sha256[32];
    uint8_t data[256];
    struct revoke_message out;
    struct msg_out m;

    msg_put_begin(&m, data, sizeof(data), MESSAGE_REVOKE);
    msg_put_fixed(&m, sha256, sizeof(sha256));
    msg_put_bytes(&m, reason, n);
    assert_int_equal(msg_put_end(&m), 0);
    return revoke_message_get(&out, data, m.length);
}

static void P12_reasons_have_a_length(void **state)
{
    char reason[64];

    (void)state;
    memset(reason, 'a', sizeof(reason));
    assert_int_equal(revoke_raw(reason, 31), 0);
    for (size_t n = 32; n <= sizeof(reason); n++)
        assert_int_equal(revoke_raw(reason, n), SP_EPROTO);
    assert_int_equal(revoke_raw("superseded\0x", 12), SP_EPROTO);
    assert_int_equal(revoke_raw("\0", 1), SP_EPROTO);
}

static void lists_come_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PUBLISHED_LISTS; i++) {
        const struct publish_message in = {.list = (enum published_list)i};
        struct publish_message out;

        ROUND_TRIP(publish_message, &in, &out, MESSAGE_PUBLISH);
        assert_int_equal(out.list, i);
    }
}

/* The publisher's table has as many places as there are names. */
static void P12_no_other_list_has_a_name(void **state)
{
    (void)state;
    for (unsigned i = PUBLISHED_LISTS; i < 256; i++) {
        uint8_t data[16];
        struct publish_message out;
        struct msg_out m;

        msg_put_begin(&m, data, sizeof(data), MESSAGE_PUBLISH);
        msg_put_u8(&m, (uint8_t)i);
        assert_int_equal(msg_put_end(&m), 0);
        assert_int_equal(publish_message_get(&out, data, m.length), SP_EPROTO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_come_back),
        cmocka_unit_test(revocations_come_back),
        cmocka_unit_test(P12_reasons_are_words),
        cmocka_unit_test(P12_reasons_have_a_length),
        cmocka_unit_test(lists_come_back),
        cmocka_unit_test(P12_no_other_list_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
