/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What roles say to each other about revocation (docs/messages.md):
 *
 *   revoker ↔ dialer     what to fetch, and what came (strangers' bytes)
 *   worker ↔ revoker     a certificate that only a responder can tell about
 *   supervisor → revoker lists out of files
 *   revoker → supervisor → keeper → supervisor → workers
 *                        a new set of revoked certificates: first it is in the
 *                        ledger (P5), then it takes effect
 *   worker → keeper      whose certificate was matched, and whose is revoked
 */
#ifndef SP_GATEWAY_REVOCATION_MESSAGES_H
#define SP_GATEWAY_REVOCATION_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/messages.h"
#include "lib/revocation.h"

#define REVOCATION_URL_MAX 512 /* without its NUL */
/* One OCSP request: one certificate's id and a nonce. */
#define REVOCATION_ASK_MAX 1024
/* A list, as certs/crl.h bounds it; and an OCSP answer. */
#define REVOCATION_LIST_MAX   (64u << 20)
#define REVOCATION_ANSWER_MAX 65536
/* DER of one certificate; two fit a message. */
#define REVOCATION_CERTIFICATE_MAX 12288

/* A responder is asked again so long before its answer is over that it may
 * fail or hang once and nobody notices; ms. `cache` and `timeout` are the
 * policy's. */
static inline int64_t revocation_renew_ms(int64_t cache, int64_t timeout)
{
    int64_t need = timeout + 2000;

    if (need > cache / 2)
        need = cache / 2;
    return need > cache / 10 ? need : cache / 10;
}

/* FETCHES: from the supervisor, with one descriptor; the number grows. */
struct fetch_channel {
    uint64_t number;
};

/* Bytes point into the message. The dialer goes nowhere that the policy's
 * party does not allow. */
struct ask_fetch {
    uint64_t ticket;
    uint32_t party;
    uint32_t timeout_ms; /* of all of it, 1 … 600,000 */
    uint32_t most;       /* bytes of an answer, 1 … REVOCATION_LIST_MAX */
    char url[REVOCATION_URL_MAX + 1];
    const uint8_t *body; /* an OCSP request, POSTed; length 0: a GET */
    size_t length;       /* ≤ REVOCATION_ASK_MAX */
};

struct answer_fetch {
    uint64_t ticket;
    int32_t error;   /* 0: one descriptor comes with it, sealed memory */
    uint16_t status; /* of HTTP, 0 if there was no answer */
    uint32_t length; /* of what is in there */
};

struct ask_revocation {
    uint64_t ticket;
    uint32_t party;
    const uint8_t *leaf, *issuer; /* DER; point into the message */
    size_t leaf_length, issuer_length;
};

struct answer_revocation {
    uint64_t ticket;
    enum revocation status; /* GOOD, REVOKED or UNKNOWN */
    int64_t until;          /* GOOD: until then, ms UTC */
    char problem[96];       /* UNKNOWN: why, printable ASCII */
};

/* CRL_FILE: a party's list out of a file, with one descriptor. */
struct crl_file {
    uint32_t party;
};

/* Where a list came from. */
enum crl_source { CRL_FROM_FILE, CRL_FETCHED, CRL_OF_AUTHORITY, CRL_SOURCES };

/* What crl.loaded says. */
struct crl_loaded {
    uint8_t issuer_key[32];
    uint8_t sha256[32];
    char number[41]; /* decimal, "": the list has none */
    int64_t this_update, next_update;
    uint32_t count;
    uint8_t source; /* enum crl_source */
};

/* REVOCATIONS, with one descriptor but to the keeper; RECORDED; ANNOUNCE (what
 * is told from then on has greater numbers; the revoker's own is 0). The
 * number grows with each set of one revoker's life. */
struct revocations_number {
    uint64_t revoker; /* its generation */
    uint64_t number;
};

/* What a certificate was recognised by (certs/identity.h). */
struct certificate_matched {
    uint32_t policy; /* serial that the indices are of */
    uint32_t party, person;
    uint8_t rule; /* enum identity_rule */
    bool service, test_pki;
    uint8_t sha256[32], issuer_key[32], matched[32];
    uint8_t serial[20];
    uint8_t serial_length;
    char oid[65]; /* "": none */
};

/* A worker found a certificate in a list, or a responder said it. */
struct certificate_is_revoked {
    uint32_t policy;
    uint32_t party, person;
    bool ocsp; /* else a list */
    uint8_t sha256[32], issuer_key[32];
    uint8_t serial[20];
    uint8_t serial_length;
};

MESSAGE_PAIR(fetch_channel, fetch_channel);
MESSAGE_PAIR(ask_fetch, ask_fetch);
MESSAGE_PAIR(answer_fetch, answer_fetch);
MESSAGE_PAIR(ask_revocation, ask_revocation);
MESSAGE_PAIR(answer_revocation, answer_revocation);
MESSAGE_PAIR(crl_file, crl_file);
MESSAGE_PAIR(crl_loaded, crl_loaded);
MESSAGE_PAIR(certificate_matched, certificate_matched);
MESSAGE_PAIR(certificate_is_revoked, certificate_is_revoked);

/* `type` is MESSAGE_REVOCATIONS, MESSAGE_REVOCATIONS_RECORDED or
 * MESSAGE_ANNOUNCE. */
int revocations_number_put(uint16_t type, const struct revocations_number *v,
                           void *memory, size_t capacity,
                           size_t *length) SP_MUST_USE;
int revocations_number_get(struct revocations_number *v, const void *data,
                           size_t length) SP_MUST_USE;

#endif
