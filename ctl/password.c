/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks for passwords. Runs in the command; the terminal's echo is off while it
 * reads, and back on in any case but a signal that kills us.
 */
#include "ctl/password.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "lib/file.h"

/* Cuts at the line's end; empty is no password. */
static int line_take(const char *text, size_t length,
                     char password[PASSWORD_SIZE])
{
    const char *end = memchr(text, '\n', length);

    if (end != NULL)
        length = (size_t)(end - text);
    if (length == 0 || length >= PASSWORD_SIZE ||
        memchr(text, '\0', length) != NULL) {
        fprintf(stderr,
                "sallyport: the password: expected 1 to %d bytes on "
                "one line\n",
                MINISIGN_PASSWORD_MAX);
        return SP_EINVAL;
    }
    memcpy(password, text, length);
    password[length] = '\0';
    return 0;
}

/* The next line of the standard input and not a byte more: another password may
 * follow. */
static int input_get(char password[PASSWORD_SIZE])
{
    char line[PASSWORD_SIZE + 1];
    size_t n = 0;
    int r;

    while (n < sizeof line && read(STDIN_FILENO, line + n, 1) == 1 &&
           line[n++] != '\n')
        ;
    r = line_take(line, n, password);
    sodium_memzero(line, sizeof line);
    return r;
}

static int file_get(const char *file, char password[PASSWORD_SIZE])
{
    uint8_t *data = NULL;
    size_t length = 0;
    int r = file_read(AT_FDCWD, file, 2 * PASSWORD_SIZE, &data, &length);

    if (r != 0) {
        fprintf(stderr, "%s: %s\n", file, sp_strerror(r));
        return r;
    }
    r = line_take((const char *)data, length, password);
    sodium_memzero(data, length);
    free(data);
    return r;
}

/* One line of the terminal, without echo. */
static int terminal_read(int fd, const char *prompt,
                         char password[PASSWORD_SIZE])
{
    char line[PASSWORD_SIZE + 1];
    struct termios before, quiet;
    ssize_t n;
    int r;

    if (tcgetattr(fd, &before) != 0)
        return sp_error_from_errno();
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    /* Quiet before it asks: what is typed at once is neither shown nor
     * flushed away. */
    (void)tcsetattr(fd, TCSAFLUSH, &quiet);
    dprintf(fd, "%s", prompt);
    n = read(fd, line, sizeof line);
    (void)tcsetattr(fd, TCSAFLUSH, &before);
    dprintf(fd, "\n");
    r = line_take(line, n > 0 ? (size_t)n : 0, password);
    sodium_memzero(line, sizeof line);
    return r;
}

static int terminal_get(const char *prompt, bool twice,
                        char password[PASSWORD_SIZE])
{
    char again[PASSWORD_SIZE];
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), r;

    if (fd < 0) {
        fprintf(stderr, "sallyport: no terminal to ask for it: expected "
                        "--password-file or --passphrase-file FILE\n");
        return SP_EINVAL;
    }
    r = terminal_read(fd, prompt, password);
    if (r == 0 && twice) {
        r = terminal_read(fd, "Once more: ", again);
        if (r == 0 && strcmp(password, again) != 0) {
            fprintf(stderr, "sallyport: the two passwords differ\n");
            r = SP_EINVAL;
        }
        sodium_memzero(again, sizeof again);
    }
    close(fd);
    return r;
}

int password_get(const char *file, const char *prompt, bool twice,
                 char password[PASSWORD_SIZE])
{
    int r = file == NULL             ? terminal_get(prompt, twice, password)
            : strcmp(file, "-") == 0 ? input_get(password)
                                     : file_get(file, password);

    if (r != 0)
        sodium_memzero(password, PASSWORD_SIZE);
    return r;
}
