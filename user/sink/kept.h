/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets that are kept by connection until it is known whether they are evidence. Bounded by bytes: first
 * those of connections that are concluded make room, then the oldest; and of each client (IPv6: its /64) no
 * more than an eighth is kept, its own oldest making room, so that none can push out the others'.
 *
 * Figures: a connection of six messages and a FIN takes about 2 KiB (of each packet 72 bytes, 66 of headers,
 * and 76 to 300 of the message). 4 MiB hold some 2,000 of them; 64 Ki connections at once would take 128 MiB,
 * and get the same 4 MiB. Undecided is a connection for answer_timeout (10 s), so that 200 new ones a second
 * are kept to their end.
 */
#ifndef NW_KEPT_H
#define NW_KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "snapshot.h"
#include "../engine/engine.h"

/* Of one connection; beyond it the oldest packets that are no NEGOTIATE go. */
#define NW_KEPT_FLOW_MAX 16384u
#define NW_KEPT_CLIENT_SHARE 8

struct nw_kept_client;

/* One connection's. */
struct nw_kept {
	uint64_t conn;		   /* nw_conn.id */
	struct nw_snapshot *first; /* oldest first; owned */
	uint32_t bytes;		   /* of all that is its own */
	bool partial; /* packets of it are missing here: they made room, or there was no memory */
	bool concluded;
	bool followed; /* from its first byte on */
	void *told;    /* the user's own; bytes of it are charged by nw_kept_charge() */
	/* the store's own */
	struct nw_kept_client *client;
	struct {
		struct nw_kept *prev, *next;
	} link[2]; /* among all, among the client's */
};

struct nw_kept_store;

/*
 * 0 or -ENOMEM; *out is untouched on failure. leave is called before a connection's packets are freed for
 * want of room, and has to free k->told.
 */
int nw_kept_new(struct nw_kept_store **out, uint64_t max_bytes, uint64_t seed,
		void (*leave)(void *arg, struct nw_kept *k), void *arg);
/* Calls leave for each. */
void nw_kept_free(struct nw_kept_store **s);

/* NULL: nothing of the connection is kept. */
struct nw_kept *nw_kept_get(struct nw_kept_store *s, const struct nw_conn *c);
/* Takes the event's packet. What was kept of the connection, or of others, may make room. NULL: it was not
 * kept. */
struct nw_kept *nw_kept_add(struct nw_kept_store *s, const struct nw_conn *c, const struct nw_event *ev);
/* Room that the user takes for k->told. */
void nw_kept_charge(struct nw_kept_store *s, struct nw_kept *k, uint32_t bytes);
/* The connection is good: the first to make room from now on. */
void nw_kept_conclude(struct nw_kept_store *s, struct nw_kept *k);
/* Frees it; without leave. */
void nw_kept_drop(struct nw_kept_store *s, struct nw_kept *k);

struct nw_kept_stats {
	uint64_t bytes, conns; /* now */
	uint64_t made_room;    /* connections that were not concluded, and made room, since the start */
};

struct nw_kept_stats nw_kept_get_stats(const struct nw_kept_store *s);

#endif
