/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport ca revoke, crl: takes certificates back and says so in a list. The
 * revocation is durable, and the daemon has it, before the list is tried: a
 * passphrase that is not there must not keep anybody in. Runs as the operator.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/pem.h"
#include "ctl/ca_announce.h"
#include "ctl/ca_parts.h"
#include "lib/clock.h"
#include "lib/file.h"

#define DAY_MS (24LL * 3600 * 1000)
/* The root's machine is not at hand every day. */
#define ROOT_LIST_DAYS 90
#define LIST_DAYS_MAX  366
#define CERT_MAX       65536

/* --- the list ------------------------------------------------------------ */

int ca_publish(struct authority *a, const struct ca_place *place,
               enum authority_part part, int64_t ms)
{
    int64_t now = clock_wall_ms();
    char problem[256], until[CLOCK_UTC_SIZE];
    uint64_t number = 0;

    if (ms == 0)
        ms = part == AUTHORITY_ROOT ? ROOT_LIST_DAYS * DAY_MS : DAY_MS;
    if (authority_publish(a, now, now + ms, &number, problem) != 0)
        return ca_complain(EXIT_FAILS, "%s: %s", place->folder, problem);
    clock_format_utc(now + ms, until);
    printf("made  %s/%s.crl and .crl.pem  list %" PRIu64 ", good until %s\n",
           place->folder, part == AUTHORITY_ROOT ? "root" : "ca", number,
           until);
    return EXIT_HOLDS;
}

/* Signs the list if nobody has to be asked for the key. */
static int publish_if_free(const struct ca_options *o,
                           const struct ca_place *place,
                           enum authority_part part)
{
    struct authority *a = NULL;
    int status;

    if (!ca_key_is_free(o, place, part)) {
        printf("The list is not made yet: its key needs a passphrase or is "
               "elsewhere. Run:\n"
               "  sallyport ca crl %s%s\n",
               o->folder, part == AUTHORITY_ROOT ? " --root" : "");
        return EXIT_HOLDS;
    }
    status = ca_open(o, place, part, true, &a);
    if (status == EXIT_HOLDS)
        status = ca_publish(a, place, part, 0);
    authority_close(a);
    return status;
}

int ca_revoked(const struct ca_options *o, const struct ca_place *place,
               enum authority_part part)
{
    int told = authority_announce(place->d.settings);
    int list = publish_if_free(o, place, part);

    if (list != EXIT_HOLDS)
        return ca_complain(list, "the revocation holds, but its list is not "
                                 "made: run \"sallyport ca crl\"");
    /* A daemon that serves lists takes the new one up. */
    return told == EXIT_HOLDS ? authority_announce(place->d.settings) : told;
}

int ca_run_crl(const struct ca_options *o)
{
    enum authority_part part = o->root ? AUTHORITY_ROOT : AUTHORITY_ISSUING;
    struct authority *a = NULL;
    struct ca_place place;
    int64_t ms = 0;
    int status = ca_days("--days", o->days, LIST_DAYS_MAX, &ms);

    if (status != EXIT_HOLDS ||
        (status = ca_place_find(o, false, &place)) != EXIT_HOLDS)
        return status;
    status = ca_open(o, &place, part, true, &a);
    if (status == EXIT_HOLDS)
        status = ca_publish(a, &place, part, ms);
    authority_close(a);
    if (status == EXIT_HOLDS)
        status = authority_announce(place.d.settings);
    ca_place_release(&place);
    return status;
}

/* --- revoking ------------------------------------------------------------ */

static int cert_hash(const char *file, uint8_t sha256[32])
{
    STACK_OF(X509) *certs = NULL;
    char problem[PEM_PROBLEM] = "";
    uint8_t *pem = NULL;
    size_t length = 0;
    int r = file_read(AT_FDCWD, file, CERT_MAX, &pem, &length);

    if (r == 0)
        r = pem_read_certificates(pem, length, &certs, problem);
    if (r == 0 &&
        X509_digest(sk_X509_value(certs, 0), EVP_sha256(), sha256, NULL) != 1)
        r = SP_ECRYPTO;
    sk_X509_pop_free(certs, X509_free);
    free(pem);
    return r == 0 ? EXIT_HOLDS
                  : ca_complain(EXIT_FAILS, "%s: %s", file,
                                problem[0] != '\0' ? problem : sp_strerror(r));
}

/* As others print them: "0A:1B" is "0a1b". */
static int serial_take(const char *text, char serial[AUTHORITY_SERIAL_TEXT])
{
    size_t n = 0;

    for (; *text != '\0' && n + 1 < AUTHORITY_SERIAL_TEXT; text++) {
        if (*text == ':')
            continue;
        if (strchr("0123456789abcdefABCDEF", *text) == NULL)
            break;
        serial[n++] =
            (char)(*text >= 'A' && *text <= 'F' ? *text - 'A' + 'a' : *text);
    }
    serial[n] = '\0';
    if (*text == '\0' && n > 0)
        return EXIT_HOLDS;
    return ca_complain(EXIT_MISUSED,
                       "--serial: expected hexadecimal digits, as \"ca list\" "
                       "prints them");
}

struct revocation {
    struct authority_selection selection;
    enum authority_reason reason;
    char serial[AUTHORITY_SERIAL_TEXT];
    uint8_t sha256[32];
};

static int revocation_read(const struct ca_options *o, struct revocation *r)
{
    int which = (o->serial != NULL) + (o->cert != NULL) +
                (o->party != NULL || o->person != NULL);
    int status = EXIT_HOLDS;

    if (which != 1 || (o->party == NULL) != (o->person == NULL))
        return ca_complain(EXIT_MISUSED,
                           "revoke: expected one of --serial HEX, --cert FILE, "
                           "or --party PARTY --person PERSON");
    if (o->reason == NULL || authority_reason_parse(o->reason, &r->reason) != 0)
        return ca_complain(
            EXIT_MISUSED,
            "--reason: expected keyCompromise, affiliationChanged, superseded, "
            "cessationOfOperation, privilegeWithdrawn or unspecified%s",
            o->root ? ", or cACompromise" : "");
    if (r->reason == AUTHORITY_CA_COMPROMISE && !o->root)
        return ca_complain(EXIT_MISUSED,
                           "--reason cACompromise is an authority's: expected "
                           "--root");
    if (o->serial != NULL) {
        status = serial_take(o->serial, r->serial);
        r->selection.serial = r->serial;
    } else if (o->cert != NULL) {
        status = cert_hash(o->cert, r->sha256);
        r->selection.sha256 = r->sha256;
    } else {
        r->selection.party = o->party;
        r->selection.person = o->person;
    }
    return status;
}

static int revoke_at(const struct ca_options *o, const struct ca_place *place,
                     const struct revocation *r, enum authority_part part)
{
    struct authority *a = NULL;
    char problem[256];
    size_t count = 0;
    int status = ca_open(o, place, part, false, &a);

    if (status == EXIT_HOLDS &&
        authority_revoke(a, &r->selection, r->reason, clock_wall_ms(), &count,
                         problem) != 0)
        status = ca_complain(EXIT_FAILS, "%s", problem);
    authority_close(a);
    if (status != EXIT_HOLDS)
        return status;
    printf("revoked  %zu certificate%s (%s)\n", count, count == 1 ? "" : "s",
           authority_reason_text(r->reason));
    return EXIT_HOLDS;
}

int ca_run_revoke(const struct ca_options *o)
{
    enum authority_part part = o->root ? AUTHORITY_ROOT : AUTHORITY_ISSUING;
    struct revocation r = {0};
    struct ca_place place;
    int status = revocation_read(o, &r);

    if (status != EXIT_HOLDS ||
        (status = ca_place_find(o, false, &place)) != EXIT_HOLDS)
        return status;
    status = revoke_at(o, &place, &r, part);
    if (status == EXIT_HOLDS)
        status = ca_revoked(o, &place, part);
    ca_place_release(&place);
    return status;
}
