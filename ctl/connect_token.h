/* SPDX-License-Identifier: Apache-2.0 */
/* The word that local tools must send as their API key. */
#ifndef SP_CTL_CONNECT_TOKEN_H
#define SP_CTL_CONNECT_TOKEN_H

#define CONNECT_TOKEN_SIZE 257 /* with its NUL */

/* The first line of a file that only its owner may read: 16 to 256 printable
 * characters without blanks. Makes the file, mode 0600, with a random one if
 * there is none. EXIT_HOLDS or the exit status, told. */
int connect_token_get(const char *path, char token[CONNECT_TOKEN_SIZE]);

#endif
