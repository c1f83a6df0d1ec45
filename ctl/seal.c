/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport seal: makes the keys that transcripts are sealed to. Runs at the
 * party, whose secret key never comes near the gateway.
 */
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "ctl/sealing_secret.h"
#include "ctl/verbs.h"

static const char usage[] =
    "usage: sallyport seal keygen -o FILE\n"
    "\n"
    "Makes the key pair that a party's transcripts are sealed to: the secret\n"
    "goes to FILE (mode 0600), the line for the party's `sealing_key` in the\n"
    "policy to standard output. `sallyport unseal` opens with the secret.\n"
    "Exit status: 0, 1 if FILE cannot be made, 2 wrong usage.\n";

static int misused(void)
{
    fputs(usage, stderr);
    return EXIT_MISUSED;
}

static int keygen(int argc, char **argv)
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

int verb_seal(int argc, char **argv)
{
    if (argc >= 2 &&
        (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return EXIT_HOLDS;
    }
    if (argc < 2 || strcmp(argv[1], "keygen") != 0)
        return misused();
    if (sodium_init() < 0)
        return EXIT_FAILS;
    return keygen(argc - 1, argv + 1);
}
