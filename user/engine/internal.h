/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the engine's own files share: the working state of a connection, and who does what. */
#ifndef NW_ENGINE_INTERNAL_H
#define NW_ENGINE_INTERNAL_H

#include "engine.h"
#include "pack.h"
#include "peers.h"
#include "record.h"
#include "table.h"
#include "../util/text.h"
#include "../../bpf/wire/smb.h"
#include "../../bpf/wire/stream.h"

/* Window of a joiner: all that the tap passes of one hole and one message. */
#define NW_JOIN_WINDOW (NW_RAW_MAX + NW_PASS_MAX)
/* What found no memory is tried again this much later. */
#define NW_AGAIN NW_NS_PER_S
/* Joiners at work at a time: 256 * 2 * 20 KiB are 10 MiB. */
#define NW_JOINS_MAX 256

/* What is lost within this time of a finding, or of a reset, may have to do with it. */
#define NW_NEAR (10 * NW_NS_PER_S)

/* One direction of which pieces came: bytes [pos, pos + window), where they are known. */
struct nw_join {
	bool valid;  /* pos is a boundary */
	bool robbed; /* what was held was taken away for another connection */
	bool inner;  /* ... of a compound, in the frame that ends at frame_end */
	uint32_t pos;
	uint32_t frame_end;
	/* The furthest boundary that the tap told: where to go on when pos waits for what it won't pass */
	uint32_t hint;
	uint32_t hint_end;
	bool hint_inner;
	uint32_t furthest; /* bytes from pos up to the last one known */
	uint16_t waited;   /* pieces that came behind a message of which some are missing */
	uint16_t slot;	   /* in nw_engine.held, while bytes are held */
	uint8_t *bytes;	   /* NW_JOIN_WINDOW of them, NULL: nothing held */
	uint8_t *known;	   /* 1 for each that is there */
};

/* A word of the kernel whose reset was not seen yet. */
struct nw_word {
	uint64_t ts; /* 0: none */
	uint32_t seq;
	uint16_t reason;
	uint8_t type; /* NW_EV_RST_SENT, NW_EV_RST_ACCEPTED */
	uint8_t by;   /* enum nw_dir_id: the reset's sender */
};

/* The kernel's words on resets: kernel_word.c. */
struct nw_kernel_state {
	struct nw_word word[4]; /* words that came before their resets, a ring */
	uint8_t sockets;	/* bit by direction: its sender is a socket of this host */
	uint8_t words[2];	/* by direction; the kernel tells at most NW_RST_MAX */
	uint8_t next;		/* of word[] */
};

struct nw_conn_state {
	struct nw_join join[2];
	struct nw_record *record; /* in the engine's table */
	uint64_t closed_ts;	  /* 0: open; else on the engine's list of the closed */
	uint64_t gap_ts;	  /* of the last gap or loss */
	uint64_t unvalidated;	  /* a tree was used before any VALIDATE; 0: not */
	uint64_t unvalidated_frame;
	struct nw_kernel_state kernel;
	struct nw_params guess;	 /* the last error response of an IOCTL that was not read, or not yet */
	uint64_t unused_session; /* 3.1.1: event time of the answer that no request has followed; 0: none */
	uint64_t refused_ts;	 /* of the last TREE_CONNECT that got ACCESS_DENIED */
	uint8_t refused;	 /* how many in a row, as far as is counted */
	bool used;		 /* a tree was used since the last VALIDATE request */
	int16_t unused_validate; /* answered well, and the tree not used since; -1: none */
	struct nw_end fin;	 /* the first */
	uint8_t resets_before;	 /* it */
	uint8_t fins;		 /* bit by direction */
	bool alone;		 /* at the last FIN or RST no packet of the other end had been seen */
	uint8_t noted;		 /* what the memory over connections has of it; its own bits */
	enum { NW_UNSETTLED, NW_SETTLING, NW_SETTLED } settled;
	uint64_t settle_due;
};

struct nw_engine {
	struct nw_engine_config cfg;
	struct nw_engine_ops ops;
	void *arg;
	struct nw_table *table; /* of struct nw_record */
	struct nw_list list[NW_LISTS];
	struct nw_packer packer;
	uint32_t awake;
	uint32_t losses; /* how many times events were lost */
	uint32_t full;	 /* connections that are observed in full */
	struct nw_peers *peers;
	struct nw_engine_stats stats;
	uint64_t now;
	uint64_t next_due;
	uint64_t lost_ts;
	bool kernel_speaks, kernel_complete;
	/* Joiners at work, and whose they are (wire/group.h); with none free, who has most of them loses one,
	 * in turn, so that nobody can keep all of them, or take another's away.
	 */
	struct nw_join *held[NW_JOINS_MAX];
	uint64_t held_by[NW_JOINS_MAX];
	uint32_t joins;
	uint32_t next_victim;
	uint64_t last_id;
};

/* Steps that there is room for where there are n. */
#define NW_STEPS_ROOM(n) (((n) + 3u) & ~3u)

/* run_deadlines() has work at this time. */
static inline void nw_due_by(struct nw_engine *e, uint64_t when)
{
	if (!e->next_due || when < e->next_due)
		e->next_due = when;
}

/* conn.c */
struct nw_conn *nw_conn_new(const struct nw_event *ev, uint64_t id, struct nw_record *r);
/* All zero, with a state, in one allocation. */
struct nw_conn *nw_conn_alloc(struct nw_record *r);
/* With what a joiner holds of it, and without, which then has to be none. */
void nw_conn_release(struct nw_engine *e, struct nw_conn *c);
void nw_conn_free(struct nw_conn *c);
bool nw_conn_holds_bytes(const struct nw_conn *c);
struct nw_exchange *nw_conn_add_negotiate(struct nw_conn *c);
struct nw_exchange *nw_conn_add_validate(struct nw_conn *c);
/*
 * Does the message of that number and session belong to the same exchange as p? Numbers are unique in a
 * connection; sessions agree, but that a related operation leaves its own to the one before.
 */
bool nw_conn_same_exchange(const struct nw_params *p, uint64_t message_id, uint64_t session_id);
/* A request was read: was it answered before that? Then the answer is taken in. */
bool nw_conn_take_guess(struct nw_conn *c, struct nw_exchange *x);
int nw_params_set(struct nw_params *p, const struct nw_event *ev);
/* Keeps the event as a step of the connection, if its type is one. 0 or -ENOMEM. */
int nw_conn_step(struct nw_conn *c, const struct nw_event *ev);
/* The NEGOTIATE request and response that count: the last that are not provisional; NULL: none. */
const struct nw_params *nw_conn_negotiate_request(const struct nw_conn *c);
const struct nw_params *nw_conn_negotiate_response(const struct nw_conn *c);
/* Was any message of the server's seen? A mirrored port, or a path of its own, may hide all of them. */
bool nw_conn_server_seen(const struct nw_conn *c);
/* Was the NEGOTIATE request confirmed by a signed VALIDATE? */
bool nw_conn_request_confirmed(const struct nw_conn *c);

/* marks.c: signature and body of the message in the event's snapshot. */
void nw_marks_set(struct nw_params *p, const struct nw_event *ev);

/* settle.c: a connection begins to settle; now is the time; all those whose time has come. The last returns
 * when the next one's comes, 0: none. */
void nw_settle_begin(struct nw_engine *e, struct nw_conn *c);
void nw_settle_now(struct nw_engine *e, struct nw_conn *c);
uint64_t nw_settle_tick(struct nw_engine *e);

/* Something stayed unseen (NW_UNSEEN_*) before this moment, which findings close by will say. */
void nw_conn_gap(struct nw_conn *c, uint64_t ts, uint8_t unseen);
/* No more will come: exchanges of which one half was never seen. */
void nw_conn_see_left(struct nw_conn *c);

/* compare.c */
void nw_compare_request(struct nw_exchange *x, const struct nw_params *negotiate);
void nw_compare_response(struct nw_exchange *x, const struct nw_params *negotiate);
uint16_t nw_highest_dialect(const struct nw_params *p);

/* join.c: hands every message that it completes to nw_engine_message() */
int nw_join_piece(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev);
/* No more will come, of either direction: messages behind others of which pieces are missing are read. */
void nw_join_finish(struct nw_engine *e, struct nw_conn *c);
void nw_join_release(struct nw_engine *e, struct nw_join *j);

/* end.c */
void nw_end_rst(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev);
void nw_end_fin(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev);
/* A packet that is neither: it may show that a reset in its sender's name ended nothing. */
void nw_end_alive(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev);
/* More is known of a reset: what ended the connection, if anything did? */
void nw_end_find(struct nw_engine *e, struct nw_conn *c);
/* It goes on, or is forgotten: off the engine's list of the closed. */
void nw_end_open(struct nw_engine *e, struct nw_conn *c);

/* engine.c */
int nw_engine_message(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev);

/* verdict_message.c */
void nw_verdict_request(struct nw_engine *e, struct nw_conn *c, struct nw_exchange *x);
void nw_verdict_response(struct nw_engine *e, struct nw_conn *c, struct nw_exchange *x);
/* verdict_end.c */
/* A reset that is doubted: rule 107, told once and brought up to date when it is surer. */
void nw_verdict_reset(struct nw_engine *e, struct nw_conn *c, struct nw_reset *r);
void nw_verdict_session(struct nw_conn *c, const struct nw_event *ev);
void nw_verdict_tree(struct nw_conn *c, const struct nw_event *ev);
void nw_verdict_end(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev, uint8_t outcome);
/* verdict.c */
void nw_verdict_used(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev);
void nw_verdict_tick(struct nw_engine *e, struct nw_conn *c, uint64_t now);
/* An exchange is about to be forgotten, or nothing more will come: a difference is a fact. */
void nw_verdict_forget(struct nw_engine *e, struct nw_conn *c, struct nw_exchange *x);
void nw_verdict_final(struct nw_engine *e, struct nw_conn *c);
void nw_verdict_due(struct nw_engine *e, struct nw_conn *c);

/* reset.c */
/* A RST comes in; NULL: more than are kept, or no memory. */
struct nw_reset *nw_reset_add(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev);
/* A packet that is no RST: does it disprove a reset in its sender's name? */
bool nw_reset_alive(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev);
/*
 * What this host's own TCP says of a reset (NW_KERNEL_*; 0: nothing) enters here alone: the grade, the end of
 * the connection, and what was held back until it is known who sent the reset, follow.
 */
void nw_reset_word(struct nw_engine *e, struct nw_conn *c, struct nw_reset *r, uint8_t word);
/* Does this RST or FIN tell of bytes, of either end, that were never seen? */
bool nw_ends_with_loss(const struct nw_conn *c, const struct nw_event *ev);
/*
 * Resets that are held until now (UINT64_MAX: all) are believed, with all that follows from it, or told as
 * forged. What the kernel may say of them is still waited for.
 */
void nw_reset_settle(struct nw_engine *e, struct nw_conn *c, uint64_t now);
uint64_t nw_reset_due(const struct nw_conn *c); /* 0: none is held or waits */
/* Is there one that is likely or certain to be forged? What follows it is its doing, and nobody's will. */
bool nw_reset_doubted(const struct nw_conn *c);

/* kernel_word.c */
bool nw_is_word(uint8_t type);
/* A connection begins: which of its ends are sockets of this host? */
void nw_kernel_begin(struct nw_engine *e, struct nw_conn *c);
/* A reset was added: words that came before it, and what it will mean if none comes. */
void nw_kernel_reset(struct nw_engine *e, struct nw_conn *c, struct nw_reset *r);
/* A word came, about a reset that was or will be seen. */
void nw_kernel_word(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev);
/* No word came in time: NW_KERNEL_NOT_*, as far as that means something. */
uint8_t nw_kernel_silence(const struct nw_engine *e, const struct nw_reset *r);
void nw_kernel_text(struct nw_text *s, const struct nw_conn *c, const struct nw_finding *f);

/* text.c */
void nw_finding_text(const struct nw_engine *e, const struct nw_conn *c, struct nw_finding *f);
enum nw_vantage nw_conn_vantage(const struct nw_engine *e, const struct nw_conn *c);

#endif
