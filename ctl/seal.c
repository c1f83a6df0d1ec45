/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport seal: makes the keys that transcripts are sealed to, and does one
 * officer's half of opening one in escrow. Runs where the secret key is, which
 * never comes near the gateway; transcripts and ledgers may come from anybody.
 */
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/sealing_secret.h"
#include "ctl/transcript_file.h"
#include "ctl/transcript_ledger.h"
#include "ctl/verbs.h"

static const char usage[] =
    "usage: sallyport seal keygen -o FILE\n"
    "       sallyport seal reveal DIR N --reason TEXT [--json]\n"
    "       sallyport seal share TRANSCRIPT --key KEYFILE --ledger DIR -o "
    "SHARE\n"
    "\n"
    "  keygen  makes the key pair that a party's transcripts are sealed to: "
    "the\n"
    "          secret goes to FILE (mode 0600), the line for `sealing_key`, "
    "or\n"
    "          for `escrow`, of the policy to standard output\n"
    "  reveal  records in the ledger of a running daemon that the transcript "
    "of\n"
    "          request N is about to be opened with the keys of `escrow`\n"
    "  share   opens the outer of the two seals, with the second key, for the\n"
    "          holder of the first; the ledger must say that it was revealed\n"
    "`sallyport unseal` opens with a secret, or with one and a share.\n"
    "Exit status: 0, 1 if it failed, 2 wrong usage.\n";

static int misused(void)
{
    fputs(usage, stderr);
    return EXIT_MISUSED;
}

static int seal_keygen(int argc, char **argv)
{
    static const struct option options[] = {
        {"out", required_argument, NULL, 'o'}, {0}};
    const char *out = NULL;
    int c;

    optind = 0;
    while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
        if (c != 'o')
            return misused();
        out = optarg;
    }
    if (optind != argc || out == NULL)
        return misused();
    return sealing_secret_make("seal", out);
}

static int share_make(const char *file, const char *key, const char *ledger,
                      const char *out)
{
    uint8_t secret[SEALING_KEY_BYTES], share[TRANSCRIPT_SHARE], *data = NULL;
    struct transcript_head head;
    size_t length = 0;
    int status = transcript_file_read("seal", file, &data, &length, &head);

    if (status == EXIT_HOLDS)
        status = transcript_ledger_revealed("seal", ledger, &head);
    if (status == EXIT_HOLDS)
        status = sealing_secret_read("seal", key, secret);
    if (status == EXIT_HOLDS && transcript_share(&head, secret, share) != 0) {
        fprintf(stderr,
                "sallyport seal: %s: not sealed to this key as the second of "
                "two\n",
                file);
        status = EXIT_FAILS;
    }
    if (status == EXIT_HOLDS)
        status = transcript_share_write("seal", out, share);
    sodium_memzero(secret, sizeof(secret));
    free(data);
    return status;
}

static int seal_share(int argc, char **argv)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'},
        {"ledger", required_argument, NULL, 'l'},
        {"out", required_argument, NULL, 'o'},
        {0}};
    const char *key = NULL, *ledger = NULL, *out = NULL;
    int c;

    optind = 0;
    while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
        if (c == 'k')
            key = optarg;
        else if (c == 'l')
            ledger = optarg;
        else if (c == 'o')
            out = optarg;
        else
            return misused();
    }
    if (argc - optind != 1 || key == NULL || ledger == NULL || out == NULL)
        return misused();
    return share_make(argv[optind], key, ledger, out);
}

int verb_seal(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } subcommands[] = {{"keygen", seal_keygen},
                       {"reveal", seal_reveal},
                       {"share", seal_share}};

    if (argc < 2)
        return misused();
    if (strcmp(argv[1], "reveal") != 0 && verb_asks_help(argc, argv)) {
        fputs(usage, stdout); /* `reveal` has its own */
        return EXIT_HOLDS;
    }
    if (sodium_init() < 0)
        return EXIT_FAILS;
    for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++)
        if (strcmp(argv[1], subcommands[i].name) == 0)
            return subcommands[i].run(argc - 1, argv + 1);
    return misused();
}
