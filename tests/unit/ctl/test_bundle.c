/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles as an attacker may bend them on the way: whatever is read is what the
 * fingerprint is of, and nothing else is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>

#include "ctl/bundle.h"
#include "ledger/note.h"
#include "tests/unit/certs/made.h"

static struct bundle good;
static struct buf text; /* of it */

static char *copy(const char *value)
{
    char *c = strdup(value);

    assert_non_null(c);
    return c;
}

static char *key_text(const char *name)
{
    static const uint8_t seed[32] = {7};
    char vkey[NOTE_KEY_TEXT_MAX];
    struct note_signer s;

    assert_int_equal(note_signer_from_seed(name, seed, &s), 0);
    assert_int_equal(note_verifier_format(&s.verifier, vkey), 0);
    return copy(vkey);
}

static int setup(void **state)
{
    struct made m = make_certificate(&(struct make){.cn = "jane"});

    (void)state;
    assert_true(sodium_init() >= 0);
    good = (struct bundle){.deployment = copy("gate"),
                           .party = copy("mercy"),
                           .person = copy("jane"),
                           .created = copy("2026-11-20T10:00:00Z"),
                           .name = copy("gate.example"),
                           .certificate = made_pem(&m, NULL),
                           .gateway_ca = made_pem(&m, &m),
                           .origin = copy("gate.sallyport/ledger"),
                           .vkey = key_text("gate.sallyport/ledger")};
    good.addresses[good.naddresses++] = copy("gate.example:8443");
    good.addresses[good.naddresses++] = copy("[2001:db8::1]:8443");
    good.documents[good.ndocuments++] = copy("nda-v1");
    good.witnesses[good.nwitnesses++] = key_text("witness.example");
    good.windows[good.nwindows++] = (struct bundle_window){
        copy("orion \"2\""), copy("2026-11-20T10:00:00Z"),
        copy("2026-12-20T10:00:00Z")};
    buf_init(&text, BUNDLE_MAX);
    assert_int_equal(bundle_encode(&good, &text), 0);
    made_free(&m);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_release(&text);
    bundle_release(&good);
    return 0;
}

static int parse(const uint8_t *data, size_t length, struct bundle *b)
{
    char problem[BUNDLE_PROBLEM];
    int r = bundle_parse(data, length, b, problem);

    if (r == SP_EINVAL && problem[0] == '\0')
        fail_msg("refused without a word");
    return r;
}

static bool same_fingerprint(const struct bundle *b)
{
    uint8_t one[32], other[32];

    assert_int_equal(bundle_fingerprint(&good, one), 0);
    assert_int_equal(bundle_fingerprint(b, other), 0);
    return memcmp(one, other, 32) == 0;
}

static void what_is_written_is_read(void **state)
{
    struct bundle b;
    struct buf again;

    (void)state;
    assert_int_equal(parse(buf_bytes(&text), text.length, &b), 0);
    assert_string_equal(b.windows[0].model, "orion \"2\"");
    assert_string_equal(b.addresses[1], "[2001:db8::1]:8443");
    assert_true(same_fingerprint(&b));
    buf_init(&again, BUNDLE_MAX);
    assert_int_equal(bundle_encode(&b, &again), 0);
    assert_int_equal(again.length, text.length);
    assert_memory_equal(buf_bytes(&again), buf_bytes(&text), text.length);
    buf_release(&again);
    bundle_release(&b);
}

/* Only blanks between tokens may differ under the same fingerprint. */
static void flips(uint8_t *bytes, size_t i)
{
    struct bundle b;

    for (unsigned bit = 0; bit < 8; bit++) {
        uint8_t was = bytes[i];

        bytes[i] = (uint8_t)(was ^ (1u << bit));
        if (parse(bytes, text.length, &b) == 0) {
            if (same_fingerprint(&b) && (strchr(" \n\t\r", was) == NULL ||
                                         strchr(" \n\t\r", bytes[i]) == NULL))
                fail_msg("byte %zu, bit %u: the same fingerprint", i, bit);
            bundle_release(&b);
        }
        bytes[i] = was;
    }
}

static void every_flipped_bit_is_noticed(void **state)
{
    uint8_t *bytes = malloc(text.length + 1);

    (void)state;
    assert_non_null(bytes);
    memcpy(bytes, buf_bytes(&text), text.length);
    bytes[text.length] = '\0';
    for (size_t i = 0; i < text.length; i++)
        flips(bytes, i);
    free(bytes);
}

static void cut_ones_are_refused(void **state)
{
    struct bundle b;

    (void)state;
    for (size_t n = 0; n + 2 < text.length; n++) {
        uint8_t *bytes = malloc(n + 1); /* so that a sanitizer sees the end */

        assert_non_null(bytes);
        memcpy(bytes, buf_bytes(&text), n);
        assert_int_equal(parse(bytes, n, &b), SP_EINVAL);
        free(bytes);
    }
}

static void addresses_are_apart(void **state)
{
    static const struct {
        const char *text, *host, *port; /* NULL: refused */
    } table[] = {
        {"gate.example:8443", "gate.example", "8443"},
        {"127.0.0.1:1", "127.0.0.1", "1"},
        {"[2001:db8::1]:443", "2001:db8::1", "443"},
        {"gate.example", NULL, NULL},
        {"gate.example:", NULL, NULL},
        {":8443", NULL, NULL},
        {"gate:0", NULL, NULL},
        {"gate:08", NULL, NULL},
        {"gate:65536", NULL, NULL},
        {"gate:8443x", NULL, NULL},
        {"gate:-1", NULL, NULL},
        {"2001:db8::1:443", NULL, NULL},
        {"[2001:db8::1]", NULL, NULL},
        {"[2001:db8::1]443", NULL, NULL},
        {"[]:443", NULL, NULL},
        {"[gate]:443", NULL, NULL},
        {"https://gate:443", NULL, NULL},
        {"me@gate:443", NULL, NULL},
        {"gate example:443", NULL, NULL},
        {"", NULL, NULL},
    };
    char host[256], port[8];

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int r = bundle_address_split(table[i].text, host, port);

        if ((r == 0) != (table[i].host != NULL))
            fail_msg("\"%s\": %d", table[i].text, r);
        if (r != 0)
            continue;
        assert_string_equal(host, table[i].host);
        assert_string_equal(port, table[i].port);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(cut_ones_are_refused),
        cmocka_unit_test(addresses_are_apart),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
