// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which events wake the reader of the ring: those that an alert may come of, at once and once; of the others
 * a sixteenth of the ring.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <cmocka.h>

#include "progs.h"
#include "../unit/talk.h"
#include "../../bpf/wire/smb.h"

#define FRAMES_MAX 40
/* Longer than a wakeup takes; shorter than anybody minds. */
#define QUIET_MS 20
#define SOON_MS 5000

static struct frame {
	uint8_t data[2000];
	uint32_t len;
	bool back; /* from the server */
} frame[FRAMES_MAX];
static uint32_t n_frames;

static int take_frame(void *arg, const uint8_t *data, uint32_t len, uint64_t ts, uint64_t number)
{
	struct frame *f = &frame[n_frames];

	if (n_frames == FRAMES_MAX || len > sizeof(f->data))
		return -1;
	memcpy(f->data, data, len);
	f->len = len;
	f->back = data[34] == 0x01 && data[35] == 0xbd;
	n_frames++;
	return 0;
}

static void prepare(bool altered)
{
	const struct talk_how how = { .isn = { 1000, 2000 } };
	struct talk_params seen = talk_client;
	struct talk t;

	n_frames = 0;
	seen.guid0 += altered;
	talk_usual(&t, &seen, &talk_client, &talk_server, &talk_server, TALK_END_CLIENT_FIN);
	assert_int_equal(talk_frames(&t, &how, take_frame, NULL), 0);
	talk_free(&t);
}

static void send_frame(struct progs *p, const struct frame *f, uint32_t addr)
{
	struct frame as = *f;

	memcpy(as.data + (f->back ? 30 : 26), &addr, 4);
	assert_int_equal(progs_run(p, f->back ? PROGS_TC_OUT : PROGS_XDP, as.data, as.len, NULL, 0), 0);
}

static bool is_woken(const struct progs *p, int ms)
{
	struct epoll_event ev;

	return epoll_wait(progs_ring_fd(p), &ev, 1, ms) == 1;
}

struct told {
	unsigned int n, of[NW_EV_MAX];
	bool soon;
};

/* VALIDATE that equals its NEGOTIATE; an answer has to be signed, too. */
static bool is_good(const struct nw_event *ev)
{
	return ev->flags & NW_EF_MATCH &&
	       (ev->type == NW_EV_VALIDATE_REQ || ev->smb.flags & NW_SMB2_F_SIGNED);
}

static int note(void *arg, const struct nw_event *ev)
{
	struct told *t = arg;

	t->n++;
	t->of[ev->type]++;
	t->soon |= ev->type == NW_EV_FIN ||
		   ((ev->type == NW_EV_VALIDATE_REQ || ev->type == NW_EV_VALIDATE_RSP) && !is_good(ev));
	return 0;
}

/* Empty, and whoever reads it sleeps. */
static struct told read_all(struct progs *p)
{
	struct told t = { 0 };

	assert_int_equal(progs_drain(p, 1, 1, note, &t), 0);
	while (is_woken(p, 0))
		;
	return t;
}

/* As if the server had signed nothing. */
static void unsign(void)
{
	for (uint32_t i = 0; i < n_frames; i++) {
		uint8_t *tcp = frame[i].data + 34, *smb = tcp + (tcp[12] >> 4) * 4 + 4;

		if (frame[i].back && smb + 64 <= frame[i].data + frame[i].len)
			smb[16] &= (uint8_t)~NW_SMB2_F_SIGNED;
	}
}

static void frame_by_frame(const char *name, unsigned int least, unsigned int most)
{
	unsigned int events = 0, wakeups = 0;
	struct told told[FRAMES_MAX];
	struct progs *p = NULL;

	assert_int_equal(progs_open(&p), 0);
	/* Once to see what it tells, and again, as another client, to see whom that wakes. */
	for (uint32_t i = 0; i < n_frames; i++) {
		send_frame(p, &frame[i], 0x0101010a);
		told[i] = read_all(p);
	}
	for (uint32_t i = 0; i < n_frames; i++) {
		send_frame(p, &frame[i], 0x0201010a);
		assert_int_equal(is_woken(p, told[i].soon ? SOON_MS : QUIET_MS), told[i].soon);
		events += read_all(p).n;
		wakeups += told[i].soon;
	}
	print_message("# %s: %u events, %u wakeups\n", name, events, wakeups);
	assert_true(events >= 8);
	assert_in_range(wakeups, least, most);
	progs_close(&p);
}

static void untouched(void **state)
{
	prepare(false);
	frame_by_frame("untouched", 1, 2); /* its ends */
}

static void unsigned_answer(void **state)
{
	prepare(false);
	unsign();
	frame_by_frame("unsigned", 2, 3);
}

static void altered(void **state)
{
	prepare(true);
	frame_by_frame("altered", 2, 3); /* the request, and the ends */
}

/* Nobody reads: the first that matters wakes, those behind it don't any more. */
static void once(void **state)
{
	uint64_t woken = 0, was = 0;
	unsigned int wakeups = 0;
	struct progs *p = NULL;

	prepare(true);
	assert_int_equal(progs_open(&p), 0);
	for (uint32_t addr = 0x0101010a; addr < 0x6501010a; addr += 0x01000000)
		for (uint32_t i = 0; i < n_frames; i++) {
			send_frame(p, &frame[i], addr);
			woken = progs_woken(p);
			wakeups += woken != was;
			was = woken;
		}
	assert_int_equal(wakeups, 1);
	read_all(p);
	for (uint32_t i = 0; i < n_frames; i++)
		send_frame(p, &frame[i], 0x7701010a);
	assert_true(progs_woken(p) > was);
	progs_close(&p);
}

/* What wakes nobody does so before it fills the ring. */
static void many(void **state)
{
	struct progs *p = NULL;
	struct told t;
	uint32_t n = 0;

	prepare(false);
	assert_int_equal(progs_open(&p), 0);
	read_all(p);
	/* Handshake and NEGOTIATE request, of one client after the other */
	for (; !progs_woken(p) && n < 10000; n++)
		for (uint32_t i = 0; i < 4; i++)
			send_frame(p, &frame[i], 0x0a + n * 2654435761u);
	assert_true(is_woken(p, SOON_MS));
	t = read_all(p);
	print_message("# %u NEGOTIATE requests before a wakeup\n", t.of[NW_EV_NEGOTIATE_REQ]);
	assert_int_equal(t.n, t.of[NW_EV_NEGOTIATE_REQ]);
	/* A sixteenth of 4 MiB, 648 bytes each, and up to eight until the ring is looked at */
	assert_in_range(t.n, 404, 414);
	progs_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(untouched), cmocka_unit_test(unsigned_answer),
		cmocka_unit_test(altered),   cmocka_unit_test(once),
		cmocka_unit_test(many),
	};

	if (progs_try() < 0)
		return 1;
	return cmocka_run_group_tests_name("prog-wake", tests, NULL, NULL);
}
