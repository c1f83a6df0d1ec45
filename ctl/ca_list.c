/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport ca list: all that the authority has issued, with its state. Runs as
 * the operator. */
#include <stdio.h>
#include <string.h>

#include "ctl/ca_parts.h"
#include "lib/clock.h"
#include "lib/json.h"

static const char *state_of(const struct authority_record *r, int64_t now)
{
    return r->revoked != 0 ? "revoked" : r->not_after <= now ? "ended" : "good";
}

static void line_print(const struct authority_record *r, int64_t now)
{
    char until[CLOCK_UTC_SIZE], when[CLOCK_UTC_SIZE];

    clock_format_utc(r->not_after, until);
    printf("%s  %s/%s  %s  until %s  %s", r->serial, r->party, r->person,
           r->profile, until, state_of(r, now));
    if (r->revoked != 0) {
        clock_format_utc(r->revoked, when);
        printf(" %s (%s)", when, authority_reason_text(r->reason));
    }
    putchar('\n');
}

/* A name in the index is printable ASCII without spaces (certs). */
static void text_print(const char *name, const char *text)
{
    char quoted[2 * AUTHORITY_NAME_TEXT + 8];
    size_t length = 0;

    if (json_quote(quoted, sizeof quoted, &length, text, strlen(text)) == 0)
        printf("\"%s\":%.*s,", name, (int)length, quoted);
}

static void json_print(const struct authority_record *r, int64_t now)
{
    char until[CLOCK_UTC_SIZE], when[CLOCK_UTC_SIZE];

    printf("{\"serial\":\"%s\",\"sha256\":\"", r->serial);
    for (size_t i = 0; i < sizeof r->sha256; i++)
        printf("%02x", r->sha256[i]);
    printf("\",");
    text_print("party", r->party);
    text_print("person", r->person);
    clock_format_utc(r->not_after, until);
    clock_format_utc(r->issued, when);
    printf("\"issued\":\"%s\",\"not_after\":\"%s\",", when, until);
    text_print("profile", r->profile);
    if (r->revoked != 0) {
        clock_format_utc(r->revoked, when);
        printf("\"revoked\":\"%s\",\"reason\":\"%s\",", when,
               authority_reason_text(r->reason));
    }
    printf("\"state\":\"%s\"}\n", state_of(r, now));
}

int ca_run_list(const struct ca_options *o)
{
    const struct authority_index *index;
    struct authority *a = NULL;
    struct ca_place place;
    int64_t now = clock_wall_ms();
    int status = ca_place_find(o, false, &place);

    if (status != EXIT_HOLDS)
        return status;
    status = ca_open(o, &place, o->root ? AUTHORITY_ROOT : AUTHORITY_ISSUING,
                     false, &a);
    if (status == EXIT_HOLDS) {
        index = authority_records(a);
        for (size_t i = 0; i < index->count; i++)
            (o->json ? json_print : line_print)(&index->list[i], now);
    }
    authority_close(a);
    ca_place_release(&place);
    return status;
}
