/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport ca server: a certificate for the gate itself. Runs as the
 * operator. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ca_announce.h"
#include "ctl/ca_parts.h"
#include "lib/clock.h"

#define SERVER_DAYS     825
#define SERVER_DAYS_MAX 3650

static int server_make(const struct ca_options *o, const struct ca_place *place,
                       const struct authority_order *order,
                       const struct ca_outputs *out)
{
    struct authority_issued issued = {0};
    char problem[256], until[CLOCK_UTC_SIZE];
    struct authority *a = NULL;
    int status = ca_open(o, place, AUTHORITY_ISSUING, true, &a);

    if (status == EXIT_HOLDS &&
        authority_issue(a, order, &issued, problem) != 0)
        status = ca_complain(EXIT_FAILS, "%s", problem);
    authority_close(a); /* not held while a daemon takes the index up */
    if (status == EXIT_HOLDS)
        status = authority_announce(place->d.settings);
    if (status == EXIT_HOLDS)
        status = ca_outputs_write(out, &issued);
    if (status == EXIT_HOLDS) {
        clock_format_utc(issued.record.not_after, until);
        printf("made  %s  serial %s, not valid after %s\n", out->cert,
               issued.record.serial, until);
        if (issued.key_pem != NULL)
            printf("made  %s  its key: for the gate alone\n", out->key);
    }
    authority_issued_free(&issued);
    return status;
}

static int order_fill(const struct ca_options *o, struct authority_order *order,
                      struct request **request)
{
    int64_t ms = SERVER_DAYS * 24LL * 3600 * 1000;
    int status = ca_days("--days", o->days, SERVER_DAYS_MAX, &ms);

    if (status != EXIT_HOLDS)
        return status;
    if (o->nnames == 0)
        return ca_complain(EXIT_MISUSED,
                           "server: expected --name ADDRESS-or-NAME, perhaps "
                           "several times");
    if (o->profile != NULL && o->csr != NULL)
        return ca_complain(EXIT_MISUSED,
                           "--profile is for a key that is made here: the one "
                           "in --csr is what it is");
    if (o->profile != NULL &&
        ((order->profile = profile_find(o->profile)) == NULL ||
         !order->profile->made))
        return ca_complain(EXIT_MISUSED,
                           "--profile %s: expected p256, p384 or rsa",
                           o->profile);
    order->names = o->names;
    order->nnames = o->nnames;
    order->now = clock_wall_ms();
    order->not_after = order->now + ms;
    if (o->csr == NULL)
        return EXIT_HOLDS;
    status = ca_read_request(o->csr, request);
    order->request = *request;
    return status;
}

int ca_run_server(const struct ca_options *o)
{
    struct authority_order order = {0};
    struct request *request = NULL;
    struct ca_outputs out = {0};
    struct ca_place place = {0};
    int status = order_fill(o, &order, &request);

    if (status == EXIT_HOLDS)
        status = ca_place_find(o, false, &place);
    if (status == EXIT_HOLDS) {
        order.deployment = ca_place_deployment(o, &place);
        if (order.deployment == NULL)
            status = EXIT_FAILS;
    }
    if (status == EXIT_HOLDS)
        status = ca_outputs_find(o, path_join(o->folder, "keys/server.crt"),
                                 "server", o->csr == NULL, &out);
    if (status == EXIT_HOLDS)
        status = server_make(o, &place, &order, &out);
    ca_outputs_release(&out);
    ca_place_release(&place);
    request_free(request);
    return status;
}
