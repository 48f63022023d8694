/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Histories for tests: connections one after the other through one engine, and what became of its peers. */
#ifndef NW_TESTS_HISTORY_H
#define NW_TESTS_HISTORY_H

#include "../../user/engine/peers.h"

#define HISTORY_HOUR (3600 * NW_NS_PER_S)

/* One connection. What is left out is 0: the usual client, which does not validate. */
struct history_how {
	uint16_t offers, runs; /* highest dialect offered, dialect chosen */
	bool validates, altered, guest, encrypted, smb1, gap, unanswered, open, only;
	uint8_t client, guid, server, server_guid;
	uint16_t port; /* 0: 445 */
	uint32_t capabilities;
};

#define ON(offered, chosen) .offers = offered, .runs = chosen
#define V .validates = true

struct history {
	struct nw_engine *engine;
	struct nw_event ev;
	uint64_t now;
	uint16_t port;
	unsigned int told[NW_RULES_MAX]; /* by index of the rule table */
	struct nw_finding last;
};

extern struct history nw_history;

/* Another engine, whose clock begins anew. */
void history_begin(enum nw_vantage vantage, uint32_t max_peers);
void history_end(void);
/* From the SYN to both FINs, or (open) to the use of the tree. */
void history_connect(const struct history_how *h);
/* A single event, on the connection that nw_history.port says. */
void history_event(const struct history_how *h, uint8_t type, uint8_t dir);
/* How often the rule was told. */
unsigned int history_told(unsigned int rule);
/* Fails the test if there are other numbers of peers, and of those on the audit list. */
void history_expect(unsigned int all, unsigned int listed);
/* The last of the peers, or zeros. */
struct nw_peer history_peer(void);

#endif
