/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How `negwatch locate` tells what it found. */
#ifndef NW_LOCATE_PRINT_H
#define NW_LOCATE_PRINT_H

#include "cli.h"
#include "locate_read.h"
#include "../util/text.h"

/* locate_words.c */

/* "NEGOTIATE request", "a RST of the server", ... of a change. Static storage. */
const char *nw_change_subject(const struct nw_change *c);
/* "dialects", "security mode", ...: the field; NULL if the change is not one of a field. */
const char *nw_change_field(const struct nw_change *c);
/* "between A and B"; the outermost legs are those of client and server. */
void nw_leg_text(struct nw_text *t, const struct nw_located *l, unsigned int leg,
		 const struct nw_place *places);
/* One sentence for all changes of c's message on c's leg. */
void nw_change_text(struct nw_text *t, const struct nw_located *l, const struct nw_change *c,
		    const struct nw_place *places);
/* Is it the first of its message and leg among l's changes? */
bool nw_change_is_first(const struct nw_located *l, const struct nw_change *c);
/* "2.0.2 2.1", "0x0000007f DFS ...", ...: a field's value; "" if the message has none. */
#define NW_VALUE_TEXT 256
const char *nw_value_text(char out[NW_VALUE_TEXT], const struct nw_said *d, enum nw_changed field);

/* locate_json.c: one line. 0, -ENOMEM or -EIO. */
int nw_located_print_json(const struct nw_located *l, const struct nw_place *places);

/* locate_kinds.c: connections to which the same happened at the same places are told once. */
struct nw_kinds;

struct nw_kinds *nw_kinds_new(void);
void nw_kinds_free(struct nw_kinds *k);
/* Copies what is needed. 0 or -ENOMEM. */
int nw_kinds_add(struct nw_kinds *k, const struct nw_located *l);
/* The most frequent first. */
int nw_kinds_print(struct nw_kinds *k, const struct nw_cli *cli, const struct nw_place *places);

/* locate_text.c: every field of one connection at every place. */
int nw_located_print(const struct nw_located *l, const struct nw_cli *cli, const struct nw_place *places);

#endif
