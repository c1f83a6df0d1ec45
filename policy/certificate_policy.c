/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The published policies under which no person is named ("non-person entity").
 * Others are told by a party's `service_policies`. The table is in
 * docs/certificates.md, too.
 */
#include "policy/certificate_policy.h"

#include <stddef.h>
#include <string.h>

#define FPKI "2.16.840.1.101.3.2.1."
#define DOD  "2.16.840.1.101.2.1.11."

static const char *const services[] = {
    FPKI "3.8",  /* id-fpki-common-devices */
    FPKI "3.36", /* id-fpki-common-devicesHardware */
    FPKI "3.37", /* id-fpki-certpcy-mediumDevice */
    FPKI "3.38", /* id-fpki-certpcy-mediumDeviceHardware */
    FPKI "12.9", /* id-eca-medium-device-sha256 */
    FPKI "48.10" /* the test PKI's devices */,
    DOD "36", /* id-US-dod-NPE-112 */
    DOD "37", /* id-US-dod-NPE-128 */
    DOD "38", /* id-US-dod-NPE-192 */
};

bool certificate_policy_is_service(const char *oid)
{
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
        if (strcmp(oid, services[i]) == 0)
            return true;
    return false;
}
