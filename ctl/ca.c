/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport ca`: the deployment's own authority (docs/authority.md). The verbs
 * are one file each; here are their options. Runs as the operator.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ca_bundle.h"
#include "ctl/ca_parts.h"

static const char usage[] =
    "usage: sallyport ca init DIR [--curve p256|p384] [--deployment ID] "
    "[--days N]\n"
    "                    [--root-days N] [--key URI] [--root-key URI]\n"
    "       sallyport ca init --offline DIR --deployment ID [--curve "
    "p256|p384]\n"
    "                    [--root-days N] [--root-key URI]\n"
    "       sallyport ca request DIR [--curve p256|p384] [--key URI]\n"
    "                    [--deployment ID]\n"
    "       sallyport ca sign-intermediate DIR --csr FILE [--show] [--days N]\n"
    "                    [--out FILE]\n"
    "       sallyport ca install DIR FILE [--deployment ID]\n"
    "       sallyport ca issue DIR --party PARTY --person PERSON\n"
    "                    [--profile p256|p384|rsa | --csr FILE] [--out PLACE]\n"
    "       sallyport ca sign DIR --csr FILE --party PARTY --person PERSON\n"
    "                    [--show] [--out PLACE]\n"
    "       sallyport ca renew DIR --party PARTY --person PERSON [--csr FILE]\n"
    "                    [--revoke-old] [--out PLACE]\n"
    "       sallyport ca server DIR --name NAME [--name NAME]... [--days N]\n"
    "                    [--profile p256|p384|rsa | --csr FILE] [--out PLACE]\n"
    "                    [--deployment ID]\n"
    "       sallyport ca revoke DIR (--serial HEX | --cert FILE |\n"
    "                    --party PARTY --person PERSON) --reason REASON "
    "[--root]\n"
    "       sallyport ca list DIR [--json] [--root]\n"
    "       sallyport ca crl DIR [--days N] [--root]\n"
    "       sallyport ca passphrase DIR [--root]\n"
    "                    [--new-passphrase-file FILE | --no-passphrase]\n"
    "       sallyport ca bundle ...\n"
    "\n"
    "Making an authority, in DIR/ca (or where DIR/sallyport.yaml says):\n"
    "\n"
    "  init        makes a root, valid ten years, and the issuing authority "
    "below\n"
    "              it, valid two. With --offline the root alone, on a machine "
    "that\n"
    "              is connected to nothing, encrypted with a passphrase\n"
    "  request     on the machine that will issue: makes its key, and the "
    "request\n"
    "              DIR/ca/issuing.csr\n"
    "  sign-intermediate\n"
    "              on the root's machine: shows that request, and makes\n"
    "              DIR/issuing.pem for it; with --show it only shows\n"
    "  install     back on the machine that issues: takes that file up\n"
    "  passphrase  encrypts the issuing authority's key (with --root the "
    "root's),\n"
    "              changes its passphrase or takes it away\n"
    "\n"
    "Certificates for people end with the last window of their party. They are "
    "put\n"
    "into DIR/people/PARTY/PERSON.crt and .key, or where --out says:\n"
    "\n"
    "  issue       for a person of the policy. With --csr the key stays with "
    "its\n"
    "              owner\n"
    "  sign        for a request, which is shown first: names asked, key,\n"
    "              fingerprint to compare by voice, what is issued and until "
    "when.\n"
    "              With --show nothing is issued\n"
    "  renew       another one for the same key, or the request's. The old "
    "ones are\n"
    "              good until their end, unless --revoke-old\n"
    "  server      for the gate itself\n"
    "  bundle      packs a certificate with all that its person needs into one "
    "file\n"
    "              to send; `sallyport ca bundle --help` says more\n"
    "\n"
    "Taking back:\n"
    "\n"
    "  revoke      for good, and makes a list of it unless its key needs a\n"
    "              passphrase that is not given\n"
    "  list        all that was issued, and whether it is good\n"
    "  crl         makes a list of what is revoked, DIR/ca/ca.crl and "
    "ca.crl.pem,\n"
    "              good for a day. With --root: the root's, of issuing "
    "authorities,\n"
    "              90 days\n"
    "\n"
    "Options:\n"
    "\n"
    "  --out PLACE        a file, or a folder that is there\n"
    "  --name NAME        a DNS name or an address of the gate; may be "
    "repeated\n"
    "  --deployment ID    for a DIR without sallyport.yaml\n"
    "  --key URI, --root-key URI\n"
    "                     keys on tokens: \"pkcs11:token=...;object=...\"\n"
    "  --reason REASON    keyCompromise, affiliationChanged, superseded,\n"
    "                     cessationOfOperation, privilegeWithdrawn or "
    "unspecified;\n"
    "                     with --root cACompromise, too\n"
    "  --passphrase-file FILE\n"
    "                     has the passphrase of an encrypted key, or a token's "
    "PIN,\n"
    "                     on its first line (\"-\": the next line of the "
    "standard\n"
    "                     input); else the terminal is asked\n"
    "  --passphrase, --no-passphrase\n"
    "                     where keys are made: ask for one, or do without\n"
    "\n"
    "Nothing is ever overwritten. Exit status: 0, 1 if it failed, 2 for wrong "
    "usage.\n";

/* --- options ------------------------------------------------------------- */

enum {
    OPT_HELP = 1,
    OPT_NAME,
    OPT_CERT,
    OPT_CSR,
    OPT_DAYS,
    OPT_DEPLOYMENT,
    OPT_KEY,
    OPT_NEW_PASSPHRASE_FILE,
    OPT_OUT,
    OPT_PARTY,
    OPT_PASSPHRASE_FILE,
    OPT_PERSON,
    OPT_PROFILE,
    OPT_REASON,
    OPT_ROOT_DAYS,
    OPT_ROOT_KEY,
    OPT_SERIAL,
    /* Without a value. */
    OPT_JSON,
    OPT_NO_PASSPHRASE,
    OPT_OFFLINE,
    OPT_PASSPHRASE,
    OPT_REVOKE_OLD,
    OPT_ROOT,
    OPT_SHOW
};

static const struct option all_options[] = {
    {"help", no_argument, NULL, OPT_HELP},
    {"name", required_argument, NULL, OPT_NAME},
    {"cert", required_argument, NULL, OPT_CERT},
    {"csr", required_argument, NULL, OPT_CSR},
    {"curve", required_argument, NULL, OPT_PROFILE},
    {"days", required_argument, NULL, OPT_DAYS},
    {"deployment", required_argument, NULL, OPT_DEPLOYMENT},
    {"json", no_argument, NULL, OPT_JSON},
    {"key", required_argument, NULL, OPT_KEY},
    {"new-passphrase-file", required_argument, NULL, OPT_NEW_PASSPHRASE_FILE},
    {"no-passphrase", no_argument, NULL, OPT_NO_PASSPHRASE},
    {"offline", no_argument, NULL, OPT_OFFLINE},
    {"out", required_argument, NULL, OPT_OUT},
    {"party", required_argument, NULL, OPT_PARTY},
    {"passphrase", no_argument, NULL, OPT_PASSPHRASE},
    {"passphrase-file", required_argument, NULL, OPT_PASSPHRASE_FILE},
    {"person", required_argument, NULL, OPT_PERSON},
    {"profile", required_argument, NULL, OPT_PROFILE},
    {"reason", required_argument, NULL, OPT_REASON},
    {"revoke-old", no_argument, NULL, OPT_REVOKE_OLD},
    {"root", no_argument, NULL, OPT_ROOT},
    {"root-days", required_argument, NULL, OPT_ROOT_DAYS},
    {"root-key", required_argument, NULL, OPT_ROOT_KEY},
    {"serial", required_argument, NULL, OPT_SERIAL},
    {"show", no_argument, NULL, OPT_SHOW},
    {NULL, 0, NULL, 0},
};

#define ALLOW(option) (1u << (option))
#define UNLOCKS       ALLOW(OPT_PASSPHRASE_FILE)
#define MAKES                                                                  \
    (UNLOCKS | ALLOW(OPT_PASSPHRASE) | ALLOW(OPT_NO_PASSPHRASE) |              \
     ALLOW(OPT_DEPLOYMENT) | ALLOW(OPT_PROFILE) | ALLOW(OPT_KEY))
#define PERSON                                                                 \
    (UNLOCKS | ALLOW(OPT_PARTY) | ALLOW(OPT_PERSON) | ALLOW(OPT_CSR) |         \
     ALLOW(OPT_OUT))

static const struct ca_verb {
    const char *name;
    unsigned allowed;
    int arguments; /* DIR, and perhaps a file */
    int (*run)(const struct ca_options *o);
} ca_verbs[] = {
    {"init",
     MAKES | ALLOW(OPT_OFFLINE) | ALLOW(OPT_ROOT_KEY) | ALLOW(OPT_DAYS) |
         ALLOW(OPT_ROOT_DAYS),
     1, ca_run_init},
    {"request", MAKES, 1, ca_run_request},
    {"sign-intermediate",
     UNLOCKS | ALLOW(OPT_CSR) | ALLOW(OPT_SHOW) | ALLOW(OPT_DAYS) |
         ALLOW(OPT_OUT),
     1, ca_run_sign_intermediate},
    {"install", ALLOW(OPT_DEPLOYMENT), 2, ca_run_install},
    {"issue", PERSON | ALLOW(OPT_PROFILE), 1, ca_run_issue},
    {"sign", PERSON | ALLOW(OPT_SHOW), 1, ca_run_sign},
    {"renew", PERSON | ALLOW(OPT_REVOKE_OLD), 1, ca_run_renew},
    {"server",
     UNLOCKS | ALLOW(OPT_NAME) | ALLOW(OPT_CSR) | ALLOW(OPT_OUT) |
         ALLOW(OPT_DAYS) | ALLOW(OPT_PROFILE) | ALLOW(OPT_DEPLOYMENT),
     1, ca_run_server},
    {"revoke",
     UNLOCKS | ALLOW(OPT_SERIAL) | ALLOW(OPT_CERT) | ALLOW(OPT_PARTY) |
         ALLOW(OPT_PERSON) | ALLOW(OPT_REASON) | ALLOW(OPT_ROOT),
     1, ca_run_revoke},
    {"list", ALLOW(OPT_JSON) | ALLOW(OPT_ROOT), 1, ca_run_list},
    {"crl", UNLOCKS | ALLOW(OPT_DAYS) | ALLOW(OPT_ROOT), 1, ca_run_crl},
    {"passphrase",
     UNLOCKS | ALLOW(OPT_NEW_PASSPHRASE_FILE) | ALLOW(OPT_NO_PASSPHRASE) |
         ALLOW(OPT_ROOT),
     1, ca_run_passphrase},
};

static const char **text_slot(struct ca_options *o, int option)
{
    const char **const slots[] = {
        [OPT_CERT] = &o->cert,
        [OPT_CSR] = &o->csr,
        [OPT_DAYS] = &o->days,
        [OPT_DEPLOYMENT] = &o->deployment,
        [OPT_KEY] = &o->key,
        [OPT_NEW_PASSPHRASE_FILE] = &o->new_passphrase_file,
        [OPT_OUT] = &o->out,
        [OPT_PARTY] = &o->party,
        [OPT_PASSPHRASE_FILE] = &o->passphrase_file,
        [OPT_PERSON] = &o->person,
        [OPT_PROFILE] = &o->profile,
        [OPT_REASON] = &o->reason,
        [OPT_ROOT_DAYS] = &o->root_days,
        [OPT_ROOT_KEY] = &o->root_key,
        [OPT_SERIAL] = &o->serial,
    };

    return slots[option];
}

static bool *flag_slot(struct ca_options *o, int option)
{
    bool *const slots[] = {
        [OPT_JSON] = &o->json,
        [OPT_NO_PASSPHRASE] = &o->no_passphrase,
        [OPT_OFFLINE] = &o->offline,
        [OPT_PASSPHRASE] = &o->ask_passphrase,
        [OPT_REVOKE_OLD] = &o->revoke_old,
        [OPT_ROOT] = &o->root,
        [OPT_SHOW] = &o->show,
    };

    return slots[option];
}

static int option_take(const struct ca_verb *verb, struct ca_options *o,
                       int option, int index)
{
    if ((verb->allowed & ALLOW(option)) == 0)
        return ca_complain(EXIT_MISUSED, "%s: no option --%s is expected here",
                           verb->name, all_options[index].name);
    if (option == OPT_NAME) {
        if (o->nnames == CA_NAMES_MAX)
            return ca_complain(EXIT_MISUSED, "--name: expected at most %d",
                               CA_NAMES_MAX);
        o->names[o->nnames++] = optarg;
    } else if (option >= OPT_JSON) {
        *flag_slot(o, option) = true;
    } else {
        *text_slot(o, option) = optarg;
    }
    return EXIT_HOLDS;
}

static int ca_run(const struct ca_verb *verb, int argc, char **argv)
{
    struct ca_options o = {.verb = verb->name};
    int option, index = 0;

    optind = 0; /* GNU: start anew, whoever parsed before */
    while ((option = getopt_long(argc, argv, "", all_options, &index)) != -1) {
        if (option == '?')
            return EXIT_MISUSED;
        if (option == OPT_HELP) {
            fputs(usage, stdout);
            return EXIT_HOLDS;
        }
        if (option_take(verb, &o, option, index) != EXIT_HOLDS)
            return EXIT_MISUSED;
    }
    if (argc - optind != verb->arguments || argv[optind][0] == '\0')
        return ca_complain(EXIT_MISUSED,
                           verb->arguments == 1
                               ? "%s: expected one folder, the deployment"
                               : "%s: expected a folder and a file",
                           verb->name);
    o.folder = argv[optind];
    o.file = verb->arguments > 1 ? argv[optind + 1] : NULL;
    return verb->run(&o);
}

int verb_ca(int argc, char **argv)
{
    if (argc > 1 &&
        (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
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
