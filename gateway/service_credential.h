/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that the service manager hands over (systemd.exec(5), LoadCredential=,
 * SetCredentialEncrypted=): settings name them `credential:NAME`, and they are
 * in the folder that $CREDENTIALS_DIRECTORY names. Runs in the supervisor.
 */
#ifndef SP_GATEWAY_SERVICE_CREDENTIAL_H
#define SP_GATEWAY_SERVICE_CREDENTIAL_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/error.h"
#include "policy/settings.h"

/* Whether the setting names one. */
bool service_credential_named(const char *setting);
/* Where it is; the caller frees. SP_EINVAL with what is wrong and what was
 * expected in `problem`, SP_ENOMEM. */
int service_credential_path(const char *setting, char **path,
                            const char **problem) SP_MUST_USE;
/* Whether a secret's mode is as it must be. The service manager gives its
 * files to the service by an access list, whose mask stat(2) shows as the
 * group's bits: a group that reads is not one. */
bool service_credential_mode_private(mode_t mode);

#endif
