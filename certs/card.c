/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at tokens through p11-kit: modules, tokens, one login, objects. Runs in
 * the command, as the person whose token it is. The URI is theirs; labels come
 * from the token and are cleaned before they are shown.
 */
#include "certs/card.h"

#include <fcntl.h>
#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"

#define LABEL_SIZE   65
#define OBJECTS_MAX  16
#define CERT_DER_MAX 65536

struct card {
    P11KitUri *uri;
    char path[PATH_MAX];
    char pin[TOKEN_PIN_SIZE];
    bool has_pin;
    CK_FUNCTION_LIST **modules; /* p11-kit's, or `one` */
    CK_FUNCTION_LIST *one[2];
    CK_FUNCTION_LIST *module; /* of the token that fits */
    CK_SLOT_ID slot;
    CK_TOKEN_INFO token;
    char label[LABEL_SIZE]; /* of the token, for messages */
    CK_SESSION_HANDLE session;
    bool open;
    char *problem;
};

static int SP_PRINTF(3, 4) say(struct card *c, int r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(c->problem, TOKEN_PROBLEM, format, args);
    va_end(args);
    return r;
}

/* A token's padded text as something that a terminal may see. */
static void label_take(const uint8_t *text, size_t length, char *out,
                       size_t size)
{
    size_t n = 0;

    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == 0))
        length--;
    for (; n < length && n < size - 1; n++)
        out[n] = (char)(text[n] >= 0x20 && text[n] < 0x7f ? text[n] : '?');
    out[n] = '\0';
}

/* Appends "A", then ", B"; what does not fit is left out. */
static void list_add(char *list, size_t size, const char *name)
{
    size_t n = strlen(list);

    snprintf(list + n, size - n, "%s\"%s\"", n == 0 ? "" : ", ", name);
}

/* ---- the URI ---- */

static int pin_keep(struct card *c, const char *pin, size_t length)
{
    if (length == 0 || length >= TOKEN_PIN_SIZE)
        return say(c, SP_EINVAL, "the PIN: expected 1 to %d characters",
                   TOKEN_PIN_SIZE - 1);
    memcpy(c->pin, pin, length);
    c->pin[length] = '\0';
    c->has_pin = true;
    return 0;
}

/* RFC 7512 section 2.4 lets a source be a command, too; we run none. */
static int pin_from_file(struct card *c, const char *source)
{
    const char *path = strncmp(source, "file:", 5) == 0 ? source + 5 : source;
    uint8_t *data = NULL;
    size_t length = 0;
    int r;

    if (strncmp(path, "///", 3) == 0)
        path += 2;
    if (path[0] != '/')
        return say(c, SP_EINVAL,
                   "pin-source: expected file:/ABSOLUTE/PATH of a file with "
                   "the PIN");
    r = file_read(AT_FDCWD, path, 4096, &data, &length);
    if (r != 0)
        return say(c, r, "pin-source %.160s: %s", path, sp_strerror(r));
    r = pin_keep(c, (char *)data, strcspn((char *)data, "\r\n"));
    explicit_bzero(data, length);
    free(data);
    return r;
}

static int pin_take(struct card *c, const char *pin)
{
    const char *value = p11_kit_uri_get_pin_value(c->uri);
    const char *source = p11_kit_uri_get_pin_source(c->uri);

    if (pin != NULL)
        return pin_keep(c, pin, strlen(pin));
    if (value != NULL)
        return pin_keep(c, value, strlen(value));
    return source != NULL ? pin_from_file(c, source) : 0;
}

static int path_take(struct card *c)
{
    const char *path = p11_kit_uri_get_module_path(c->uri);

    if (p11_kit_uri_get_module_name(c->uri) != NULL)
        return say(c, SP_EINVAL,
                   "module-name is not supported: name the module's file with "
                   "module-path");
    if (path == NULL)
        path = getenv("PKCS11_MODULE_PATH");
    if (path != NULL && strlen(path) >= sizeof c->path)
        return say(c, SP_EINVAL, "the module's path is too long");
    snprintf(c->path, sizeof c->path, "%s", path == NULL ? "" : path);
    return 0;
}

static int class_take(struct card *c, CK_OBJECT_CLASS class, const char *name)
{
    CK_ATTRIBUTE want = {CKA_CLASS, &class, sizeof class};
    const CK_ATTRIBUTE *has = p11_kit_uri_get_attribute(c->uri, CKA_CLASS);

    if (has != NULL && (has->ulValueLen != sizeof class ||
                        memcmp(has->pValue, &class, sizeof class) != 0))
        return say(c, SP_EINVAL,
                   "the URI's type: expected type=%s, or none for it", name);
    return p11_kit_uri_set_attribute(c->uri, &want) == P11_KIT_URI_OK
               ? 0
               : SP_ENOMEM;
}

static int uri_take(struct card *c, const char *text, CK_OBJECT_CLASS class,
                    const char *name)
{
    int r;

    if ((c->uri = p11_kit_uri_new()) == NULL)
        return SP_ENOMEM;
    if ((r = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, c->uri)) !=
        P11_KIT_URI_OK)
        return say(c, SP_EINVAL, "not a pkcs11: URI (RFC 7512): %s",
                   p11_kit_uri_message(r));
    if (p11_kit_uri_any_unrecognized(c->uri))
        return say(c, SP_EINVAL,
                   "the URI has an attribute that is not known here: expected "
                   "token, serial, manufacturer, model, object, id, type, "
                   "slot-id, module-path, pin-source, pin-value");
    if ((r = class_take(c, class, name)) != 0)
        return r;
    return path_take(c);
}

/* ---- modules and tokens ---- */

static int module_open(struct card *c)
{
    CK_RV rv;

    if (access(c->path, R_OK) != 0)
        return say(c, SP_ENOENT, "PKCS#11 module %.150s: %s", c->path,
                   sp_strerror(sp_error_from_errno()));
    p11_kit_be_quiet();
    if ((c->one[0] = p11_kit_module_load(c->path, 0)) == NULL) {
        const char *why = p11_kit_message();
        return say(c, SP_ENOENT, "PKCS#11 module %.100s: %.100s", c->path,
                   why != NULL ? why : "cannot be loaded");
    }
    if ((rv = p11_kit_module_initialize(c->one[0])) != CKR_OK) {
        p11_kit_module_release(c->one[0]);
        c->one[0] = NULL;
        return say(c, SP_EIO, "PKCS#11 module %.100s does not start: %.80s",
                   c->path, p11_kit_strerror(rv));
    }
    c->modules = c->one;
    return 0;
}

static int modules_open(struct card *c)
{
    if (c->path[0] != '\0')
        return module_open(c);
    p11_kit_be_quiet();
    c->modules = p11_kit_modules_load_and_initialize(0);
    if (c->modules == NULL || c->modules[0] == NULL)
        return say(c, SP_ENOENT,
                   "p11-kit knows no PKCS#11 module: install your card's "
                   "(package opensc-pkcs11 for most), or name its file with "
                   "?module-path=/PATH in the URI");
    return 0;
}

/* p11-kit shows the system's trusted certificates as tokens of its own. */
static bool token_is_real(const CK_TOKEN_INFO *t)
{
    static const char kit[] = "PKCS#11 Kit";

    return (t->flags & CKF_TOKEN_INITIALIZED) != 0 &&
           memcmp(t->manufacturerID, kit, sizeof kit - 1) != 0;
}

struct search {
    size_t fit;     /* tokens that fit the URI */
    char list[120]; /* labels of those that are there */
};

static void token_consider(struct card *c, CK_FUNCTION_LIST *module,
                           CK_SLOT_ID slot, struct search *s)
{
    CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(c->uri);
    char label[LABEL_SIZE];
    CK_TOKEN_INFO info;

    if (module->C_GetTokenInfo(slot, &info) != CKR_OK || !token_is_real(&info))
        return;
    label_take(info.label, sizeof info.label, label, sizeof label);
    list_add(s->list, sizeof s->list, label);
    if (p11_kit_uri_match_token_info(c->uri, &info) != 1 ||
        (wanted != (CK_SLOT_ID)-1 && wanted != slot))
        return;
    s->fit++;
    c->module = module;
    c->slot = slot;
    c->token = info;
    memcpy(c->label, label, sizeof c->label);
}

static void module_search(struct card *c, CK_FUNCTION_LIST *module,
                          struct search *s)
{
    CK_SLOT_ID *slots = NULL;
    CK_ULONG n = 0;

    if (module->C_GetSlotList(CK_TRUE, NULL, &n) != CKR_OK || n == 0)
        return;
    slots = calloc(n, sizeof *slots);
    if (slots != NULL && module->C_GetSlotList(CK_TRUE, slots, &n) == CKR_OK) {
        for (CK_ULONG i = 0; i < n; i++)
            token_consider(c, module, slots[i], s);
    }
    free(slots);
}

static int token_find(struct card *c)
{
    struct search s = {0};
    CK_RV rv;

    for (size_t i = 0; c->modules[i] != NULL; i++)
        module_search(c, c->modules[i], &s);
    if (s.fit == 0 && s.list[0] == '\0')
        return say(c, SP_ENOENT,
                   "no token is there: is the card in the reader?");
    if (s.fit == 0)
        return say(c, SP_ENOENT,
                   "no token fits the URI: is the right card in the reader? "
                   "Those there: %s",
                   s.list);
    if (s.fit > 1)
        return say(c, SP_EAMBIGUOUS,
                   "%zu tokens fit the URI; name one with token= or serial=. "
                   "Those there: %s",
                   s.fit, s.list);
    rv = c->module->C_OpenSession(c->slot, CKF_SERIAL_SESSION, NULL, NULL,
                                  &c->session);
    if (rv != CKR_OK)
        return say(c, SP_EIO, "token \"%s\": no session: %.80s", c->label,
                   p11_kit_strerror(rv));
    c->open = true;
    return 0;
}

/* ---- the PIN ---- */

static int pin_wrong(struct card *c)
{
    const char *left = "how many tries are left it does not say; too many "
                       "wrong ones lock it";
    CK_TOKEN_INFO info;

    if (c->module->C_GetTokenInfo(c->slot, &info) == CKR_OK) {
        if ((info.flags & CKF_USER_PIN_LOCKED) != 0)
            left = "and it is locked now: whoever gave you the card unlocks it";
        else if ((info.flags & CKF_USER_PIN_FINAL_TRY) != 0)
            left = "and only one try is left before it is locked";
        else if ((info.flags & CKF_USER_PIN_COUNT_LOW) != 0)
            left = "and at least one wrong try is on its count";
    }
    return say(c, SP_EPERM, "token \"%s\": the PIN is wrong; %s", c->label,
               left);
}

static int login_result(struct card *c, CK_RV rv)
{
    switch (rv) {
    case CKR_OK:
    case CKR_USER_ALREADY_LOGGED_IN:
        return 0;
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
        return pin_wrong(c);
    case CKR_PIN_LOCKED:
        return say(c, SP_EPERM,
                   "token \"%s\": the PIN is locked after too many wrong "
                   "tries: whoever gave you the card unlocks it",
                   c->label);
    case CKR_PIN_EXPIRED:
    case CKR_USER_PIN_NOT_INITIALIZED:
        return say(c, SP_EPERM,
                   "token \"%s\": its PIN must be set first, with the card's "
                   "own program",
                   c->label);
    default:
        return say(c, SP_EIO, "token \"%s\": logging in failed: %.80s",
                   c->label, p11_kit_strerror(rv));
    }
}

static int login(struct card *c, token_prompt_fn *prompt)
{
    int r;

    if ((c->token.flags & CKF_LOGIN_REQUIRED) == 0)
        return 0;
    /* The reader has keys of its own; it asks when the key is used. */
    if ((c->token.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0)
        return 0;
    if ((c->token.flags & CKF_USER_PIN_LOCKED) != 0)
        return login_result(c, CKR_PIN_LOCKED);
    if (!c->has_pin && prompt == NULL)
        return say(c, SP_EPERM,
                   "token \"%s\" needs its PIN: put ?pin-source=file:/PATH "
                   "into the URI, or have it asked on a terminal",
                   c->label);
    if (!c->has_pin && (r = prompt(c->label, c->pin)) != 0)
        return say(c, r, "token \"%s\": there is no PIN", c->label);
    c->has_pin = true;
    return login_result(c, c->module->C_Login(c->session, CKU_USER,
                                              (unsigned char *)c->pin,
                                              strlen(c->pin)));
}

/* ---- objects ---- */

static CK_ULONG objects_find(struct card *c, CK_ATTRIBUTE *want, CK_ULONG n,
                             CK_OBJECT_HANDLE found[OBJECTS_MAX])
{
    CK_ULONG count = 0;

    if (c->module->C_FindObjectsInit(c->session, want, n) != CKR_OK)
        return 0;
    if (c->module->C_FindObjects(c->session, found, OBJECTS_MAX, &count) !=
        CKR_OK)
        count = 0;
    c->module->C_FindObjectsFinal(c->session);
    return count;
}

/* Up to `size` bytes; 0: the object has none. */
static size_t attribute_get(struct card *c, CK_OBJECT_HANDLE object,
                            CK_ATTRIBUTE_TYPE type, void *value, size_t size)
{
    CK_ATTRIBUTE a = {type, value, size};

    if (c->module->C_GetAttributeValue(c->session, object, &a, 1) != CKR_OK ||
        a.ulValueLen > size)
        return 0;
    return a.ulValueLen;
}

static void objects_list(struct card *c, const CK_OBJECT_HANDLE *objects,
                         CK_ULONG n, char *list, size_t size)
{
    uint8_t text[LABEL_SIZE];
    char label[LABEL_SIZE];

    list[0] = '\0';
    for (CK_ULONG i = 0; i < n; i++) {
        size_t length =
            attribute_get(c, objects[i], CKA_LABEL, text, sizeof text);

        label_take(text, length, label, sizeof label);
        list_add(list, size, label);
    }
}

static int object_missing(struct card *c, CK_OBJECT_CLASS class,
                          const char *what)
{
    CK_ATTRIBUTE want = {CKA_CLASS, &class, sizeof class};
    CK_OBJECT_HANDLE all[OBJECTS_MAX];
    CK_ULONG n = objects_find(c, &want, 1, all);
    char list[100];

    if (n == 0)
        return say(c, SP_ENOENT, "token \"%s\" has no %s at all", c->label,
                   what);
    objects_list(c, all, n, list, sizeof list);
    return say(c, SP_ENOENT,
               "token \"%s\" has no %s of the URI's object or id. Those "
               "there: %s",
               c->label, what, list);
}

static int object_find(struct card *c, CK_OBJECT_CLASS class, const char *what,
                       CK_OBJECT_HANDLE *object)
{
    CK_OBJECT_HANDLE found[OBJECTS_MAX];
    CK_ULONG nwant = 0, n;
    CK_ATTRIBUTE *want = p11_kit_uri_get_attributes(c->uri, &nwant);
    char list[100];

    n = objects_find(c, want, nwant, found);
    if (n == 0)
        return object_missing(c, class, what);
    if (n > 1) {
        objects_list(c, found, n, list, sizeof list);
        return say(c, SP_EAMBIGUOUS,
                   "%lu objects of token \"%s\" fit the URI; name one with "
                   "object= or id=. Those that fit: %s",
                   n, c->label, list);
    }
    *object = found[0];
    return 0;
}

static int key_check(struct card *c, CK_OBJECT_HANDLE key)
{
    CK_BBOOL may = CK_FALSE;
    CK_KEY_TYPE type = CKK_VENDOR_DEFINED;

    if (attribute_get(c, key, CKA_SIGN, &may, sizeof may) != sizeof may || !may)
        return say(c, SP_EPERM,
                   "token \"%s\": the key is not allowed to sign (it is one "
                   "for decryption, perhaps): choose the one for "
                   "authentication",
                   c->label);
    if (attribute_get(c, key, CKA_KEY_TYPE, &type, sizeof type) !=
            sizeof type ||
        (type != CKK_RSA && type != CKK_EC))
        return say(c, SP_EUNSUPPORTED,
                   "token \"%s\": the key's kind is not supported: expected "
                   "RSA, or EC on P-256 or P-384",
                   c->label);
    return 0;
}

/* ---- the name of a key ---- */

/* Whatever the bytes are, as an attribute's value (RFC 7512 section 2.3). */
static void uri_add(char *uri, const char *attribute, const uint8_t *value,
                    size_t length)
{
    size_t n = strlen(uri);

    if (length == 0)
        return;
    n += (size_t)snprintf(uri + n, CARD_URI_SIZE - n,
                          "%s%s=", uri[n - 1] == ':' ? "" : ";", attribute);
    for (size_t i = 0; i < length && n + 4 < CARD_URI_SIZE; i++)
        n += (size_t)snprintf(uri + n, CARD_URI_SIZE - n, "%%%02X", value[i]);
}

static size_t padded_length(const uint8_t *text, size_t size)
{
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == 0))
        size--;
    return size;
}

static int key_name(struct card *c, CK_OBJECT_HANDLE key, char *uri)
{
    const CK_TOKEN_INFO *t = &c->token;
    uint8_t id[256], label[256];
    size_t nid = attribute_get(c, key, CKA_ID, id, sizeof id);
    size_t nlabel = attribute_get(c, key, CKA_LABEL, label, sizeof label);

    if (nid == 0 && nlabel == 0)
        return say(c, SP_EUNSUPPORTED,
                   "token \"%s\": the key has neither id nor label", c->label);
    snprintf(uri, CARD_URI_SIZE, "pkcs11:");
    uri_add(uri, "token", t->label, padded_length(t->label, sizeof t->label));
    uri_add(uri, "serial", t->serialNumber,
            padded_length(t->serialNumber, sizeof t->serialNumber));
    uri_add(uri, "id", id, nid);
    if (nid == 0)
        uri_add(uri, "object", label, nlabel);
    snprintf(uri + strlen(uri), CARD_URI_SIZE - strlen(uri), ";type=private");
    return 0;
}

static void card_close(struct card *c)
{
    if (c->open)
        c->module->C_CloseSession(c->session);
    if (c->modules == c->one) {
        p11_kit_module_finalize(c->one[0]);
        p11_kit_module_release(c->one[0]);
    } else if (c->modules != NULL) {
        p11_kit_modules_finalize_and_release(c->modules);
    }
    p11_kit_uri_free(c->uri);
    explicit_bzero(c, sizeof *c);
}

int card_find_key(const char *uri, const char *pin, token_prompt_fn *prompt,
                  struct card_key *out, char problem[TOKEN_PROBLEM])
{
    struct card c = {.problem = problem};
    CK_OBJECT_HANDLE key = 0;
    int r;

    *out = (struct card_key){0};
    problem[0] = '\0';
    if ((r = uri_take(&c, uri, CKO_PRIVATE_KEY, "private")) != 0 ||
        (r = pin_take(&c, pin)) != 0 || (r = modules_open(&c)) != 0 ||
        (r = token_find(&c)) != 0 || (r = login(&c, prompt)) != 0 ||
        (r = object_find(&c, CKO_PRIVATE_KEY, "private key", &key)) != 0 ||
        (r = key_check(&c, key)) != 0 || (r = key_name(&c, key, out->uri)) != 0)
        goto out;
    memcpy(out->module, c.path, sizeof out->module);
    memcpy(out->pin, c.pin, sizeof out->pin);
out:
    card_close(&c);
    return r;
}

int card_read_certificate(const char *uri, uint8_t **der, size_t *length,
                          char problem[TOKEN_PROBLEM])
{
    struct card c = {.problem = problem};
    CK_OBJECT_HANDLE cert = 0;
    uint8_t *data = NULL;
    int r;

    problem[0] = '\0';
    if ((r = uri_take(&c, uri, CKO_CERTIFICATE, "cert")) != 0 ||
        (r = pin_take(&c, NULL)) != 0 || (r = modules_open(&c)) != 0 ||
        (r = token_find(&c)) != 0 ||
        (c.has_pin && (r = login(&c, NULL)) != 0) ||
        (r = object_find(&c, CKO_CERTIFICATE, "certificate", &cert)) != 0)
        goto out;
    r = SP_ENOMEM;
    if ((data = malloc(CERT_DER_MAX)) == NULL)
        goto out;
    *length = attribute_get(&c, cert, CKA_VALUE, data, CERT_DER_MAX);
    r = *length == 0
            ? say(&c, SP_EINVAL, "token \"%s\": the certificate cannot be read",
                  c.label)
            : 0;
    if (r == 0) {
        *der = data;
        data = NULL;
    }
out:
    free(data);
    card_close(&c);
    return r;
}
