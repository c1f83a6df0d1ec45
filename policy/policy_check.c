/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules between the elements of a policy: thirty days (P3), the sequence,
 * overlaps, who could be taken for whom, what matches nothing. Runs as the
 * second half of policy_parse(); elements may be unfinished where the first
 * half found errors.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/table.h"
#include "policy/policy_build.h"

/* One error at a person's own member `key`. */
static void person_error(struct policy_build *b, size_t person, const char *key,
                         const char *wrong, const char *expected)
{
    const struct node *n = node_member(b->people[person], key);

    document_error(b->d, b->report, n == NULL ? b->people[person] : n,
                   "%s: expected %s", wrong, expected);
}

/* RFC 3986: a scheme, "://", and only characters that a URI may have. */
static bool uri_is_good(const char *uri)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    static const char more[] = "abcdefghijklmnopqrstuvwxyz0123456789+.-";
    size_t scheme = strspn(uri, more);

    if (strchr(letters, uri[0]) == NULL || uri[0] == 0 ||
        strncmp(uri + scheme, "://", 3) != 0 || uri[scheme + 3] == 0 ||
        uri[scheme + 3] == '/')
        return false;
    for (const char *p = uri; *p != 0; p++)
        if (*p <= 0x20 || *p >= 0x7f || strchr("\"<>\\^`{|}#", *p) != NULL)
            return false;
    return true;
}

/* "SUBJECT | ISSUER", both with something like NAME=VALUE. */
static bool names_are_good(const char *text)
{
    const char *bar = strstr(text, " | ");

    return bar != NULL && strstr(bar + 3, " | ") == NULL &&
           memchr(text, '=', (size_t)(bar - text)) != NULL &&
           strchr(bar + 3, '=') != NULL;
}

static void custodian_check(struct policy_build *b, size_t i)
{
    const struct policy_person *person = &b->p->people[i];
    int custodian;

    if (person->kind == PERSON_HUMAN) {
        if (person->custodian != NULL)
            person_error(b, i, "custodian", "a human with a custodian",
                         "it for services only");
        return;
    }
    if (person->custodian == NULL) {
        if (node_member(b->people[i], "custodian") == NULL)
            person_error(b, i, "kind", "a service without a custodian",
                         "\"custodian\" beside it");
        return;
    }
    custodian = policy_find_person(b->p, person->party, person->custodian);
    if (custodian < 0 || b->p->people[custodian].kind != PERSON_HUMAN)
        person_error(b, i, "custodian",
                     "the custodian is not a human of this party",
                     "a name of \"people\" with kind human");
}

/* Two people that one certificate could match. Keys and URIs are told apart
 * over all parties, for several may use one authority; names within a party,
 * for its own anchors say whose names they are. */
static void match_check(struct policy_build *b, size_t i)
{
    const struct policy_person *a = &b->p->people[i];

    if (report_is_full(b->report)) { /* not printed, but it must count */
        person_error(b, i, "san_uri", "another person has the same match",
                     "one that is nobody else's");
        return;
    }
    for (size_t k = 0; k < i && !report_is_full(b->report); k++) {
        const struct policy_person *o = &b->p->people[k];

        if (a->san_uri != NULL && o->san_uri != NULL &&
            strcmp(a->san_uri, o->san_uri) == 0)
            person_error(b, i, "san_uri", "another person has this URI",
                         "one that is nobody else's");
        if (a->spki_sha256 != NULL && o->spki_sha256 != NULL &&
            memcmp(a->spki_sha256, o->spki_sha256, 32) == 0)
            person_error(b, i, "spki_sha256", "another person has this key",
                         "one that is nobody else's");
        if (a->party == o->party && a->issuer_subject != NULL &&
            o->issuer_subject != NULL &&
            strcmp(a->issuer_subject, o->issuer_subject) == 0)
            person_error(b, i, "issuer_subject",
                         "another person of this party has these names",
                         "ones that are nobody else's");
    }
}

/* Adds one way to recognise a person; true if it was there before. */
static bool match_add(struct policy_build *b, struct table *seen, char kind,
                      uint32_t party, const void *match, size_t length)
{
    uint8_t key[2048];
    bool before;

    if (match == NULL)
        return false;
    if (length > sizeof key - 5)
        return true; /* longer than any match may be: compare in full */
    key[0] = (uint8_t)kind;
    memcpy(key + 1, &party, sizeof party);
    memcpy(key + 5, match, length);
    before = table_get(seen, key, length + 5) != TABLE_NONE;
    if (!before && table_put(seen, key, length + 5, 0) != 0)
        b->no_memory = true;
    return before;
}

static size_t text_length(const char *text)
{
    return text == NULL ? 0 : strlen(text);
}

/* Whether somebody before has the same; who it is, match_check() finds. */
static bool match_is_taken(struct policy_build *b, struct table *seen, size_t i)
{
    const struct policy_person *a = &b->p->people[i];
    bool uri = match_add(b, seen, 'u', 0, a->san_uri, text_length(a->san_uri));
    bool key = match_add(b, seen, 'k', 0, a->spki_sha256, 32);
    bool names = match_add(b, seen, 'n', a->party, a->issuer_subject,
                           text_length(a->issuer_subject));

    return uri || key || names;
}

static void people_check(struct policy_build *b)
{
    struct table seen = {0};

    for (size_t i = 0; i < b->p->npeople && !b->no_memory; i++) {
        const struct policy_person *person = &b->p->people[i];

        custodian_check(b, i);
        if (match_is_taken(b, &seen, i))
            match_check(b, i);
        else if (match_could_be_taken(b, &seen, i))
            match_is_ambiguous(b, i);
        match_check_text(b, i);
        if (person->san_uri != NULL && !uri_is_good(person->san_uri))
            person_error(b, i, "san_uri", "bad URI",
                         "a URI such as sallyport://DEPLOYMENT/PARTY/PERSON");
        if (person->issuer_subject != NULL &&
            !names_are_good(person->issuer_subject))
            person_error(b, i, "issuer_subject", "bad names",
                         "\"SUBJECT | ISSUER\", such as "
                         "\"CN=Ann,O=Lab | CN=Lab CA\"");
    }
    table_release(&seen);
}

/* Uses in two terms would leave open which budget they are charged to. */
static void window_uses_check(struct policy_build *b, size_t i)
{
    const struct policy_window *w = &b->p->windows[i];
    const struct node *list = node_member(b->windows[i], "terms");
    uint32_t seen = 0;

    if (w->id == NULL || list == NULL || list->count != w->nterms)
        return;
    for (size_t k = 0; k < w->nterms; k++) {
        const struct policy_terms *t = &b->p->terms[w->terms[k]];
        uint32_t both = seen & t->uses;
        uint32_t offered = b->p->models[w->model].apis | 1u << ROUTE_MODELS |
                           1u << ROUTE_MODEL;

        if (both != 0)
            document_error(
                b->d, b->report, list->items[k],
                "use \"%s\" is in two terms of the window: expected in one",
                route_info((enum route)__builtin_ctz(both))->name);
        else if ((t->uses & offered) == 0)
            document_error(b->d, b->report, list->items[k],
                           "terms \"%s\" have no use that model \"%s\" "
                           "offers: expected one of its \"apis\"",
                           t->name, b->p->models[w->model].name);
        seen |= t->uses;
    }
}

/* Windows of one pair against the earlier ones (they are sorted by opens):
 * no overlap, and no end past 30 days from the pair's first opening (P3). */
static void pair_check(struct policy_build *b, size_t i)
{
    const struct policy_window *w = &b->p->windows[i], *first = NULL;

    for (size_t k = 0; k < i; k++) {
        const struct policy_window *o = &b->p->windows[k];

        if (o->id == NULL || o->party != w->party || o->model != w->model)
            continue;
        if (first == NULL)
            first = o;
        if (o->closes > w->opens) {
            document_error(b->d, b->report, node_member(b->windows[i], "opens"),
                           "the window overlaps another one of \"%s\" and "
                           "\"%s\": expected a time at or after its end",
                           b->p->parties[w->party].name,
                           b->p->models[w->model].name);
            return;
        }
    }
    if (first != NULL && w->closes - first->opens > LIMIT_ACCESS_MS)
        document_error(b->d, b->report, node_member(b->windows[i], "opens"),
                       "the window ends more than 30 days after the first one "
                       "of \"%s\" and \"%s\" opens: expected an end within "
                       "these 30 days",
                       b->p->parties[w->party].name,
                       b->p->models[w->model].name);
}

static void sequence_check(struct policy_build *b, size_t i)
{
    const struct policy_window *w = &b->p->windows[i];

    if (b->p->sequence != SEQUENCE_GOVERNMENT_FIRST ||
        !party_kind_waits(b->p->parties[w->party].kind))
        return;
    for (size_t k = 0; k < b->p->nwindows; k++) {
        const struct policy_window *o = &b->p->windows[k];

        if (o->id == NULL || o->model != w->model ||
            b->p->parties[o->party].kind != PARTY_GOVERNMENT ||
            o->closes <= w->opens)
            continue;
        document_error(b->d, b->report, node_member(b->windows[i], "opens"),
                       "the window of \"%s\" opens before the government "
                       "window \"%s\" has ended: expected a time at or after "
                       "its end, or sequence: concurrent",
                       b->p->parties[w->party].name, o->id);
        return;
    }
}

/* Said so in the file: a kind that could not be read is none. */
static bool party_is_auditor(const struct policy_build *b, uint32_t party)
{
    const struct node *kind = node_member(b->parties->items[party], "kind");

    return kind != NULL && !kind->bad && kind->number == PARTY_AUDITOR;
}

/* What nobody could open again is not sealed. */
static void window_seals_check(struct policy_build *b, size_t i)
{
    const struct policy_window *w = &b->p->windows[i];
    const struct node *list = node_member(b->windows[i], "terms");

    if (list == NULL || list->count != w->nterms ||
        node_member(b->parties->items[w->party], "sealing_key") != NULL)
        return;
    for (size_t k = 0; k < w->nterms; k++) {
        const struct policy_terms *t = &b->p->terms[w->terms[k]];

        if (t->transcripts == TRANSCRIPTS_SEALED)
            document_error(b->d, b->report, list->items[k],
                           "terms \"%s\" seal transcripts, and party \"%s\" "
                           "has no key for that: expected a \"sealing_key\" "
                           "of the party",
                           t->name, b->p->parties[w->party].name);
    }
}

static void windows_check(struct policy_build *b)
{
    for (size_t i = 0; i < b->p->nwindows; i++) {
        const struct policy_window *w = &b->p->windows[i];

        window_uses_check(b, i);
        if (w->id == NULL)
            continue;
        if (party_is_auditor(b, w->party))
            document_error(b->d, b->report, node_member(b->windows[i], "party"),
                           "\"%s\" is an auditor: expected a party of another "
                           "kind, auditors use no model",
                           b->p->parties[w->party].name);
        window_seals_check(b, i);
        pair_check(b, i);
        sequence_check(b, i);
    }
}

/* Windows that are wrong elsewhere use terms too; one that names terms which
 * could not be found may have meant these. */
static bool terms_are_used(const struct policy_build *b, size_t terms)
{
    for (size_t i = 0; i < b->p->nwindows; i++) {
        const struct policy_window *w = &b->p->windows[i];
        const struct node *list = node_member(b->windows[i], "terms");

        if (list == NULL || list->count == 0 || list->count != w->nterms)
            return true;
        for (size_t k = 0; k < w->nterms; k++)
            if (w->terms[k] == terms)
                return true;
    }
    for (size_t i = 0; i < b->p->nterms; i++) {
        const struct node *n = node_member(b->terms->items[i], "extends");

        if (n != NULL && !n->bad &&
            strcmp(n->text, b->p->terms[terms].name) == 0)
            return true;
    }
    return false;
}

/* Terms that are wrong elsewhere may have meant this one. */
static bool document_is_used(const struct policy_build *b, size_t document)
{
    for (size_t i = 0; i < b->p->nterms; i++) {
        const struct node *nda = node_member(b->terms->items[i], "nda");

        if (b->p->terms[i].nda == document ||
            (nda != NULL && b->p->terms[i].nda == POLICY_NO_DOCUMENT))
            return true;
    }
    return false;
}

static size_t party_tripwires(const struct policy *p, uint32_t party,
                              const struct policy_tripwire **list)
{
    uint64_t seen = 0; /* terms; there are at most 64 */
    size_t n = 0;

    _Static_assert(LIMIT_POLICY_TERMS <= 64, "a bit each");
    for (size_t i = 0; i < p->nwindows; i++)
        for (size_t k = 0; p->windows[i].party == party &&
                           p->windows[i].id != NULL && k < p->windows[i].nterms;
             k++) {
            uint32_t terms = p->windows[i].terms[k];

            for (size_t w = 0;
                 (seen >> terms & 1) == 0 && w < p->terms[terms].ntripwires;
                 w++, n++)
                if (list != NULL)
                    list[n] = &p->terms[terms].tripwires[w];
            seen |= UINT64_C(1) << terms;
        }
    return n;
}

/* Those of all terms that a party is under, for one look at each request. */
static void tripwires_gather(struct policy_build *b)
{
    for (uint32_t i = 0; i < b->p->nparties && !b->no_memory; i++) {
        struct policy_party *party = &b->p->parties[i];
        size_t n = party_tripwires(b->p, i, NULL);

        if (n == 0)
            continue;
        party->tripwires = build_array(b, n, sizeof(*party->tripwires));
        if (party->tripwires != NULL)
            party->ntripwires = party_tripwires(b->p, i, party->tripwires);
    }
}

void policy_check(struct policy_build *b)
{
    people_check(b);
    windows_check(b);
    tripwires_gather(b);
    for (size_t i = 0; i < b->p->nterms; i++)
        if (!terms_are_used(b, i))
            document_error_key(b->d, b->report, b->terms->items[i],
                               "no window uses terms \"%s\": expected a "
                               "window with them, or none",
                               b->p->terms[i].name);
    for (size_t i = 0; i < b->p->ndocuments; i++)
        if (!document_is_used(b, i))
            document_error_key(b->d, b->report, b->documents->items[i],
                               "no terms have document \"%s\" as their nda: "
                               "expected terms with it, or none",
                               b->p->documents[i].name);
}
