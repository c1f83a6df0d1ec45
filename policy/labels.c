/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of headers that decisions depend on. Runs in workers on strangers'
 * bytes: what is taken goes into the ledger.
 */
#include "policy/labels.h"

#include <string.h>

int label_take(char label[FACTS_LABEL + 1], const char *value, size_t length)
{
    static const char characters[] = "abcdefghijklmnopqrstuvwxyz"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789_.:/-";

    if (length > FACTS_LABEL)
        return SP_EINVAL;
    for (size_t i = 0; i < length; i++)
        if (value[i] == '\0' || strchr(characters, value[i]) == NULL)
            return SP_EINVAL;
    if (length > 0)
        memcpy(label, value, length);
    label[length] = '\0';
    return 0;
}

static bool is_token(char c)
{
    return c == '-' || c == '_' || c == '.' || (c >= '0' && c <= '9') ||
           (c >= 'a' && c <= 'z');
}

/* The tokens with commas between, without spaces (RFC 9110, section 5.6.1). */
int betas_take(char betas[FACTS_BETAS + 1], const char *value, size_t length)
{
    char tokens[FACTS_BETAS + 1];
    size_t n = 0;

    for (size_t i = 0; i < length; i++) {
        char c = value[i];

        if (c == ' ' || c == '\t' ||
            (c == ',' && (n == 0 || tokens[n - 1] == ',')))
            continue;
        if (n == FACTS_BETAS || (c != ',' && !is_token(c)))
            return SP_EINVAL;
        tokens[n++] = c;
    }
    if (n > 0 && tokens[n - 1] == ',')
        n--;
    memcpy(betas, tokens, n);
    betas[n] = '\0';
    return 0;
}

bool version_take(char version[FACTS_VERSION + 1], const char *value,
                  size_t length)
{
    static const char form[] = "0000-00-00";

    version[0] = '\0';
    if (length != FACTS_VERSION)
        return false;
    for (size_t i = 0; i < length; i++)
        if (form[i] == '-' ? value[i] != '-' : value[i] < '0' || value[i] > '9')
            return false;
    memcpy(version, value, length);
    version[length] = '\0';
    return true;
}

int labels_take(struct facts *f, const char *name, const char *value,
                size_t length)
{
    if (strcmp(name, "x-sallyport-purpose") == 0)
        return label_take(f->purpose, value, length);
    if (strcmp(name, "x-sallyport-case") == 0)
        return label_take(f->case_id, value, length);
    if (strcmp(name, "anthropic-beta") == 0)
        return betas_take(f->betas, value, length);
    if (strcmp(name, "anthropic-version") != 0)
        return SP_ENOENT;
    (void)version_take(f->version, value, length);
    return 0;
}
