// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel's word on resets, matched to the resets on the wire: what it settles, and what silence means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/engine/engine.h"
#include "../../bpf/wire/stream.h"

#define MS NW_NS_PER_MS

static struct {
	struct nw_engine *engine;
	uint64_t now;
	uint32_t seq[2];
	bool fresh;
	unsigned int sockets; /* bit by endpoint of the key: 0 is the client */
	char found[1024];     /* rules and sentences, in order */
	char was[256];	      /* the flow at its end: resets and end */
} R;

static void on_finding(void *arg, const struct nw_conn *c, const struct nw_finding *f)
{
	size_t n = strlen(R.found);

	snprintf(R.found + n, sizeof(R.found) - n, "[%u %s]", f->rule, f->text);
}

static void on_done(void *arg, const struct nw_conn *c)
{
	for (unsigned int i = 0; i < c->n_resets; i++) {
		const struct nw_reset *r = &c->resets[i];
		const char *word = nw_kernel_name(r->kernel);
		size_t n = strlen(R.was);

		snprintf(R.was + n, sizeof(R.was) - n, "%s/%s%s%s ", word ? word : "-",
			 nw_forged_name(r->forged), r->reason ? "/" : "", r->reason ? r->reason : "");
	}
	strcat(R.was, nw_end_name(c->end.how));
}

static bool is_socket(void *arg, const struct nw_key *key, unsigned int local)
{
	return R.sockets & 1u << local;
}

static const char *reason(void *arg, unsigned int number)
{
	return number == 12 ? "ABORT" : NULL;
}

static void begin(unsigned int sockets, bool speaks, bool complete)
{
	static const struct nw_engine_ops ops = { .finding = on_finding, .done = on_done };
	struct nw_engine_config cfg;

	memset(&R, 0, sizeof(R));
	nw_engine_defaults(&cfg);
	cfg.max_awake = 0;
	cfg.is_socket = is_socket;
	cfg.reset_reason = reason;
	cfg.vantage = NW_VANTAGE_SERVER;
	assert_int_equal(nw_engine_new(&R.engine, &cfg, &ops, NULL), 0);
	if (speaks)
		nw_engine_kernel_speaks(R.engine, complete);
	R.now = 100 * NW_NS_PER_S;
	R.sockets = sockets;
	R.fresh = true;
}

static struct nw_event event(uint8_t type, uint8_t dir)
{
	struct nw_event ev = { .type = type,
			       .dir = dir,
			       .flags = NW_EF_SYN_SEEN | (R.fresh ? NW_EF_NEW : 0) };

	R.now += MS / 10;
	ev.ts = R.now;
	ev.key.addr[1].b[15] = 2;
	ev.key.port[0] = 50000;
	ev.key.port[1] = nw_from_be16(445);
	ev.tcp = (struct nw_tcp){
		.seq = R.seq[dir], .ack = R.seq[!dir], .ttl = 64, .flags = 0x10, .ip_version = 4
	};
	if (type == NW_EV_RST || type == NW_EV_FIN) {
		ev.tcp.flags |= type == NW_EV_RST ? 0x04 : 0x01;
		ev.ends.sender = (struct nw_look){ .end = R.seq[dir], .ack = R.seq[!dir], .ttl = 64 };
		ev.ends.other = (struct nw_look){ .end = R.seq[!dir], .ack = R.seq[dir], .ttl = 64 };
	}
	if (type == NW_EV_ALIVE)
		ev.tcp.pay_len = 10;
	R.fresh = false;
	return ev;
}

static void feed(const struct nw_event *ev)
{
	assert_int_equal(nw_engine_event(R.engine, ev), 0);
}

static void message(uint8_t type, uint64_t fingerprint)
{
	struct nw_event ev =
		event(type, type == NW_EV_VALIDATE_RSP || type == NW_EV_NEGOTIATE_RSP ? NW_S2C : NW_C2S);

	ev.smb.fingerprint = fingerprint;
	ev.smb.capabilities = (uint32_t)fingerprint;
	ev.smb.max_output = 24;
	ev.tcp.pay_len = 100;
	R.seq[ev.dir] += 100;
	feed(&ev);
}

/*
 * n NEGOTIATE, v VALIDATE that matches, V that doesn't; R r: a RST in the server's and the client's name, Z z
 * with another TTL and sequence number; S s A a: the kernel says that it sent, accepted the server's,
 * client's; T the same with the sequence number of Z; F f: a FIN; C c: server, client talk on; G: bytes
 * of the server were not seen; w: 0.6 s pass; !: events are lost.
 */
static void play(const char *script)
{
	static const struct {
		char letter;
		uint8_t type, dir;
		uint32_t seq;
		uint8_t ttl;
	} letters[] = {
		{ 'R', NW_EV_RST, NW_S2C, 0, 64 },	   { 'r', NW_EV_RST, NW_C2S, 0, 64 },
		{ 'Z', NW_EV_RST, NW_S2C, 77, 33 },	   { 'z', NW_EV_RST, NW_C2S, 77, 33 },
		{ 'S', NW_EV_RST_SENT, NW_S2C, 0, 0 },	   { 's', NW_EV_RST_SENT, NW_C2S, 0, 0 },
		{ 'A', NW_EV_RST_ACCEPTED, NW_S2C, 0, 0 }, { 'a', NW_EV_RST_ACCEPTED, NW_C2S, 0, 0 },
		{ 'T', NW_EV_RST_SENT, NW_S2C, 77, 0 },	   { 'F', NW_EV_FIN, NW_S2C, 0, 64 },
		{ 'f', NW_EV_FIN, NW_C2S, 0, 64 },	   { 'C', NW_EV_ALIVE, NW_S2C, 0, 64 },
		{ 'c', NW_EV_ALIVE, NW_C2S, 0, 64 },	   { 'G', NW_EV_GAP, NW_S2C, 0, 64 },
	};

	for (; *script; script++) {
		for (size_t i = 0; i < sizeof(letters) / sizeof(*letters); i++) {
			struct nw_event ev;

			if (letters[i].letter != *script)
				continue;
			ev = event(letters[i].type, letters[i].dir);
			ev.tcp.seq += letters[i].seq;
			ev.tcp.ttl = letters[i].ttl;
			ev.reason = ev.type == NW_EV_RST_SENT ? 12 : 0;
			feed(&ev);
		}
		if (*script == 'n') {
			message(NW_EV_NEGOTIATE_REQ, 1);
			message(NW_EV_NEGOTIATE_RSP, 3);
		}
		if (*script == 'v' || *script == 'V')
			message(NW_EV_VALIDATE_REQ, *script == 'v' ? 1 : 2);
		if (*script == 'w')
			nw_engine_tick(R.engine, R.now += 600 * MS);
		if (*script == '!')
			nw_engine_lost(R.engine, R.now, 1);
	}
}

struct row {
	const char *script;
	unsigned int sockets;
	bool complete;
	const char *was;
	const char *found; /* in what was found; NULL: nothing may be */
};

enum { NONE = 0, CLIENT = 1, SERVER = 2, BOTH = 3 };

static void rows(const struct row *row)
{
	int bad = 0;

	for (; row->script; row++) {
		begin(row->sockets, true, row->complete);
		play(row->script);
		nw_engine_flush(R.engine);
		nw_engine_free(&R.engine);
		if (strcmp(R.was, row->was) == 0 &&
		    (row->found ? strstr(R.found, row->found) != NULL : !*R.found))
			continue;
		print_message("# %s: want '%s' '%s', got '%s' '%s'\n", row->script, row->was,
			      row->found ? row->found : "", R.was, R.found);
		bad++;
	}
	assert_int_equal(bad, 0);
}

static void words_find_their_resets(void **state)
{
	static const struct row table[] = {
		{ "nSR", SERVER, true, "sent/no/ABORT rst", NULL }, /* answering a packet: told before */
		{ "nRS", SERVER, true, "sent/no/ABORT rst", NULL }, /* of its own accord: told after */
		{ "nra", SERVER, true, "accepted/no rst", NULL },
		{ "nRSAw", BOTH, true, "sent/no/ABORT rst", NULL },	 /* loopback */
		{ "nSw", SERVER, true, "none", NULL },			 /* left by another way */
		{ "nSwR", SERVER, false, "-/no rst", NULL },		 /* the word is too old */
		{ "nSsR", SERVER, true, "sent/no/ABORT rst", NULL },	 /* each side its own */
		{ "nRZTw", NONE, true, "-/no sent/no/ABORT rst", NULL }, /* by sequence number */
		{ "nTSRZw", NONE, true, "sent/no/ABORT sent/no/ABORT rst", NULL },
		{ "nRSZw", SERVER, true, "sent/no/ABORT not-sent/certain rst", "[107" },
		{ 0 },
	};

	rows(table);
}

static void what_the_kernel_sent_is_not_forged(void **state)
{
	static const struct row table[] = {
		{ "nFZTw", SERVER, true, "sent/no/ABORT fin", NULL },
		{ "nFTZw", SERVER, true, "sent/no/ABORT fin", NULL },
		{ "nRw", SERVER, true, "not-sent/certain rst", "[107 " },
		{ "nRw", SERVER, true, "not-sent/certain rst", "this host's TCP did not send the reset" },
		{ "nZwT", SERVER, true, "not-sent/certain rst", "[107 " },
		{ 0 },
	};

	rows(table);
}

static void silence_means_nothing_where_no_word_would_come(void **state)
{
	static const struct row table[] = {
		{ "nRw", NONE, true, "-/no rst", NULL }, /* no socket of ours, as behind NAT */
		{ "nRw", CLIENT, false, "not-accepted/no none", NULL },
		{ "nRw", SERVER, false, "-/no rst", NULL }, /* a kernel that does not tell of all */
		{ "nR!w", SERVER, true, "-/no rst", NULL },
		{ "nr!w", SERVER, true, "-/no rst", NULL },
		{ "nGrw", SERVER, true, "-/no rst", NULL }, /* its FIN may be among what was not seen */
		{ "nFrw", SERVER, true, "-/no fin", NULL }, /* nobody is there any more */
		{ "nrarw", SERVER, true, "accepted/no -/no rst", NULL },
		{ "nRSrw", SERVER, true, "sent/no/ABORT -/no rst", NULL },
		{ "nSSSSSSSSwRw", SERVER, true, "-/no rst", NULL }, /* it tells no more than so many */
		{ 0 },
	};

	rows(table);
}

static void a_reset_that_was_not_accepted_ended_nothing(void **state)
{
	static const struct row table[] = {
		{ "nrw", SERVER, true, "not-accepted/no none", NULL },
		{ "nvrw", SERVER, true, "not-accepted/no none", NULL },
		{ "nrwra", SERVER, true, "not-accepted/no accepted/no rst", NULL },
		{ "nzraw", SERVER, true, "not-accepted/likely accepted/no rst", "[107" },
		{ "nrcw", SERVER, true, "not-accepted/likely none", "[107" },
		{ "nrcw", SERVER, true, "not-accepted/likely none", "; the connection survived it" },
		{ "nrFw", SERVER, true, "not-accepted/no fin", NULL },
		{ "nrRSw", SERVER, true, "not-accepted/no sent/no/ABORT rst", NULL },
		{ 0 },
	};

	rows(table);
}

static void verdicts_wait_for_the_word_and_tell_it(void **state)
{
	static const struct row table[] = {
		{ "nVRS", SERVER, true, "sent/no/ABORT rst",
		  "(RST) 0.10 ms after VALIDATE_NEGOTIATE_INFO; this "
		  "host's kernel sent the reset: ABORT]" },
		{ "nVSR", SERVER, true, "sent/no/ABORT rst", "this host's kernel sent the reset: ABORT]" },
		{ "nvRS", SERVER, true, "sent/no/ABORT rst", "[104 Server reset" },
		{ "nvRS", SERVER, true, "sent/no/ABORT rst", "this host's kernel sent the reset: ABORT]" },
		{ "nvR", SERVER, true, "-/no rst", "[104 Server reset" }, /* at the end at the latest */
		{ "nvRw", SERVER, false, "-/no rst", "[104 Server reset" },
		{ "nvRR", SERVER, false, "-/no -/no rst", "[104 Server reset" },
		{ 0 },
	};

	rows(table);
}

/* What is held until it is known who sent the reset: not longer, and no shorter. */
static void the_senders_word_alone_ends_the_wait(void **state)
{
	begin(SERVER, true, true);
	play("nvR");
	assert_string_equal(R.found, "");
	play("S");
	assert_non_null(strstr(R.found, "[104 Server reset"));
	nw_engine_free(&R.engine);
	/* Forged in the server's name, and accepted by this client, as the server's next packet shows. */
	begin(CLIENT, true, true);
	play("nvRACw");
	assert_non_null(strstr(R.found, "[107 "));
	assert_null(strstr(R.found, "[104 "));
	nw_engine_free(&R.engine);
	/* A verdict that another end brings about does not wait; silence is told nevertheless. */
	begin(SERVER, true, true);
	play("nRfw");
	assert_non_null(strstr(R.found, "this host's TCP did not send the reset"));
	nw_engine_free(&R.engine);
}

/* Without the kernel's word nothing more waits, and a word for a connection that nobody knows makes none. */
static void without_words_all_is_as_ever(void **state)
{
	struct nw_engine_stats st;

	begin(SERVER, false, false);
	play("nvRw");
	assert_non_null(strstr(R.found, "[104 Server reset"));
	nw_engine_flush(R.engine);
	assert_string_equal(R.was, "-/no rst");
	nw_engine_free(&R.engine);
	begin(SERVER, true, true);
	R.fresh = false;
	play("SAsa");
	nw_engine_get_stats(R.engine, &st);
	assert_int_equal(st.conns, 0);
	nw_engine_free(&R.engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_find_their_resets),
		cmocka_unit_test(what_the_kernel_sent_is_not_forged),
		cmocka_unit_test(silence_means_nothing_where_no_word_would_come),
		cmocka_unit_test(a_reset_that_was_not_accepted_ended_nothing),
		cmocka_unit_test(verdicts_wait_for_the_word_and_tell_it),
		cmocka_unit_test(the_senders_word_alone_ends_the_wait),
		cmocka_unit_test(without_words_all_is_as_ever),
	};

	return cmocka_run_group_tests_name("kernel_word", tests, NULL, NULL);
}
