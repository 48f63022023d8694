/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the engine's table holds for each connection: a small record, with the connection itself (struct
 * nw_conn and all that it owns, 1.2 to 30 KiB) where something happens to it, or packed where nothing does.
 *
 * The arithmetic, for 65536 connections of one NEGOTIATE and one VALIDATE each (tests/load/test_memory.c
 * holds it against the allocator):
 *   place in the table    64 + 56 (struct nw_record) + 4 bytes of bucket = 124 bytes
 *   packed                58 bytes as allocated for one seen running, 127 with a NEGOTIATE request, 181 to
 * 198 with both exchanges; 64 of them are two GUIDs and two signatures that nobody else has together 21 MiB,
 * and 1.7 MiB for 1024 connections awake
 */
#ifndef NW_RECORD_H
#define NW_RECORD_H

#include <stdbool.h>
#include <stdint.h>

struct nw_conn;
struct nw_engine;
struct nw_table;

enum nw_list_id {
	NW_LIST_CLOSED,	  /* in order of closing */
	NW_LIST_SETTLING, /* in order of settle_due */
	NW_LIST_WAITING,  /* have a deadline; in no order */
	NW_LIST_AWAKE,	  /* in order of waking up */
	NW_LISTS
};

struct nw_record {
	union {
		struct nw_conn *conn; /* awake */
		uint8_t *packed;      /* asleep */
	};
	uint64_t due; /* earliest deadline, 0: none */
	struct {
		uint32_t prev, next;
	} link[NW_LISTS]; /* places in the table */
	uint32_t losses;  /* nw_engine.losses that it knows of */
	uint8_t lists;	  /* bit by enum nw_list_id: it is on that one */
	bool awake;
	bool full; /* observed in full, until a loss that it does not know of */
};

_Static_assert(sizeof(struct nw_record) == 56, "the arithmetic above");

struct nw_list {
	uint32_t first, last; /* places in the table */
	uint32_t n;
};

bool nw_list_has(const struct nw_record *r, enum nw_list_id list);
/* At the end, unless it is there already; and off, if it is there. */
void nw_list_add(struct nw_engine *e, enum nw_list_id list, struct nw_record *r);
void nw_list_del(struct nw_engine *e, enum nw_list_id list, struct nw_record *r);
struct nw_record *nw_list_first(const struct nw_engine *e, enum nw_list_id list);
struct nw_record *nw_list_next(const struct nw_engine *e, enum nw_list_id list, const struct nw_record *r);

/* Its connection from now on, which the record owns. */
void nw_record_hold(struct nw_engine *e, struct nw_record *r, struct nw_conn *c);
/* The connection, awake, and told of losses meanwhile; it stays so until nw_records_sleep(). NULL: no memory.
 */
struct nw_conn *nw_record_wake(struct nw_engine *e, struct nw_record *r);
/* Something happened to it: what the record itself says is brought up to date. */
void nw_record_note(struct nw_engine *e, struct nw_conn *c);
/* Off all lists, and freed with all that it owns, without a word. */
void nw_record_clear(struct nw_engine *e, struct nw_record *r);
/* No pointer to a connection may be held any more: more than cfg.max_awake of them don't stay awake. */
void nw_records_sleep(struct nw_engine *e);
/* Its connection's nw_conn.id, which costs no unpacking. */
uint64_t nw_record_id(const struct nw_engine *e, const struct nw_record *r);
/* Calls fn with the connection, which is not woken for it. -ENOMEM, or what fn returns. */
int nw_record_look(struct nw_engine *e, struct nw_record *r, int (*fn)(void *arg, const struct nw_conn *conn),
		   void *arg);

#endif
