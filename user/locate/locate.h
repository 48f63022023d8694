/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Several places of one path: what each saw of the same exchange is joined, put in order, and compared, so
 * that the leg is known on which something changed. Pure: no I/O, no clock, no globals. A room of its own and
 * not the engine's, as the engine has one place's packets before it and belongs to the daemon, while this
 * works on finished records of many places and is linked into negwatch(1) only.
 *
 * A middlebox may give a connection other addresses, ports and sequence numbers, but can't make the signature
 * of a message that it changed. So a VALIDATE request is the same at two places if client GUID, SessionId,
 * MessageId and signature are (MS-SMB2 2.2.1.2); its values are what the client really sent, and the signed
 * answer's are what the server really sent. A 3.1.1 connection has no VALIDATE: it is known again by the
 * random salts of both sides (2.2.3.1.1), if nobody changed these.
 */
#ifndef NW_LOCATE_H
#define NW_LOCATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scan.h"
#include "../engine/engine.h"

/* Dialects kept one by one (MS-SMB2 knows six); a hash stands for the others. */
#define NW_SIGHT_DIALECTS 8
/* Places that see one exchange; what more see it is counted. */
#define NW_LOCATED_PLACES 8
#define NW_CHANGES_MAX 40

enum nw_message {
	NW_NEGOTIATE_REQ,
	NW_NEGOTIATE_RSP,
	NW_VALIDATE_REQ,
	NW_VALIDATE_RSP,
	NW_MESSAGES,
	NW_MSG_RESET = NW_MESSAGES, /* in changes only: a RST */
};

/* What one message said. */
struct nw_said {
	uint64_t body; /* NEGOTIATE: hash of all of it, 0: unknown */
	uint32_t status;
	uint32_t capabilities;
	uint32_t more; /* hash of the dialects beyond NW_SIGHT_DIALECTS */
	uint16_t security_mode;
	uint16_t n_dialects; /* a response has one */
	uint16_t dialects[NW_SIGHT_DIALECTS];
	uint8_t guid[16];
	uint8_t signature[16];
	bool seen;
	bool known; /* it has values: no error */
	bool is_signed;
};

enum nw_joined_by { NW_BY_VALIDATE, NW_BY_SALT };

/* By what an exchange is known at every place. */
struct nw_sight_key {
	uint8_t id[16]; /* the client's GUID in VALIDATE, or its salt */
	uint64_t session_id;
	uint64_t message_id;
	uint8_t proof[16]; /* signature of the VALIDATE request, or the server's salt */
	uint64_t by;	   /* enum nw_joined_by */
};

/* One exchange as one place saw it. */
struct nw_sight {
	struct nw_sight_key key; /* comes first: it is hashed and compared */
	struct nw_said said[NW_MESSAGES];
	int64_t time;	       /* of the connection's first packet, wall, ns */
	union nw_addr addr[2]; /* by enum nw_dir_id: the sender */
	uint16_t port[2];      /* host byte order */
	uint16_t place;
	uint8_t vantage;  /* enum nw_vantage */
	uint8_t end_by;	  /* enum nw_dir_id */
	uint8_t end_how;  /* enum nw_end_how */
	uint8_t reset[2]; /* by its supposed sender: 0 none, else 1 + enum nw_forged */
	bool complete;	  /* the whole connection was seen: what is absent was not there */
	uint32_t rules;	  /* bit by number - 100 */
};

/* What changed between two places. */
enum nw_changed {
	/* the first five in the order of NW_FIELD_* */
	NW_CHANGED_CAPABILITIES,
	NW_CHANGED_GUID,
	NW_CHANGED_SECURITY_MODE,
	NW_CHANGED_DIALECTS,
	NW_CHANGED_DIALECT,
	NW_CHANGED_REST,      /* something that has no field above */
	NW_CHANGED_STATUS,    /* VALIDATE response */
	NW_CHANGED_SIGNATURE, /* another one, or none */
	NW_CHANGED_LOST,      /* did not come through */
	NW_CHANGED_MADE_UP,   /* was not sent by its supposed sender */
	NW_CHANGED_PERHAPS,   /* beyond the places, inferred from how the connection ended */
};

struct nw_change {
	uint8_t leg;	 /* k: between position k and k + 1; 0 is the client, n + 1 the server */
	uint8_t message; /* enum nw_message */
	uint8_t what;	 /* enum nw_changed */
	uint8_t side;	 /* NW_MSG_RESET: its supposed sender, enum nw_dir_id */
};

enum nw_order_by { NW_ORDER_VANTAGE, NW_ORDER_ADDRESSES, NW_ORDER_VALUES, NW_ORDER_UNKNOWN };

/* One connection at all places that saw it. */
struct nw_located {
	const struct nw_sight *at[NW_LOCATED_PLACES]; /* from client to server, if that is known */
	unsigned int n;
	enum nw_order_by order; /* by what it is known, the weakest of the reasons */
	unsigned int exchanges; /* VALIDATEs that were joined */
	int64_t time;
	struct nw_change change[NW_CHANGES_MAX];
	unsigned int n_changes;
	bool changed; /* one of them is visible, not inferred */
};

struct nw_locate_stats {
	uint64_t joined;    /* connections */
	uint64_t alone;	    /* exchanges that one place alone saw */
	uint64_t ambiguous; /* seen twice at one place, with different addresses */
	uint64_t crowded;   /* sights beyond NW_LOCATED_PLACES */
	uint64_t copies;    /* of `joined`: same addresses, same nanosecond */
};

/* What a JSON object holds for locate */
enum nw_sight_yield {
	NW_YIELD_SIGHTS,
	NW_YIELD_NONE,	 /* a flow, but nothing to know it by: no signed VALIDATE, no salts */
	NW_YIELD_NO_FLOW /* something else */
};

/*
 * sight.c: the sights in a record of the journal, or in a flow as `negwatch read` prints it. `blank` has the
 * place set, and a vantage, if that is to be used instead of the record's.
 */
enum nw_sight_yield nw_sights_read(const struct nw_json *record, const struct nw_sight *blank,
				   int (*fn)(void *arg, const struct nw_sight *s), void *arg, int *err);

/* order.c: sorts l->at from client to server and says in l->order by what. */
void nw_located_order(struct nw_located *l);

/* compare.c: fills in the changes of l, which is in order. */
void nw_located_compare(struct nw_located *l);
/* Bits by enum nw_changed: by which fields two messages differ; 0 if the values of either are unknown. */
uint32_t nw_said_differ(const struct nw_said *a, const struct nw_said *b, bool request);

/*
 * join.c: joins n sights, and hands out the connections that two places or more saw, in order of time. What
 * is handed out is valid during the call. fn returns 0 to go on. 0, -ENOMEM, or what fn returned.
 */
int nw_locate(const struct nw_sight *sights, size_t n, int (*fn)(void *arg, const struct nw_located *l),
	      void *arg, struct nw_locate_stats *stats);

#endif
