/* SPDX-License-Identifier: Apache-2.0 */
/* The authority's index and a daemon that runs. */
#ifndef SP_CTL_CA_ANNOUNCE_H
#define SP_CTL_CA_ANNOUNCE_H

#include "policy/settings.h"

/* The index has changed and is durable. A daemon that runs on this deployment
 * takes it up before this returns, so that its ledger knows of a certificate
 * before anybody has it. EXIT_HOLDS also when none runs: it reads the index as
 * it starts. NULL settings: a folder without a deployment. */
int authority_announce(const struct settings *settings);

#endif
