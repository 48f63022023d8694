// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A client that floods beside one that negotiates: of the ring and of the table of flows nobody gets more
 * than a share, so that the other's exchange is seen whole. Each row prints what would have happened without.
 */
#include <endian.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "packets.h"
#include "progs.h"
#include "../unit/talk.h"
#include "../../bpf/wire/stream.h"

#define FLOWS 8192
#define FRAMES_MAX 40
#define FLOOD 60000
/* 10.1.1.1 and 10.1.1.2, in wire order */
#define VICTIM 0x0101010au
#define GREEDY 0x0201010au

struct frame {
	uint8_t data[2000];
	uint32_t len;
	bool back; /* from the server */
};

/* One usual conversation, handshake first; the flood's client repeats its beginning. */
static struct {
	struct frame frame[FRAMES_MAX];
	uint32_t n, negotiate, response; /* the frames of that */
} talk;

static int take_frame(void *arg, const uint8_t *data, uint32_t len, uint64_t ts, uint64_t number)
{
	struct frame *f = &talk.frame[talk.n];

	if (talk.n == FRAMES_MAX || len > sizeof(f->data))
		return -1;
	memcpy(f->data, data, len);
	f->len = len;
	f->back = data[34] == 0x01 && data[35] == 0xbd;
	if (len > 54 && !f->back && !talk.negotiate)
		talk.negotiate = talk.n;
	if (len > 54 && f->back && !talk.response)
		talk.response = talk.n;
	talk.n++;
	return 0;
}

static void send_as(struct progs *p, uint32_t which, uint32_t addr, uint16_t port)
{
	struct frame f = talk.frame[which];

	memcpy(f.data + (f.back ? 30 : 26), &addr, 4);
	memcpy(f.data + (f.back ? 36 : 34), &port, 2);
	assert_int_equal(progs_run(p, f.back ? PROGS_TC_OUT : PROGS_XDP, f.data, f.len, NULL, 0), 0);
}

/* The i-th request of a stream that holds nothing else. */
static void negotiate_again(struct progs *p, uint32_t i)
{
	struct frame *f = &talk.frame[talk.negotiate];
	uint32_t before, seq;

	memcpy(&before, f->data + 38, 4);
	seq = htobe32(be32toh(before) + i * (f->len - 54));
	memcpy(f->data + 38, &seq, 4);
	send_as(p, talk.negotiate, GREEDY, 0x2222);
	memcpy(f->data + 38, &before, 4);
}

/* What was told of the client that is to be seen. */
struct told {
	uint32_t of[NW_EV_MAX], differ, others;
};

static int count_event(void *arg, const struct nw_event *ev)
{
	struct told *t = arg;

	if (ev->key.addr[ev->client].w[3] != VICTIM) {
		t->others++;
		return 0;
	}
	t->of[ev->type]++;
	t->differ += (ev->type == NW_EV_VALIDATE_REQ && ev->flags & NW_EF_DIFFER);
	return 0;
}

static void seen_whole(const struct told *t)
{
	assert_int_equal(t->of[NW_EV_NEGOTIATE_REQ], 1);
	assert_int_equal(t->of[NW_EV_NEGOTIATE_RSP], 1);
	assert_int_equal(t->of[NW_EV_VALIDATE_REQ], 1);
	assert_int_equal(t->of[NW_EV_VALIDATE_RSP], 1);
	assert_int_equal(t->differ, 1);
}

/* Nobody reads the ring while one client makes an event with each message; then another's exchange comes. */
static void ring(void **state)
{
	struct told told = { 0 };
	struct progs *p = NULL;
	uint64_t lost;
	uint32_t i;

	assert_int_equal(progs_open_fair(&p, FLOWS), 0);
	for (i = 0; i <= talk.negotiate; i++)
		send_as(p, i, GREEDY, 0x2222);
	for (i = 1; i <= FLOOD; i++)
		negotiate_again(p, i);
	lost = progs_count(p, NW_C_LOST_EVENTS);
	for (i = 0; i < talk.n; i++)
		send_as(p, i, VICTIM, 0x1111);
	assert_int_equal(progs_count(p, NW_C_LOST_EVENTS), lost);
	assert_int_equal(progs_drain(p, 1, 1, count_event, &told), 0);
	print_message("# ring: %u messages of one client while nobody reads: %u events kept, "
		      "%llu lost; of the other client's exchange %u of 4 seen, none lost\n",
		      FLOOD, told.others, (unsigned long long)lost,
		      told.of[NW_EV_NEGOTIATE_REQ] + told.of[NW_EV_NEGOTIATE_RSP] +
			      told.of[NW_EV_VALIDATE_REQ] + told.of[NW_EV_VALIDATE_RSP]);
	assert_true(lost > 0);
	seen_whole(&told);
	/* Once it was read the share is to be had again. */
	lost = progs_count(p, NW_C_LOST_EVENTS);
	for (i = 0; i < talk.n; i++)
		send_as(p, i, GREEDY, 0x3333);
	assert_int_equal(progs_count(p, NW_C_LOST_EVENTS), lost);
	progs_close(&p);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NW_NS_PER_S + (uint64_t)t.tv_nsec;
}

enum kind { WITH_HANDSHAKE, BLIND };

/* Flows that begin between NEGOTIATE and VALIDATE of the other client, as many as the table has places four
 * times. */
static void table_flood(enum kind kind)
{
	/* At once, and from then on as many each second */
	uint32_t i, k, half, burst = (FLOWS / NW_SHARE_PART + 1) * (kind == BLIND ? 4 : 1);
	uint64_t per_s = burst * NW_NS_PER_S / NW_SHARE_SPAN + 1, took, most;
	struct told told = { 0 };
	struct progs *p = NULL;

	assert_int_equal(progs_open_fair(&p, FLOWS), 0);
	half = talk.response + 1;
	for (i = 0; i < half; i++)
		send_as(p, i, VICTIM, 0x1111);
	took = now();
	for (i = 0; i < 4 * FLOWS; i++) {
		for (k = kind == BLIND ? talk.negotiate : 0; k <= talk.negotiate; k++)
			send_as(p, k, kind == BLIND ? 0x0101a8c0u + i * 2654435761u : GREEDY,
				(uint16_t)(i + 1));
		if (i % 512 == 0)
			progs_drain(p, 1, 1, count_event, &told);
	}
	took = now() - took;
	for (i = half; i < talk.n; i++)
		send_as(p, i, VICTIM, 0x1111);
	assert_int_equal(progs_drain(p, 1, 1, count_event, &told), 0);
	print_message("# table of %u: %u flows %s begin within an exchange of another client: %u were let "
		      "in, %llu were "
		      "beyond the share and counted; the exchange was seen whole\n",
		      FLOWS, 4 * FLOWS,
		      kind == BLIND ? "from anywhere, without a handshake," : "of one client", progs_flows(p),
		      (unsigned long long)progs_count(p, NW_C_LOST_FLOWS));
	seen_whole(&told);
	/* The victim, the burst and what was had again meanwhile; nobody gives way to them while there is
	 * room. */
	most = 1 + burst + 1 + took * per_s / NW_NS_PER_S + 1;
	assert_in_range(progs_flows(p), burst, most);
	assert_in_range(progs_count(p, NW_C_LOST_FLOWS), 4 * FLOWS + 1 - most, 4 * FLOWS - burst);
	progs_close(&p);
}

static void flows_of_one_client(void **state)
{
	table_flood(WITH_HANDSHAKE);
}

static void flows_without_handshake(void **state)
{
	table_flood(BLIND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring),
		cmocka_unit_test(flows_of_one_client),
		cmocka_unit_test(flows_without_handshake),
	};
	struct talk_params seen = talk_client;
	struct talk_how how = { .isn = { 1000, 2000 } };
	struct talk t;
	int err;

	if (progs_try() < 0)
		return 1;
	seen.guid0++;
	talk_usual(&t, &seen, &talk_client, &talk_server, &talk_server, TALK_END_NONE);
	err = talk_frames(&t, &how, take_frame, NULL);
	talk_free(&t);
	return err ? err : cmocka_run_group_tests_name("prog-fair", tests, NULL, NULL);
}
