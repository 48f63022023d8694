/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections as scripts, one letter for each thing that happens, played to the engine alone; and tables of
 * them with the findings that they have to lead to.
 */
#ifndef NW_TESTS_SCRIPT_H
#define NW_TESTS_SCRIPT_H

#include "talk.h"

#define MS NW_NS_PER_MS
#define S NW_NS_PER_S

/* How NEGOTIATE, as seen here, differs from what both ends sent and VALIDATE repeats. */
enum seen {
	SAME,
	Q_CAPS,
	Q_GUID,
	Q_MODE,
	Q_LOW,
	Q_TOP,
	R_CAPS,
	R_GUID,
	R_MODE,
	R_LOW,
	R_HI,
	OLD,
	V311,
	SMB1,
	SHORT
};

/* One engine, what it said, and the connection that speaks at the moment. */
struct script {
	struct nw_engine_config cfg;
	struct nw_engine *engine;
	struct nw_event ev;
	struct talk_params q, r, vq, vr; /* of NEGOTIATE, of VALIDATE */
	uint64_t now, mid, session;
	uint32_t seq[2], status, max_output;
	uint16_t port, ip_id;
	bool new, twice, still, ends; /* all events twice, at time 0; findings followed by the end */
	char findings[1024];
	struct nw_finding last;
	struct nw_conn was; /* the connection done last, of which the values alone count */
};

extern struct script script;

struct row {
	const char *script;
	enum seen seen;
	const char *want; /* rule/fields/outcome/severity, and behind a bar what the last sentence holds */
};

struct group {
	const char *name;
	const struct row *rows;
};

/* clang-format off */
#define ROWS(...) (const struct row[]){ __VA_ARGS__, { 0 } }
/* clang-format on */

/* Before each test: the defaults. A cmocka fixture. */
int script_setup(void **state);
/* A fresh engine and a connection whose NEGOTIATE is seen so. */
void script_begin(enum seen seen);
void script_play(const char *script);
/* Plays the script and the flush; 0 if the findings are those wanted, else 1, and says so. */
int script_differs(struct row row);
/* All groups, and more tests behind them; returns what main() has to. */
int script_run(const char *name, const struct group *groups, unsigned int n_groups,
	       const struct CMUnitTest *more, unsigned int n_more);

#endif
