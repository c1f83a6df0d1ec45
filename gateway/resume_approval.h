/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second person of a resumption: an approver's signature over the one text
 * that names the ledger, who is resumed and which suspension ends.
 */
#ifndef SP_GATEWAY_RESUME_APPROVAL_H
#define SP_GATEWAY_RESUME_APPROVAL_H

#include "gateway/control_messages.h"
#include "policy/resume.h"
#include "policy/settings.h"

/* "<name>:<key id>" and a NUL. */
#define RESUME_APPROVER_SIZE (LIMIT_NAME_BYTES + 1 + 16 + 1)

/* `approval` is the text of a signature file in minisign's format. It does not
 * age: it is good for this one suspension, however long that lasts. 0 with the
 * approver whose it is; SP_EPERM nobody's whom the settings name, SP_EINVAL
 * not a signature file, SP_ESIGNATURE of another text; with `problem`. */
int resume_approval_check(const struct settings *s, const char *statement,
                          const char *approval,
                          char approver[RESUME_APPROVER_SIZE],
                          char problem[ORDER_TEXT_SIZE]) SP_MUST_USE;

#endif
