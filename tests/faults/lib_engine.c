// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Tap and engine without memory: what is missing then was told as lost, and nothing is called altered by it.
 */
#include <errno.h>
#include <stdio.h>

#include <jansson.h>

#include "faults.h"
#include "../unit/talk.h"
#include "../../user/sink/flow_json.h"

#define TALKS 6
#define TALKS_BEGIN 1700000000000000000ULL
/* Further than what a loss may have to do with. */
#define TALKS_APART (30 * NW_NS_PER_S)

struct host {
	struct nw_engine *engine;
	struct nw_tap *tap;
	uint64_t base; /* of the talk's times and frames */
	unsigned int lost;
};

static int to_engine(void *arg, const struct nw_event *ev)
{
	struct host *h = arg;

	if (nw_engine_event(h->engine, ev) == -ENOMEM) {
		h->lost++;
		nw_engine_lost(h->engine, ev->ts, 1); /* as the daemon does */
	}
	return 0;
}

static int to_tap(void *arg, const uint8_t *data, uint32_t len, uint64_t ts, uint64_t frame)
{
	struct host *h = arg;
	struct nw_tap_packet p = {
		.data = data, .caplen = len, .len = len, .ts = ts + h->base, .frame = frame
	};

	return nw_tap_packet(h->tap, &p);
}

static void on_finding(void *arg, const struct nw_conn *c, const struct nw_finding *f)
{
	printf("%s %u %u of talk %u\n", f->rule == 101 || f->rule == 102 ? "altered" : "finding", f->rule,
	       f->fields, (unsigned int)((f->ts - TALKS_BEGIN) / TALKS_APART));
}

static void on_done(void *arg, const struct nw_conn *c)
{
	json_t *j = nw_flow_json(c, "f", 0);

	/* Who asked for it learns that there is none. */
	if (!j)
		fprintf(stderr, "a connection can't be shown\n");
	json_decref(j);
}

static struct talk talk[TALKS], unanswered;

/* Altered on the way there, on the way back, and not; every second is cut and shuffled by TCP. */
void faults_engine_prepare(void)
{
	struct talk_params low = talk_client, weak = talk_server;
	const struct talk_params *const seen[][2] = { { &low, &talk_server },
						      { &talk_client, &weak },
						      { &talk_client, &talk_server } };

	low.n_dialects--;
	weak.capabilities ^= 4;
	for (unsigned int i = 0; i < TALKS; i++)
		talk_usual(&talk[i], seen[i / 2][0], &talk_client, seen[i / 2][1], &talk_server,
			   i & 1 ? TALK_END_SERVER_RST : TALK_END_CLIENT_FIN);
	talk_init(&unanswered);
	talk_negotiate_req(&unanswered, &low, 0);
	talk_negotiate_rsp(&unanswered, &talk_server, 0);
	talk_validate_req(&unanswered, &talk_client, 4, 0);
}

static const struct talk_how ways[] = { { .isn = { 1, 9 } }, { .size = 50, .swap = true, .isn = { 5, 7 } } };

static int begin(struct host *h, uint32_t awake)
{
	static const struct nw_engine_ops ops = { .finding = on_finding, .done = on_done };
	static const uint16_t ports[] = { 445 };
	struct nw_tap_config tc = { .ports = ports, .n_ports = 1, .max_flows = 8 };
	struct nw_engine_config ec;
	int err;

	nw_engine_defaults(&ec);
	ec.max_awake = awake;
	ec.max_conns = 8;
	err = nw_engine_new(&h->engine, &ec, &ops, h);
	if (!err)
		err = nw_tap_new(&h->tap, &tc, to_engine, h);
	return err;
}

static int talks(struct host *h, uint32_t awake)
{
	int err = begin(h, awake);

	for (unsigned int i = 0; !err && i < TALKS; i++) {
		err = talk_frames(&talk[i], &ways[i & 1], to_tap, h);
		h->base += TALKS_APART;
	}
	if (!err)
		nw_engine_flush(h->engine);
	nw_tap_free(&h->tap);
	nw_engine_free(&h->engine);
	return err;
}

static int run(uint32_t awake)
{
	struct host h = { 0 };
	int err = talks(&h, awake);

	if (err || h.lost)
		fprintf(stderr, "status %d, %u events lost\n", err, h.lost);
	return !!err;
}

int faults_engine(void)
{
	return run(64);
}

int faults_engine_packed(void)
{
	return run(0);
}

/* What is altered and never answered is told when its time has come, or later: the clock has to say when. */
int faults_engine_deadline(void)
{
	struct host h = { 0 };
	int err = begin(&h, 0);
	uint64_t due;

	err = err ? err : talk_frames(&unanswered, &ways[0], to_tap, &h);
	due = err ? 0 : nw_engine_tick(h.engine, TALKS_BEGIN);
	for (int i = 0; due && i < 20; i++)
		due = nw_engine_tick(h.engine, due);
	if (err || h.lost || due)
		fprintf(stderr, "status %d, %u events lost, %s\n", err, h.lost, due ? "still due" : "done");
	nw_tap_free(&h.tap);
	nw_engine_free(&h.engine);
	return !!err;
}
