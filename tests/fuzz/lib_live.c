// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* In the place of user/source/live.c and resets.c: a daemon's source of events that has no kernel behind it.
 */
#include <errno.h>

#include "fuzz.h"
#include "../../user/source/live.h"
#include "../../user/source/resets.h"

static nw_event_fn event_fn;
static void *event_arg;

int fuzz_live_event(const struct nw_event *ev)
{
	return event_fn(event_arg, ev);
}

int nw_live_new(struct nw_live **out, const struct nw_live_config *cfg, nw_event_fn fn, void *arg)
{
	static char straw;

	event_fn = fn;
	event_arg = arg;
	*out = (struct nw_live *)&straw;
	return 0;
}

void nw_live_free(struct nw_live **live)
{
	*live = NULL;
}

int nw_live_fd(const struct nw_live *live)
{
	return -1;
}

int nw_live_prog_fd(const struct nw_live *live, enum nw_live_prog which)
{
	return -1;
}

const char *nw_live_prog_name(enum nw_live_prog which)
{
	return "straw";
}

int nw_live_map_fd(const struct nw_live *live, const char *name)
{
	return -ENOENT;
}

int nw_live_consume(struct nw_live *live, unsigned int budget)
{
	return 0;
}

uint64_t nw_live_take_lost(struct nw_live *live, bool counters)
{
	return 0;
}

int nw_live_counters(const struct nw_live *live, uint64_t out[NW_C_MAX])
{
	for (int i = 0; i < NW_C_MAX; i++)
		out[i] = (uint64_t)i;
	return 0;
}

int nw_live_flows(const struct nw_live *live, uint64_t *now, uint64_t *evicted)
{
	*now = *evicted = 1;
	return 0;
}

int nw_resets_new(struct nw_resets **out, const struct nw_live *live, char *why, size_t size)
{
	return -ENOENT;
}

int nw_resets_attach(struct nw_resets *r, char *why, size_t size)
{
	return -ENOENT;
}

void nw_resets_free(struct nw_resets **r)
{
	*r = NULL;
}

bool nw_resets_complete(const struct nw_resets *r)
{
	return false;
}

const char *nw_resets_reason(const struct nw_resets *r, unsigned int reason)
{
	return NULL;
}
