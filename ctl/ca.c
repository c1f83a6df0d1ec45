/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport ca`: makes a deployment's authority and issues certificates to
 * the people of its policy, never for longer than their party's last window.
 * Runs as the operator; the policy decides who can be given one at all.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certs/authority.h"
#include "ctl/ca_bundle.h"
#include "ctl/deployment.h"
#include "ctl/verbs.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/limits.h"

#define CSR_MAX 65536

static const char usage[] =
    "usage: sallyport ca init DIR [--curve p256|p384] [--deployment ID]\n"
    "       sallyport ca issue DIR --party PARTY --person PERSON\n"
    "                          [--csr FILE] [--out FILE-or-FOLDER]\n"
    "       sallyport ca bundle DIR …\n"
    "\n"
    "init   makes an authority in DIR/ca (or where DIR/sallyport.yaml says).\n"
    "       --deployment is for a DIR without sallyport.yaml: an authority "
    "that\n"
    "       lives on a machine of its own.\n"
    "issue  gives a person of the policy a certificate that ends with their\n"
    "       party's last window, in DIR/people/PARTY/PERSON.crt and .key or "
    "where\n"
    "       --out says. With --csr the key stays with its owner: only a\n"
    "       certificate is made, for the key of that request.\n"
    "bundle packs a certificate with all that its person needs into one file "
    "to\n"
    "       send; `sallyport ca bundle --help` says more.\n"
    "\n"
    "Nothing is ever overwritten. Exit status: 0, 1 if it failed, 2 for wrong "
    "usage.\n";

static int complain(int status, const char *format, ...) SP_PRINTF(2, 3);

static int complain(int status, const char *format, ...)
{
    va_list list;

    fputs("sallyport ca: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    return status;
}

struct ca_options {
    const char *folder;
    const char *curve, *deployment;         /* init */
    const char *party, *person, *csr, *out; /* issue */
};

/* --- init ---------------------------------------------------------------- */

/* The folder of the authority's certificate, malloc'd. Its key and records
 * have fixed names beside it. */
static char *authority_folder(const struct settings *s)
{
    char *path = settings_path(s, s->authority);
    char *slash = path == NULL ? NULL : strrchr(path, '/');

    if (path == NULL)
        return NULL;
    if (strcmp(slash == NULL ? path : slash + 1, "ca.crt") != 0) {
        complain(EXIT_FAILS,
                 "sallyport.yaml: authority \"%s\": expected a file named "
                 "ca.crt: this authority is not one of ours",
                 s->authority);
        free(path);
        return NULL;
    }
    if (slash == NULL)
        strcpy(path, "."); /* "ca.crt" is longer */
    else
        *(slash == path ? slash + 1 : slash) = '\0';
    return path;
}

static int init_at(const char *folder, const char *deployment,
                   enum authority_curve curve)
{
    char problem[256];
    int r = authority_create(folder, deployment, curve, problem);

    if (r != 0)
        return complain(EXIT_FAILS, "%s: %s", folder, problem);
    printf("made  %s/ca.crt  the authority's certificate: give it to those "
           "who connect\n"
           "made  %s/ca.key  its key: keep it from everybody\n",
           folder, folder);
    return EXIT_HOLDS;
}

static bool settings_exist(const char *folder)
{
    char *path = path_join(folder, "sallyport.yaml");
    bool there = path != NULL && access(path, F_OK) == 0;

    free(path);
    return there;
}

static int run_init(const struct ca_options *o)
{
    enum authority_curve curve = AUTHORITY_P256;
    struct deployment d = {0};
    char *folder;
    int status;

    if (o->curve != NULL && strcmp(o->curve, "p384") == 0)
        curve = AUTHORITY_P384;
    else if (o->curve != NULL && strcmp(o->curve, "p256") != 0)
        return complain(EXIT_MISUSED, "--curve %s: expected p256 or p384",
                        o->curve);
    if (!settings_exist(o->folder)) {
        if (o->deployment == NULL)
            return complain(EXIT_FAILS,
                            "%s has no sallyport.yaml: expected a deployment, "
                            "or --deployment ID",
                            o->folder);
        folder = path_join(o->folder, "ca");
    } else if (o->deployment != NULL) {
        return complain(EXIT_MISUSED,
                        "--deployment: %s/sallyport.yaml says which "
                        "deployment it is: expected no option",
                        o->folder);
    } else {
        if (deployment_load(o->folder, false, stderr, &d) != 0)
            return EXIT_FAILS;
        folder = authority_folder(d.settings);
    }
    status = folder == NULL
                 ? EXIT_FAILS
                 : init_at(folder,
                           d.settings != NULL ? d.settings->deployment
                                              : o->deployment,
                           curve);
    free(folder);
    deployment_release(&d);
    return status;
}

/* --- issue --------------------------------------------------------------- */

/* When the pair's 30 days end at the latest, as far as the policy tells (P3).
 * The ledger may know of an earlier first opening; the keeper enforces that
 * whatever a certificate says. */
static int64_t pair_limit(const struct policy *p, uint32_t party,
                          uint32_t model)
{
    int64_t first = INT64_MAX;

    for (size_t i = 0; i < p->nwindows; i++) {
        const struct policy_window *w = &p->windows[i];

        if (w->party == party && w->model == model && w->opens < first)
            first = w->opens;
    }
    return first == INT64_MAX ? first : first + LIMIT_ACCESS_MS;
}

/* The end of the party's last window; INT64_MIN if it has none. */
static int64_t party_end(const struct policy *p, uint32_t party)
{
    int64_t end = INT64_MIN;

    for (size_t i = 0; i < p->nwindows; i++) {
        const struct policy_window *w = &p->windows[i];
        int64_t limit, closes = w->closes;

        if (w->party != party)
            continue;
        limit = pair_limit(p, party, w->model);
        if (closes > limit)
            closes = limit;
        if (closes > end)
            end = closes;
    }
    return end;
}

/* Whether the policy lets this authority give that person a certificate. */
static int person_check(const struct deployment *d, const struct ca_options *o,
                        uint32_t *party)
{
    const struct policy *p = d->policy;
    const struct policy_person *person;
    char uri[256];
    int i = policy_find_party(p, o->party), k;

    if (i < 0)
        return complain(EXIT_FAILS, "the policy has no party \"%s\"", o->party);
    *party = (uint32_t)i;
    if (strcmp(p->parties[i].anchors, "ca") != 0)
        return complain(EXIT_FAILS,
                        "party \"%s\" brings its own authority (anchors: %s): "
                        "expected anchors: ca",
                        o->party, p->parties[i].anchors);
    k = policy_find_person(p, *party, o->person);
    if (k < 0)
        return complain(EXIT_FAILS, "party \"%s\" has no person \"%s\"",
                        o->party, o->person);
    person = &p->people[k];
    snprintf(uri, sizeof uri, "sallyport://%s/%s/%s", d->settings->deployment,
             o->party, o->person);
    if (person->san_uri == NULL || strcmp(person->san_uri, uri) != 0)
        return complain(EXIT_FAILS,
                        "\"%s\" would not be recognised by the certificate: "
                        "expected san_uri: \"%s\" in the policy, not %s",
                        o->person, uri,
                        person->san_uri == NULL ? "another kind of match"
                                                : person->san_uri);
    return EXIT_HOLDS;
}

static int window_check(const struct policy *p, uint32_t party, int64_t now,
                        int64_t *end)
{
    char text[CLOCK_UTC_SIZE];

    *end = party_end(p, party);
    if (*end == INT64_MIN)
        return complain(EXIT_FAILS,
                        "party \"%s\" has no window in the policy: a "
                        "certificate ends with the last one, so there is none "
                        "to give",
                        p->parties[party].name);
    clock_format_utc(*end, text);
    if (*end <= now)
        return complain(EXIT_FAILS,
                        "the last window of party \"%s\" ended at %s: nothing "
                        "is left to give a certificate for",
                        p->parties[party].name, text);
    return EXIT_HOLDS;
}

/* Where the certificate and the key go; both malloc'd. */
struct outputs {
    char *cert, *key;
};

static void outputs_release(struct outputs *o)
{
    free(o->cert);
    free(o->key);
}

static bool is_folder(const char *path)
{
    struct stat st;

    return path[strlen(path) - 1] == '/' ||
           (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

static int outputs_name(const struct ca_options *o, struct outputs *out)
{
    size_t stem;
    int r;

    if (o->out == NULL)
        r = asprintf(&out->cert, "%s/people/%s/%s.crt", o->folder, o->party,
                     o->person);
    else if (is_folder(o->out))
        r = asprintf(&out->cert, "%s/%s.crt", o->out, o->person);
    else
        r = asprintf(&out->cert, "%s", o->out);
    if (r < 0) {
        out->cert = NULL;
        return SP_ENOMEM;
    }
    stem = strlen(out->cert);
    if (stem > 4 && strcmp(out->cert + stem - 4, ".crt") == 0)
        stem -= 4;
    if (asprintf(&out->key, "%.*s.key", (int)stem, out->cert) < 0) {
        out->key = NULL;
        return SP_ENOMEM;
    }
    return 0;
}

/* Asked before anything is issued, so that no certificate is made in vain. */
static int outputs_check(const struct outputs *o, bool with_key)
{
    const char *const paths[] = {o->cert, with_key ? o->key : NULL};
    struct stat st;

    for (size_t i = 0; i < 2; i++) {
        if (paths[i] != NULL && lstat(paths[i], &st) == 0)
            return complain(EXIT_FAILS,
                            "%s exists and is not overwritten: move it away "
                            "or name another with --out",
                            paths[i]);
    }
    return EXIT_HOLDS;
}

static int folder_of_make(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder;
    int r;

    if (slash == NULL || slash == path)
        return 0;
    folder = strndup(path, (size_t)(slash - path));
    if (folder == NULL)
        return SP_ENOMEM;
    r = file_make_folders(AT_FDCWD, folder, 0700);
    free(folder);
    return r;
}

/* The key first: a certificate without its key is of no use to anybody. */
static int outputs_write(const struct outputs *o,
                         const struct authority_issued *issued)
{
    const char *failed = o->cert;
    int r = folder_of_make(o->cert);

    if (r == 0 && issued->key_pem != NULL) {
        r = file_create(AT_FDCWD, o->key, 0600, issued->key_pem,
                        strlen(issued->key_pem));
        if (r != 0)
            failed = o->key;
    }
    if (r == 0) {
        r = file_create(AT_FDCWD, o->cert, 0644, issued->cert_pem,
                        strlen(issued->cert_pem));
        if (r != 0 && issued->key_pem != NULL)
            (void)unlink(o->key);
    }
    if (r != 0)
        return complain(EXIT_FAILS,
                        "%s: %s (the certificate stays on record in the "
                        "authority's issued/)",
                        failed, sp_strerror(r));
    return EXIT_HOLDS;
}

static int issue_to(const struct deployment *d, const struct ca_options *o,
                    const struct outputs *out, int64_t end)
{
    struct authority_issued issued = {0};
    char problem[256], until[CLOCK_UTC_SIZE];
    char *folder = authority_folder(d->settings);
    uint8_t *csr = NULL;
    size_t length = 0;
    int status = EXIT_FAILS, r = 0;

    if (folder == NULL)
        return EXIT_FAILS;
    if (o->csr != NULL &&
        (r = file_read(AT_FDCWD, o->csr, CSR_MAX, &csr, &length)) != 0) {
        complain(EXIT_FAILS, "%s: %s", o->csr, sp_strerror(r));
        goto out;
    }
    r = authority_issue_client(folder, d->settings->deployment, o->party,
                               o->person, clock_wall_ms(), end, csr, length,
                               &issued, problem);
    if (r != 0) {
        complain(EXIT_FAILS, "%s", problem);
        goto out;
    }
    status = outputs_write(out, &issued);
    if (status != EXIT_HOLDS)
        goto out;
    clock_format_utc(end / 1000 * 1000, until);
    printf("made  %s  not valid after %s\n", out->cert, until);
    if (issued.key_pem != NULL)
        printf("made  %s  its key: for %s alone\n", out->key, o->person);
out:
    authority_issued_free(&issued);
    free(csr);
    free(folder);
    return status;
}

static int run_issue(const struct ca_options *o)
{
    struct outputs out = {0};
    struct deployment d;
    uint32_t party = 0;
    int64_t end = 0;
    int status;

    if (o->party == NULL || o->person == NULL)
        return complain(EXIT_MISUSED,
                        "issue: expected --party PARTY and --person PERSON");
    if (o->out != NULL && o->out[0] == '\0')
        return complain(EXIT_MISUSED, "--out: expected a file or a folder");
    if (deployment_load(o->folder, true, stderr, &d) != 0)
        return EXIT_FAILS;
    if ((status = person_check(&d, o, &party)) == EXIT_HOLDS &&
        (status = window_check(d.policy, party, clock_wall_ms(), &end)) ==
            EXIT_HOLDS) {
        if (outputs_name(o, &out) != 0)
            status = complain(EXIT_FAILS, "%s", sp_strerror(SP_ENOMEM));
        else
            status = outputs_check(&out, o->csr == NULL);
    }
    if (status == EXIT_HOLDS)
        status = issue_to(&d, o, &out, end);
    outputs_release(&out);
    deployment_release(&d);
    return status;
}

/* --- the verb ------------------------------------------------------------ */

enum {
    OPT_HELP = 1,
    OPT_CURVE,
    OPT_DEPLOYMENT,
    OPT_PARTY,
    OPT_PERSON,
    OPT_CSR,
    OPT_OUT
};

static const struct option init_options[] = {
    {"help", no_argument, NULL, OPT_HELP},
    {"curve", required_argument, NULL, OPT_CURVE},
    {"deployment", required_argument, NULL, OPT_DEPLOYMENT},
    {NULL, 0, NULL, 0},
};

static const struct option issue_options[] = {
    {"help", no_argument, NULL, OPT_HELP},
    {"party", required_argument, NULL, OPT_PARTY},
    {"person", required_argument, NULL, OPT_PERSON},
    {"csr", required_argument, NULL, OPT_CSR},
    {"out", required_argument, NULL, OPT_OUT},
    {NULL, 0, NULL, 0},
};

struct ca_verb {
    const char *name;
    const struct option *options;
    int (*run)(const struct ca_options *o);
};

static const struct ca_verb ca_verbs[] = {
    {"init", init_options, run_init},
    {"issue", issue_options, run_issue},
};

static const char **option_slot(struct ca_options *o, int option)
{
    const char **const slots[] = {
        [OPT_CURVE] = &o->curve, [OPT_DEPLOYMENT] = &o->deployment,
        [OPT_PARTY] = &o->party, [OPT_PERSON] = &o->person,
        [OPT_CSR] = &o->csr,     [OPT_OUT] = &o->out,
    };

    return slots[option];
}

static int ca_run(const struct ca_verb *verb, int argc, char **argv)
{
    struct ca_options o = {0};
    int option;

    optind = 0; /* GNU: start anew, whoever parsed before */
    while ((option = getopt_long(argc, argv, "", verb->options, NULL)) != -1) {
        if (option == '?')
            return EXIT_MISUSED;
        if (option == OPT_HELP) {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        *option_slot(&o, option) = optarg;
    }
    if (argc - optind != 1 || argv[optind][0] == '\0')
        return complain(EXIT_MISUSED, "%s: expected one folder, the deployment",
                        verb->name);
    o.folder = argv[optind];
    return verb->run(&o);
}

int verb_ca(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return EXIT_HOLDS;
    }
    if (argc > 1 && strcmp(argv[1], "bundle") == 0)
        return ca_bundle(argc - 1, argv + 1);
    for (size_t i = 0; argc > 1 && i < sizeof ca_verbs / sizeof ca_verbs[0];
         i++) {
        if (strcmp(argv[1], ca_verbs[i].name) == 0)
            return ca_run(&ca_verbs[i], argc - 1, argv + 1);
    }
    fputs(usage, stderr);
    return EXIT_MISUSED;
}
