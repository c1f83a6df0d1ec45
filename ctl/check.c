/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport check: are the files right, and what do they allow, in plain
 * words for those who sign. Runs in the command, reads only.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/crypto.h"
#include "certs/tls_profile.h"
#include "ctl/approvals.h"
#include "ctl/check.h"
#include "ctl/overview.h"
#include "ctl/verbs.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "policy/agreement.h"
#include "policy/policy_print.h"
#include "policy/schemas.h"

static const char help[] =
    "usage: sallyport check DIR|FILE [--against FILE | --print]\n"
    "       sallyport check --reference policy|settings\n"
    "\n"
    "Checks a deployment's sallyport.yaml and policy.yaml (or one of them) "
    "and\n"
    "tells in plain words who may use what, from when to when, on which "
    "terms.\n"
    "Every problem is told as file:line:column: what is wrong: what is "
    "expected.\n"
    "Also says whether the policy has the signatures that it needs; missing "
    "ones are\n"
    "no error here (`sallyportd -n` is the check that wants them). TLS "
    "profiles "
    "are\n"
    "tried with this machine's OpenSSL.\n"
    "\n"
    "  --against FILE     tell what the policy changes against that one: what "
    "is refused\n"
    "                     that was not before, what is allowed, what is "
    "otherwise\n"
    "                     different\n"
    "  --print            print the policy, if it is right, in the one form "
    "that all\n"
    "                     policies of its meaning share: to compare two with "
    "diff.\n"
    "                     Signatures are of the file as it is, not of this "
    "form.\n"
    "  --reference NAME   print the reference of policy.yaml or "
    "sallyport.yaml\n"
    "\n"
    "Exit status: 0 all is right, 1 something is wrong, 2 wrong usage.\n";

static void people_print(const struct policy *p, uint32_t party)
{
    const char *comma = "";

    printf("    people: ");
    for (size_t i = 0; i < p->npeople; i++) {
        const struct policy_person *person = &p->people[i];

        if (person->party != party)
            continue;
        printf("%s%s", comma, person->name);
        if (person->kind == PERSON_SERVICE)
            printf(" (service of %s)", person->custodian);
        comma = ", ";
    }
    printf("\n");
}

static void policies_print(const struct policy_party *party, bool service)
{
    const char *before = service ? "; services under " : "; people under ";

    for (size_t i = 0; i < party->ncertificates; i++) {
        if (party->certificates[i].service != service)
            continue;
        printf("%s%s", before, party->certificates[i].oid);
        before = " or ";
    }
}

/* What a party's certificates must be, where the policy says more than whose
 * they are. */
static void certificates_print(const struct policy_party *party)
{
    if (party->ncertificates == 0 && !party->any_eku &&
        !party->has_anchors_sha256)
        return;
    printf("    certificates: of %s%s", party->anchors,
           party->has_anchors_sha256 ? ", the file as it was approved"
                                     : ", whatever the file has");
    policies_print(party, false);
    policies_print(party, true);
    if (party->any_eku)
        printf("; also those that do not say they are for clients");
    printf("\n");
}

static void window_print(const struct overview *d, uint32_t i, int64_t now)
{
    const struct policy *p = d->policy;
    const struct policy_window *w = &p->windows[i];
    char opens[CLOCK_UTC_SIZE], closes[CLOCK_UTC_SIZE], span[SPAN_SIZE];
    struct standing_window s;
    enum window_look look = overview_window(d, i, now, &s);
    int64_t used;

    clock_format_utc(w->opens, opens);
    clock_format_utc(s.closes, closes);
    printf("  %s (%s) may use %s\n", p->parties[w->party].name,
           party_kind_text(p->parties[w->party].kind),
           p->models[w->model].name);
    span_format(s.never ? 0 : s.closes - w->opens, span);
    printf("    from %.19sZ to %.19sZ (%s): %s", opens, closes, span,
           window_look_text(look));
    if (look == LOOK_OPEN) {
        span_format(s.closes - now, span);
        printf(", %s left", span);
    }
    printf("\n");
    if (d->standing != NULL) {
        used = s.first_opened == 0 ? 0 : now - s.first_opened;
        used = used < 0 ? 0 : used > LIMIT_ACCESS_MS ? LIMIT_ACCESS_MS : used;
        printf("    days used: %" PRId64 ".%" PRId64 " of 30\n",
               used / 86400000, used % 86400000 / 8640000);
    }
    people_print(p, w->party);
    certificates_print(&p->parties[w->party]);
    agreement_print_source(&p->parties[w->party], "    ", stdout);
    agreement_print_notify(w, "    ", stdout);
    printf("    terms: ");
    for (size_t k = 0; k < w->nterms; k++)
        printf("%s%s", k == 0 ? "" : ", ", p->terms[w->terms[k]].name);
    printf("\n");
}

static void settings_print(const struct overview *d)
{
    const struct settings *s = d->settings;

    printf("%s: right\n  deployment %s listens on ", d->settings_path,
           s->deployment);
    for (size_t i = 0; i < s->nlisteners; i++)
        printf("%s%s (%s%s)", i == 0 ? "" : ", ", s->listeners[i].address,
               s->listeners[i].profile,
               s->listeners[i].allow_test_pki ? ", test PKI" : "");
    printf(" with ");
    if (s->workers == 0)
        printf("a worker per core\n");
    else
        printf("%u worker%s\n", s->workers, s->workers == 1 ? "" : "s");
    if (s->notice_hook != NULL)
        printf("  notices are given to %s\n", s->notice_hook);
    if (s->notice_syslog != NULL)
        printf("  notices go to syslog at %s\n", s->notice_syslog);
}

static void model_print(const struct policy *p, size_t model)
{
    bool used = false;

    for (size_t i = 0; i < p->nwindows; i++)
        used = used || p->windows[i].model == model;
    if (!used)
        printf("  nobody may use %s\n", p->models[model].name);
    agreement_print_model(&p->models[model], "  ", stdout);
}

static void auditor_print(const struct policy *p, uint32_t party)
{
    const struct policy_party *a = &p->parties[party];

    printf("  auditors of %s read %s", a->name,
           a->nscope == 0 ? "all of the ledger" : "the entries of ");
    for (size_t i = 0; i < a->nscope; i++)
        printf("%s%s", i == 0 ? "" : ", ", p->parties[a->scope[i]].name);
    printf("\n");
    people_print(p, party);
}

void check_policy_print(const struct overview *d, int64_t now)
{
    const struct policy *p = d->policy;

    printf("%s: right\n  policy %u", d->policy_path, p->serial);
    if (p->developer != NULL)
        printf(" of %s", p->developer);
    printf(", %s, SHA-256 ", p->sequence == SEQUENCE_CONCURRENT
                                 ? "concurrent"
                                 : "government first");
    for (size_t i = 0; i < 32; i++)
        printf("%02x", p->sha256[i]);
    printf("\n");
    if (d->standing != NULL)
        printf("  the ledger has %" PRIu64 " published entries; this policy "
               "is %s\n",
               d->entries,
               d->in_force ? "in force" : "not in force yet, and may follow");
    if (p->has_findings)
        printf("  findings of up to %" PRId64 " bytes are taken\n",
               p->findings_max);
    for (uint32_t i = 0; i < p->nparties; i++)
        if (p->parties[i].kind == PARTY_AUDITOR)
            auditor_print(p, i);
    for (uint32_t i = 0; i < p->nwindows; i++)
        window_print(d, i, now);
    for (size_t i = 0; i < p->nterms; i++) {
        printf("  terms %s\n", p->terms[i].name);
        agreement_print_terms(p, &p->terms[i], "    ", stdout);
    }
    for (size_t m = 0; m < p->nmodels; m++)
        model_print(p, m);
}

static int reference_print(const char *name)
{
    if (strcmp(name, "policy") == 0)
        return policy_reference(stdout) == 0 ? EXIT_HOLDS : EXIT_FAILS;
    if (strcmp(name, "settings") == 0)
        return settings_reference(stdout) == 0 ? EXIT_HOLDS : EXIT_FAILS;
    fputs(help, stderr);
    return EXIT_MISUSED;
}

/* The file is read once more; if it changed meanwhile, it says so or prints
 * the new one. */
static int canonical_print(const struct overview *d)
{
    struct report report = {.out = stderr};
    uint8_t *text = NULL;
    size_t length;
    int r =
        file_read(AT_FDCWD, d->policy_path, LIMIT_POLICY_BYTES, &text, &length);

    if (r == 0)
        r = policy_print(d->policy_path, (const char *)text, length, stdout,
                         &report);
    if (r != 0 && r != SP_EINVAL)
        fprintf(stderr, "%s: %s\n", d->policy_path, sp_strerror(r));
    free(text);
    return r == 0 ? EXIT_HOLDS : EXIT_FAILS;
}

/* Whether the OpenSSL here can do what the listeners are to speak; that of the
 * machine where the daemon runs may be another one. */
static int profiles_check(const struct overview *d)
{
    char problem[256];
    int r = 0;

    if (crypto_start(d->settings->fips, problem) != 0) {
        fprintf(stderr, "%s: crypto.fips: %s\n", d->settings_path, problem);
        return SP_EUNSUPPORTED;
    }
    for (size_t i = 0; i < d->settings->nlisteners; i++) {
        const struct settings_listener *l = &d->settings->listeners[i];
        const struct tls_profile *p = tls_profile_find(l->profile);

        if (p == NULL || tls_profile_probe(p, problem) == 0)
            continue;
        fprintf(stderr, "%s: listener %s: %s\n", d->settings_path, l->address,
                problem);
        r = SP_EUNSUPPORTED;
    }
    return r;
}

static int tell(struct overview *d)
{
    if (overview_replay(d) != 0)
        return EXIT_FAILS;
    if (d->settings != NULL)
        settings_print(d);
    check_policy_print(d, clock_wall_ms());
    if (d->settings != NULL)
        approvals_print(d, stdout);
    return EXIT_HOLDS;
}

static int check(const char *path, const char *against, bool print)
{
    struct overview d = {0};
    int status = EXIT_FAILS;

    if (overview_load(path, &d) == 0) {
        if (print)
            status = canonical_print(&d);
        else if (against == NULL)
            status = d.settings != NULL && profiles_check(&d) != 0 ? EXIT_FAILS
                                                                   : tell(&d);
        else if (check_against(&d, against) == 0)
            status = EXIT_HOLDS;
    }
    overview_release(&d);
    return status;
}

int verb_check(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"against", required_argument, NULL, 'a'},
        {"print", no_argument, NULL, 'p'},
        {"reference", required_argument, NULL, 'r'},
        {NULL, 0, NULL, 0}};
    const char *against = NULL;
    bool print = false;
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return EXIT_HOLDS;
        }
        if (option == 'r')
            return reference_print(optarg);
        if (option == 'a')
            against = optarg;
        print = print || option == 'p';
        if (option == '?') {
            fputs(help, stderr);
            return EXIT_MISUSED;
        }
    }
    if (optind + 1 != argc || (print && against != NULL)) {
        fputs(help, stderr);
        return EXIT_MISUSED;
    }
    return check(argv[optind], against, print);
}
