/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a ledger says of a transcript; `verb` is named in what is printed.
 * `ledger` is a deployment or a ledger's folder. All give the exit status.
 */
#ifndef SP_CTL_TRANSCRIPT_LEDGER_H
#define SP_CTL_TRANSCRIPT_LEDGER_H

#include "ledger/transcript.h"

/* That the end of its request names this file, and that what was said in it is
 * what the commitments there are to. */
int transcript_ledger_compare(const char *verb, const char *ledger,
                              const char *file, const uint8_t *data,
                              size_t length, const struct transcript_head *head,
                              const struct transcript *said);
/* That it was ordered to be revealed. */
int transcript_ledger_revealed(const char *verb, const char *ledger,
                               const struct transcript_head *head);

#endif
