/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set of approvers as a value. Runs wherever settings are read, in the
 * keeper, and in auditors' tools on ledgers that are trusted with nothing.
 */
#include "policy/approvers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int approvers_find(const struct approvers *a, const char *name)
{
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->list[i].name, name) == 0)
            return (int)i;
    return -1;
}

int approvers_find_id(const struct approvers *a, const uint8_t id[8])
{
    for (size_t i = 0; i < a->count; i++)
        if (memcmp(a->list[i].key.id, id, 8) == 0)
            return (int)i;
    return -1;
}

int approvers_add(struct approvers *a, const char *name,
                  const struct minisign_key *key)
{
    size_t at = 0;

    if (approvers_find(a, name) >= 0 || approvers_find_id(a, key->id) >= 0)
        return SP_EEXIST;
    for (size_t i = 0; i < a->count; i++)
        if (memcmp(a->list[i].key.key, key->key, sizeof key->key) == 0)
            return SP_EEXIST;
    if (a->count == LIMIT_APPROVERS || strlen(name) > LIMIT_NAME_BYTES)
        return SP_ETOOBIG;
    while (at < a->count && strcmp(a->list[at].name, name) < 0)
        at++;
    memmove(&a->list[at + 1], &a->list[at],
            (a->count - at) * sizeof a->list[0]);
    a->count++;
    memset(&a->list[at], 0, sizeof a->list[at]);
    memcpy(a->list[at].name, name, strlen(name) + 1);
    a->list[at].key = *key;
    return 0;
}

void approvers_format(const struct approvers *a, char text[APPROVERS_TEXT_MAX])
{
    char key[MINISIGN_KEY_TEXT];
    size_t at = 0;

    text[0] = '\0';
    for (size_t i = 0; i < a->count; i++) {
        minisign_key_format(&a->list[i].key, key);
        at += (size_t)snprintf(text + at, APPROVERS_TEXT_MAX - at, "%s%s:%s",
                               i == 0 ? "" : ",", a->list[i].name, key);
    }
}

static bool name_is_good(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static const char more[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";

    return name[0] != '\0' && strchr(first, name[0]) != NULL &&
           strspn(name, more) == strlen(name);
}

/* Cuts the next "name:value" off a list; false if there is none that fits. */
static bool pair_next(const char **list, char name[LIMIT_NAME_BYTES + 1],
                      char *value, size_t size)
{
    size_t length = strcspn(*list, ",");
    const char *colon = memchr(*list, ':', length);
    size_t n = colon == NULL ? 0 : (size_t)(colon - *list);

    if (colon == NULL || n > LIMIT_NAME_BYTES || length - n - 1 >= size)
        return false;
    snprintf(name, LIMIT_NAME_BYTES + 1, "%.*s", (int)n, *list);
    snprintf(value, size, "%.*s", (int)(length - n - 1), colon + 1);
    *list += length;
    if (**list == ',')
        (*list)++;
    return name_is_good(name);
}

int approvers_parse(const char *text, unsigned required, int64_t valid_ms,
                    struct approvers *a)
{
    char name[LIMIT_NAME_BYTES + 1], value[MINISIGN_KEY_TEXT];
    char again[APPROVERS_TEXT_MAX];
    const char *at = text;
    struct minisign_key key;

    *a = (struct approvers){.required = required, .valid_ms = valid_ms};
    while (*at != '\0')
        if (!pair_next(&at, name, value, sizeof value) ||
            minisign_key_parse(value, strlen(value), &key) != 0 ||
            approvers_add(a, name, &key) != 0)
            return SP_EINVAL;
    approvers_format(a, again);
    if (strcmp(text, again) != 0 || required < 1 || required > a->count ||
        required > LIMIT_APPROVALS_REQUIRED ||
        valid_ms < APPROVERS_VALID_MIN_MS || valid_ms > APPROVERS_VALID_MAX_MS)
        return SP_EINVAL;
    return 0;
}

bool approvers_equal(const struct approvers *a, const struct approvers *b)
{
    if (a->required != b->required || a->valid_ms != b->valid_ms ||
        a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->list[i].name, b->list[i].name) != 0 ||
            memcmp(&a->list[i].key, &b->list[i].key, sizeof a->list[i].key) !=
                0)
            return false;
    return true;
}

void approvers_by_format(const struct approvers *a, const bool *who,
                         char text[APPROVERS_BY_MAX])
{
    char id[MINISIGN_ID_TEXT];
    size_t at = 0;

    text[0] = '\0';
    for (size_t i = 0; i < a->count; i++) {
        if (who != NULL && !who[i])
            continue;
        minisign_id_format(a->list[i].key.id, id);
        at += (size_t)snprintf(text + at, APPROVERS_BY_MAX - at, "%s%s:%s",
                               at == 0 ? "" : ",", a->list[i].name, id);
    }
}

int approvers_by_parse(const struct approvers *a, const char *text,
                       bool who[LIMIT_APPROVERS], unsigned *count)
{
    char name[LIMIT_NAME_BYTES + 1], value[MINISIGN_ID_TEXT];
    char again[APPROVERS_BY_MAX];
    const char *at = text;
    uint8_t id[8];

    *count = 0;
    memset(who, 0, LIMIT_APPROVERS * sizeof who[0]);
    while (*at != '\0') {
        int i;

        if (!pair_next(&at, name, value, sizeof value) ||
            minisign_id_parse(value, id) != 0 ||
            (i = approvers_find_id(a, id)) < 0 || who[i])
            return SP_EINVAL;
        who[i] = true;
        (*count)++;
    }
    approvers_by_format(a, who, again);
    return strcmp(text, again) == 0 ? 0 : SP_EINVAL;
}

void approvers_document(const struct approvers *a, const char *origin,
                        uint64_t replaces, char text[APPROVERS_DOCUMENT_MAX])
{
    char key[MINISIGN_KEY_TEXT];
    size_t at = (size_t)snprintf(text, APPROVERS_DOCUMENT_MAX,
                                 "sallyport approvers\n"
                                 "ledger: %.128s\n"
                                 "replaces: entry %" PRIu64 "\n"
                                 "required: %u\n"
                                 "valid: %" PRId64 " ms\n",
                                 origin, replaces, a->required, a->valid_ms);

    for (size_t i = 0; i < a->count && at < APPROVERS_DOCUMENT_MAX; i++) {
        minisign_key_format(&a->list[i].key, key);
        at += (size_t)snprintf(text + at, APPROVERS_DOCUMENT_MAX - at,
                               "%s: %s\n", a->list[i].name, key);
    }
}
