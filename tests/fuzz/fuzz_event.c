// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Records as they come out of the ring buffer, of any size and content: what the decoder lets pass, the
 * engine has to bear. Held to: findings can be shown, JSON is whole.
 *
 * Input: for each record two bytes of size, and its content.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "../../user/source/record.h"

static void on_finding(void *arg, const struct nw_conn *c, const struct nw_finding *f)
{
	fuzz_check_finding(c, f);
}

static void on_done(void *arg, const struct nw_conn *c)
{
	fuzz_check_conn(c);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_quiet();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct nw_engine_ops ops = { .finding = on_finding, .done = on_done };
	struct bytes b = { data, data + size };
	struct nw_engine_config ec;
	struct nw_engine *e;

	nw_engine_defaults(&ec);
	ec.max_conns = ec.max_peers = 8;
	HOLDS(nw_engine_new(&e, &ec, &ops, NULL) == 0);
	while (left(&b)) {
		size_t n = take16(&b) % (NW_EVENT_FULL + 8);
		const uint8_t *p = take_some(&b, &n);
		void *record = malloc(n ? n : 1);
		const struct nw_event *ev;

		memcpy(record, p, n);
		ev = nw_record_event(record, n);
		if (ev)
			HOLDS(nw_engine_event(e, ev) == 0);
		free(record);
	}
	nw_engine_flush(e);
	nw_engine_free(&e);
	return 0;
}
