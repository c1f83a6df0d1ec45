/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport enrol`: how a person gets access, step by step, without having to
 * know what a certificate request is. Runs on that person's machine.
 */
#include "ctl/enrol.h"

#include <stdio.h>
#include <string.h>

#include "ctl/verbs.h"

static const char usage[] =
    "usage: sallyport enrol start --party PARTY --person PERSON [OPTION]… "
    "[DIR]\n"
    "       sallyport enrol finish BUNDLE [DIR]\n"
    "       sallyport enrol test [DIR]\n"
    "\n"
    "Gives you access to a developer's gateway, in three steps.\n"
    "\n"
    "  start   makes your key, which never leaves this machine (or your\n"
    "          card), and a file to send to the developer, with a fingerprint\n"
    "          to compare by voice\n"
    "  finish  takes the file that the developer sends back, and stores what\n"
    "          is in it\n"
    "  test    tries the connection, and says what is missing, if anything\n"
    "          is, and whom to ask for it\n"
    "\n"
    "DIR is where all of it is kept: ~/.config/sallyport/PARTY-PERSON if you "
    "name\n"
    "none. Afterwards `sallyport whoami`, `sallyport accept` and others work "
    "without\n"
    "further options, or with --enrolled DIR if you have several.\n"
    "\n"
    "`sallyport enrol start --help` and so on say more. docs/enrolment.md has "
    "the\n"
    "whole way for both sides.\n";

int enrol_open(const char *verb, const char *folder, struct enrolment *e)
{
    char only[PATH_MAX], problem[ENROLMENT_PROBLEM];
    int r = 0;

    if (folder == NULL) {
        r = enrolment_only(only, problem);
        folder = only;
    }
    if (r == 0)
        r = enrolment_load(folder, e, problem);
    if (r == 0)
        return EXIT_HOLDS;
    fprintf(stderr, "sallyport enrol %s: %s\n", verb, problem);
    if (r == SP_ENOENT)
        fputs("Begin with: sallyport enrol start --party PARTY --person "
              "PERSON\n",
              stderr);
    return EXIT_FAILS;
}

int verb_enrol(int argc, char **argv)
{
    static const struct verb verbs[] = {{"start", enrol_start, ""},
                                        {"finish", enrol_finish, ""},
                                        {"test", enrol_test, ""}};

    if (argc > 1 &&
        (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return EXIT_HOLDS;
    }
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    }
    fputs(usage, stderr);
    return EXIT_MISUSED;
}
