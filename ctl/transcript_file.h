/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of transcripts and of shares, for the verbs that open them; `verb` is
 * named in what they print. All give the exit status.
 */
#ifndef SP_CTL_TRANSCRIPT_FILE_H
#define SP_CTL_TRANSCRIPT_FILE_H

#include "ledger/transcript.h"

/* The whole file, and its head, which points into it. Free *data. */
int transcript_file_read(const char *verb, const char *path, uint8_t **data,
                         size_t *length, struct transcript_head *head);
/* A share (transcript_share()) as a line of text in a file of its own. */
int transcript_share_write(const char *verb, const char *path,
                           const uint8_t share[TRANSCRIPT_SHARE]);
int transcript_share_read(const char *verb, const char *path,
                          uint8_t share[TRANSCRIPT_SHARE]);

#endif
