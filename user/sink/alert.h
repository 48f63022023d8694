/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one form in which something worth telling goes to all sinks, and its EVE-shaped JSON. */
#ifndef NW_ALERT_H
#define NW_ALERT_H

#include <stdint.h>

#include <jansson.h>

#include "fold.h"
#include "../engine/engine.h"
#include "../util/text.h"

/* Version of the "negwatch" object; keys are added without a new one. */
#define NW_ALERT_SCHEMA 1
/* Added to the rule's number: the range for local rules, so that no other ruleset's number is taken. */
#define NW_SIGNATURE_BASE 1445000u

/* What rule 191 counts. */
struct nw_suppressed {
	const struct nw_fold_key *key; /* of the repeats; NULL: of all kinds, beyond syslog's rate */
	uint64_t first_id, last_id;    /* of the alerts meant; of repeats both are the one that was told */
	int64_t first_seen, last_seen; /* wall, ns */
};

/* All pointers belong to whoever made the alert, and are valid while it is handed round. */
struct nw_alert {
	uint64_t id;  /* counts over restarts, from 1 */
	int64_t wall; /* of the packet that settled it, ns since 1970 */
	uint16_t rule;
	uint8_t severity;			/* enum nw_severity */
	uint64_t count;				/* 190: events lost; 191: alerts; 1 otherwise */
	const char *text;			/* one plain sentence */
	const struct nw_finding *finding;	/* NULL: not about a flow */
	const struct nw_conn *conn;		/* likewise */
	const struct nw_suppressed *suppressed; /* 191 only */
	const char *iface;			/* NULL: unknown */
	const char *host;
	const char *evidence; /* name of the file with its packets; NULL: there is none */
	int64_t wall_offset;  /* from event times to wall times, ns */
};

/* "mismatch", "aborted", ...: what kind of thing a rule tells. Static storage. */
const char *nw_rule_verdict(unsigned int rule);

/* As Suricata counts: 1 (worst) to 3. */
int nw_eve_severity(uint8_t severity);

/* What every EVE record begins with; iface and conn may be NULL. A new reference, or NULL without memory. */
json_t *nw_eve_json(const char *event_type, int64_t wall, const char *host, const char *iface,
		    const struct nw_conn *conn);

/* Client and server (NULL: several) of the alert; false: it is about none. */
bool nw_alert_ends(const struct nw_alert *a, const union nw_addr **client, const union nw_addr **server);

/* A new reference, or NULL without memory. */
json_t *nw_alert_json(const struct nw_alert *a);

/* "alert 17: SENTENCE (rule 101 NAME, SEVERITY)", how every text for people names it. */
void nw_alert_head(struct nw_text *t, uint64_t id, const char *text, unsigned int rule,
		   unsigned int severity);

/* For people at a terminal, without a newline: time, id, rule, sentence, addresses. Bounded by size. */
void nw_alert_line(char *out, size_t size, const struct nw_alert *a);

/* The NEGOTIATE that counts, and the VALIDATE that the alert is about (or the last); NULL if there is none.
 */
const struct nw_exchange *nw_alert_negotiate(const struct nw_alert *a);
const struct nw_exchange *nw_alert_validate(const struct nw_alert *a);

#endif
