/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells the daemon that the authority's index has changed. Runs in the command,
 * between the index and the certificate's file.
 */
#include "ctl/ca_announce.h"

#include <stddef.h>

#include "ctl/verbs.h"

int authority_announce(const struct settings *settings)
{
    (void)settings;
    return EXIT_HOLDS;
}
