/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of receipts as `sallyport connect` keeps it, compared with the ledger:
 * for `sallyport log open-commitment --receipts`.
 */
#ifndef SP_CTL_LOG_RECEIPTS_H
#define SP_CTL_LOG_RECEIPTS_H

#include <stdbool.h>

#include "ledger/ledger.h"

/* Says for each receipt whether the ledger has that request with these
 * commitments; EXIT_HOLDS only if it has all of them. */
int log_receipts_compare(struct ledger_view *v, const char *file, bool json);

#endif
