/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may what at the control socket (P8): every cell of the table, the table
 * of docs/operators.md, and what is told to whom may not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "check_messages.h"
#include "gateway/control_staff.h"

#define OWN 990

/* In the order of enum staff. */
static const struct {
    unsigned verb;
    const char *may; /* nobody, observer, operator, releaser, owner */
} cells[] = {
    {STAFF_ASK_STATUS, "-XXXX"}, {STAFF_ASK_WINDOWS, "-XXXX"},
    {ORDER_SUSPEND, "--X-X"},    {ORDER_RESUME, "--X-X"},
    {ORDER_STATEMENT, "--X-X"},  {ORDER_REVOKE, "--X-X"},
    {ORDER_CLOSE, "--X-X"},      {ORDER_RELEASE, "---XX"},
    {ORDER_REVEAL, "--X-X"},     {ORDER_CERTIFICATES, "--X-X"},
    {ORDER_RELOAD, "--X-X"},     {ORDER_DRAIN, "--X-X"},
};

static void P8_every_cell(void **state)
{
    bool seen[STAFF_VERB_COUNT] = {false};

    (void)state;
    for (size_t i = 0; i < sizeof(cells) / sizeof(*cells); i++) {
        assert_int_equal(strlen(cells[i].may), STAFF_COUNT);
        for (unsigned r = 0; r < STAFF_COUNT; r++)
            if (staff_may((enum staff)r, cells[i].verb) !=
                (cells[i].may[r] == 'X'))
                fail_msg("%s, %s", staff_text((enum staff)r),
                         staff_verb_text(cells[i].verb));
        seen[cells[i].verb] = true;
    }
    for (unsigned v = 0; v < STAFF_VERB_COUNT; v++)
        assert_true(seen[v]);
    for (unsigned r = 0; r <= STAFF_COUNT; r++) {
        assert_false(staff_may((enum staff)r, STAFF_VERB_COUNT));
        assert_false(staff_may((enum staff)r, UINT32_MAX));
    }
    assert_false(staff_may(STAFF_COUNT, STAFF_ASK_STATUS));
}

/* "| `suspend` | | X | | X |" */
static void P8_the_papers_table_is_this_one(void **state)
{
    FILE *f = fopen(SP_TEST_DATA "/../../../docs/operators.md", "r");
    static char text[1 << 16];
    char row[256];
    size_t n;

    (void)state;
    assert_non_null(f);
    n = fread(text, 1, sizeof(text) - 1, f);
    text[n] = '\0';
    (void)fclose(f);
    for (size_t i = 0; i < sizeof(cells) / sizeof(*cells); i++) {
        n = (size_t)snprintf(row, sizeof(row), "\n| `%s` |",
                             staff_verb_text(cells[i].verb));
        for (unsigned r = STAFF_OBSERVER; r < STAFF_COUNT; r++)
            n += (size_t)snprintf(row + n, sizeof(row) - n, " %s|",
                                  staff_may((enum staff)r, cells[i].verb) ? "X "
                                                                          : "");
        snprintf(row + n, sizeof(row) - n, "\n");
        if (strstr(text, row) == NULL)
            fail_msg("docs/operators.md does not show:%s", row);
    }
}

static void roles_follow_from_the_lists(void **state)
{
    static const struct staff_list staff = {3,
                                            {{1001, STAFF_OPERATOR},
                                             {1002, STAFF_RELEASER},
                                             {1003, STAFF_OBSERVER}}};
    static const struct staff_list none = {0};
    static const struct {
        uint32_t uid;
        enum staff role;
    } who[] = {{0, STAFF_OWNER},       {OWN, STAFF_OWNER},
               {1001, STAFF_OPERATOR}, {1002, STAFF_RELEASER},
               {1003, STAFF_OBSERVER}, {1004, STAFF_NONE},
               {1, STAFF_NONE},        {UINT32_MAX, STAFF_NONE},
               {65534, STAFF_NONE}};

    (void)state;
    for (size_t i = 0; i < sizeof(who) / sizeof(*who); i++) {
        assert_int_equal(staff_of(&staff, OWN, who[i].uid), who[i].role);
        assert_int_equal(staff_of(&none, OWN, who[i].uid),
                         who[i].role == STAFF_OWNER ? STAFF_OWNER : STAFF_NONE);
    }
}

static void a_refusal_says_who_might(void **state)
{
    char text[ORDER_TEXT_SIZE];

    (void)state;
    staff_refusal(STAFF_OBSERVER, ORDER_RELEASE, 1003, text);
    assert_string_equal(text, "uid 1003 is observer: `release` needs releaser");
    staff_refusal(STAFF_RELEASER, ORDER_SUSPEND, 4294967294, text);
    assert_string_equal(text,
                        "uid 4294967294 is releaser: `suspend` needs operator");
}

DECODER(staff_message, staff_list)

static void lists_come_back_and_wrong_ones_do_not(void **state)
{
    struct staff_list v = {.count = STAFF_MAX}, told;
    uint8_t data[512];
    size_t length;

    (void)state;
    for (uint32_t i = 0; i < STAFF_MAX; i++)
        v.staff[i] = (struct settings_staff){
            UINT32_MAX - 1 - i,
            (enum staff)(STAFF_OBSERVER + i / SETTINGS_STAFF_MAX)};
    ROUND_TRIP(staff_message, &v, &told, MESSAGE_STAFF);
    assert_memory_equal(&v, &told, sizeof(v));
    assert_int_equal(staff_message_put(&v, data, sizeof(data), &length), 0);
    for (unsigned role = 0; role < 256; role++) {
        data[length - 1] = (uint8_t)role;
        assert_int_equal(
            staff_message_get(&told, data, length),
            role >= STAFF_OBSERVER && role <= STAFF_RELEASER ? 0 : SP_EPROTO);
    }
    v.count = STAFF_MAX + 1;
    assert_int_equal(staff_message_put(&v, data, sizeof(data), &length), 0);
    assert_int_equal(staff_message_get(&told, data, length), SP_EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(P8_every_cell),
        cmocka_unit_test(P8_the_papers_table_is_this_one),
        cmocka_unit_test(roles_follow_from_the_lists),
        cmocka_unit_test(lists_come_back_and_wrong_ones_do_not),
        cmocka_unit_test(a_refusal_says_who_might),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
