/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport log show`: entries for people, one aligned line each, or as they
 * are. Every entry shown is checked against its leaf hash. What stands in an
 * entry came from outsiders in part: nothing unprintable goes to a terminal.
 */
#include <ctype.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/log.h"
#include "ctl/verbs.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "policy/entry.h"

static const char usage[] =
    "usage: sallyport log show DIR [N | --from A --to B] [--kind KIND]\n"
    "                              [--person PERSON] [--json]\n"
    "\n"
    "Prints entry N, or entries A up to and with B, or all of the "
    "checkpoint's.\n"
    "\n"
    "  --kind KIND       only such entries, like request.refused\n"
    "  --person PERSON   only what is this person's; PARTY/PERSON is exact\n"
    "  --json            the entries' own lines\n";

struct options {
    const char *dir, *person;
    uint64_t from, to;
    enum entry_kind kind; /* ENTRY_NONE: all */
    bool json, one;
};

static bool number_parse(const char *text, uint64_t *n)
{
    char *end;

    if (!isdigit((unsigned char)text[0]))
        return false;
    *n = strtoull(text, &end, 10);
    return *end == '\0';
}

static enum entry_kind kind_parse(const char *text)
{
    for (unsigned k = 1; k < ENTRY_KIND_COUNT; k++)
        if (strcmp(text, entry_kind_text((enum entry_kind)k)) == 0)
            return (enum entry_kind)k;
    fprintf(stderr, "sallyport log show: unknown kind \"%.60s\": wanted one of",
            text);
    for (unsigned k = 1; k < ENTRY_KIND_COUNT; k++)
        fprintf(stderr, " %s", entry_kind_text((enum entry_kind)k));
    fputc('\n', stderr);
    return ENTRY_NONE;
}

/* Whose entry it is; false: nobody's. */
static bool person_of(const struct entry *e, const char **party,
                      const char **person)
{
    if (e->kind == ENTRY_NDA_ACCEPTED) {
        *party = e->u.nda_accepted.party;
        *person = e->u.nda_accepted.person;
    } else if (e->kind == ENTRY_FINDING_FILED) {
        *party = e->u.finding_filed.party;
        *person = e->u.finding_filed.person;
    } else {
        *party = e->u.request.party;
        *person = e->u.request.person;
        return e->kind == ENTRY_REQUEST_ADMITTED ||
               e->kind == ENTRY_REQUEST_REFUSED;
    }
    return true;
}

static bool person_matches(const struct entry *e, const char *want)
{
    const char *slash = strchr(want, '/');
    const char *party, *person;

    if (!person_of(e, &party, &person))
        return false;
    if (person == NULL || party == NULL)
        return false;
    if (slash == NULL)
        return strcmp(person, want) == 0;
    return strlen(party) == (size_t)(slash - want) &&
           strncmp(party, want, strlen(party)) == 0 &&
           strcmp(person, slash + 1) == 0;
}

/* No name is longer; only certificates, signatures and sealed data are. */
#define LONG_TEXT 600

static bool is_time(const char *key)
{
    static const char *const keys[] = {"opens",           "closes",
                                       "deadline",        "wall",
                                       "cert_not_before", "cert_not_after"};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

/* Digits only, and long as a hash is: its beginning is enough for people. */
static bool is_hash(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static bool is_plain(const char *text)
{
    for (const char *s = text; *s != '\0'; s++)
        if (!isgraph((unsigned char)*s) || *s == '"' || *s == '\\')
            return false;
    return text[0] != '\0';
}

static void member_print(const struct json *j, uint32_t node)
{
    const struct json_node *v = &j->nodes[node];
    char key[64], text[LIMIT_ENTRY_BYTES], when[CLOCK_UTC_SIZE];
    int64_t number;

    if (json_text(j, v->name, key, sizeof key) != 0)
        return;
    if (v->type == JSON_NUMBER && is_time(key) &&
        json_int(j, node, &number) == 0) {
        clock_format_utc(number, when);
        printf(" %s=%s", key, when);
    } else if (v->type != JSON_STRING) {
        printf(" %s=%.*s", key, (int)(v->end - v->start), j->text + v->start);
    } else if (json_text(j, node, text, sizeof text) != 0) {
        printf(" %s=?", key);
    } else if (strlen(text) > LONG_TEXT) { /* base64 of what is for machines */
        printf(" %s=%.16s… (%zu characters)", key, is_plain(text) ? text : "?",
               strlen(text));
    } else if (is_hash(text)) {
        printf(" %s=%.12s…", key, text);
    } else {
        printf(" %s=%s", key, is_plain(text) ? text : log_quote(text));
    }
}

static int entry_print(const struct entry *e, const char *line, size_t length)
{
    static const char *const shown[] = {"n", "t", "kind"};
    struct json j = {0};
    char when[CLOCK_UTC_SIZE];
    int r = json_parse(&j, line, length, 2, 64);

    if (r != 0)
        return r;
    clock_format_utc(e->t, when);
    printf("%8" PRIu64 "  %s  %-18s", e->n, when, entry_kind_text(e->kind));
    for (uint32_t m = j.nodes[0].child; m != 0; m = j.nodes[m].next) {
        bool skip = false;
        for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
            skip = skip || json_equals(&j, j.nodes[m].name, shown[i]);
        if (!skip)
            member_print(&j, m);
    }
    putchar('\n');
    json_release(&j);
    return 0;
}

/* Another program's entry, or another version's: as text, escaped. */
static void raw_print(uint64_t n, const uint8_t *line, size_t length)
{
    printf("%8" PRIu64 "  %s\n", n, log_quote_bytes(line, length));
}

static int entry_show(const struct options *o, struct entry_reader *reader,
                      uint64_t n, const uint8_t *line, size_t length)
{
    struct entry e;
    int r = entry_decode(reader, (const char *)line, length, &e);

    if (r == SP_ENOMEM)
        return r;
    if ((o->kind != ENTRY_NONE && (r != 0 || e.kind != o->kind)) ||
        (o->person != NULL && (r != 0 || !person_matches(&e, o->person))))
        return 0;
    if (o->json && r == 0) /* decoded: one line without control bytes */
        printf("%.*s\n", (int)length, (const char *)line);
    else if (r == 0)
        return entry_print(&e, (const char *)line, length);
    else
        raw_print(n, line, length);
    return 0;
}

static int show_range(const struct options *o, struct ledger_view *v)
{
    uint64_t size = ledger_view_checkpoint(v)->size;
    uint64_t end = o->to < size ? o->to + 1 : size;
    struct entry_reader reader;
    uint64_t n = o->from;
    int r = 0;

    if (o->one && o->from >= size) {
        fprintf(stderr,
                "sallyport log show: no entry %" PRIu64
                ": the checkpoint has %" PRIu64 "\n",
                o->from, size);
        return EXIT_FAILS;
    }
    entry_reader_init(&reader);
    for (; r == 0 && n < end && !ferror(stdout); n++) {
        const uint8_t *line;
        size_t length;
        if ((r = ledger_view_entry(v, n, &line, &length)) == 0)
            r = entry_show(o, &reader, n, line, length);
    }
    entry_reader_release(&reader);
    if (r == 0)
        return EXIT_HOLDS;
    fprintf(stderr, "sallyport log show: entry %" PRIu64 ": %s\n", n - 1,
            sp_strerror(r));
    return EXIT_FAILS;
}

static int show(const struct options *o)
{
    struct ledger_view *v = NULL;
    struct log_source s;
    int status = log_source_open(o->dir, NULL, NULL, &s);

    if (status != EXIT_HOLDS)
        return status;
    if (!s.has_key)
        fputs("sallyport log show: the checkpoint's signature is not checked: "
              "no key here\n",
              stderr);
    status = log_view_open(&s, &v);
    if (status == EXIT_HOLDS)
        status = show_range(o, v);
    ledger_view_free(v);
    log_source_close(&s);
    return log_finish(status);
}

static bool option_take(struct options *o, int c)
{
    switch (c) {
    case 'a':
        return number_parse(optarg, &o->from);
    case 'b':
        return number_parse(optarg, &o->to);
    case 'k':
        o->kind = kind_parse(optarg);
        return o->kind != ENTRY_NONE;
    case 'p':
        o->person = optarg;
        return true;
    case 'j':
        o->json = true;
        return true;
    default:
        return false;
    }
}

int log_show(int argc, char **argv)
{
    static const struct option options[] = {
        {"from", required_argument, NULL, 'a'},
        {"to", required_argument, NULL, 'b'},
        {"kind", required_argument, NULL, 'k'},
        {"person", required_argument, NULL, 'p'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0}};
    struct options o = {.to = UINT64_MAX};
    bool good = true;

    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        good = good && option_take(&o, c);
    }
    int words = argc - optind;
    if (good && words == 2) { /* one entry, and then no range */
        o.one = o.from == 0 && o.to == UINT64_MAX &&
                number_parse(argv[optind + 1], &o.from);
        o.to = o.from;
        good = o.one;
    }
    if (!good || words < 1 || words > 2 || o.to < o.from) {
        fputs(usage, stderr);
        return EXIT_MISUSED;
    }
    o.dir = argv[optind];
    return show(&o);
}
