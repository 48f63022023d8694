/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* NEGOTIATE messages as implementations write them, field by field from captures, as events of the tap. */
#ifndef NW_TESTS_SAID_H
#define NW_TESTS_SAID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../bpf/abi.h"

/* A NEGOTIATE message. contexts: types, with the algorithms behind a colon, '+' for chained compression. */
struct said {
	const char *want; /* the family, NULL: none */
	const char *guid;
	const char *contexts;
	const char *mechs; /* response: n, m, k, u, t, x: NEGOEX, MS Kerberos, Kerberos, U2U, NTLM, another */
	uint32_t process, caps, max;
	uint32_t max_transact; /* 0: max */
	uint16_t credits, charge, mode;
	uint16_t dialects[6]; /* response: the first */
	uint16_t buffer;      /* response: how long the security buffer is; 0: as its mechanisms need */
	uint8_t random;	      /* salts, names, times */
	bool start_time;
};

extern const struct said said_clients[], said_servers[];
extern const size_t said_n_clients, said_n_servers;

/* The message as an event, as the tap makes it, without key and time. */
void said_event(struct nw_event *ev, const struct said *s, bool request);

#endif
