/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Implementations that are told by their NEGOTIATE: one row each, with what was measured and how sure it is.
 * A message that fits no row is unknown; nothing is guessed.
 */
#ifndef NW_FAMILY_H
#define NW_FAMILY_H

#include <stddef.h>
#include <stdint.h>

enum nw_sure {
	NW_SURE_MEASURED, /* the very software was run against this code */
	NW_SURE_CAPTURES, /* several captures by others, in which it names itself */
	NW_SURE_ONE,	  /* one such capture */
	NW_SURE_INFERRED, /* from the specification or the software's source */
};

struct nw_family {
	const char *name;     /* "windows-10": in JSON, never changed; several rows may share it */
	const char *label;    /* for people */
	const char *evidence; /* where the row comes from */
	const char *advice;   /* client: can it be told not to validate? A paragraph, or NULL */
	const char *log;      /* where this end tells why it left; a paragraph, or NULL */
	uint8_t side;	      /* enum nw_dir_id: who writes such a message */
	uint8_t sure;	      /* enum nw_sure */
};

struct nw_conn;

/* The side's family by its NEGOTIATE, where a signed VALIDATE differs by that; NULL: unknown. */
const struct nw_family *nw_family_of(const struct nw_conn *c, uint8_t side);

/* The first row of that name and side, NULL if there is none (an empty name, too). */
const struct nw_family *nw_family_by_name(const char *name, uint8_t side);

/* Row i of the table, NULL behind the last. */
const struct nw_family *nw_family_row(size_t i);

/* "known from the lab", "known from captures", ... */
const char *nw_sure_text(uint8_t sure);

#endif
