/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds what the service manager handed over. Runs in the supervisor; names
 * are the operator's, the folder is the service manager's.
 */
#include "gateway/service_credential.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VARIABLE "CREDENTIALS_DIRECTORY"

bool service_credential_named(const char *setting)
{
    return strncmp(setting, SETTINGS_CREDENTIAL,
                   sizeof(SETTINGS_CREDENTIAL) - 1) == 0;
}

int service_credential_path(const char *setting, char **path,
                            const char **problem)
{
    const char *folder = getenv(VARIABLE);
    const char *name = setting + sizeof(SETTINGS_CREDENTIAL) - 1;

    *path = NULL;
    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL) {
        *problem = "no credential's name: expected credential: and the name "
                   "that LoadCredential= gives it";
        return SP_EINVAL;
    }
    if (folder == NULL || folder[0] != '/') {
        *problem = "$" VARIABLE " is not set: expected a service with "
                   "LoadCredential= for it (docs/systemd.md)";
        return SP_EINVAL;
    }
    return asprintf(path, "%s/%s", folder, name) < 0 ? SP_ENOMEM : 0;
}

bool service_credential_mode_private(mode_t mode)
{
    return (mode & 037) == 0;
}
