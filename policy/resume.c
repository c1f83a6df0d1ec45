/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text that resumes. Runs in the keeper and in the command, on names that
 * were checked before.
 */
#include "policy/resume.h"

#include <inttypes.h>
#include <stdio.h>

void resume_statement(char text[RESUME_STATEMENT_SIZE], const char *origin,
                      const char *party, const char *person, uint64_t of)
{
    snprintf(text, RESUME_STATEMENT_SIZE,
             "sallyport resume\n%.255s\n%.64s/%.64s\n%" PRIu64 "\n", origin,
             party, person == NULL ? "*" : person, of);
}
