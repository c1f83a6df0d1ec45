/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport approve: an officer reads what a policy allows and signs it. Runs
 * on the officer's own machine or the deployment's, with a secret key that no
 * process of the daemon ever sees.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/approvals.h"
#include "ctl/approver_key.h"
#include "ctl/check.h"
#include "ctl/password.h"
#include "ctl/verbs.h"
#include "lib/clock.h"

static const char help[] =
    "usage: sallyport approve DIR --key FILE [--expires DURATION] [--as NAME]\n"
    "                             [--password-file FILE]\n"
    "       sallyport approve --approvers DIR [--key FILE] [...]\n"
    "       sallyport approve keygen FILE [--no-password | --password-file "
    "FILE]\n"
    "\n"
    "Shows what DIR's policy allows and signs it: `policy.yaml.<key "
    "id>.minisig`, as\n"
    "minisign would. A policy takes effect with the signatures of as many "
    "approvers as\n"
    "sallyport.yaml demands.\n"
    "\n"
    "  --key FILE            the approver's secret key\n"
    "  --expires DURATION    how long the signature holds, 1h to 365d (what\n"
    "                        `approvals.valid` says)\n"
    "  --as NAME             refuse unless the key is this approver's\n"
    "  --password-file FILE  its password, on one line; otherwise the "
    "terminal\n"
    "                        is asked\n"
    "  --approvers           sign another set of approvers instead: writes "
    "the one of\n"
    "                        sallyport.yaml to approvers.txt, for approvers "
    "of the set\n"
    "                        that the ledger has in force\n"
    "\n"
    "`keygen` makes a key pair in minisign's format, FILE and its public key "
    "in .pub.\n"
    "\n"
    "Exit status: 0 done, 1 refused or failed, 2 wrong usage.\n";

struct approve {
    const char *folder, *key, *as, *password_file, *expires;
    bool approvers, no_password;
    struct overview d;
    const struct approvers *set; /* whose signatures count */
    struct minisign_secret secret;
    const char *name; /* in the set */
    int64_t until;
};

static int complain(int status, const char *format, ...) SP_PRINTF(2, 3);

static int complain(int status, const char *format, ...)
{
    va_list list;

    fputs("sallyport approve: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    return status;
}

/* --- The signer ----------------------------------------------------------- */

static int expires_set(struct approve *a)
{
    int64_t ms = a->d.settings->approvers.valid_ms;

    if (a->expires != NULL &&
        (clock_parse_duration(a->expires, strlen(a->expires), &ms) != 0 ||
         ms < APPROVERS_VALID_MIN_MS || ms > APPROVERS_VALID_MAX_MS))
        return complain(EXIT_MISUSED,
                        "--expires %s: expected 1h to 365d, such as 12h or "
                        "30d",
                        a->expires);
    a->until = clock_wall_ms() + ms;
    return EXIT_HOLDS;
}

/* The key must be one that counts, or signing would be for nothing. */
static int signer_find(struct approve *a)
{
    char id[MINISIGN_ID_TEXT];
    struct minisign_key key;
    int i;

    minisign_public(&a->secret, &key);
    minisign_id_format(key.id, id);
    i = approvers_find_id(a->set, key.id);
    if (i < 0 || memcmp(&a->set->list[i].key, &key, sizeof key) != 0)
        return complain(EXIT_FAILS,
                        "%s: key %s is of no approver: expected a key of the "
                        "approvers in %s",
                        a->key, id,
                        a->approvers ? "the ledger" : "sallyport.yaml");
    a->name = a->set->list[i].name;
    if (a->as != NULL && strcmp(a->as, a->name) != 0)
        return complain(EXIT_FAILS,
                        "%s: the key is that of %s: expected --as %s", a->key,
                        a->name, a->name);
    return EXIT_HOLDS;
}

static int signer_load(struct approve *a)
{
    if (approver_key_read(a->key, a->password_file, &a->secret) != 0)
        return EXIT_FAILS;
    return signer_find(a);
}

/* Signs, and counts what is there now. */
static int document_sign(struct approve *a, const char *path,
                         const struct approval_document *d)
{
    char summary[APPROVAL_SUMMARY_MAX], until[CLOCK_UTC_SIZE];
    struct approval have;
    char *made = NULL;
    int r = approvals_sign(&a->secret, path, d->data, d->length, a->until,
                           d->serial, &made);

    if (r != 0) {
        complain(EXIT_FAILS, "%s: %s", made != NULL ? made : path,
                 sp_strerror(r));
        free(made);
        return EXIT_FAILS;
    }
    clock_format_utc(a->until, until);
    printf("\nSigned as %s, until %.19sZ: %s\n", a->name, until, made);
    free(made);
    r = approvals_judge(a->set, path, d, stdout, &have);
    if (r != 0 && r != SP_EPERM)
        return complain(EXIT_FAILS, "%s: %s", path, sp_strerror(r));
    approval_summary(&have, summary);
    if (r == 0)
        printf("%u of %u approvals: enough.\n", have.have, have.need);
    else
        printf("%s\n", summary);
    return EXIT_HOLDS;
}

/* --- A policy ------------------------------------------------------------- */

/* What is signed must be what was shown. */
static int policy_bytes(const struct approve *a, uint8_t **yaml, size_t *length)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    int r = approvals_policy_read(&a->d, yaml, length);

    if (r != 0)
        return complain(EXIT_FAILS, "%s: %s", a->d.policy_path, sp_strerror(r));
    crypto_hash_sha256(hash, *yaml, *length);
    if (memcmp(hash, a->d.policy->sha256, sizeof hash) != 0)
        return complain(EXIT_FAILS, "%s: changed while it was shown",
                        a->d.policy_path);
    return EXIT_HOLDS;
}

static int policy_sign(struct approve *a)
{
    const char *author = a->d.policy->author;
    struct approval_document d;
    uint8_t *yaml = NULL;
    size_t length = 0;
    int status = signer_load(a);

    if (status == EXIT_HOLDS && author != NULL &&
        approvers_find(a->set, author) < 0)
        status = complain(EXIT_FAILS,
                          "the author %s is no approver: expected a name of "
                          "the approvers in sallyport.yaml",
                          author);
    if (status == EXIT_HOLDS && author != NULL && strcmp(author, a->name) == 0)
        status = complain(EXIT_FAILS,
                          "%s is the author of this policy: expected "
                          "signatures of others",
                          a->name);
    if (status == EXIT_HOLDS)
        status = policy_bytes(a, &yaml, &length);
    if (status == EXIT_HOLDS) {
        d = approval_of_policy(a->d.policy, yaml, length);
        status = document_sign(a, a->d.policy_path, &d);
    }
    free(yaml);
    return status;
}

static int policy_approve(struct approve *a)
{
    if (a->key == NULL)
        return complain(EXIT_MISUSED, "expected --key FILE, the secret key of "
                                      "an approver");
    if (overview_replay(&a->d) != 0)
        return EXIT_FAILS;
    a->set = &a->d.settings->approvers;
    check_policy_print(&a->d, clock_wall_ms());
    return policy_sign(a);
}

/* --- Another set of approvers --------------------------------------------- */

static void set_print(const char *what, const struct approvers *set)
{
    char key[MINISIGN_KEY_TEXT];

    printf("%s: %u of %zu must sign; signatures hold for %" PRId64 " h\n", what,
           set->required, set->count, set->valid_ms / 3600000);
    for (size_t i = 0; i < set->count; i++) {
        minisign_key_format(&set->list[i].key, key);
        printf("  %s %s\n", set->list[i].name, key);
    }
}

/* Writes the document unless it is there already. */
static int document_write(const struct approve *a, const char *path,
                          const char *text)
{
    uint8_t *data = NULL;
    size_t length = 0;
    int r = file_read(AT_FDCWD, path, APPROVERS_DOCUMENT_MAX, &data, &length);
    bool same =
        r == 0 && length == strlen(text) && memcmp(data, text, length) == 0;

    free(data);
    r = same ? 0 : file_replace(AT_FDCWD, path, 0644, text, strlen(text));
    if (r != 0)
        return complain(EXIT_FAILS, "%s: %s", path, sp_strerror(r));
    printf("\n%s %s\n", same ? "It is in" : "Written to", path);
    if (a->key == NULL)
        printf("%u of the set in force must sign it: `sallyport approve "
               "--approvers %s --key FILE`\n",
               a->set->required, a->folder);
    return EXIT_HOLDS;
}

static int change_sign(struct approve *a, uint64_t n)
{
    char *path = settings_path(a->d.settings, APPROVERS_FILE);
    char text[APPROVERS_DOCUMENT_MAX];
    struct approval_document d = {.prefix = APPROVAL_OF_APPROVERS,
                                  .data = text};
    int status = EXIT_FAILS;

    approvers_document(&a->d.settings->approvers, a->d.settings->origin, n,
                       text);
    d.length = strlen(text);
    if (path != NULL)
        status = document_write(a, path, text);
    if (status == EXIT_HOLDS && a->key != NULL)
        status = signer_load(a);
    if (status == EXIT_HOLDS && a->key != NULL)
        status = document_sign(a, path, &d);
    free(path);
    return status;
}

static int change_approve(struct approve *a)
{
    uint64_t n;

    if (overview_ledger(&a->d) != 0)
        return EXIT_FAILS;
    a->set =
        a->d.standing == NULL ? NULL : standing_approvers(a->d.standing, &n);
    if (a->set == NULL)
        return complain(EXIT_FAILS,
                        "no ledger here has approvers yet: the daemon's first "
                        "start records those of sallyport.yaml, without any "
                        "approval");
    if (approvers_equal(a->set, &a->d.settings->approvers))
        return complain(EXIT_FAILS,
                        "sallyport.yaml has the approvers that are in force "
                        "(entry %" PRIu64 "): expected others",
                        n);
    set_print("In force", a->set);
    set_print("To be in force", &a->d.settings->approvers);
    return change_sign(a, n);
}

/* --- Keys ----------------------------------------------------------------- */

static int keys_make(const struct approve *a, const char *password)
{
    struct minisign_secret secret;
    char text[MINISIGN_KEY_TEXT];
    struct minisign_key key;
    int r = minisign_generate(&secret);

    if (r == 0)
        r = approver_key_write(AT_FDCWD, a->folder, &secret, password);
    minisign_public(&secret, &key);
    minisign_secret_wipe(&secret);
    if (r != 0)
        return complain(EXIT_FAILS, "%s: %s", a->folder,
                        r == SP_EEXIST ? "it or its public key exists already: "
                                         "nothing is overwritten"
                                       : sp_strerror(r));
    minisign_key_format(&key, text);
    printf("%s is the secret key%s; its public key is in .pub.\n"
           "The approver's line in sallyport.yaml, under approvals, "
           "approvers:\n\n"
           "    NAME: \"%s\"\n",
           a->folder, password == NULL ? ", without a password" : "", text);
    return EXIT_HOLDS;
}

static int keygen(const struct approve *a)
{
    char password[PASSWORD_SIZE];
    int status;

    if (a->key != NULL || a->as != NULL || a->expires != NULL || a->approvers ||
        (a->no_password && a->password_file != NULL)) {
        fputs(help, stderr);
        return EXIT_MISUSED;
    }
    if (a->no_password)
        return keys_make(a, NULL);
    if (password_get(a->password_file, "Password for the new key: ", true,
                     password) != 0)
        return EXIT_FAILS;
    status = keys_make(a, password);
    sodium_memzero(password, sizeof password);
    return status;
}

/* --- The verb ------------------------------------------------------------- */

static int approve(struct approve *a)
{
    int status;

    if (overview_load(a->folder, &a->d) != 0)
        return EXIT_FAILS;
    if (a->d.settings == NULL)
        return complain(EXIT_MISUSED,
                        "%s: expected a deployment's folder or its "
                        "sallyport.yaml",
                        a->folder);
    if ((status = expires_set(a)) != EXIT_HOLDS)
        return status;
    return a->approvers ? change_approve(a) : policy_approve(a);
}

/* -1: go on. */
static int options_read(struct approve *a, int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"key", required_argument, NULL, 'k'},
        {"expires", required_argument, NULL, 'e'},
        {"as", required_argument, NULL, 'a'},
        {"password-file", required_argument, NULL, 'f'},
        {"no-password", no_argument, NULL, 'n'},
        {"approvers", no_argument, NULL, 's'},
        {NULL, 0, NULL, 0}};
    const char *unused;
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        const char **text = option == 'k'   ? &a->key
                            : option == 'e' ? &a->expires
                            : option == 'a' ? &a->as
                            : option == 'f' ? &a->password_file
                                            : &unused;

        if (option == 'h' || option == '?') {
            fputs(help, option == 'h' ? stdout : stderr);
            return option == 'h' ? EXIT_HOLDS : EXIT_MISUSED;
        }
        *text = optarg;
        a->no_password = a->no_password || option == 'n';
        a->approvers = a->approvers || option == 's';
    }
    return -1;
}

int verb_approve(int argc, char **argv)
{
    struct approve a = {0};
    int status = options_read(&a, argc, argv);
    bool making;

    if (status >= 0)
        return status;
    making = optind < argc && strcmp(argv[optind], "keygen") == 0;
    if (optind + 1 + making != argc || (a.no_password && !making)) {
        fputs(help, stderr);
        return EXIT_MISUSED;
    }
    a.folder = argv[optind + making];
    status = making ? keygen(&a) : approve(&a);
    minisign_secret_wipe(&a.secret);
    overview_release(&a.d);
    return status;
}
