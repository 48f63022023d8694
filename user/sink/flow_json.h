/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Flows and findings as JSON: the objects of the output contract (design, section 6). Keys are only added. */
#ifndef NW_FLOW_JSON_H
#define NW_FLOW_JSON_H

#include <stdint.h>

#include <jansson.h>

#include "../engine/engine.h"

/* How these objects are written: one line, times in ms without the noise of binary fractions. */
#define NW_JSON_LINE (JSON_COMPACT | JSON_REAL_PRECISION(15))

struct nw_json_text;

/*
 * The flow as text, as NW_JSON_LINE would write it. file: where the flow was read from, NULL: key left out.
 * wall_offset_ns: what has to be added to event times to get the wall clock's.
 */
void nw_flow_put(struct nw_json_text *t, const struct nw_conn *c, const char *file, int64_t wall_offset_ns);

/* The same as a tree: takes more than twice as long, and seven times with its writing. A new reference, or
 * NULL without memory. */
json_t *nw_flow_json(const struct nw_conn *c, const char *file, int64_t wall_offset_ns);

/* The flow's member "end"; it has to have ended. A new reference, or NULL without memory. */
json_t *nw_end_json(const struct nw_conn *c);

/* "1:" and 28 characters of base64, terminator included */
#define NW_COMMUNITY_ID_TEXT 40
/* The connection's Community ID (version 1, seed 0). Returns out. */
const char *nw_conn_community_id(char out[NW_COMMUNITY_ID_TEXT], const struct nw_conn *c);

/* A new reference, or NULL without memory. */
json_t *nw_finding_json(const struct nw_finding *f);

#endif
