/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport ca issue, sign, renew: certificates for the people of the policy,
 * never for longer than their party's last window. The policy decides who can
 * be given one at all; a request is a stranger's and gives its key, no more.
 * Runs as the operator.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ca_announce.h"
#include "ctl/ca_parts.h"
#include "lib/clock.h"
#include "policy/party_end.h"

/* One order on its way. */
struct issue {
    const struct ca_options *o;
    struct ca_place place;
    struct authority_order order;
    struct request *request;
    struct ca_outputs out;
    bool with_key; /* a key is made */
    bool recorded; /* it is in the index, and --revoke-old has revoked */
};

/* --- who ----------------------------------------------------------------- */

/* Whether the policy lets this authority give that person a certificate. */
static int person_check(const struct issue *i, uint32_t *party)
{
    const struct ca_options *o = i->o;
    const struct policy *p = i->place.d.policy;
    const struct policy_person *person;
    char uri[256];
    int n = policy_find_party(p, o->party), k;

    if (n < 0)
        return ca_complain(EXIT_FAILS, "the policy has no party \"%s\"",
                           o->party);
    *party = (uint32_t)n;
    if (strcmp(p->parties[n].anchors, "ca") != 0)
        return ca_complain(EXIT_FAILS,
                           "party \"%s\" brings its own authority (anchors: "
                           "%s): expected anchors: ca",
                           o->party, p->parties[n].anchors);
    k = policy_find_person(p, *party, o->person);
    if (k < 0)
        return ca_complain(EXIT_FAILS, "party \"%s\" has no person \"%s\"",
                           o->party, o->person);
    person = &p->people[k];
    snprintf(uri, sizeof uri, "sallyport://%s/%s/%s",
             i->place.d.settings->deployment, o->party, o->person);
    if (person->san_uri == NULL || strcmp(person->san_uri, uri) != 0)
        return ca_complain(EXIT_FAILS,
                           "\"%s\" would not be recognised by the certificate: "
                           "expected san_uri: \"%s\" in the policy, not %s",
                           o->person, uri,
                           person->san_uri == NULL ? "another kind of match"
                                                   : person->san_uri);
    return EXIT_HOLDS;
}

/* An auditor has no window that would end: a year, which the authority's own
 * end makes shorter. */
#define AUDITOR_MS (365LL * 24 * 3600 * 1000)

static int window_check(struct issue *i, uint32_t party)
{
    const struct policy *p = i->place.d.policy;
    char text[CLOCK_UTC_SIZE];
    int64_t end = p->parties[party].kind == PARTY_AUDITOR
                      ? i->order.now + AUDITOR_MS
                      : policy_party_end(p, party);

    if (end == INT64_MIN)
        return ca_complain(EXIT_FAILS,
                           "party \"%s\" has no window in the policy: a "
                           "certificate ends with the last one, so there is "
                           "none to give",
                           p->parties[party].name);
    clock_format_utc(end, text);
    if (end <= i->order.now)
        return ca_complain(EXIT_FAILS,
                           "the last window of party \"%s\" ended at %s: "
                           "nothing is left to give a certificate for",
                           p->parties[party].name, text);
    i->order.not_after = end;
    return EXIT_HOLDS;
}

static int profile_take(struct issue *i)
{
    const char *name = i->o->profile;

    if (name == NULL)
        return EXIT_HOLDS;
    if (i->o->csr != NULL)
        return ca_complain(EXIT_MISUSED,
                           "--profile is for a key that is made here: the one "
                           "in --csr is what it is");
    i->order.profile = profile_find(name);
    if (i->order.profile != NULL && i->order.profile->made)
        return EXIT_HOLDS;
    return ca_complain(EXIT_MISUSED, "--profile %s: expected p256, p384 or rsa",
                       name);
}

/* Everything up to the authority itself. */
static int issue_begin(struct issue *i, const struct ca_options *o)
{
    uint32_t party = 0;
    int status;

    *i = (struct issue){.o = o};
    if (o->party == NULL || o->person == NULL)
        return ca_complain(EXIT_MISUSED,
                           "%s: expected --party PARTY and --person PERSON",
                           o->verb);
    if ((status = profile_take(i)) != EXIT_HOLDS ||
        (status = ca_place_find(o, true, &i->place)) != EXIT_HOLDS)
        return status;
    i->order.deployment = i->place.d.settings->deployment;
    i->order.party = o->party;
    i->order.person = o->person;
    i->order.now = clock_wall_ms();
    if ((status = person_check(i, &party)) != EXIT_HOLDS ||
        (status = window_check(i, party)) != EXIT_HOLDS || o->csr == NULL)
        return status;
    status = ca_read_request(o->csr, &i->request);
    i->order.request = i->request;
    return status;
}

static void issue_end(struct issue *i)
{
    request_free(i->request);
    ca_outputs_release(&i->out);
    ca_place_release(&i->place);
}

/* --- what ---------------------------------------------------------------- */

/* All that is asked and all that would be given, for who decides. */
static int summary_print(const struct issue *i, struct authority *a)
{
    char until[CLOCK_UTC_SIZE], problem[256];
    const struct profile *profile;
    int64_t end = 0;
    int r = authority_consider(a, &i->order, &end, &profile, problem);

    printf("The request %s:\n", i->o->csr);
    request_print(i->request, stdout);
    if (r != 0)
        return ca_complain(EXIT_FAILS, "%s: %s", i->o->csr, problem);
    clock_format_utc(end, until);
    printf("Issued for it:\n"
           "  person:          %s/%s\n"
           "  recognised by:   sallyport://%s/%s/%s\n"
           "  profile:         %s (%s), for clients\n"
           "  until:           %s\n",
           i->order.party, i->order.person, i->order.deployment, i->order.party,
           i->order.person, profile->name, profile->key, until);
    return EXIT_HOLDS;
}

/* The daemon knows of it before anybody has it. */
static int hand_out(const struct issue *i,
                    const struct authority_issued *issued)
{
    char until[CLOCK_UTC_SIZE];
    int status = authority_announce(i->place.d.settings);

    if (status == EXIT_HOLDS)
        status = ca_outputs_write(&i->out, issued);
    if (status != EXIT_HOLDS)
        return status;
    clock_format_utc(issued->record.not_after, until);
    printf("made  %s  serial %s, not valid after %s\n", i->out.cert,
           issued->record.serial, until);
    if (issued->key_pem != NULL)
        printf("made  %s  its key: for %s alone\n", i->out.key,
               i->order.person);
    return EXIT_HOLDS;
}

static int standard_find(struct issue *i, const char *suffix)
{
    char *standard = NULL;

    if (asprintf(&standard, "%s/people/%s/%s%s.crt", i->o->folder,
                 i->order.party, i->order.person, suffix) < 0)
        standard = NULL;
    return ca_outputs_find(i->o, standard, i->order.person, i->with_key,
                           &i->out);
}

/* Takes `a`: its lock must not be held while a daemon takes the index up. */
static int issue_run(struct issue *i, struct authority *a, bool renew)
{
    struct authority_issued issued = {0};
    char problem[256];
    int status, r;

    r = renew
            ? authority_renew(a, &i->order, i->o->revoke_old, &issued, problem)
            : authority_issue(a, &i->order, &issued, problem);
    authority_close(a);
    if (r != 0)
        return ca_complain(EXIT_FAILS, "%s%s%s",
                           i->o->csr != NULL ? i->o->csr : "",
                           i->o->csr != NULL ? ": " : "", problem);
    i->recorded = true;
    status = hand_out(i, &issued);
    authority_issued_free(&issued);
    return status;
}

int ca_run_issue(const struct ca_options *o)
{
    struct authority *a = NULL;
    struct issue i;
    int status = issue_begin(&i, o);

    i.with_key = o->csr == NULL;
    if (status == EXIT_HOLDS &&
        (status = standard_find(&i, "")) == EXIT_HOLDS &&
        (status = ca_open(o, &i.place, AUTHORITY_ISSUING, true, &a)) ==
            EXIT_HOLDS)
        status = issue_run(&i, a, false);
    issue_end(&i);
    return status;
}

/* Shown before anybody is asked for a passphrase. */
static int sign_show(struct issue *i)
{
    struct authority *a = NULL;
    int status = ca_open(i->o, &i->place, AUTHORITY_ISSUING, false, &a);

    if (status == EXIT_HOLDS)
        status = summary_print(i, a);
    authority_close(a);
    (void)fflush(stdout);
    return status;
}

int ca_run_sign(const struct ca_options *o)
{
    struct authority *a = NULL;
    struct issue i = {0};
    int status;

    if (o->csr == NULL)
        return ca_complain(EXIT_MISUSED, "sign: expected --csr FILE");
    status = issue_begin(&i, o);
    if (status == EXIT_HOLDS && !o->show)
        status = standard_find(&i, "");
    if (status == EXIT_HOLDS)
        status = sign_show(&i);
    if (status == EXIT_HOLDS && o->show)
        printf("Nothing was issued: without --show it is.\n");
    else if (status == EXIT_HOLDS &&
             (status = ca_open(o, &i.place, AUTHORITY_ISSUING, true, &a)) ==
                 EXIT_HOLDS)
        status = issue_run(&i, a, false);
    issue_end(&i);
    return status;
}

int ca_run_renew(const struct ca_options *o)
{
    char suffix[32], day[CLOCK_UTC_SIZE];
    struct authority *a = NULL;
    struct issue i;
    int status = issue_begin(&i, o), list;

    if (status == EXIT_HOLDS) {
        clock_format_utc(i.order.now, day);
        snprintf(suffix, sizeof suffix, "-%.10s", day);
        status = standard_find(&i, suffix);
    }
    if (status == EXIT_HOLDS &&
        (status = ca_open(o, &i.place, AUTHORITY_ISSUING, true, &a)) ==
            EXIT_HOLDS)
        status = issue_run(&i, a, true);
    if (i.recorded && o->revoke_old) {
        printf("the old ones are revoked (superseded); the list of it:\n");
        list = ca_revoked(o, &i.place, AUTHORITY_ISSUING);
        status = status == EXIT_HOLDS ? list : status;
    }
    issue_end(&i);
    return status;
}
