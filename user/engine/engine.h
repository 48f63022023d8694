/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The engine: from events to findings. Pure: no I/O, no clock (time comes with events and ticks), no
 * globals. All memory is bounded by the configuration. Not thread-safe; one engine per thread.
 */
#ifndef NW_ENGINE_H
#define NW_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../bpf/abi.h"
#include "family.h"
#include "hints.h"
#include "impl.h"
#include "rules.h"

#define NW_NS_PER_MS 1000000ULL
#define NW_NS_PER_S 1000000000ULL

/* Per flow and kept for show and read; what exceeds it is counted. Samba and Linux clients send one
 * VALIDATE per TREE_CONNECT. */
#define NW_VALIDATES_MAX 32
#define NW_RESETS_MAX 8
/* Steps of one connection: SESSION_SETUP, TREE_CONNECT, first use and the like; 16 cover two sessions with
 * three shares each. */
#define NW_STEPS_MAX 16

/* What NEGOTIATE and VALIDATE both carry, as one side sent it. */
struct nw_params {
	uint64_t ts; /* event clock, ns; 0: this message was not seen */
	uint64_t frame;
	uint64_t fingerprint; /* 0: values unknown (error response) */
	uint64_t message_id;
	uint64_t session_id;
	uint32_t status; /* responses: NTSTATUS */
	uint32_t capabilities;
	uint32_t max_output; /* VALIDATE request */
	uint16_t security_mode;
	uint16_t dialect;    /* responses */
	uint16_t n_dialects; /* requests: as sent; at most NW_DIALECTS_MAX are kept */
	bool is_signed;
	bool encrypted;
	struct nw_traits traits; /* NEGOTIATE */
	uint8_t guid[16];	 /* wire order */
	/* What nobody can give to another message, so that it is known again at another place (marks.c): */
	uint8_t signature[16]; /* of the header (MS-SMB2 2.2.1.2), if is_signed */
	uint8_t salt[16];      /* NEGOTIATE 3.1.1: first half of its pre-authentication salt; 0: none */
	uint64_t body;	       /* NEGOTIATE: hash of all of it behind the header; 0: not all of it is known */
	uint16_t *dialects;    /* min(n_dialects, NW_DIALECTS_MAX) of them; owned by the flow */
};

/* One exchange. */
struct nw_exchange {
	struct nw_params request;
	struct nw_params response;
	/* VALIDATE only: NW_FIELD_* against the NEGOTIATE that was the last when it was sent */
	uint8_t request_differs;
	uint8_t response_differs;
	bool request_compared; /* both sides were known */
	bool response_compared;
	/* The request differs from a NEGOTIATE that another VALIDATE of the connection has confirmed. Linux
	 * cifs makes it of each mount's own settings, so that a second session may say something else. */
	bool contradicts;
	uint64_t asked;	   /* when the request came, on the engine's clock */
	bool concluded;	   /* the engine's own */
	bool highest_same; /* request: dialects differ, but not the highest */
	bool near_gap;
};

enum nw_end_how { NW_END_NONE = 0, NW_END_FIN, NW_END_RST };

struct nw_end {
	uint64_t ts;
	uint64_t frame;
	uint8_t by;  /* enum nw_dir_id */
	uint8_t how; /* enum nw_end_how */
};

/* Signs that a RST was not sent by its supposed sender */
#define NW_SIGN_TTL 0x01u
#define NW_SIGN_WINDOW 0x02u
#define NW_SIGN_IP_ID 0x04u
#define NW_SIGN_SEQUENCE 0x08u
#define NW_SIGN_TALKS_ON 0x10u
#define NW_SIGN_SECOND_RST 0x20u
#define NW_SIGN_ACKNOWLEDGEMENT 0x40u
#define NW_SIGN_OPTIONS 0x80u
#define NW_SIGN_NOT_SENT 0x100u /* this host's own TCP, whose reset it would be, did not send it */

enum nw_forged { NW_FORGED_NO = 0, NW_FORGED_LIKELY, NW_FORGED_CERTAIN };

/* What this host's own TCP says of a reset. On loopback one packet may be sent and accepted. */
#define NW_KERNEL_SENT 0x01u
#define NW_KERNEL_ACCEPTED 0x02u
#define NW_KERNEL_NOT_SENT 0x04u
#define NW_KERNEL_NOT_ACCEPTED 0x08u

struct nw_reset {
	uint64_t ts;
	uint64_t frame;
	uint64_t due; /* engine's clock: until then it is held, and the kernel's word waited for; 0: over */
	uint32_t seq;
	uint32_t beyond[2]; /* by enum nw_dir_id: payload behind this was sent after it */
	uint16_t ip_id[2];  /* the last before it */
	uint16_t signs;	    /* NW_SIGN_* */
	uint8_t by;	    /* enum nw_dir_id: in whose name */
	uint8_t ttl;
	uint8_t usual_ttl;  /* of the same endpoint's last packet before; 0: none was seen */
	uint8_t forged;	    /* enum nw_forged */
	uint8_t told;	    /* the grade that was told */
	uint8_t lives;	    /* bit by enum nw_dir_id: that end was seen alive since */
	uint8_t kernel;	    /* NW_KERNEL_*: what this host's own TCP says of it */
	uint8_t silence;    /* NW_KERNEL_NOT_*: what it says if no word comes until due */
	bool settled;	    /* it was believed, or told of */
	bool loss;	    /* it told of bytes that were never seen, if it is genuine */
	bool late;	    /* its sender sent something long after it ... */
	bool proven;	    /* ... or what no endpoint could after a reset of its own */
	const char *reason; /* with SENT, as the kernel calls it; NULL: it doesn't tell. As long-lived as
			       cfg.arg */
};

/* How the server (or client) took a difference: attribute of 101 and 102 */
enum nw_outcome_id {
	NW_OUT_UNKNOWN = 0,
	NW_OUT_SERVER_FIN,
	NW_OUT_SERVER_RST,
	NW_OUT_CLIENT_FIN,
	NW_OUT_CLIENT_RST,
	NW_OUT_LOGOFF,
	NW_OUT_ERROR,	  /* answered with an error, connection stays up */
	NW_OUT_TOLERATED, /* answered as if nothing was wrong */
};

enum nw_leg {
	NW_LEG_NONE = 0,
	NW_LEG_CLIENT_HERE, /* between the client and this place */
	NW_LEG_HERE_SERVER, /* between this place and the server */
};

enum nw_vantage { NW_VANTAGE_UNKNOWN = 0, NW_VANTAGE_SERVER, NW_VANTAGE_CLIENT, NW_VANTAGE_BETWEEN };

#define NW_TEXT_MAX 320

struct nw_finding {
	uint64_t ts; /* event clock, ns: the packet that settled it */
	uint64_t frame;
	uint16_t rule;
	uint8_t severity;	/* enum nw_severity; a rule's own may be graded */
	uint8_t fields;		/* NW_FIELD_* */
	uint8_t leg;		/* enum nw_leg */
	uint8_t outcome;	/* enum nw_outcome_id */
	bool refused;		/* 108: TREE_CONNECT was refused */
	bool near_gap;		/* bytes or events were lost close by */
	int16_t validate;	/* index into the flow's exchanges, -1: none */
	uint64_t delay_ns;	/* from the VALIDATE request (105, 108: the last answer) to what settled it;
				 * 0: does not apply */
	char text[NW_TEXT_MAX]; /* one plain sentence, printable ASCII */
};

/* What stayed unseen, by cause: bits of nw_conn.unseen */
#define NW_UNSEEN_ENCRYPTED 0x01u
#define NW_UNSEEN_GAP 0x02u
#define NW_UNSEEN_TRUNCATED 0x04u
#define NW_UNSEEN_FRAGMENT 0x08u
#define NW_UNSEEN_START 0x10u /* the flow was running before it was first seen */

/* What else the two ends did, beside the exchanges and the end: for the timeline alone. */
struct nw_step {
	uint64_t ts; /* event clock, ns */
	uint64_t frame;
	uint32_t seq;	  /* TCP sequence number of the message: the same message is kept once */
	uint32_t status;  /* responses: NTSTATUS */
	uint16_t command; /* MS-SMB2 2.2.1.2; 0 with encrypted and SMB1 messages */
	uint8_t type;	  /* enum nw_event_type */
	uint8_t by;	  /* enum nw_dir_id */
};

enum nw_observed { NW_OBSERVED_NONE = 0, NW_OBSERVED_PARTIAL, NW_OBSERVED_FULL };

/* One connection. Read-only for all but the engine. */
struct nw_conn {
	struct nw_key key;
	uint64_t id;		    /* counts connections, from 1 */
	uint64_t first_ts, last_ts; /* event clock, ns */
	uint64_t first_frame;
	uint32_t ifindex;
	uint8_t client; /* endpoint of the key */
	uint8_t syn_opts;
	uint8_t n_vlan;
	uint8_t unseen; /* NW_UNSEEN_* */
	uint16_t vlan[2];
	bool syn_seen;
	bool smb1_negotiate;
	bool smb1_only; /* the server chose SMB1 */
	bool encrypted, compressed;
	bool authenticated, guest, tree_connected;
	const struct nw_family *family[2]; /* by enum nw_dir_id: client, server; NULL: unknown */
	uint16_t dialect;		   /* negotiated, 0: unknown */
	uint8_t vantage;		   /* enum nw_vantage, as it was when the connection was first seen */

	struct nw_exchange *negotiate; /* the last is the one that counts */
	struct nw_exchange *validate;
	uint16_t n_negotiate, n_validate;
	uint32_t validates_dropped; /* beyond NW_VALIDATES_MAX; the oldest are forgotten */

	struct nw_reset *resets; /* room for NW_RESETS_MAX of them; NULL: none */
	uint8_t n_resets;
	struct nw_end end;

	struct nw_step *steps;
	uint16_t n_steps;
	uint16_t steps_dropped; /* beyond NW_STEPS_MAX; the first are kept */

	struct nw_finding *findings;
	uint16_t n_findings;

	struct nw_conn_state *state; /* the engine's own */
};

struct nw_engine_config {
	uint32_t max_conns; /* default 65536 */
	/* Connections that are held ready for events, the others packed (record.h): as many as have events
	 * within the same moment. Default 1024; 0 packs each one after each event. */
	uint32_t max_awake;
	/* Closed connections that are kept for what their packets may still tell; those beyond go when they
	 * have been closed for two seconds. Default 0: as many as there is room for. */
	uint32_t max_closed;
	uint32_t max_peers;	 /* default 8192; see peers.h */
	uint64_t answer_timeout; /* ns, rule 106; default 10 s: smbclient gives up after 20 */
	/* ns, how long 101 waits for the server's reaction, and a reset is held until it is believed or told
	 * as forged; default 500 ms */
	uint64_t outcome_wait;
	/* ns, how soon behind the server's answer a client leaves that rejects it, or never gets it (105,
	 * 108); default 30 s. Measured: smbclient 0.2 to 9 ms, cifs.ko 1 ms, and one round trip of the
	 * network on top; smbclient without an answer 20 s. */
	uint64_t abort_window;
	uint64_t idle_timeout;	 /* ns without an event after which a connection is forgotten; 0: never */
	uint64_t hash_seed;	 /* random where strangers choose the keys */
	enum nw_vantage vantage; /* UNKNOWN: by own addresses */
	bool (*is_own)(void *arg, const union nw_addr *addr); /* may be NULL */
	/* Is endpoint `local` of the key a socket of this host? NULL: can't be known. */
	bool (*is_socket)(void *arg, const struct nw_key *key, unsigned int local);
	/* The name of struct nw_event.reason, or NULL. May be NULL. */
	const char *(*reset_reason)(void *arg, unsigned int reason);
};

/*
 * finding: a rule was met; conn and finding are valid during the call. Rule 110 is handed over once per peer
 * (peers.h); a connection's own list has it each time. settled: once per connection that was validated, or
 * logged on with 3.1.1: some time later (answer_timeout), or when it ended (a reset: was believed), if that
 * is sooner; what it negotiated is complete. done: nothing more will come of this connection (closed,
 * evicted, or flushed); it is freed afterwards. packet: a message, FIN, RST or sign of life, before anything
 * is concluded from it; a message of several segments as the joiner put it together (NW_EF_JOINED). All may
 * be NULL.
 */
struct nw_engine_ops {
	void (*finding)(void *arg, const struct nw_conn *conn, const struct nw_finding *finding);
	void (*settled)(void *arg, const struct nw_conn *conn);
	void (*done)(void *arg, const struct nw_conn *conn);
	void (*packet)(void *arg, const struct nw_conn *conn, const struct nw_event *ev);
};

struct nw_engine_stats {
	uint64_t events, ignored, conns, evicted, expired, joined, join_dropped, findings;
	uint64_t rule[NW_RULES_MAX]; /* findings that were told, by index of the rule table */
	uint64_t negotiates, validates, smb311, not_observed;
	uint64_t starved;  /* findings and resets that a connection does not keep, for want of memory */
	uint64_t unpacked; /* how often a sleeping connection was, to wake up or to be looked at */
	uint32_t conns_now;
};

struct nw_engine;
struct nw_peers;

/* Returns 0, -ENOMEM or -EINVAL; *out is untouched on failure. ops and arg must outlive the engine. */
int nw_engine_new(struct nw_engine **out, const struct nw_engine_config *cfg, const struct nw_engine_ops *ops,
		  void *arg);
void nw_engine_free(struct nw_engine **e);

void nw_engine_defaults(struct nw_engine_config *cfg);

/* One event; its ts must not lie far before the latest (a second is tolerated). 0 or -ENOMEM. */
int nw_engine_event(struct nw_engine *e, const struct nw_event *ev);

/* The clock went on to `now` (event clock, ns): timeouts. Returns when to be called next, 0: no need. */
uint64_t nw_engine_tick(struct nw_engine *e, uint64_t now);

/* Events were lost before this moment: findings near it will say so. */
void nw_engine_lost(struct nw_engine *e, uint64_t now, uint64_t count);

/* End of input: concludes what can be concluded and hands all connections to done(), oldest first. */
void nw_engine_flush(struct nw_engine *e);

/*
 * The kernel's words on resets come from now on: every reset that it accepts, and, with `complete`, every one
 * that it sends. Only then does silence mean something, see NW_KERNEL_NOT_*.
 */
void nw_engine_kernel_speaks(struct nw_engine *e, bool complete);

void nw_engine_get_stats(const struct nw_engine *e, struct nw_engine_stats *out);

/* The memory over connections (peers.h); the engine's own. */
struct nw_peers *nw_engine_peers(const struct nw_engine *e);

/*
 * Looks from outside (look.c): calls fn with connections, which are valid during the call. One that sleeps
 * has to be unpacked for it, and stays asleep; those that are passed by are not.
 */

/*
 * Those with an id below *before (UINT64_MAX: all), newest first, until fn returns non-zero, which is then
 * returned; -ENOMEM if one could not be unpacked. *before becomes where to go on with older ones, 0: there
 * are none.
 */
int nw_engine_each(struct nw_engine *e, uint64_t *before, int (*fn)(void *arg, const struct nw_conn *conn),
		   void *arg);
/* The one between these ends: what fn returns, -ENOMEM, or -ENOENT. */
int nw_engine_look(struct nw_engine *e, const struct nw_key *key,
		   int (*fn)(void *arg, const struct nw_conn *conn), void *arg);

/* Did the connection go on in spite of this reset? */
bool nw_reset_survived(const struct nw_reset *r);

enum nw_observed nw_conn_observed(const struct nw_conn *c);
/*
 * The second fingerprint of a side's NEGOTIATE that counts (impl.h), altered or not; 0: unknown. The server's
 * answer depends on what the client asked.
 */
uint64_t nw_conn_impl(const struct nw_conn *c, enum nw_dir_id side);
/* Address and port (network byte order) of a side. */
const union nw_addr *nw_conn_addr(const struct nw_conn *c, enum nw_dir_id side);
uint16_t nw_conn_port(const struct nw_conn *c, enum nw_dir_id side); /* host byte order */

/* The reset in that packet; NULL: none of the connection's. */
const struct nw_reset *nw_conn_reset_at(const struct nw_conn *c, uint64_t ts, uint64_t frame);

/* Names as in the output contract: "client-here", "fin", "ttl", ... Static storage. */
const char *nw_leg_name(uint8_t leg);
const char *nw_vantage_name(uint8_t vantage); /* "server", "client", "between"; NULL: unknown */
const char *nw_end_name(uint8_t how);
const char *nw_forged_name(uint8_t forged);
const char *nw_kernel_name(uint8_t kernel);	  /* "sent", "not-accepted", ...; NULL: no word */
const char *nw_sign_name(unsigned int bit_index); /* NULL behind the last */
const char *nw_outcome_name(uint8_t outcome);
const char *nw_step_name(uint8_t event_type); /* NULL: this type makes no step */
const char *nw_observed_name(enum nw_observed o);
const char *nw_unseen_name(unsigned int bit_index); /* NULL behind the last */

#endif
