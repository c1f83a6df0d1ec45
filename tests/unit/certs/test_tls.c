/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handshakes in memory: a server context as workers have it against clients
 * that do what they should, and clients that do what they should not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/tls.h"
#include "lib/clock.h"
#include "tests/unit/certs/made.h"

#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/tls1.h>

#define URI "sallyport://test/party/person"

static struct made root, other_root, server, person, nobody, expired, early,
    stranger, ambiguous;
static struct identities *ids;
static SSL_CTX *gate;

/* One connection: two SSLs and the bytes between them. */
struct wire {
    SSL *client, *server;
    int client_error, server_error; /* SSL_ERROR_NONE: finished */
    int alert;                      /* that the client was sent, or -1 */
    char failure[32];
};

static struct tls_bytes bytes_of(const char *text)
{
    return (struct tls_bytes){(const uint8_t *)text, strlen(text)};
}

/* Its certificate and key in PEM; names as in the settings, up to a NULL. */
static struct server_certificate *certificate_of(const struct made *cert,
                                                 const char *const *names)
{
    char *pem = made_pem(cert, NULL), *key = made_key_pem(cert);
    struct server_certificate_files files = {
        .certificate = bytes_of(pem), .key = bytes_of(key), .names = names};
    struct server_certificate *c = NULL;
    enum server_part part;
    char problem[256];

    while (names != NULL && names[files.nnames] != NULL)
        files.nnames++;
    if (server_certificate_new(&files, clock_wall_ms(), &part, problem, &c) !=
        0)
        fail_msg("certificate: %s", problem);
    free(pem);
    free(key);
    return c;
}

static void profile_context(const struct made *cert, const char *profile,
                            SSL_CTX **ctx)
{
    struct server_certificate *c = certificate_of(cert, NULL);
    const struct tls_server s = {.profile = tls_profile_find(profile),
                                 .ids = ids,
                                 .certificates = &c,
                                 .ncertificates = 1};
    char problem[256];

    if (tls_server_new(&s, problem, ctx) != 0)
        fail_msg("context: %s", problem);
    server_certificate_free(c);
}

static void pem_context(const struct made *cert, SSL_CTX **ctx)
{
    profile_context(cert, "strict", ctx);
}

static struct made person_make(const struct made *issuer, const char *uri,
                               int64_t from, int64_t to)
{
    int64_t now = clock_wall_ms();

    return make_certificate(&(struct make){.issuer = issuer,
                                           .cn = "Person",
                                           .uri = uri,
                                           .from = now + from,
                                           .to = now + to});
}

static int gate_make(void **state)
{
    int64_t now = clock_wall_ms(), from = now - 3600000, to = now + 3600000;
    char problem[256], *pem;
    struct identity_match match = {.san_uri = URI};
    struct identity_match two = {.issuer_subject = "CN=Two | CN=Root"};

    (void)state;
    root = make_certificate(
        &(struct make){.cn = "Root", .ca = true, .from = from, .to = to});
    other_root = make_certificate(
        &(struct make){.cn = "Other", .ca = true, .from = from, .to = to});
    server = make_certificate(
        &(struct make){.issuer = &root,
                       .cn = "gate",
                       .san = "DNS:gate.test,IP:127.0.0.1,IP:::1",
                       .eku = "serverAuth",
                       .from = from,
                       .to = to});
    person = person_make(&root, URI, -3600000, 3600000);
    nobody = person_make(&root, "urn:nobody", -3600000, 3600000);
    expired = person_make(&root, URI, -3600000, -1000);
    early = person_make(&root, URI, 60000, 3600000);
    stranger = person_make(&other_root, URI, -3600000, 3600000);
    ambiguous = make_certificate(&(struct make){
        .issuer = &root, .cn = "Two", .uri = URI, .from = from, .to = to});
    ids = identities_new();
    pem = made_pem(&root, NULL);
    assert_int_equal(identities_add_party(ids, 3, (uint8_t *)pem, strlen(pem),
                                          NULL, 0, NULL, problem),
                     0);
    free(pem);
    assert_int_equal(identities_add_person(ids, 3, 30, &match, problem), 0);
    assert_int_equal(identities_add_person(ids, 3, 31, &two, problem), 0);
    pem_context(&server, &gate);
    return 0;
}

static int gate_free(void **state)
{
    struct made *all[] = {&root,    &other_root, &server,   &person,   &nobody,
                          &expired, &early,      &stranger, &ambiguous};

    (void)state;
    SSL_CTX_free(gate);
    identities_free(ids);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        made_free(all[i]);
    return 0;
}

/* A client as curl is one: verifies the server by the root. */
static SSL_CTX *client_context(const struct made *cert)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    assert_non_null(ctx);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), root.cert);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (cert != NULL) {
        assert_int_equal(SSL_CTX_use_certificate(ctx, cert->cert), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(ctx, cert->key), 1);
    }
    return ctx;
}

static void client_info(const SSL *ssl, int where, int value)
{
    struct wire *w = SSL_get_app_data(ssl);

    if ((where & SSL_CB_ALERT) && (where & SSL_CB_READ) &&
        (value >> 8) == SSL3_AL_FATAL)
        w->alert = value & 0xff;
}

static void wire_open(struct wire *w, SSL_CTX *client, SSL_CTX *gate_ctx)
{
    BIO *near = NULL, *far = NULL;

    *w = (struct wire){.alert = -1};
    w->client = SSL_new(client);
    w->server = SSL_new(gate_ctx);
    assert_int_equal(BIO_new_bio_pair(&near, 65536, &far, 65536), 1);
    SSL_set_bio(w->client, near, near);
    SSL_set_bio(w->server, far, far);
    SSL_set_connect_state(w->client);
    SSL_set_accept_state(w->server);
    SSL_set_app_data(w->client, w);
    SSL_set_info_callback(w->client, client_info);
}

static void wire_close(struct wire *w)
{
    SSL_free(w->client);
    SSL_free(w->server);
    ERR_clear_error();
}

static int wire_step(SSL *ssl)
{
    int r;

    ERR_clear_error();
    r = SSL_do_handshake(ssl);
    return r == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl, r);
}

/* Runs the handshake to its end and lets the client read what follows. */
static void wire_shake(struct wire *w)
{
    char byte;

    assert_null(tls_identity(w->server));
    for (int i = 0; i < 20; i++) {
        w->client_error = wire_step(w->client);
        w->server_error = wire_step(w->server);
        if (w->server_error == SSL_ERROR_SSL) {
            strcpy(w->failure, tls_failure_code(w->server));
            assert_true(strlen(tls_error_text()) > 4);
            break;
        }
    }
    ERR_clear_error();
    if (SSL_read(w->client, &byte, 1) > 0)
        fail_msg("the server sent something unasked");
    ERR_clear_error();
}

static void shake_with(const struct made *cert, struct wire *w)
{
    SSL_CTX *client = client_context(cert);

    wire_open(w, client, gate);
    wire_shake(w);
    SSL_CTX_free(client);
}

static void a_known_person_is_let_in(void **state)
{
    const struct identity *id;
    uint8_t hash[32];
    struct wire w;

    (void)state;
    shake_with(&person, &w);
    assert_int_equal(w.client_error, SSL_ERROR_NONE);
    assert_int_equal(w.server_error, SSL_ERROR_NONE);
    id = tls_identity(w.server);
    assert_non_null(id);
    assert_int_equal(id->party, 3);
    assert_int_equal(id->person, 30);
    X509_digest(person.cert, EVP_sha256(), hash, NULL);
    assert_memory_equal(id->cert_sha256, hash, 32);
    assert_int_equal(SSL_version(w.server), TLS1_3_VERSION);
    assert_int_equal(SSL_get_verify_result(w.server), X509_V_OK);
    wire_close(&w);
}

static void nobody_is_let_in_to_be_told(void **state)
{
    const struct made *certs[] = {&nobody, &ambiguous};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct wire w;

        shake_with(certs[i], &w);
        assert_int_equal(w.server_error, SSL_ERROR_NONE);
        assert_non_null(tls_identity(w.server));
        assert_int_equal(tls_identity(w.server)->party, IDENTITY_NOBODY);
        assert_int_equal(tls_identity(w.server)->person, IDENTITY_NOBODY);
        wire_close(&w);
    }
}

static void P9_who_cannot_be_authenticated_stays_outside(void **state)
{
    const struct {
        const struct made *cert;
        const char *failure;
        int alert;
    } cases[] = {
        {NULL, "no_certificate", TLS13_AD_CERTIFICATE_REQUIRED},
        {&stranger, "untrusted", SSL_AD_UNKNOWN_CA},
        {&expired, "expired", SSL_AD_CERTIFICATE_EXPIRED},
        {&early, "not_yet_valid", SSL_AD_BAD_CERTIFICATE},
        {&server, "untrusted", SSL_AD_UNSUPPORTED_CERTIFICATE},
        {&root, "untrusted", SSL_AD_UNSUPPORTED_CERTIFICATE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wire w;

        shake_with(cases[i].cert, &w);
        assert_int_equal(w.server_error, SSL_ERROR_SSL);
        assert_string_equal(w.failure, cases[i].failure);
        assert_int_equal(w.alert, cases[i].alert);
        assert_null(tls_identity(w.server));
        wire_close(&w);
    }
}

/* The public half of one key with the private half of another: OpenSSL takes it
 * for the certificate's key, as it compares public halves. */
static EVP_PKEY *key_forge(EVP_PKEY *public, EVP_PKEY *private)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params;
    EVP_PKEY *forged = NULL;
    BIGNUM *secret = NULL;
    uint8_t point[65];
    size_t length = 0;

    assert_int_equal(EVP_PKEY_get_octet_string_param(public, "encoded-pub-key",
                                                     point, sizeof point,
                                                     &length),
                     1);
    assert_int_equal(EVP_PKEY_get_bn_param(private, "priv", &secret), 1);
    OSSL_PARAM_BLD_push_utf8_string(build, "group", "P-256", 0);
    OSSL_PARAM_BLD_push_octet_string(build, "pub", point, length);
    OSSL_PARAM_BLD_push_BN(build, "priv", secret);
    params = OSSL_PARAM_BLD_to_param(build);
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &forged, EVP_PKEY_KEYPAIR, params),
                     1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    BN_free(secret);
    return forged;
}

static void a_stolen_certificate_without_its_key_is_refused(void **state)
{
    EVP_PKEY *own = EVP_EC_gen("P-256");
    struct made thief = {.cert = person.cert,
                         .key = key_forge(person.key, own)};
    struct wire w;

    (void)state;
    shake_with(&thief, &w);
    assert_int_equal(w.server_error, SSL_ERROR_SSL);
    assert_int_equal(w.alert, SSL_AD_DECRYPT_ERROR);
    assert_string_equal(w.failure, "protocol");
    assert_null(tls_identity(w.server));
    wire_close(&w);
    EVP_PKEY_free(thief.key);
    EVP_PKEY_free(own);
}

static void older_versions_are_refused(void **state)
{
    SSL_CTX *client = client_context(&person);
    struct wire w;

    (void)state;
    SSL_CTX_set_max_proto_version(client, TLS1_2_VERSION);
    wire_open(&w, client, gate);
    wire_shake(&w);
    assert_int_equal(w.server_error, SSL_ERROR_SSL);
    assert_string_equal(w.failure, "protocol");
    assert_int_equal(w.alert, SSL_AD_PROTOCOL_VERSION);
    wire_close(&w);
    SSL_CTX_free(client);
}

static void shake_with_alpn(const char *protocols, size_t length,
                            struct wire *w)
{
    SSL_CTX *client = client_context(&person);

    assert_int_equal(SSL_CTX_set_alpn_protos(client, (const uint8_t *)protocols,
                                             (unsigned)length),
                     0);
    wire_open(w, client, gate);
    wire_shake(w);
    SSL_CTX_free(client);
}

static void application_protocols(void **state)
{
#define ALPN(text) text, sizeof(text) - 1
    const struct {
        const char *offered;
        size_t length;
        bool good;
    } cases[] = {
        {ALPN("\x08http/1.1"), true},
        {ALPN("\x02h2\x08http/1.1"), true},
        {ALPN("\x08http/1.0\x02h2\x08http/1.1\x03hq9"), true},
        {ALPN("\x02h2"), false},
        {ALPN("\x08http/1.0"), false},
        {ALPN("\x09http/1.1x"), false},
        {ALPN("\x07http/1."), false},
        /* The wanted bytes, but as a part of another name. */
        {ALPN("\x0bxx\x08http/1.1"), false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const unsigned char *chosen = NULL;
        unsigned length = 0;
        struct wire w;

        shake_with_alpn(cases[i].offered, cases[i].length, &w);
        if (cases[i].good) {
            assert_int_equal(w.server_error, SSL_ERROR_NONE);
            SSL_get0_alpn_selected(w.client, &chosen, &length);
            assert_int_equal(length, 8);
            assert_memory_equal(chosen, "http/1.1", 8);
        } else {
            assert_int_equal(w.server_error, SSL_ERROR_SSL);
            assert_int_equal(w.alert, SSL_AD_NO_APPLICATION_PROTOCOL);
        }
        wire_close(&w);
    }
}

static int sessions_offered;

static int session_count(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    (void)session;
    sessions_offered++;
    return 0;
}

static void no_ticket_is_ever_issued(void **state)
{
    SSL_CTX *client = client_context(&person);
    struct wire w;
    char text[8];

    (void)state;
    sessions_offered = 0;
    SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(client, session_count);
    wire_open(&w, client, gate);
    wire_shake(&w);
    assert_int_equal(w.server_error, SSL_ERROR_NONE);
    /* Nothing but the handshake itself waits for the client, also after data.
     */
    assert_int_equal(BIO_ctrl_pending(SSL_get_rbio(w.client)), 0);
    assert_int_equal(SSL_write(w.server, "answer", 6), 6);
    assert_int_equal(SSL_read(w.client, text, sizeof text), 6);
    assert_int_equal(sessions_offered, 0);
    assert_false(SSL_SESSION_is_resumable(SSL_get0_session(w.client)));
    assert_int_equal(SSL_CTX_sess_number(gate), 0);
    wire_close(&w);
    SSL_CTX_free(client);
}

/* A gate that issues tickets and takes early data: an older configuration,
 * say. Shows that its session works there before it is tried at ours. */
static SSL_SESSION *session_from_elsewhere(SSL_CTX *client)
{
    SSL_CTX *lax = SSL_CTX_new(TLS_server_method());
    SSL_SESSION *session = NULL;

    SSL_CTX_use_certificate(lax, server.cert);
    SSL_CTX_use_PrivateKey(lax, server.key);
    SSL_CTX_set_max_early_data(lax, 1024);
    SSL_CTX_set_options(lax, SSL_OP_NO_ANTI_REPLAY);
    for (int round = 0; round < 2; round++) {
        struct wire w;

        wire_open(&w, client, lax);
        if (session != NULL)
            assert_int_equal(SSL_set_session(w.client, session), 1);
        for (int i = 0; i < 5; i++) {
            wire_step(w.client);
            wire_step(w.server);
        }
        SSL_read(w.client, &(char){0}, 1);
        assert_int_equal(SSL_session_reused(w.server), round);
        if (session == NULL)
            session = SSL_get1_session(w.client);
        /* Else OpenSSL takes it for broken and will not offer it again. */
        SSL_set_quiet_shutdown(w.client, 1);
        SSL_shutdown(w.client);
        wire_close(&w);
    }
    SSL_CTX_free(lax);
    assert_true(SSL_SESSION_is_resumable(session));
    assert_true(SSL_SESSION_get_max_early_data(session) > 0);
    return session;
}

static void resuming_is_a_full_handshake(void **state)
{
    SSL_CTX *client = client_context(&person);
    SSL_SESSION *session = session_from_elsewhere(client);
    struct wire w;

    (void)state;
    wire_open(&w, client, gate);
    assert_int_equal(SSL_set_session(w.client, session), 1);
    wire_shake(&w);
    assert_int_equal(w.server_error, SSL_ERROR_NONE);
    assert_false(SSL_session_reused(w.server));
    assert_false(SSL_session_reused(w.client));
    assert_int_equal(tls_identity(w.server)->person, 30);
    wire_close(&w);
    SSL_SESSION_free(session);
    SSL_CTX_free(client);
}

/* With a session of its own making a client cannot come in without a
 * certificate either. */
static void resuming_does_not_stand_in_for_a_certificate(void **state)
{
    SSL_CTX *client = client_context(&person), *bare = client_context(NULL);
    SSL_SESSION *session = session_from_elsewhere(client);
    struct wire w;

    (void)state;
    wire_open(&w, bare, gate);
    assert_int_equal(SSL_set_session(w.client, session), 1);
    wire_shake(&w);
    assert_int_equal(w.server_error, SSL_ERROR_SSL);
    assert_string_equal(w.failure, "no_certificate");
    wire_close(&w);
    SSL_SESSION_free(session);
    SSL_CTX_free(bare);
    SSL_CTX_free(client);
}

static void early_data_is_not_taken(void **state)
{
    SSL_CTX *client = client_context(&person);
    SSL_SESSION *session = session_from_elsewhere(client);
    size_t written = 0;
    struct wire w;
    char text[64];

    (void)state;
    wire_open(&w, client, gate);
    assert_int_equal(SSL_set_session(w.client, session), 1);
    assert_int_equal(SSL_write_early_data(w.client, "GET /early", 10, &written),
                     1);
    assert_int_equal(written, 10);
    wire_shake(&w);
    assert_int_equal(w.server_error, SSL_ERROR_NONE);
    assert_int_equal(SSL_get_early_data_status(w.client),
                     SSL_EARLY_DATA_REJECTED);
    assert_int_equal(SSL_write(w.client, "late", 4), 4);
    assert_int_equal(SSL_read(w.server, text, sizeof text), 4);
    assert_memory_equal(text, "late", 4);
    wire_close(&w);
    SSL_SESSION_free(session);
    SSL_CTX_free(client);
}

static void what_a_chain_held_is_let_go(void **state)
{
    SSL_CTX *client = client_context(&person);
    struct wire w;

    (void)state;
    SSL_CTX_add1_chain_cert(client, root.cert);
    SSL_CTX_add1_chain_cert(client, other_root.cert);
    wire_open(&w, client, gate);
    wire_shake(&w);
    assert_int_equal(w.server_error, SSL_ERROR_NONE);
    assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(w.server)), 2);
    tls_forget_chain(w.server);
    assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(w.server)), 0);
    tls_forget_chain(w.server); /* nothing is left to let go of */
    assert_int_equal(tls_identity(w.server)->person, 30);
    wire_close(&w);
    SSL_CTX_free(client);
}

static void certificate_lists_are_bounded(void **state)
{
    SSL_CTX *client = client_context(&person);
    struct wire w;

    (void)state;
    for (int i = 0; i < 120; i++)
        SSL_CTX_add1_chain_cert(client, other_root.cert);
    wire_open(&w, client, gate);
    wire_shake(&w);
    assert_int_equal(w.server_error, SSL_ERROR_SSL);
    assert_string_equal(w.failure, "protocol"); /* before any of it is parsed */
    wire_close(&w);
    SSL_CTX_free(client);
}

static void weak_groups_are_refused(void **state)
{
    struct {
        char groups[12];
        bool good;
    } cases[] = {
        {"X25519", true}, {"P-256", true},  {"P-384", true},
        {"X448", false},  {"P-521", false}, {"ffdhe2048", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        SSL_CTX *client = client_context(&person);
        struct wire w;

        assert_int_equal(SSL_CTX_set1_groups_list(client, cases[i].groups), 1);
        wire_open(&w, client, gate);
        wire_shake(&w);
        assert_int_equal(w.server_error == SSL_ERROR_NONE, cases[i].good);
        wire_close(&w);
        SSL_CTX_free(client);
    }
}

static void server_material_is_checked(void **state)
{
    char *cert = made_pem(&server, NULL), *key = made_key_pem(&server);
    char *other = made_key_pem(&person), problem[256];
    const char *locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n"
                         "-----END ENCRYPTED PRIVATE KEY-----\n";
    const struct {
        const char *cert, *key;
        int result;
        const char *says;
    } cases[] = {
        {"", key, SP_EINVAL, "server certificate: no certificate"},
        {key, key, SP_EINVAL, "server certificate: no certificate"},
        {cert, "", SP_EINVAL, "server key: no usable private key"},
        {cert, locked, SP_EINVAL, "without a passphrase"},
        {cert, other, SP_EPERM, "expected the key of the server certificate"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct server_certificate_files files = {
            .certificate = bytes_of(cases[i].cert),
            .key = bytes_of(cases[i].key)};
        struct server_certificate *c = NULL;
        enum server_part part;

        assert_int_equal(
            server_certificate_new(&files, clock_wall_ms(), &part, problem, &c),
            cases[i].result);
        assert_null(c);
        if (strstr(problem, cases[i].says) == NULL)
            fail_msg("wanted \"%s\", have \"%s\"", cases[i].says, problem);
    }
    free(cert);
    free(key);
    free(other);
}

/* --- towards endpoints --------------------------------------------------- */

static SSL_CTX *endpoint_context(const struct made *cert)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    assert_int_equal(SSL_CTX_use_certificate(ctx, cert->cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, cert->key), 1);
    return ctx;
}

static SSL_CTX *dial_context(const struct made *anchor)
{
    char *pem = made_pem(anchor, NULL), problem[256];
    SSL_CTX *ctx = NULL;

    if (tls_client_new((uint8_t *)pem, strlen(pem), problem, &ctx) != 0)
        fail_msg("client: %s", problem);
    free(pem);
    return ctx;
}

static void endpoints_are_verified(void **state)
{
    const struct {
        const struct made *anchor;
        const char *host;
        int version;
        bool good;
    } cases[] = {
        {&root, "gate.test", TLS1_3_VERSION, true},
        {&root, "gate.test", TLS1_2_VERSION, true},
        {&root, "127.0.0.1", TLS1_3_VERSION, true},
        {&root, "::1", TLS1_3_VERSION, true},
        {&server, "gate.test", TLS1_3_VERSION, true}, /* itself pinned */
        {&root, "gate.test", TLS1_1_VERSION, false},
        {&root, "gate", TLS1_3_VERSION, false}, /* its CN */
        {&root, "other.test", TLS1_3_VERSION, false},
        {&root, "127.0.0.2", TLS1_3_VERSION, false},
        {&other_root, "gate.test", TLS1_3_VERSION, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        SSL_CTX *dial = dial_context(cases[i].anchor);
        SSL_CTX *endpoint = endpoint_context(&server);
        struct wire w;

        SSL_CTX_set_min_proto_version(endpoint, TLS1_VERSION);
        SSL_CTX_set_security_level(endpoint, 0);
        SSL_CTX_set_max_proto_version(endpoint, cases[i].version);
        wire_open(&w, dial, endpoint);
        assert_int_equal(tls_client_set_peer(w.client, cases[i].host), 0);
        for (int k = 0; k < 10; k++) {
            w.client_error = wire_step(w.client);
            w.server_error = wire_step(w.server);
        }
        if ((w.client_error == SSL_ERROR_NONE) != cases[i].good)
            fail_msg("case %zu (%s): wanted %d", i, cases[i].host,
                     cases[i].good);
        wire_close(&w);
        SSL_CTX_free(dial);
        SSL_CTX_free(endpoint);
    }
}

static void endpoints_need_anchors_and_a_name(void **state)
{
    SSL_CTX *ctx = NULL, *dial = dial_context(&root);
    SSL *ssl = SSL_new(dial);
    char problem[256];

    (void)state;
    assert_int_equal(tls_client_new((const uint8_t *)"", 0, problem, &ctx),
                     SP_EINVAL);
    assert_null(ctx);
    assert_non_null(strstr(problem, "no certificate"));
    assert_int_equal(tls_client_set_peer(ssl, ""), SP_EINVAL);
    SSL_free(ssl);
    SSL_CTX_free(dial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_person_is_let_in),
        cmocka_unit_test(nobody_is_let_in_to_be_told),
        cmocka_unit_test(P9_who_cannot_be_authenticated_stays_outside),
        cmocka_unit_test(a_stolen_certificate_without_its_key_is_refused),
        cmocka_unit_test(older_versions_are_refused),
        cmocka_unit_test(application_protocols),
        cmocka_unit_test(no_ticket_is_ever_issued),
        cmocka_unit_test(resuming_is_a_full_handshake),
        cmocka_unit_test(resuming_does_not_stand_in_for_a_certificate),
        cmocka_unit_test(early_data_is_not_taken),
        cmocka_unit_test(what_a_chain_held_is_let_go),
        cmocka_unit_test(certificate_lists_are_bounded),
        cmocka_unit_test(weak_groups_are_refused),
        cmocka_unit_test(server_material_is_checked),
        cmocka_unit_test(endpoints_are_verified),
        cmocka_unit_test(endpoints_need_anchors_and_a_name),
    };

    return cmocka_run_group_tests(tests, gate_make, gate_free);
}
