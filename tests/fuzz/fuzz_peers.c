// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The peers' file: read, written, read again. Held to: what was written is understood in full, and says the
 * same.
 *
 * Input: the file.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "../../user/sink/peer_json.h"
#include "../../user/sink/peers_file.h"

static int as_text(void *arg, const struct nw_peer *peer)
{
	json_t *j = nw_peer_json(peer, 7);
	char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	uint64_t *sum = arg;

	HOLDS(text);
	for (const char *c = text; *c; c++)
		*sum = (*sum ^ (uint8_t)*c) * 0x100000001b3ULL;
	free(text);
	json_decref(j);
	return 0;
}

static uint64_t load(struct nw_peers *p, uint64_t *broken, struct nw_peers_stats *st)
{
	uint64_t sum = 0xcbf29ce484222325ULL;

	HOLDS(nw_peers_load(p, fuzz_dir(), &(struct nw_peer_clock){ .offset = 7, .now = INT64_MAX },
			    broken) == 0);
	nw_peers_each(p, as_text, &sum);
	nw_peers_get_stats(p, st);
	return sum;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_quiet();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nw_peers_stats one, two;
	struct nw_peers *p, *q;
	uint64_t broken, sum;

	fuzz_put(NW_PEERS_FILE, data, size);
	HOLDS(nw_peers_new(&p, 16, 1) == 0 && nw_peers_new(&q, 16, 1) == 0);
	sum = load(p, &broken, &one);
	HOLDS(nw_peers_save(p, fuzz_dir(), 7) == 0);
	HOLDS(load(q, &broken, &two) == sum);
	HOLDS(!broken && one.peers == two.peers && one.instances == two.instances);
	nw_peers_free(&p);
	nw_peers_free(&q);
	return 0;
}
