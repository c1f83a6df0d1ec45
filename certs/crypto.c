/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's providers. Runs at the start of every process, before its sandbox:
 * a provider is a file. openssl.cnf says where the module's checksums are; all
 * else that it may say about providers does not count, because the properties
 * that are set here go with each look-up.
 */
#include "certs/crypto.h"

#include <openssl/conf.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <stdio.h>

static bool started;

static int refuse(char problem[256], const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    snprintf(problem, 256,
             "fips is required, but %s%s%s: expected OpenSSL's FIPS provider "
             "(fips.so), installed with `openssl fipsinstall` and named by "
             "openssl.cnf",
             what, reason != NULL ? ": " : "", reason != NULL ? reason : "");
    ERR_clear_error();
    return SP_EUNSUPPORTED;
}

/* Loading runs the self tests that are due; asking for them runs them all. */
static int fips_load(OSSL_LIB_CTX *ctx, char problem[256])
{
    OSSL_PROVIDER *fips = OSSL_PROVIDER_load(ctx, "fips");

    if (fips == NULL)
        return refuse(problem, "its provider cannot be loaded");
    if (OSSL_PROVIDER_self_test(fips) != 1)
        return refuse(problem, "its self test failed");
    /* For reading and writing keys: no cryptography of its own. */
    if (OSSL_PROVIDER_load(ctx, "base") == NULL)
        return refuse(problem, "the provider \"base\" cannot be loaded");
    return 0;
}

/* In a library context of its own, so that nothing here changes. */
static int fips_try(char problem[256])
{
    OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();
    char *config = CONF_get1_default_config_file();
    int r = SP_ENOMEM;

    /* It names the module's checksums; one that is missing is told next. */
    if (ctx != NULL && config != NULL) {
        (void)OSSL_LIB_CTX_load_config(ctx, config);
        r = fips_load(ctx, problem);
    }
    OPENSSL_free(config);
    OSSL_LIB_CTX_free(ctx);
    ERR_clear_error();
    return r;
}

int crypto_start(bool fips, char problem[256])
{
    int r;

    problem[0] = '\0';
    ERR_clear_error();
    if (started)
        return fips && EVP_default_properties_is_fips_enabled(NULL) != 1
                   ? fips_try(problem)
                   : 0;
    if (fips) {
        if ((r = fips_load(NULL, problem)) != 0)
            return r;
        if (EVP_default_properties_enable_fips(NULL, 1) != 1)
            return refuse(problem, "it cannot be made the only one");
    }
    started = true;
    return 0;
}

void crypto_text(char text[CRYPTO_TEXT])
{
    EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
    const OSSL_PROVIDER *provider =
        md != NULL ? EVP_MD_get0_provider(md) : NULL;
    const char *name = "none", *version = "0";
    OSSL_PARAM asked[] = {
        OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, &version, 0),
        OSSL_PARAM_END,
    };

    if (provider != NULL) {
        name = OSSL_PROVIDER_get0_name(provider);
        (void)OSSL_PROVIDER_get_params(provider, asked);
    }
    snprintf(text, CRYPTO_TEXT, "OpenSSL-%.24s;%.24s-%.24s;fips=%s",
             OpenSSL_version(OPENSSL_VERSION_STRING), name, version,
             EVP_default_properties_is_fips_enabled(NULL) == 1 ? "required"
                                                               : "off");
    EVP_MD_free(md);
    ERR_clear_error();
}
