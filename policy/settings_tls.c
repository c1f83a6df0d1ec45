/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of sallyport.yaml: where the gateway listens and with which TLS profile, the
 * certificates it shows and to whom, and the FIPS switch. Runs where
 * settings.c does. Whether the library can do a profile, and whether a
 * certificate holds a name, is for those who have one (certs/).
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "policy/schemas.h"
#include "policy/settings_build.h"

#define build settings_build

static bool is_good(const struct node *n, enum node_kind kind)
{
    return n != NULL && !n->bad && n->kind == kind;
}

/* Members of a list or mapping, each an element of an array that is made with
 * one to spare. */
static void *array_new(struct build *b, const struct node *n, size_t size)
{
    void *array = calloc(n->count + 1, size);

    if (array == NULL)
        b->no_memory = true;
    return array;
}

/* --- listeners --- */

/* "ADDRESS:PORT" with an address in numbers, so that where the gateway
 * listens depends on nobody's name service. */
static bool listen_is_good(const char *text)
{
    const char *colon = strrchr(text, ':');
    uint8_t address[16];
    char host[64];
    size_t length;
    long port;
    char *end;

    if (colon == NULL || colon[1] < '0' || colon[1] > '9')
        return false;
    port = strtol(colon + 1, &end, 10);
    length = (size_t)(colon - text);
    if (*end != 0 || port > UINT16_MAX || (colon[1] == '0' && colon[2] != 0) ||
        length >= sizeof host)
        return false;
    memcpy(host, text, length);
    host[length] = 0;
    if (host[0] != '[')
        return inet_pton(AF_INET, host, address) == 1;
    if (host[length - 1] != ']')
        return false;
    host[length - 1] = 0;
    return inet_pton(AF_INET6, host + 1, address) == 1;
}

/* A word of the schema's table, which lives as long as the program. */
static const char *take_word(const struct node *n, const char *key)
{
    const struct node *m = node_member(n, key);

    if (!is_good(m, NODE_SCALAR) || m->field == NULL ||
        m->field->type != SCHEMA_CHOICE)
        return NULL;
    return m->field->words[m->number];
}

static void address_check(struct settings_build *b, const struct node *n,
                          const char *address)
{
    if (address != NULL && !listen_is_good(address))
        document_error(b->d, b->report, n,
                       "bad %s \"%s\": expected an address and a port, such "
                       "as 127.0.0.1:8443 or [::1]:8443",
                       n->key, address);
}

/* Port 0 is another one each time. */
static void address_check_other(struct settings_build *b, const struct node *n,
                                size_t count)
{
    const struct settings_listener *all = b->s->listeners;
    const char *address = all[count].address;
    size_t length = address != NULL ? strlen(address) : 0;

    if (length < 2 || strcmp(address + length - 2, ":0") == 0)
        return;
    for (size_t i = 0; i < count; i++)
        if (all[i].address != NULL && strcmp(all[i].address, address) == 0)
            document_error(b->d, b->report, n,
                           "\"%s\" twice: expected another address or port "
                           "for each listener",
                           address);
}

static void listener_build(struct settings_build *b, const struct node *n)
{
    struct settings *s = b->s;
    struct settings_listener *l = &s->listeners[s->nlisteners];
    const struct node *address = node_member(n, "address");

    l->address = settings_take_text(b, n, "address");
    l->profile = take_word(n, "profile");
    l->allow_test_pki = settings_take_number(n, "test_pki") == 1;
    if (l->address != NULL) {
        address_check(b, address, l->address);
        address_check_other(b, address, s->nlisteners);
    }
    s->nlisteners++;
}

static void listeners_build(struct settings_build *b, const struct node *root)
{
    const struct node *list = node_member(root, "listeners");
    const struct node *listen = node_member(root, "listen");
    struct settings *s = b->s;

    if (list == NULL) {
        s->listeners = array_new(b, root, sizeof *s->listeners);
        if (s->listeners == NULL)
            return;
        s->listeners[0] = (struct settings_listener){
            .address = settings_take_text(b, root, "listen"),
            .profile = SETTINGS_PROFILE_DEFAULT};
        s->nlisteners = 1;
        address_check(b, listen, s->listeners[0].address);
        return;
    }
    if (!is_good(list, NODE_LIST))
        return;
    if (listen != NULL && !listen->implied)
        document_error_key(b->d, b->report, listen,
                           "\"listen\" beside \"listeners\": expected one of "
                           "them");
    s->listeners = array_new(b, list, sizeof *s->listeners);
    for (size_t i = 0; s->listeners != NULL && i < list->count; i++)
        if (is_good(list->items[i], NODE_MAP))
            listener_build(b, list->items[i]);
}

/* --- names --- */

/* A host's name as DNS has it, perhaps with "*." in front. */
static bool name_is_good(const char *name)
{
    size_t label = 0, labels = 1;

    if (strncmp(name, "*.", 2) == 0)
        name += 2;
    for (const char *c = name; *c != '\0'; c++) {
        bool dash = *c == '-';

        if (*c == '.' && label > 0 && c[-1] != '-') {
            label = 0;
            labels++;
            continue;
        }
        if (!isalnum((unsigned char)*c) && !(dash && label > 0))
            return false;
        if (++label > 63)
            return false;
    }
    return label > 0 && name[strlen(name) - 1] != '-' && strlen(name) < 254 &&
           strspn(name, "0123456789.") != strlen(name) && labels > 0;
}

static bool name_is_known(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->nserver_names; i++)
        for (size_t k = 0; k < s->server_names[i].nnames; k++)
            if (strcmp(s->server_names[i].names[k], name) == 0)
                return true;
    return false;
}

static void name_build(struct settings_build *b, const struct node *n,
                       struct settings_names *to)
{
    char *name;

    if (!is_good(n, NODE_SCALAR))
        return;
    if (!name_is_good(n->text)) {
        document_error(b->d, b->report, n,
                       "bad name \"%.64s\": expected a host's name such as "
                       "gate.example.org or *.example.org",
                       n->text);
        return;
    }
    if ((name = strdup(n->text)) == NULL) {
        b->no_memory = true;
        return;
    }
    for (char *c = name; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    if (name_is_known(b->s, name))
        document_error(b->d, b->report, n,
                       "\"%s\" twice: expected one certificate for a name",
                       name);
    to->names[to->nnames++] = name;
}

static void names_build(struct settings_build *b, const struct node *n)
{
    struct settings *s = b->s;
    struct settings_names *to = &s->server_names[s->nserver_names++];
    const struct node *names = node_member(n, "names");

    to->certificate = settings_take_text(b, n, "certificate");
    to->key = settings_take_text(b, n, "key");
    to->ocsp = settings_take_text(b, n, "ocsp");
    if (!is_good(names, NODE_LIST))
        return;
    to->names = array_new(b, names, sizeof *to->names);
    for (size_t i = 0; to->names != NULL && i < names->count; i++)
        name_build(b, names->items[i], to);
}

static void server_names_build(struct settings_build *b,
                               const struct node *list)
{
    struct settings *s = b->s;

    if (!is_good(list, NODE_LIST))
        return;
    s->server_names = array_new(b, list, sizeof *s->server_names);
    for (size_t i = 0; s->server_names != NULL && i < list->count; i++)
        if (is_good(list->items[i], NODE_MAP))
            names_build(b, list->items[i]);
}

/* --- towards models --- */

static void client_certificates_build(struct settings_build *b,
                                      const struct node *map)
{
    struct settings *s = b->s;

    if (!is_good(map, NODE_MAP))
        return;
    s->client_certificates = array_new(b, map, sizeof *s->client_certificates);
    for (size_t i = 0; s->client_certificates != NULL && i < map->count; i++) {
        struct settings_client_certificate *c =
            &s->client_certificates[s->nclient_certificates++];

        if ((c->name = strdup(map->items[i]->key)) == NULL)
            b->no_memory = true;
        c->certificate = settings_take_text(b, map->items[i], "certificate");
        c->key = settings_take_text(b, map->items[i], "key");
    }
}

void settings_tls_build(struct settings_build *b, const struct node *root)
{
    listeners_build(b, root);
    b->s->server_ocsp =
        settings_take_text(b, node_member(root, "server"), "ocsp");
    server_names_build(b, node_member(root, "server_names"));
    client_certificates_build(b, node_member(root, "client_certificates"));
    b->s->fips = settings_take_number(node_member(root, "crypto"), "fips") == 1;
}

const struct settings_client_certificate *
settings_client_certificate(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->nclient_certificates; i++)
        if (strcmp(s->client_certificates[i].name, name) == 0)
            return &s->client_certificates[i];
    return NULL;
}

static void names_release(struct settings_names *n)
{
    for (size_t i = 0; i < n->nnames; i++)
        free(n->names[i]);
    free(n->names);
    free(n->certificate);
    free(n->key);
    free(n->ocsp);
}

void settings_tls_release(struct settings *s)
{
    for (size_t i = 0; i < s->nlisteners; i++)
        free(s->listeners[i].address);
    free(s->listeners);
    for (size_t i = 0; i < s->nserver_names; i++)
        names_release(&s->server_names[i]);
    free(s->server_names);
    for (size_t i = 0; i < s->nclient_certificates; i++) {
        free(s->client_certificates[i].name);
        free(s->client_certificates[i].certificate);
        free(s->client_certificates[i].key);
    }
    free(s->client_certificates);
    free(s->server_ocsp);
}
