// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Plays scripts to the engine: see script.h. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "script.h"
#include "../../bpf/wire/smb.h"

struct script script;

static void on_finding(void *arg, const struct nw_conn *c, const struct nw_finding *f)
{
	size_t n = strlen(script.findings);

	script.last = *f;
	snprintf(script.findings + n, sizeof(script.findings) - n, "%s%u/%x/%s/%.1s%s", n ? " " : "", f->rule,
		 f->fields, f->outcome ? nw_outcome_name(f->outcome) : "-", nw_severity_name(f->severity),
		 f->near_gap ? "/gap" : "");
}

static void on_done(void *arg, const struct nw_conn *c)
{
	script.was = *c;
	/* What was told may have been brought up to date (107). */
	for (unsigned int i = 0; i < c->n_findings; i++)
		if (c->findings[i].rule == 107 && script.last.rule == 107)
			script.last = c->findings[i];
	strcat(script.findings, script.ends ? nw_end_name(c->end.how) : "");
}

void script_begin(enum seen seen)
{
	static const struct nw_engine_ops ops = { .finding = on_finding, .done = on_done };

	nw_engine_free(&script.engine);
	assert_int_equal(nw_engine_new(&script.engine, &script.cfg, &ops, NULL), 0);
	script.findings[0] = script.last.text[0] = '\0';
	script.now = 100 * S;
	script.mid = 2;
	script.session = 1;
	script.max_output = seen == SHORT ? 16 : 24;
	script.twice = script.still = script.ends = false;
	script.port = 50000;
	script.new = true;
	script.q = script.vq = talk_client;
	script.r = script.vr = talk_server;
	script.q.capabilities ^= seen == Q_CAPS;
	script.q.guid0 ^= seen == Q_GUID;
	script.q.mode ^= seen == Q_MODE ? 0x0200 : 0; /* all 16 bits count */
	script.q.n_dialects = seen == Q_LOW ? 2 : seen == Q_TOP ? 3 : 4;
	if (seen == Q_TOP) /* without 0x0210 */
		memcpy(script.q.dialects, (const uint16_t[]){ 0x0202, 0x0300, 0x0302 }, 6);
	script.r.capabilities ^= seen == R_CAPS;
	script.r.guid0 ^= seen == R_GUID;
	script.r.mode ^= seen == R_MODE ? 2 : 0;
	script.r.dialect = seen == V311					 ? 0x0311 :
			   seen == R_LOW || seen == Q_LOW || seen == OLD ? 0x0210 :
									   0x0302;
	if (seen == SMB1) /* smbclient's VALIDATE; no SMB2 NEGOTIATE request exists */
		script.vq =
			(struct talk_params){ .dialects = { script.r.dialect = 0x0202 }, .n_dialects = 1 };
	script.vr.dialect = seen == R_HI ? 0x0202 : seen == R_LOW ? 0x0302 : script.r.dialect;
}

int script_setup(void **state)
{
	nw_engine_free(&script.engine);
	memset(&script, 0, sizeof(script));
	nw_engine_defaults(&script.cfg);
	script.cfg.max_awake = 0; /* asleep between any two events */
	return 0;
}

/* The next event, 0.1 ms after the last; the caller fills in what is special and feeds it. */
static struct nw_event *event(uint8_t type, uint8_t dir)
{
	script.now += MS / 10;
	script.ev = (struct nw_event){ .frame = script.now / (MS / 10), .type = type, .dir = dir };
	script.ev.ts = script.still ? 0 : script.now;
	script.ev.key.addr[1].b[15] = 2;
	script.ev.key.port[0] = nw_from_be16(script.port);
	script.ev.key.port[1] = nw_from_be16(445);
	script.ev.flags = NW_EF_SYN_SEEN | (script.new ? NW_EF_NEW : 0);
	script.ev.tcp = (struct nw_tcp){ .seq = script.seq[dir],
					 .window = 502,
					 .ip_id = 100 + script.ip_id++ % 1000 };
	script.ev.tcp.ttl = dir == NW_C2S ? 125 : 64;
	script.ev.tcp.ip_version = 4;
	script.ev.tcp.pay_len = type == NW_EV_FIN || type == NW_EV_RST ? 0 : 100;
	script.seq[dir] += script.ev.tcp.pay_len;
	script.ev.smb.session_id = script.session;
	script.new = false;
	return &script.ev;
}

/* What the tap remembers of both ends, as their events above are. */
static void look(uint8_t dir)
{
	for (int i = 0; i < 2; i++) {
		struct nw_look *l = i ? &script.ev.ends.other : &script.ev.ends.sender;

		*l = (struct nw_look){ .end = script.seq[i ? !dir : dir],
				       .ack = script.seq[i ? dir : !dir],
				       .window = 502 };
		l->ttl = (i ? !dir : dir) == NW_C2S ? 125 : 64;
		l->traits = NW_LOOK_ID_NEXT;
		l->ip_id = 100 + script.ip_id % 1000;
	}
}

/* Events of types that carry no message end before it. */
static void feed(void)
{
	size_t size = script.ev.data_len ? NW_EVENT_FULL : NW_EVENT_SMALL;
	void *copy = memcpy(malloc(size), &script.ev, size);

	for (int i = 0; i <= script.twice; i++)
		assert_int_equal(nw_engine_event(script.engine, copy), 0);
	free(copy);
}

static void message(uint8_t type, const struct talk_params *p, uint64_t mid, uint32_t status, uint32_t flags)
{
	bool request = type == NW_EV_NEGOTIATE_REQ || type == NW_EV_VALIDATE_REQ;
	struct nw_smb *m = &event(type, request ? NW_C2S : NW_S2C)->smb;

	script.ev.data_len = NW_DATA_MAX;
	m->message_id = mid;
	m->flags = flags | !request;
	m->status = status;
	m->max_output = script.max_output;
	if (!status) {
		m->capabilities = p->capabilities;
		m->security_mode = p->mode;
		m->guid[0] = p->guid0;
		m->n_dialects = request ? p->n_dialects : 0;
		m->dialects_off = type == NW_EV_NEGOTIATE_REQ ? 104 : 148;
		memcpy(script.ev.data + m->dialects_off, p->dialects,
		       2 * p->n_dialects); /* little-endian hosts */
		m->dialect = request ? 0 : p->dialect;
		m->fingerprint = request ? nw_fp_request(m, m->guid, script.ev.data + m->dialects_off) :
					   nw_fp_response(m, m->guid);
	}
	feed();
}

/*
 * One letter, one thing that happens; capitals are the server's where both ends may do it. s o h: session is
 * signed, anonymous, guest; S: login failed; t T N: tree, ACCESS_DENIED, no such share; k c d: TREE_CONNECT,
 * CREATE, TREE_DISCONNECT; l LOGOFF; x encrypted request; f FIN; K alive; g bytes lost; r own RST; z one in
 * its name; y Y O: with foreign TTL, old sequence alone; B: that of a host whose socket is gone.
 */
static const struct {
	char letter;
	uint8_t type, dir;
	struct nw_smb smb;
	struct nw_tcp tcp; /* seq, window: less than expected */
} letters[] = { { 's', NW_EV_SESSION_RSP, NW_S2C, { .flags = 9 }, {} },
		{ 'o', NW_EV_SESSION_RSP, NW_S2C, { .flags = 1 }, {} },
		{ 'h', NW_EV_SESSION_RSP, NW_S2C, { .flags = 9, .session_flags = 1 }, {} },
		{ 't', NW_EV_TREE_RSP, NW_S2C, { .flags = 9 }, {} },
		{ 'T', NW_EV_TREE_RSP, NW_S2C, { .flags = 9, .status = 0xc0000022 }, {} },
		{ 'N', NW_EV_TREE_RSP, NW_S2C, { .flags = 9, .status = 0xc00000cc }, {} },
		{ 'S', NW_EV_SESSION_RSP, NW_S2C, { .flags = 1, .status = 0xc000006d }, {} },
		{ 'k', NW_EV_USE, NW_C2S, { .command = 3 }, {} },
		{ 'y', NW_EV_RST, NW_C2S, {}, { .ttl = 33, .flags = 0x14 } },
		{ 'c', NW_EV_USE, NW_C2S, { .command = 5 }, {} },
		{ 'd', NW_EV_USE, NW_C2S, { .command = 4 }, {} },
		{ 'l', NW_EV_LOGOFF, NW_C2S, { .command = 2 }, {} },
		{ 'x', NW_EV_ENCRYPTED, NW_C2S, { .command = NW_COMMAND_ENCRYPTED }, {} },
		{ 'f', NW_EV_FIN, NW_C2S, {}, { .flags = 0x11 } },
		{ 'F', NW_EV_FIN, NW_S2C, {}, { .flags = 0x11 } },
		{ 'K', NW_EV_ALIVE, NW_S2C, {}, {} },
		{ 'g', NW_EV_GAP, NW_C2S, {}, {} },
		{ 'G', NW_EV_GAP, NW_S2C, {}, {} },
		{ '1', NW_EV_SMB1_REQ, NW_C2S, {}, {} },
		{ 'r', NW_EV_RST, NW_C2S, {}, { .ttl = 125, .flags = 0x14 } },
		{ 'R', NW_EV_RST, NW_S2C, {}, { .ttl = 64, .flags = 0x14 } },
		{ 'z', NW_EV_RST, NW_C2S, {}, { .ttl = 33, .flags = 0x04, .ip_id = 0xbeef } },
		{ 'Z', NW_EV_RST, NW_S2C, {}, { .ttl = 33, .flags = 0x04, .ip_id = 0xbeef } },
		{ 'Y', NW_EV_RST, NW_S2C, {}, { .ttl = 33, .flags = 0x14 } },
		{ 'B',
		  NW_EV_RST,
		  NW_S2C,
		  {},
		  { .ttl = 64, .flags = 0x04, .ip_id = 0x19b3, .seq = 1, .window = 502 } },
		{ 'O', NW_EV_RST, NW_S2C, {}, { .ttl = 64, .flags = 0x14, .seq = 150 } } };

void script_play(const char *text)
{
	static const struct talk_params wildcard = { .capabilities = 7, .guid0 = 0x77, .dialect = 0x02ff };

	for (; *text; text++) {
		for (unsigned int i = 0; i < sizeof(letters) / sizeof(*letters); i++) {
			if (letters[i].letter != *text)
				continue;
			event(letters[i].type, letters[i].dir)->cause = NW_GAP_LOST;
			script.ev.smb = letters[i].smb;
			script.ev.smb.session_id = script.session;
			if (letters[i].type == NW_EV_RST)
				look(letters[i].dir);
			script.ev.tcp.ack = script.seq[!letters[i].dir];
			script.ev.tcp.seq -= letters[i].tcp.seq;
			script.ev.tcp.window -= letters[i].tcp.window;
			script.ev.tcp.flags = letters[i].tcp.flags;
			script.ev.tcp.ttl = letters[i].tcp.ttl ?: script.ev.tcp.ttl;
			script.ev.tcp.ip_id = letters[i].tcp.ip_id ?: script.ev.tcp.ip_id;
			feed();
		}
		script.port += *text == '%'; /* another tuple's connection; @ the same tuple's next */
		script.new |= *text == '%' || *text == '@';
		script.session ^= *text == '2' ? 3 : 0;
		script.twice |= *text == '+';
		script.still |= *text == '0';
		script.ends |= *text == '?';
		if (*text == 'n') /* NEGOTIATE request and response, or one of them */
			script_play("qp");
		else if (*text == 'q' || *text == 'p')
			message(*text == 'q' ? NW_EV_NEGOTIATE_REQ : NW_EV_NEGOTIATE_RSP,
				*text == 'q' ? &script.q : &script.r, script.mid - 2, 0, 0);
		else if (*text == 'v') /* VALIDATE; its answer with script.status: signed, unsigned */
			message(NW_EV_VALIDATE_REQ, &script.vq, ++script.mid, 0, 8);
		else if (*text == 'V') /* unsigned */
			message(NW_EV_VALIDATE_REQ, &script.vq, ++script.mid, 0, 0);
		else if (*text == '^') /* the next VALIDATE says something else */
			script.vq.capabilities ^= 8;
		else if (*text == '~') /* a round trip of 200 ms */
			nw_engine_tick(script.engine, script.now += 200 * MS);
		else if (*text == 'a' || *text == 'u')
			message(NW_EV_VALIDATE_RSP, &script.vr, script.mid, script.status,
				*text == 'a' ? 8 : 0);
		else if (*text == 'w' || *text == 'W') /* 0.6 s or 11 s pass */
			nw_engine_tick(script.engine, script.now += *text == 'W' ? 11 * S : 600 * MS);
		else if (*text == '!') /* events are lost; the daemon's clock is ahead of the ring */
			nw_engine_lost(script.engine, script.now + MS, 7);
		else if (*text == 'Q') /* a NEGOTIATE request that nobody answers */
			message(NW_EV_NEGOTIATE_REQ, &talk_server, script.mid, 0, 0);
		else if (*text == 'b') /* answered before asked: two taps, or a joined request */
			message(NW_EV_VALIDATE_RSP, &script.vr, script.mid + 1, 0, 8), script_play("v");
		else if (*text == 'M') /* the provisional answer to an SMB1 negotiate */
			message(NW_EV_NEGOTIATE_RSP, &wildcard, script.mid++ - 2, 0, 0);
		else if (*text == 'D') /* that and the answer behind it again: the joiner had told them, the
					  tap does now */
			message(NW_EV_NEGOTIATE_RSP, &wildcard, script.mid - 3, 0, 0), script_play("p");
		else if (*text == '<') /* time of events goes back, as far as is tolerated */
			script.now -= 900 * MS;
		else if (*text == '$')
			nw_engine_flush(script.engine);
	}
}

int script_differs(struct row row)
{
	size_t n = strcspn(row.want, "|");

	script_begin(row.seen);
	script_play(row.script);
	script_play("$");
	if (strlen(script.findings) == n && !strncmp(script.findings, row.want, n) &&
	    strstr(script.last.text, row.want + n + !!row.want[n]))
		return 0;
	print_message("# %s (%d, status %x): want '%s', got '%s': %s\n", row.script, row.seen, script.status,
		      row.want, script.findings, script.last.text);
	return 1;
}

static void rows_hold(void **state)
{
	int bad = 0;

	for (const struct row *r = ((const struct group *)*state)->rows; r->script; r++)
		bad += script_differs(*r);
	assert_int_equal(bad, 0);
}

int script_run(const char *name, const struct group *groups, unsigned int n_groups,
	       const struct CMUnitTest *more, unsigned int n_more)
{
	struct CMUnitTest tests[32];
	unsigned int n = 0;

	assert_true(n_groups + n_more <= 32);
	for (; n < n_groups; n++)
		tests[n] = (struct CMUnitTest){ groups[n].name, rows_hold, script_setup, NULL,
						(void *)&groups[n] };
	for (unsigned int i = 0; i < n_more; i++)
		tests[n++] = more[i];
	return _cmocka_run_group_tests(name, tests, n, NULL, NULL);
}
