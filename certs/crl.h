/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation lists (RFC 5280 section 5). Two steps: crl_parse reads the frame
 * (strict DER), crl_verify looks for the authority whose key has signed it, and
 * only then reads the entries. Nothing here reads a clock or a file. The bytes
 * are anybody's: lists travel over plain HTTP.
 */
#ifndef SP_CERTS_CRL_H
#define SP_CERTS_CRL_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certs/chain.h"
#include "lib/http_url.h"
#include "lib/error.h"

/* The federal PKI's largest lists have 30 MB and a million entries. */
#define CRL_BYTES_MAX   (64u << 20) /* of one list in DER */
#define CRL_ENTRIES_MAX 4000000u    /* of one list */
/* What crl_parse takes: 64 MiB of DER as PEM, or many small lists. */
#define CRL_INPUT_MAX (96u << 20)
#define CRL_LISTS_MAX 256 /* of one text */
#define CRL_NAME_MAX  128 /* of an issuer's name as text, with its NUL */
/* Clocks differ: this far ahead of ours is not "in the future". */
#define CRL_SKEW_MS (5LL * 60 * 1000)
#define CRL_PROBLEM 256

/* What a list is about: it never says more than these allow. */
#define CRL_PARTITION    1u /* only certificates that name one of its points */
#define CRL_USERS_ONLY   2u
#define CRL_CAS_ONLY     4u
#define CRL_SOME_REASONS 8u /* says who is revoked, never who is good */
/* Then which reasons: ReasonFlags, the first bit lowest. */
#define CRL_REASONS(scope) ((scope) >> 8 & 0xffffu)

struct crl_info {
    char issuer[CRL_NAME_MAX]; /* RFC 2253, cut if longer; printable ASCII */
    uint8_t issuer_key[32];    /* of the key that signed it; zero until then */
    uint8_t issuer_name[32];   /* of its subject; see chain.h */
    uint8_t sha256[32];        /* of the whole list in DER */
    int64_t this_update;       /* ms UTC */
    int64_t next_update;
    bool has_number;
    uint8_t number[20]; /* big-endian, zeros in front */
    bool delta;
    uint8_t base[20]; /* of a delta: the least base number that it fits */
    uint32_t scope;   /* CRL_… */
    uint32_t npoints; /* URIs of a partition, sorted, without doubles; 0: of
                         none */
    uint8_t points[CHAIN_POINTS_MAX][32];
    size_t count;   /* serials that it revokes; 0 until verified */
    size_t removed; /* removeFromCRL entries of a delta: not obeyed */
    size_t odd;     /* serials that no certificate we take can have */
};

struct crl;

struct crl_list {
    struct crl **items;
    size_t count;
};

/* One list in DER, or a text with one or more "X509 CRL" blocks in PEM (other
 * blocks are skipped). Keeps no pointer to `bytes`. One that cannot be read
 * refuses all, with its number in `problem`. SP_EINVAL: malformed, none in it;
 * SP_EUNSUPPORTED: well-formed, but something that is not supported (indirect,
 * critical extension, attribute certificates, signature algorithm, no
 * nextUpdate, a partition that no URI names); SP_ETOOBIG; SP_ENOMEM. *out is
 * released with crl_list_release, and empty after a failure. */
int crl_parse(const uint8_t *bytes, size_t length, struct crl_list *out,
              char problem[CRL_PROBLEM]) SP_MUST_USE;
void crl_list_release(struct crl_list *l);

/* `pool`: certificates of authorities, anchors and intermediates. The signer is
 * a CA of that name with cRLSign (if it limits its key's usage), its key is
 * worth 112 bits. Whether the signer itself is valid is not asked: a list only
 * ever counts for certificates that the same key has issued, and their chain
 * has been verified. Once verified, the entries are in memory as 24 bytes each,
 * and the list's own bytes are gone. SP_ENOENT: nobody of that name in `pool`;
 * SP_EPERM: somebody, but none that may sign lists; SP_ESIGNATURE; SP_EINVAL
 * and SP_EUNSUPPORTED: an entry, or a time in the future of `now` (ms UTC);
 * SP_ETOOBIG: too many entries; SP_EEXIST: it was verified before. A list that
 * is over (nextUpdate) is not refused: whom it revokes stays revoked. */
int crl_verify(struct crl *crl, STACK_OF(X509) * pool, int64_t now,
               char problem[CRL_PROBLEM]) SP_MUST_USE;

const struct crl_info *crl_info(const struct crl *crl);

/* A serial in 20 bytes (zeros in front), why, and nothing. Sorted by the
 * serial, without doubles; NULL until verified. Lives as long as the list. */
struct crl_record {
    uint8_t serial[20];
    uint8_t reason; /* RFC 5280 section 5.3.1; 0: none given */
    uint8_t zero[3];
};
const struct crl_record *crl_records(const struct crl *crl);

/* The http:// URIs of the certificate's distribution points, in their order, as
 * far as they can be fetched from (http_url_parse). Returns how many. */
size_t crl_urls_of(X509 *cert, char (*urls)[HTTP_URL_MAX + 1], size_t most);

#endif
