/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages about revocation: what is put comes out the same, whatever was
 * cut, lengthened or changed is refused or read, and so is each hostile value
 * (P12: a worker, a revoker or a dialer that was taken over).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "check_messages.h"
#include "gateway/revocation_messages.h"

DECODER(fetch_channel, fetch_channel)
DECODER(ask_fetch, ask_fetch)
DECODER(answer_fetch, answer_fetch)
DECODER(ask_revocation, ask_revocation)
DECODER(answer_revocation, answer_revocation)
DECODER(crl_file, crl_file)
DECODER(crl_loaded, crl_loaded)
DECODER(revocations_number, revocations_number)
DECODER(certificate_matched, certificate_matched)
DECODER(certificate_is_revoked, certificate_is_revoked)

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

static void channels_come_back(void **state)
{
    const struct fetch_channel in = {.number = 0x1122334455667788u};
    struct fetch_channel out;

    (void)state;
    ROUND_TRIP(fetch_channel, &in, &out, MESSAGE_FETCHES);
    assert_int_equal(in.number, out.number);
}

static struct ask_fetch a_fetch(void)
{
    static const uint8_t body[] = {0x30, 0, 0xff};

    return (struct ask_fetch){.ticket = 7,
                              .party = 3,
                              .timeout_ms = 5000,
                              .most = REVOCATION_ANSWER_MAX,
                              .url = "http://ocsp.test:80/a?b",
                              .body = body,
                              .length = sizeof(body)};
}

static void fetches_come_back(void **state)
{
    struct ask_fetch in = a_fetch(), out;

    (void)state;
    ROUND_TRIP(ask_fetch, &in, &out, MESSAGE_ASK_FETCH);
    assert_int_equal(out.ticket, 7);
    assert_int_equal(out.party, 3);
    assert_int_equal(out.timeout_ms, 5000);
    assert_int_equal(out.most, REVOCATION_ANSWER_MAX);
    assert_string_equal(out.url, in.url);
    in.length = 0;
    ROUND_TRIP(ask_fetch, &in, &out, MESSAGE_ASK_FETCH);
    assert_int_equal(out.length, 0);
    memset(in.url, 'a', REVOCATION_URL_MAX);
    ROUND_TRIP(ask_fetch, &in, &out, MESSAGE_ASK_FETCH);
}

static void P12_fetches_have_bounds(void **state)
{
    static const uint8_t large[REVOCATION_ASK_MAX + 1];
    struct ask_fetch in = a_fetch();

    (void)state;
    in.timeout_ms = 0;
    REFUSED(ask_fetch, ask_fetch, &in);
    in.timeout_ms = 600001;
    REFUSED(ask_fetch, ask_fetch, &in);
    in = a_fetch();
    in.most = 0;
    REFUSED(ask_fetch, ask_fetch, &in);
    in.most = REVOCATION_LIST_MAX + 1;
    REFUSED(ask_fetch, ask_fetch, &in);
    in = a_fetch();
    in.body = large;
    in.length = sizeof(large);
    REFUSED(ask_fetch, ask_fetch, &in);
    /* What would end the request's first line. */
    for (const char *c = "\r\n\t \x7f\x80"; *c != '\0'; c++) {
        in = a_fetch();
        in.url[10] = *c;
        if (*c != ' ')
            REFUSED(ask_fetch, ask_fetch, &in);
    }
}

static void answers_come_back(void **state)
{
    struct answer_fetch in = {.ticket = 7, .status = 404, .length = 4711}, out;

    (void)state;
    ROUND_TRIP(answer_fetch, &in, &out, MESSAGE_ANSWER_FETCH);
    assert_int_equal(out.status, 404);
    assert_int_equal(out.length, 4711);
    assert_int_equal(out.error, 0);
    in = (struct answer_fetch){.ticket = 7, .error = SP_ETIMEDOUT};
    ROUND_TRIP(answer_fetch, &in, &out, MESSAGE_ANSWER_FETCH);
    assert_int_equal(out.error, SP_ETIMEDOUT);
}

static void P12_answers_have_bounds(void **state)
{
    struct answer_fetch in = {.status = 200, .length = REVOCATION_LIST_MAX + 1};

    (void)state;
    REFUSED(answer_fetch, answer_fetch, &in);
    in = (struct answer_fetch){.status = 600};
    REFUSED(answer_fetch, answer_fetch, &in);
    in = (struct answer_fetch){.status = 199};
    REFUSED(answer_fetch, answer_fetch, &in);
    in = (struct answer_fetch){.status = 200, .error = SP_EIO, .length = 1};
    REFUSED(answer_fetch, answer_fetch, &in);
    in = (struct answer_fetch){.error = SP_ETIMEDOUT - 1};
    REFUSED(answer_fetch, answer_fetch, &in);
}

static void questions_come_back(void **state)
{
    static uint8_t der[REVOCATION_CERTIFICATE_MAX];
    struct ask_revocation in = {.ticket = 9,
                                .party = 2,
                                .leaf = der,
                                .leaf_length = 40,
                                .issuer = der + 1,
                                .issuer_length = 30},
                          out;
    uint8_t data[ROOM];
    size_t length;

    (void)state;
    der[1] = 0xaa;
    ROUND_TRIP(ask_revocation, &in, &out, MESSAGE_ASK_REVOCATION);
    assert_int_equal(out.leaf_length, 40);
    assert_int_equal(out.issuer_length, 30);
    in.leaf_length = in.issuer_length = sizeof(der) - 1;
    assert_int_equal(ask_revocation_put(&in, data, sizeof(data), &length), 0);
    assert_int_equal(ask_revocation_get(&out, data, length), 0);
    assert_int_equal(out.issuer[0], 0xaa);
}

static void P12_questions_have_bounds(void **state)
{
    static uint8_t der[REVOCATION_CERTIFICATE_MAX + 1];
    struct ask_revocation in = {
        .leaf = der, .leaf_length = 0, .issuer = der, .issuer_length = 1};

    (void)state;
    REFUSED(ask_revocation, ask_revocation, &in);
    in.leaf_length = 1;
    in.issuer_length = 0;
    REFUSED(ask_revocation, ask_revocation, &in);
    in.issuer_length = sizeof(der);
    REFUSED(ask_revocation, ask_revocation, &in);
    in.issuer_length = 1;
    in.leaf_length = sizeof(der);
    REFUSED(ask_revocation, ask_revocation, &in);
}

static void statuses_come_back(void **state)
{
    struct answer_revocation in = {.ticket = 9,
                                   .status = REVOCATION_GOOD,
                                   .until = 1800000000000},
                             out;

    (void)state;
    ROUND_TRIP(answer_revocation, &in, &out, MESSAGE_ANSWER_REVOCATION);
    assert_int_equal(out.status, REVOCATION_GOOD);
    assert_int_equal(out.until, 1800000000000);
    in.status = REVOCATION_UNKNOWN;
    memset(in.problem, '~', sizeof(in.problem) - 1);
    ROUND_TRIP(answer_revocation, &in, &out, MESSAGE_ANSWER_REVOCATION);
    assert_string_equal(out.problem, in.problem);
}

static void P12_statuses_are_words(void **state)
{
    struct answer_revocation in = {.status = REVOCATION_UNCHECKED};

    (void)state;
    REFUSED(answer_revocation, answer_revocation, &in);
    in.status = (enum revocation)4;
    REFUSED(answer_revocation, answer_revocation, &in);
    in = (struct answer_revocation){.status = REVOCATION_GOOD, .until = -1};
    REFUSED(answer_revocation, answer_revocation, &in);
    /* What would be a line of its own in the log. */
    in = (struct answer_revocation){.status = REVOCATION_UNKNOWN,
                                    .problem = "a\nb"};
    REFUSED(answer_revocation, answer_revocation, &in);
}

static void lists_come_back(void **state)
{
    const struct crl_file file = {.party = 0xfffffffe};
    struct crl_file file_out;
    struct crl_loaded in = {.number = "18446744073709551616",
                            .this_update = 1,
                            .next_update = INT64_MAX,
                            .count = 1000000,
                            .source = CRL_FETCHED},
                      out;

    (void)state;
    ROUND_TRIP(crl_file, &file, &file_out, MESSAGE_CRL_FILE);
    assert_int_equal(file_out.party, 0xfffffffe);
    memset(in.issuer_key, 1, 32);
    memset(in.sha256, 2, 32);
    ROUND_TRIP(crl_loaded, &in, &out, MESSAGE_CRL_LOADED);
    assert_memory_equal(in.issuer_key, out.issuer_key, 32);
    assert_memory_equal(in.sha256, out.sha256, 32);
    assert_string_equal(in.number, out.number);
    assert_int_equal(in.this_update, out.this_update);
    assert_int_equal(in.next_update, out.next_update);
    assert_int_equal(in.count, out.count);
    assert_int_equal(in.source, out.source);
    in.number[0] = '\0';
    ROUND_TRIP(crl_loaded, &in, &out, MESSAGE_CRL_LOADED);
}

static void P12_lists_have_bounds(void **state)
{
    struct crl_loaded in = {.number = "1x"};

    (void)state;
    REFUSED(crl_loaded, crl_loaded, &in);
    in = (struct crl_loaded){.number = "-1"};
    REFUSED(crl_loaded, crl_loaded, &in);
    in = (struct crl_loaded){.this_update = -1};
    REFUSED(crl_loaded, crl_loaded, &in);
    in = (struct crl_loaded){.next_update = INT64_MIN};
    REFUSED(crl_loaded, crl_loaded, &in);
    in = (struct crl_loaded){.source = CRL_SOURCES};
    REFUSED(crl_loaded, crl_loaded, &in);
}

static void sets_come_back(void **state)
{
    static const uint16_t types[] = {
        MESSAGE_REVOCATIONS, MESSAGE_REVOCATIONS_RECORDED, MESSAGE_ANNOUNCE};
    const struct revocations_number in = {.revoker = 3, .number = 1u << 31};
    struct revocations_number out;
    uint8_t data[64];
    size_t length;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            revocations_number_put(types[i], &in, data, sizeof(data), &length),
            0);
        assert_int_equal(message_type(data, length), types[i]);
        assert_int_equal(revocations_number_get(&out, data, length), 0);
        assert_memory_equal(&in, &out, sizeof(in));
        check_cuts(data, length, decode_revocations_number);
        check_longer(data, length, decode_revocations_number);
        check_types(data, length, decode_revocations_number, types, 3);
        check_flips(data, length, decode_revocations_number);
    }
}

static struct certificate_matched a_match(void)
{
    struct certificate_matched v = {.policy = 1,
                                    .party = 2,
                                    .person = 3,
                                    .rule = 4,
                                    .service = true,
                                    .serial_length = 20,
                                    .oid = "2.16.840.1.101.3.2.1.3.13"};

    memset(v.sha256, 1, 32);
    memset(v.issuer_key, 2, 32);
    memset(v.matched, 3, 32);
    memset(v.serial, 0x7f, 20);
    return v;
}

static void certificates_come_back(void **state)
{
    struct certificate_matched in = a_match(), out = {0};
    struct certificate_is_revoked gone = {.policy = 1,
                                          .party = 2,
                                          .person = 3,
                                          .ocsp = true,
                                          .serial = {9},
                                          .serial_length = 1},
                                  gone_out = {0};

    (void)state;
    ROUND_TRIP(certificate_matched, &in, &out, MESSAGE_CERTIFICATE_MATCHED);
    assert_int_equal(out.serial_length, 20);
    assert_memory_equal(out.serial, in.serial, 20);
    assert_string_equal(out.oid, in.oid);
    assert_true(out.service && !out.test_pki);
    ROUND_TRIP(certificate_is_revoked, &gone, &gone_out,
               MESSAGE_CERTIFICATE_REVOKED);
    assert_true(gone_out.ocsp);
    assert_int_equal(gone_out.serial_length, 1);
}

static void P12_certificates_have_serials(void **state)
{
    struct certificate_matched in = a_match();
    struct certificate_is_revoked gone = {.party = 1};
    uint8_t data[ROOM];
    size_t length;

    (void)state;
    in.serial_length = 0;
    REFUSED(certificate_matched, certificate_matched, &in);
    REFUSED(certificate_is_revoked, certificate_is_revoked, &gone);
    in = a_match();
    memcpy(in.oid, "1.2 3", 6);
    REFUSED(certificate_matched, certificate_matched, &in);
    /* A serial of 21 bytes: the last field but its own length is patched. */
    gone.serial_length = 20;
    assert_int_equal(
        certificate_is_revoked_put(&gone, data, sizeof(data), &length), 0);
    data[length - 20 - 1] = 21;
    assert_int_equal(certificate_is_revoked_get(&gone, data, length),
                     SP_EPROTO);
    assert_int_equal(certificate_is_revoked_get(&gone, data, length + 1),
                     SP_EPROTO);
}

static void answers_are_renewed_in_time(void **state)
{
    (void)state;
    /* Five minutes and five seconds: a tenth. */
    assert_int_equal(revocation_renew_ms(300000, 5000), 30000);
    /* A responder that may take longer is asked earlier. */
    assert_int_equal(revocation_renew_ms(120000, 30000), 32000);
    /* Never for more than half of the time. */
    assert_int_equal(revocation_renew_ms(1000, 5000), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_come_back),
        cmocka_unit_test(fetches_come_back),
        cmocka_unit_test(P12_fetches_have_bounds),
        cmocka_unit_test(answers_come_back),
        cmocka_unit_test(P12_answers_have_bounds),
        cmocka_unit_test(questions_come_back),
        cmocka_unit_test(P12_questions_have_bounds),
        cmocka_unit_test(statuses_come_back),
        cmocka_unit_test(P12_statuses_are_words),
        cmocka_unit_test(lists_come_back),
        cmocka_unit_test(P12_lists_have_bounds),
        cmocka_unit_test(sets_come_back),
        cmocka_unit_test(certificates_come_back),
        cmocka_unit_test(P12_certificates_have_serials),
        cmocka_unit_test(answers_are_renewed_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
