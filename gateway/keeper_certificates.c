#include "gateway/keeper.h"
int keeper_certificate_revoked(struct keeper *k, const struct entry_certificate_revoked *r)
{
    struct entry e = {.kind = ENTRY_CERTIFICATE_REVOKED, .u.certificate_revoked = *r};
    keeper_record(k, &e);
    return 0;
}
