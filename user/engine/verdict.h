/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of the verdict share: how a finding is made and told. */
#ifndef NW_ENGINE_VERDICT_H
#define NW_ENGINE_VERDICT_H

#include "internal.h"

/* A finding of this rule about that exchange (NULL: none), with the severity of the rule's row. */
struct nw_finding nw_finding_at(uint16_t rule, const struct nw_conn *c, const struct nw_exchange *x,
				struct nw_where at);
/* Tells it, unless the connection's findings hold the same already. */
void nw_tell(struct nw_engine *e, struct nw_conn *c, struct nw_finding f);

/* The requests differ, and it is not the client that contradicts itself. */
bool nw_is_altered(const struct nw_exchange *x);
/* 101 and 109, once for each exchange, if its request differs. */
void nw_conclude_request(struct nw_engine *e, struct nw_conn *c, struct nw_exchange *x, uint8_t outcome,
			 struct nw_where at);
/* 110, if a tree was used and nothing was validated since. */
void nw_conclude_unvalidated(struct nw_engine *e, struct nw_conn *c);
/* The end by a reset that looked forged, if nothing has shown it to be so. */
void nw_conclude_doubt(struct nw_engine *e, struct nw_conn *c);

#endif
