/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words for what goes wrong on the way to a gateway. Runs as the evaluator who
 * is to understand them.
 */
#include "ctl/remote_words.h"

#include <errno.h>
#include <openssl/x509_vfy.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int alert;
    const char *says;
} alerts[] = {
    {42, "the gateway takes your certificate for bad: it is not valid yet by "
         "the gateway's clock, or damaged. Ask the developer"},
    {43, "your certificate is not one for people (a CA's, a server's, or "
         "without clientAuth). On a card, choose the certificate for "
         "authentication; otherwise ask the developer"},
    {44, "your certificate is revoked. Ask the developer why, and for a new "
         "one"},
    {45, "your certificate has expired by the gateway's clock. Ask the "
         "developer for a new one"},
    {46, "the gateway refuses your certificate and does not say why. Ask the "
         "developer: it is in their log"},
    {48, "the gateway does not know who issued your certificate. Ask the "
         "developer whether its authority is in the policy, and whether an "
         "intermediate certificate is missing"},
    {49, "the gateway refuses your certificate. Ask the developer: it is in "
         "their log"},
    {51, "the signature that your key made is wrong: the middleware of the "
         "card, mostly. docs/cards.md says what helps"},
    {116, "no certificate reached the gateway. Does your network open "
          "encrypted connections? Ask your network people for an exception"},
};

const char *remote_alert_words(int alert)
{
    for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++) {
        if (alerts[i].alert == alert)
            return alerts[i].says;
    }
    return NULL;
}

void remote_trust_words(long trust, const char *name, char words[REMOTE_WORDS])
{
    switch (trust) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        snprintf(words, REMOTE_WORDS,
                 "the gateway's own certificate has expired. Tell the "
                 "developer; or is this machine's clock ahead?");
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        snprintf(words, REMOTE_WORDS,
                 "the gateway's own certificate is not valid yet. Is this "
                 "machine's clock behind? Otherwise tell the developer");
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        snprintf(words, REMOTE_WORDS,
                 "who answers proves another name than %.128s. Ask the "
                 "developer under which name it is to be reached",
                 name);
        break;
    default:
        snprintf(words, REMOTE_WORDS,
                 "who answers is not vouched for by the developer's "
                 "authority (%.100s). Does your network open encrypted "
                 "connections to look into them? Ask your network people "
                 "for an exception for %.128s; if they do not, tell the "
                 "developer: it may be a false gateway, or they have a "
                 "new authority and owe you a new bundle",
                 X509_verify_cert_error_string(trust), name);
    }
}

void remote_connect_words(int error, const char *host, const char *port,
                          char words[REMOTE_WORDS])
{
    if (error == ECONNREFUSED)
        snprintf(words, REMOTE_WORDS,
                 "the machine is there, but nothing listens at port %s of "
                 "%.128s. Ask the developer whether the gateway runs and the "
                 "port is right; a firewall of yours may answer so, too",
                 port, host);
    else
        snprintf(words, REMOTE_WORDS,
                 "no answer from %.128s, port %s: %s. Ask your network people "
                 "to let this machine connect out to it (TCP, without a "
                 "proxy); if they do, ask the developer whether your "
                 "addresses may come in",
                 host, port, strerror(error));
}
