/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks what an approver signed to end a suspension. Runs in the keeper. The
 * file comes from whoever is at the control socket and is trusted with nothing
 * but what its signature says.
 */
#include "gateway/resume_approval.h"

#include <stdio.h>
#include <string.h>

#include "lib/minisign.h"

static int problem_tell(char problem[ORDER_TEXT_SIZE], int error,
                        const char *text)
{
    snprintf(problem, ORDER_TEXT_SIZE, "%s", text);
    return error;
}

int resume_approval_check(const struct settings *s, const char *statement,
                          const char *approval,
                          char approver[RESUME_APPROVER_SIZE],
                          char problem[ORDER_TEXT_SIZE])
{
    struct minisign_signature signature;
    char id[MINISIGN_ID_TEXT];
    int i;

    if (approval[0] == '\0')
        return problem_tell(problem, SP_EPERM,
                            "a second person must agree: expected --approval "
                            "with an approver's signature over what "
                            "--statement prints");
    if (minisign_signature_parse(approval, strlen(approval), &signature) != 0)
        return problem_tell(problem, SP_EINVAL,
                            "the approval is not a signature file as minisign "
                            "writes it");
    i = approvers_find_id(&s->approvers, signature.id);
    if (i < 0)
        return problem_tell(problem, SP_EPERM,
                            "the approval is by a key of no approver whom "
                            "sallyport.yaml names");
    if (minisign_verify(&s->approvers.list[i].key, &signature, statement,
                        strlen(statement)) != 0)
        return problem_tell(problem, SP_ESIGNATURE,
                            "the approval is not for this suspension: expected "
                            "a signature over what --statement prints now");
    minisign_id_format(signature.id, id);
    snprintf(approver, RESUME_APPROVER_SIZE, "%s:%s", s->approvers.list[i].name,
             id);
    return 0;
}
