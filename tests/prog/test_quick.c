// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The quick way against the slow one: random segments of long messages, of IPv4 and IPv6, with and without
 * tags and options, in order, again, behind holes and bare, through programs that have homes and through
 * programs that have none. Each has the same outcome, and the resets at the end, which tell what was seen of
 * both ends, are alike.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "told.h"

#define FLOWS 24
#define SEGMENTS 8000
#define MESSAGE 12000u
#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

struct side {
	uint32_t next;	  /* sequence number */
	uint32_t message; /* of its message that are still to be sent */
	uint16_t id;
};

static struct flow {
	struct side side[2]; /* client, server */
	bool v6, ip_options;
	uint8_t tags;
} flows[FLOWS];

static uint32_t seed;

static uint32_t dice(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % n;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* Link and network header; behind it `len` bytes. Returns their length. */
static uint32_t put_net(uint8_t *f, uint32_t who, uint32_t from, uint32_t len)
{
	const struct flow *w = &flows[who];
	struct side *s = &flows[who].side[from];
	uint32_t at = 12, ihl = w->ip_options ? 6 : 5;
	uint8_t ttl = dice(50) ? 64 - (uint8_t)from : 63;
	uint8_t *addr;

	for (int i = 0; i < w->tags; i++, at += 4)
		put32(f + at, 0x81000000 | who);
	put16(f + at, w->v6 ? 0x86dd : 0x0800);
	at += 2;
	if (w->v6) {
		put32(f + at, 0x60000000);
		put16(f + at + 4, len);
		f[at + 6] = 6;
		f[at + 7] = ttl;
		addr = f + at + 8;
		for (uint32_t side = 0; side < 2; side++) {
			put32(addr + 16 * side, 0x20010db8);
			addr[16 * side + 15] = (side ^ from) ? 77 : (uint8_t)(who * 11);
		}
		return at + 40;
	}
	s->id = dice(4) ? s->id + (uint16_t)dice(3) : dice(2) ? 0 : (uint16_t)dice(65536);
	f[at] = (uint8_t)(0x40 | ihl);
	put16(f + at + 2, ihl * 4 + len);
	put16(f + at + 4, s->id);
	f[at + 8] = ttl;
	f[at + 9] = 6;
	addr = f + at + 12;
	for (uint32_t side = 0; side < 2; side++)
		put32(addr + 4 * side, 0x0a000000 + ((side ^ from) ? 77 : who * 11));
	if (w->ip_options)
		put32(f + at + 20, 0x01010101);
	return at + ihl * 4;
}

/* A segment of n bytes at seq, which begin with a message's header if so said. Returns its length. */
static uint32_t put_segment(uint8_t *f, uint32_t who, uint32_t from, uint8_t flags, uint32_t seq, uint32_t n,
			    bool header)
{
	uint32_t doff = flags & SYN ? 6 : dice(3) ? 5 : 8, at;
	uint8_t *th;

	memset(f, 0, 128);
	at = put_net(f, who, from, doff * 4 + n);
	th = f + at;
	put16(th, from ? 445 : 50000 + who);
	put16(th + 2, from ? 50000 + who : 445);
	put32(th + 4, seq);
	put32(th + 8, flows[who].side[!from].next);
	th[12] = (uint8_t)(doff << 4);
	th[13] = flags;
	put16(th + 14, 500 + dice(4));
	memset(th + 20, 1, doff * 4 - 20);
	th += doff * 4;
	memset(th, 0, n);
	if (header) {
		put32(th, MESSAGE - 4);
		memcpy(th + 4, "\xfeSMB\x40", 5);
		th[16] = from ? 8 : 9; /* READ, WRITE */
		th[20] = (uint8_t)from;
	}
	return at + doff * 4 + n;
}

static struct told told[2];

static void send(struct progs *p, const uint8_t *f, uint32_t len, uint32_t from, struct told *t)
{
	assert_int_equal(progs_frame(p, from ? PROGS_TC_OUT : PROGS_XDP, f, len, 1, 1, told_take, t), 0);
}

/* The next bytes of a side's stream; or such as were sent before, some that come too early, or none. */
static void some_segment(struct progs *p, struct told *t)
{
	uint8_t f[2048];
	uint32_t who = dice(FLOWS), from = dice(2), n = 1 + dice(1400), what = dice(100);
	struct side *s = &flows[who].side[from];
	bool header = !s->message;

	if (what < 20) {
		send(p, f, put_segment(f, who, from, ACK, s->next, 0, false), from, t);
		return;
	}
	if (what < 25 && !header) {
		send(p, f, put_segment(f, who, from, ACK, s->next - dice(MESSAGE - s->message + 1), n, false),
		     from, t);
		return;
	}
	if (header)
		s->message = MESSAGE;
	n = header ? 200 : n > s->message ? s->message : n;
	if (what < 98) /* else it is lost */
		send(p, f, put_segment(f, who, from, ACK, s->next, n, header), from, t);
	s->next += n;
	s->message -= n;
}

static void play(const char *rows, struct told *t, uint64_t count[NW_C_MAX])
{
	struct progs *p = NULL;
	uint8_t f[2048];

	if (rows)
		setenv("NW_ROWS", rows, 1);
	assert_int_equal(progs_open(&p), 0);
	unsetenv("NW_ROWS");
	t->n = 0;
	seed = 0x2545f491;
	for (uint32_t who = 0; who < FLOWS; who++) {
		flows[who] = (struct flow){ .v6 = who % 3 == 2,
					    .tags = (uint8_t)(who / 3 % 3),
					    .ip_options = who == 0 || who == 4,
					    .side = { { 1000 + who, 0, 1 }, { 0xffff0000 + who, 0, 9 } } };
		for (uint32_t from = 0; from < 2; from++) {
			send(p, f,
			     put_segment(f, who, from, from ? SYN | ACK : SYN, flows[who].side[from].next, 0,
					 false),
			     from, t);
			flows[who].side[from].next++;
		}
	}
	for (unsigned int i = 0; i < SEGMENTS; i++)
		some_segment(p, t);
	for (uint32_t who = 0; who < FLOWS; who++)
		for (uint32_t from = 0; from < 2; from++)
			send(p, f,
			     put_segment(f, who, from, who % 2 ? RST : FIN | ACK, flows[who].side[from].next,
					 0, false),
			     from, t);
	assert_int_equal(progs_counters(p, count), 0);
	progs_close(&p);
}

static void as_slow(void **state)
{
	static const char *const rows[] = { "1", "5", NULL };
	uint64_t want[NW_C_MAX], got[NW_C_MAX];

	(void)state;
	play("0", &told[0], want);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		play(rows[i], &told[1], got);
		assert_memory_equal(got, want, sizeof(got));
		assert_int_equal(told[1].n, told[0].n);
		for (unsigned int e = 0; e < told[0].n; e++)
			assert_memory_equal(&told[1].ev[e], &told[0].ev[e], sizeof(told[0].ev[e]));
	}
	print_message("# %u segments: %u inside, %u empty, %u walked, %u behind a hole; %u events, alike\n",
		      SEGMENTS, (unsigned int)want[NW_C_BODY], (unsigned int)want[NW_C_EMPTY],
		      (unsigned int)want[NW_C_WALKED], (unsigned int)want[NW_C_AHEAD], told[0].n);
	assert_true(want[NW_C_BODY] > SEGMENTS / 2 && want[NW_C_EMPTY] > SEGMENTS / 10);
	assert_true(want[NW_C_WALKED] > 100 && want[NW_C_AHEAD] > 10 && told[0].n > 2 * FLOWS);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(as_slow) };

	if (progs_try() < 0)
		return 1;
	return cmocka_run_group_tests_name("prog-quick", tests, NULL, NULL);
}
