/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's ways to a token: the provider "pkcs11" where one is installed,
 * else the engine of that name, which is what Debian 12 has. Runs in the
 * command. Which key it is, and that the PIN is right, certs/card.h has found
 * out before, so that a card's tries are not spent twice.
 */
/* Engines are deprecated since OpenSSL 3.0: all that is left of them is here.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "certs/token.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#if __has_include(<openssl/engine.h>) && !defined(OPENSSL_NO_ENGINE)
#include <openssl/engine.h>
#ifndef OPENSSL_NO_ENGINE
#define HAVE_ENGINE 1
#endif
#endif

#include "certs/card.h"

static token_prompt_fn *prompt_fn;

bool token_is_uri(const char *text)
{
    return strncasecmp(text, "pkcs11:", 7) == 0;
}

void token_set_prompt(token_prompt_fn *prompt)
{
    prompt_fn = prompt;
}

static int openssl_problem(char problem[TOKEN_PROBLEM], const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    snprintf(problem, TOKEN_PROBLEM, "%s: %s", what,
             reason != NULL ? reason : "OpenSSL does not say why");
    ERR_clear_error();
    return SP_EIO;
}

/* ---- the provider ---- */

static int pin_give(UI *ui, UI_STRING *string)
{
    const struct card_key *k = UI_get0_user_data(ui);

    if (UI_get_string_type(string) != UIT_PROMPT)
        return 1;
    return UI_set_result(ui, string, k->pin) == 0;
}

static EVP_PKEY *store_read(const struct card_key *k)
{
    UI_METHOD *method = UI_create_method("sallyport PIN");
    OSSL_STORE_CTX *store = NULL;
    EVP_PKEY *key = NULL;

    if (method != NULL && UI_method_set_reader(method, pin_give) == 0) {
        union {
            const struct card_key *read;
            void *given;
        } data = {.read = k};

        store = OSSL_STORE_open_ex(k->uri, NULL, "?provider=pkcs11", method,
                                   data.given, NULL, NULL, NULL);
    }
    while (store != NULL && key == NULL && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (info == NULL)
            break;
        if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
            key = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    UI_destroy_method(method);
    return key;
}

/* NULL: there is no provider, or it does not give the key. */
static EVP_PKEY *provider_open(const struct card_key *k)
{
    EVP_PKEY *key = NULL;

    ERR_set_mark();
    if (k->module[0] != '\0')
        setenv("PKCS11_PROVIDER_MODULE", k->module, 1);
    if (OSSL_PROVIDER_try_load(NULL, "pkcs11", 1) != NULL)
        key = store_read(k);
    ERR_pop_to_mark();
    return key;
}

/* ---- the engine ---- */

#ifdef HAVE_ENGINE

static int engine_open(const struct card_key *k, EVP_PKEY **key,
                       char problem[TOKEN_PROBLEM])
{
    ENGINE *e = ENGINE_by_id("pkcs11");
    int r = 0;

    if (e == NULL) {
        ERR_clear_error();
        snprintf(problem, TOKEN_PROBLEM,
                 "OpenSSL has nothing to reach tokens with: install the "
                 "package libengine-pkcs11-openssl or pkcs11-provider");
        return SP_EUNSUPPORTED;
    }
    if ((k->module[0] != '\0' &&
         ENGINE_ctrl_cmd_string(e, "MODULE_PATH", k->module, 0) != 1) ||
        (k->pin[0] != '\0' &&
         ENGINE_ctrl_cmd_string(e, "PIN", k->pin, 0) != 1) ||
        ENGINE_init(e) != 1) {
        r = openssl_problem(problem, "OpenSSL's pkcs11 engine");
        ENGINE_free(e);
        return r;
    }
    *key = ENGINE_load_private_key(e, k->uri, NULL, NULL);
    if (*key == NULL)
        r = openssl_problem(problem, "OpenSSL's pkcs11 engine finds no key");
    ENGINE_finish(e);
    ENGINE_free(e);
    return r;
}

#else

static int engine_open(const struct card_key *k, EVP_PKEY **key,
                       char problem[TOKEN_PROBLEM])
{
    (void)k;
    *key = NULL;
    snprintf(problem, TOKEN_PROBLEM,
             "OpenSSL has nothing to reach tokens with: install the package "
             "pkcs11-provider");
    return SP_EUNSUPPORTED;
}

#endif

int token_key_open(const char *uri, const char *pin, EVP_PKEY **key,
                   char problem[TOKEN_PROBLEM])
{
    struct card_key found;
    int r = card_find_key(uri, pin, prompt_fn, &found, problem);

    *key = NULL;
    if (r == 0 && (*key = provider_open(&found)) == NULL)
        r = engine_open(&found, key, problem);
    explicit_bzero(&found, sizeof found);
    if (r != 0 && problem[0] == '\0')
        snprintf(problem, TOKEN_PROBLEM, "%s", sp_strerror(r));
    return r;
}

int token_certificate_open(const char *uri, X509 **cert,
                           char problem[TOKEN_PROBLEM])
{
    uint8_t *der = NULL;
    const unsigned char *at;
    size_t length = 0;
    int r = card_read_certificate(uri, &der, &length, problem);

    *cert = NULL;
    if (r != 0) {
        if (problem[0] == '\0')
            snprintf(problem, TOKEN_PROBLEM, "%s", sp_strerror(r));
        return r;
    }
    at = der;
    *cert = d2i_X509(NULL, &at, (long)length);
    free(der);
    if (*cert != NULL)
        return 0;
    snprintf(problem, TOKEN_PROBLEM,
             "what the token has there is not a certificate");
    ERR_clear_error();
    return SP_EINVAL;
}
