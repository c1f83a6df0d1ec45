/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notices in the policy language: when people are reminded that a window ends,
 * and where a party wants to hear of it. Runs wherever a policy is parsed.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/policy_build.h"

/* Of a window that does not say. */
static const int64_t defaults[] = {72 * 3600000LL, 24 * 3600000LL, 3600000LL};

/* Only those that the window has room for. */
static void notify_default(struct policy_window *w)
{
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        if (defaults[i] < w->closes - w->opens)
            w->notify[w->nnotify++] = defaults[i];
}

void notify_build(struct policy_build *b, struct policy_window *w,
                  const struct node *list, int64_t lasts)
{
    if (list == NULL) {
        notify_default(w);
        return;
    }
    for (size_t i = 0;
         i < node_members(list) && w->nnotify < LIMIT_WINDOW_NOTICES; i++) {
        const struct node *item = list->items[i];
        int64_t before = node_number(item, 0);

        if (before == 0)
            continue; /* told already */
        if (w->nnotify > 0 && before >= w->notify[w->nnotify - 1])
            document_error(b->d, b->report, item,
                           "a notice that is not nearer to the end than the "
                           "one before it: expected the longest time first, "
                           "each once");
        else if (lasts > 0 && before >= lasts)
            document_error(b->d, b->report, item,
                           "a notice before the window opens: expected less "
                           "than how long the window lasts");
        else
            w->notify[w->nnotify++] = before;
    }
}

/* RFC 3986: a scheme and something behind it; no blanks, quotes or control
 * characters, so that it is one word in any hand it comes to; no star, which
 * means more than itself where lists are compared. */
static bool address_is_good(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    static const char more[] = "abcdefghijklmnopqrstuvwxyz0123456789+.-";
    size_t scheme = strspn(text, more);

    if (text[0] == 0 || strchr(letters, text[0]) == NULL ||
        text[scheme] != ':' || text[scheme + 1] == 0)
        return false;
    for (const char *p = text; *p != 0; p++)
        if (*p <= 0x20 || *p >= 0x7f || strchr("\"'*<>\\^`{|}", *p) != NULL)
            return false;
    return true;
}

static bool address_is_there(const struct policy_party *party,
                             const char *address)
{
    for (size_t i = 0; i < party->notices.naddresses; i++)
        if (strcmp(party->notices.addresses[i], address) == 0)
            return true;
    return false;
}

static void address_add(struct policy_build *b, struct policy_party *party,
                        const struct node *item)
{
    if (!node_is_good(item) || item->kind != NODE_SCALAR)
        return;
    if (!address_is_good(item->text)) {
        document_error(b->d, b->report, item,
                       "bad address \"%.128s\": expected a URI such as "
                       "mailto:soc@example.org",
                       item->text);
        return;
    }
    if (address_is_there(party, item->text)) {
        document_error(b->d, b->report, item,
                       "\"%.128s\" stands here twice: expected each once",
                       item->text);
        return;
    }
    party->notices.addresses[party->notices.naddresses] = build_text(b, item);
    if (party->notices.addresses[party->notices.naddresses] != NULL)
        party->notices.naddresses++;
}

void notices_build(struct policy_build *b, struct policy_party *party,
                   const struct node *n)
{
    const struct node *list = node_member(n, "addresses");
    const struct node *syslog = node_member(n, "syslog");

    if (!node_is_good(n) || n->kind != NODE_MAP)
        return;
    if (list == NULL && syslog == NULL)
        document_error_key(b->d, b->report, n,
                           "notices without any place to go: expected "
                           "\"addresses\" or \"syslog\"");
    party->notices.addresses =
        build_array(b, node_members(list), sizeof *party->notices.addresses);
    for (size_t i = 0; i < node_members(list) && !b->no_memory; i++)
        address_add(b, party, list->items[i]);
    if (!node_is_good(syslog))
        return;
    if (syslog_path_is_good(syslog->text))
        party->notices.syslog = build_text(b, syslog);
    else
        document_error(b->d, b->report, syslog,
                       "bad socket \"%.128s\": expected unix:/PATH of at most "
                       "%d bytes",
                       syslog->text, SYSLOG_PATH_MAX);
}

void notices_release(struct policy_party *party)
{
    for (size_t i = 0; i < party->notices.naddresses; i++)
        free(party->notices.addresses[i]);
    free(party->notices.addresses);
    free(party->notices.syslog);
}

bool syslog_path_is_good(const char *text)
{
    size_t length = strlen(text);

    return length > 6 && length <= 5 + SYSLOG_PATH_MAX &&
           strncmp(text, "unix:/", 6) == 0;
}
