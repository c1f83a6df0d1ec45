/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files with the secret half of a sealing key: one line, mode 0600. Shared by
 * the verbs that make them and those that open with them; `verb` is named in
 * what they print.
 */
#ifndef SP_CTL_SEALING_SECRET_H
#define SP_CTL_SEALING_SECRET_H

#include "lib/sealing.h"

/* Makes a pair: the secret into a new file, the public key as a line on
 * standard output. Exit status. */
int sealing_secret_make(const char *verb, const char *path);
/* Exit status, with what is wrong printed. Wipe it after use. */
int sealing_secret_read(const char *verb, const char *path,
                        uint8_t secret[SEALING_KEY_BYTES]);

#endif
