/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is said of an alert and its flow, in words: shared by all that show one. */
#ifndef NW_ALERT_WORDS_H
#define NW_ALERT_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "../engine/rules.h"

/*
 * The exchanges that a finding of the flow is about: the last NEGOTIATE, and the VALIDATE that the finding
 * names, or the last. NULL: there is none.
 */
void nw_flow_exchanges(const json_t *flow, const json_t *finding, const json_t **negotiate,
		       const json_t **validate);

/* "the connection was ended by server FIN, 0.34 ms after the VALIDATE request; ..." Returns out. */
const char *nw_end_sentence(char *out, size_t size, const json_t *flow);

/* "between the client and this host"; NULL: no leg. leg: as in JSON. captured: it is not known on which host.
 */
const char *nw_leg_words(const char *leg, bool captured);

/* "10.0.0.10:445", "[fe80::1]:445"; without a port the address. Returns out. */
const char *nw_endpoint_text(char *out, size_t size, const char *ip, uint64_t port);

/* NULL: unknown. */
const struct nw_family *nw_flow_client(const json_t *flow);
const struct nw_family *nw_flow_server(const json_t *flow);

/* Who it is and how sure that is; of one in no table its fingerprint, by which it can be looked up; or "".
 * message: its part of NEGOTIATE. Returns out. */
const char *nw_family_words(char *out, size_t size, const struct nw_family *f, const json_t *message);

/* Said where packets or events were lost close by. */
extern const char nw_gap_words[];

#endif
