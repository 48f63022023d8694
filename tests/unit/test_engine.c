// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The engine alone, fed with events made by hand: each rule with its edge cases, and what time, loss and
 * repetition may do to it. Expectations are those of the design, section 4. (Noise: test_join.c.)
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "talk.h"
#include "../../bpf/wire/smb.h"

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
static struct {
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
} R;

static void on_finding(void *arg, const struct nw_conn *c, const struct nw_finding *f)
{
	size_t n = strlen(R.findings);

	R.last = *f;
	snprintf(R.findings + n, sizeof(R.findings) - n, "%s%u/%x/%s/%.1s%s", n ? " " : "", f->rule,
		 f->fields, f->outcome ? nw_outcome_name(f->outcome) : "-", nw_severity_name(f->severity),
		 f->near_gap ? "/gap" : "");
}

static void on_done(void *arg, const struct nw_conn *c)
{
	R.was = *c;
	strcat(R.findings, R.ends ? nw_end_name(c->end.how) : "");
}

static void begin(enum seen seen)
{
	static const struct nw_engine_ops ops = { .finding = on_finding, .done = on_done };

	nw_engine_free(&R.engine);
	assert_int_equal(nw_engine_new(&R.engine, &R.cfg, &ops, NULL), 0);
	R.findings[0] = R.last.text[0] = '\0';
	R.now = 100 * S;
	R.mid = 2;
	R.session = 1;
	R.max_output = seen == SHORT ? 16 : 24;
	R.twice = R.still = R.ends = false;
	R.port = 50000;
	R.new = true;
	R.q = R.vq = talk_client;
	R.r = R.vr = talk_server;
	R.q.capabilities ^= seen == Q_CAPS;
	R.q.guid0 ^= seen == Q_GUID;
	R.q.mode ^= seen == Q_MODE ? 0x0200 : 0; /* all 16 bits count */
	R.q.n_dialects = seen == Q_LOW ? 2 : seen == Q_TOP ? 3 : 4;
	if (seen == Q_TOP) /* without 0x0210 */
		memcpy(R.q.dialects, (const uint16_t[]){ 0x0202, 0x0300, 0x0302 }, 6);
	R.r.capabilities ^= seen == R_CAPS;
	R.r.guid0 ^= seen == R_GUID;
	R.r.mode ^= seen == R_MODE ? 2 : 0;
	R.r.dialect = seen == V311 ? 0x0311 : seen == R_LOW || seen == Q_LOW || seen == OLD ? 0x0210 : 0x0302;
	if (seen == SMB1) /* smbclient's VALIDATE; no SMB2 NEGOTIATE request exists */
		R.vq = (struct talk_params){ .dialects = { R.r.dialect = 0x0202 }, .n_dialects = 1 };
	R.vr.dialect = seen == R_HI ? 0x0202 : seen == R_LOW ? 0x0302 : R.r.dialect;
}

static int setup(void **state)
{
	nw_engine_free(&R.engine);
	memset(&R, 0, sizeof(R));
	nw_engine_defaults(&R.cfg);
	return 0;
}

/* The next event, 0.1 ms after the last; the caller fills in what is special and feeds it. */
static struct nw_event *event(uint8_t type, uint8_t dir)
{
	R.now += MS / 10;
	R.ev = (struct nw_event){ .frame = R.now / (MS / 10), .type = type, .dir = dir };
	R.ev.ts = R.still ? 0 : R.now;
	R.ev.key.addr[1].b[15] = 2;
	R.ev.key.port[0] = nw_from_be16(R.port);
	R.ev.key.port[1] = nw_from_be16(445);
	R.ev.flags = NW_EF_SYN_SEEN | (R.new ? NW_EF_NEW : 0);
	R.ev.tcp = (struct nw_tcp){ .seq = R.seq[dir], .window = 502, .ip_id = 100 + R.ip_id++ % 1000 };
	R.ev.tcp.ttl = dir == NW_C2S ? 125 : 64;
	R.ev.tcp.ip_version = 4;
	R.ev.tcp.pay_len = type == NW_EV_FIN || type == NW_EV_RST ? 0 : 100;
	R.seq[dir] += R.ev.tcp.pay_len;
	R.ev.smb.session_id = R.session;
	R.new = false;
	return &R.ev;
}

/* What the tap remembers of both ends, as their events above are. */
static void look(uint8_t dir)
{
	for (int i = 0; i < 2; i++) {
		struct nw_look *l = i ? &R.ev.ends.other : &R.ev.ends.sender;

		*l = (struct nw_look){ .end = R.seq[i ? !dir : dir],
				       .ack = R.seq[i ? dir : !dir],
				       .window = 502 };
		l->ttl = (i ? !dir : dir) == NW_C2S ? 125 : 64;
		l->traits = NW_LOOK_ID_NEXT;
		l->ip_id = 100 + R.ip_id % 1000;
	}
}

/* Events of types that carry no message end before it. */
static void feed(void)
{
	size_t size = R.ev.data_len ? NW_EVENT_FULL : NW_EVENT_SMALL;
	void *copy = memcpy(malloc(size), &R.ev, size);

	for (int i = 0; i <= R.twice; i++)
		assert_int_equal(nw_engine_event(R.engine, copy), 0);
	free(copy);
}

static void message(uint8_t type, const struct talk_params *p, uint64_t mid, uint32_t status, uint32_t flags)
{
	bool request = type == NW_EV_NEGOTIATE_REQ || type == NW_EV_VALIDATE_REQ;
	struct nw_smb *m = &event(type, request ? NW_C2S : NW_S2C)->smb;

	R.ev.data_len = NW_DATA_MAX;
	m->message_id = mid;
	m->flags = flags | !request;
	m->status = status;
	m->max_output = R.max_output;
	if (!status) {
		m->capabilities = p->capabilities;
		m->security_mode = p->mode;
		m->guid[0] = p->guid0;
		m->n_dialects = request ? p->n_dialects : 0;
		m->dialects_off = type == NW_EV_NEGOTIATE_REQ ? 104 : 148;
		memcpy(R.ev.data + m->dialects_off, p->dialects, 2 * p->n_dialects); /* little-endian hosts */
		m->dialect = request ? 0 : p->dialect;
		m->fingerprint = request ? nw_fp_request(m, m->guid, R.ev.data + m->dialects_off) :
					   nw_fp_response(m, m->guid);
	}
	feed();
}

/*
 * One letter, one thing that happens; capitals are the server's where both ends may do it. s o h: session is
 * signed, anonymous, guest; t T: tree, refused; c d: CREATE, TREE_DISCONNECT; l LOGOFF; x encrypted request;
 * f FIN; K alive; g bytes lost; r own RST; z one in its name; Y O: with foreign TTL, old sequence alone.
 */
static const struct {
	char letter;
	uint8_t type, dir;
	struct nw_smb smb;
	struct nw_tcp tcp; /* seq: less than expected */
} letters[] = { { 's', NW_EV_SESSION_RSP, NW_S2C, { .flags = 9 }, {} },
		{ 'o', NW_EV_SESSION_RSP, NW_S2C, { .flags = 1 }, {} },
		{ 'h', NW_EV_SESSION_RSP, NW_S2C, { .flags = 9, .session_flags = 1 }, {} },
		{ 't', NW_EV_TREE_RSP, NW_S2C, { .flags = 9 }, {} },
		{ 'T', NW_EV_TREE_RSP, NW_S2C, { .flags = 9, .status = 0xc0000022 }, {} },
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
		{ 'O', NW_EV_RST, NW_S2C, {}, { .ttl = 64, .flags = 0x14, .seq = 150 } } };

static void play(const char *script)
{
	static const struct talk_params wildcard = { .capabilities = 7, .guid0 = 0x77, .dialect = 0x02ff };

	for (; *script; script++) {
		for (unsigned int i = 0; i < sizeof(letters) / sizeof(*letters); i++) {
			if (letters[i].letter != *script)
				continue;
			event(letters[i].type, letters[i].dir)->cause = NW_GAP_LOST;
			R.ev.smb = letters[i].smb;
			R.ev.smb.session_id = R.session;
			if (letters[i].type == NW_EV_RST)
				look(letters[i].dir);
			R.ev.tcp.ack = R.seq[!letters[i].dir];
			R.ev.tcp.seq -= letters[i].tcp.seq;
			R.ev.tcp.flags = letters[i].tcp.flags;
			R.ev.tcp.ttl = letters[i].tcp.ttl ?: R.ev.tcp.ttl;
			R.ev.tcp.ip_id = letters[i].tcp.ip_id ?: R.ev.tcp.ip_id;
			feed();
		}
		R.port += *script == '%'; /* another tuple's connection; @ the same tuple's next */
		R.new |= *script == '%' || *script == '@';
		R.session ^= *script == '2' ? 3 : 0;
		R.twice |= *script == '+';
		R.still |= *script == '0';
		R.ends |= *script == '?';
		if (*script == 'n') /* NEGOTIATE request and response, or one of them */
			play("qp");
		else if (*script == 'q' || *script == 'p')
			message(*script == 'q' ? NW_EV_NEGOTIATE_REQ : NW_EV_NEGOTIATE_RSP,
				*script == 'q' ? &R.q : &R.r, R.mid - 2, 0, 0);
		else if (*script == 'v') /* VALIDATE; its answer with R.status: signed, unsigned */
			message(NW_EV_VALIDATE_REQ, &R.vq, ++R.mid, 0, 8);
		else if (*script == 'a' || *script == 'u')
			message(NW_EV_VALIDATE_RSP, &R.vr, R.mid, R.status, *script == 'a' ? 8 : 0);
		else if (*script == 'w' || *script == 'W') /* 0.6 s or 11 s pass */
			nw_engine_tick(R.engine, R.now += *script == 'W' ? 11 * S : 600 * MS);
		else if (*script == '!') /* events are lost; the daemon's clock is ahead of the ring */
			nw_engine_lost(R.engine, R.now + MS, 7);
		else if (*script == 'Q') /* a NEGOTIATE request that nobody answers */
			message(NW_EV_NEGOTIATE_REQ, &talk_server, R.mid, 0, 0);
		else if (*script == 'b') /* answered before asked: two taps, or a joined request */
			message(NW_EV_VALIDATE_RSP, &R.vr, R.mid + 1, 0, 8), play("v");
		else if (*script == 'M') /* the provisional answer to an SMB1 negotiate */
			message(NW_EV_NEGOTIATE_RSP, &wildcard, R.mid++ - 2, 0, 0);
		else if (*script == '<') /* time of events goes back, as far as is tolerated */
			R.now -= 900 * MS;
		else if (*script == '$')
			nw_engine_flush(R.engine);
	}
}

struct row {
	const char *script;
	enum seen seen;
	const char *want; /* rule/fields/outcome/severity, and behind a bar what the last sentence holds */
};

/* Plays the script and the flush; compares. */
static int differs(struct row row)
{
	size_t n = strcspn(row.want, "|");

	begin(row.seen);
	play(row.script);
	play("$");
	if (strlen(R.findings) == n && !strncmp(R.findings, row.want, n) &&
	    strstr(R.last.text, row.want + n + !!row.want[n]))
		return 0;
	print_message("# %s (%d, status %x): want '%s', got '%s': %s\n", row.script, row.seen, R.status,
		      row.want, R.findings, R.last.text);
	return 1;
}

/* clang-format off */
#define ROWS(...) (const struct row[]){ __VA_ARGS__, { 0 } }
/* clang-format on */

static const struct group {
	const char *name;
	const struct row *rows;
} groups[] = {
	{ "altered_messages_are_named_by_field_and_outcome",
	  ROWS({ "nstvF", Q_CAPS, "101/1/server-fin/c|between the client and" },
	       { "nstvR", Q_GUID, "101/2/server-rst/c|GUID" },
	       { "nstvac", Q_MODE, "101/4/tolerated/c|security mode" },
	       { "nstv", Q_CAPS, "101/1/-/c|not seen" }, { "nstvwF", Q_CAPS, "101/1/-/c" },
	       { "nstvF", Q_LOW, "101/8/server-fin/c 109/8/-/c|3.0.2" },
	       { "nstvF", Q_TOP, "101/8/server-fin/c|the same" },
	       { "nstvac", Q_TOP, "101/8/tolerated/c|the same" },
	       { "nstvaf", R_CAPS, "102/1/-/c|capabilities" }, { "nstvac", R_GUID, "102/2/-/c" },
	       { "nstvar", R_MODE, "102/4/-/c" }, { "nstval", R_LOW, "102/10/-/c 109/10/-/c|3.0.2" },
	       { "nstvac", R_HI, "102/10/-/c" }, { "nstvac", OLD, "" }, /* the server is merely old */
	       { "nstvGF", Q_CAPS, "101/1/server-fin/c/gap|lost" }, { "nstvactva", R_CAPS, "102/1/-/c" }) },
	{ "server_that_leaves_unanswered_is_told_unless_the_client_left_first",
	  ROWS({ "nstvF", SAME, "104/0/server-fin/w|may" },
	       { "nstvR", SHORT, "104/0/server-rst/w|MaxOutputResponse" },
	       { "nstvFf", V311, "104/0/server-fin/w|3.1.1" }, { "nstvvFR", OLD, "104/0/server-fin/w" },
	       { "nstvGF", SAME, "104/0/server-fin/w/gap" }, { "nstv!F", SAME, "104/0/server-fin/w/gap" },
	       { "nst!vF", SAME, "104/0/server-fin/w/gap" }, { "nstvfF", SAME, "" }, { "nstvfR", SAME, "" },
	       { "nstvrF", SAME, "" }, { "nstvacF", SAME, "" }) },
	{ "client_that_leaves_before_use_is_told_unless_the_server_left_first",
	  ROWS({ "nstvaf", SAME, "105/0/client-fin/w|may" }, { "nstvar", SAME, "105/0/client-rst/w" },
	       { "nstvalFf", SAME, "105/0/logoff/w" },
	       { "nstvactvaf", SAME, "105/0/client-fin/w" }, /* the second share */
	       { "nstva!f", SAME, "105/0/client-fin/w/gap" }, { "nstvagf", SAME, "105/0/client-fin/w/gap" },
	       { "nstvacf", SAME, "" }, { "nstvadl", SAME, "" }, { "nstvaxf", SAME, "" },
	       { "nstvaFf", SAME, "" }, { "nstvaFr", SAME, "" }, { "nstvaRf", SAME, "" },
	       { "nstvuf", SAME, "103/0/-/c" }, { "nstva", SAME, "" }) },
	{ "no_answer_in_time_is_told_once_and_a_late_one_still_read",
	  ROWS({ "nstvW", SAME, "106/0/-/w|10.0 s" }, { "nstvWWac", SAME, "106/0/-/w" },
	       { "nstvWaf", SAME, "106/0/-/w 105/0/client-fin/w" },
	       { "nstvWa", R_CAPS, "106/0/-/w 102/1/-/c" }, { "nstv!W", SAME, "106/0/-/w/gap" },
	       { "nstvGW", SAME, "106/0/-/w/gap" }, { "nstvwwacW", SAME, "" }, { "nstvfW", SAME, "" },
	       { "nstvrW", SAME, "" }, { "nstv", SAME, "" }) },
	{ "forged_reset_is_told_and_blames_nobody_else",
	  ROWS({ "nstvZ", SAME, "107/0/server-rst/w|server" },
	       { "nstvaz", SAME, "107/0/client-rst/w|client" },
	       { "nstvzR", SAME, "107/0/client-rst/w" },       /* genuine: answers what is repeated */
	       { "?nstvZac", SAME, "107/0/server-rst/wnone" }, /* lost the race */
	       { "?nstvacZF", SAME, "107/0/server-rst/wfin" }, { "nstvacR", SAME, "" },
	       { "nstvacr", SAME, "" }) },
	{ "what_follows_a_reset_can_show_it_to_be_forged",
	  ROWS({ "nstvacYK", SAME, "107/0/server-rst/w|talks_on" },
	       { "nstvacOK", SAME, "107/0/server-rst/w|talks_on" },
	       { "nstvacYR", SAME, "107/0/server-rst/w|second_rst" }) },
	{ "only_authenticated_clients_seen_in_full_are_listed_as_not_validating",
	  ROWS({ "nstc", SAME, "110/0/-/i|3.0.2" }, { "nstcdcF", OLD, "110/0/-/i|2.1" }, { "notc", SAME, "" },
	       { "nhtc", SAME, "" }, { "nsTc", SAME, "" }, { "ntc", SAME, "" }, { "nstc", V311, "" },
	       { "nsxtc", SAME, "" }, { "nsgtc", SAME, "" }, { "ns!tc", SAME, "" }) },
	{ "what_was_not_seen_is_never_a_match_nor_a_mismatch",
	  ROWS({ "nsta", SAME, "" }, { "nsta", R_CAPS, "102/1/-/c" }, { "pstvac", Q_CAPS, "" },
	       { "qstvac", R_CAPS, "" }, { "vF", SAME, "" }, /* 104 and 105 need a match */
	       { "pstvF", SAME, "" }, { "qstvaf", SAME, "" }, { "nstbc", SAME, "" },
	       { "nstbc", Q_CAPS, "101/1/tolerated/c" }, { "1pstvac", SMB1, "" },
	       { "1Mnstvac", SAME, "" }, /* the pair behind 0x02FF counts */
	       { "1Mstvac", SAME, "" }) },
	{ "sessions_and_connections_are_kept_apart",
	  ROWS({ "nstva2l2cf", SAME, "" }, /* another session's LOGOFF */
	       { "nstv@nstvac", Q_CAPS, "101/1/-/c 101/1/tolerated/c" }, { "nstv@F", SAME, "" },
	       { "nstvac@nstcf", SAME, "110/0/-/i" },
	       { "nstQvac", SAME, "" }, /* the last complete pair counts */
	       { "nst%nst%nst", SAME, "" }) },
	{ "clocks_and_repetition_change_nothing",
	  ROWS({ "n%n<stvF", Q_CAPS, "101/1/server-fin/c" }, { "+nstvF", Q_CAPS, "101/1/server-fin/c" },
	       { "+nstvaf", SAME, "105/0/client-fin/w" }, { "+nstvac", R_GUID, "102/2/-/c" },
	       { "0nstvF", Q_CAPS, "101/1/server-fin/c" }) }, /* a capture without times */
};

static void rows_hold(void **state)
{
	int bad = 0;

	for (const struct row *r = ((const struct group *)*state)->rows; r->script; r++)
		bad += differs(*r);
	assert_int_equal(bad, 0);
}

static void refusals_are_graded_by_status(void **state)
{
	static const uint16_t all[] = { 0x0128, 0x0010, 0x00bb, 0x019c, 0x000d, 0x0022 };
	int bad = 0;

	for (int i = 0; i < 6; i++) {
		const char *want = i < 5 ? "111/0/-/i" : "111/0/-/w";

		R.status = 0xc0000000 | all[i];
		bad += differs((struct row){ "nstvaf", SAME, want });
		bad += differs((struct row){ "nstvu", SAME, "103/0/-/w" });
	}
	R.status = 0xc000000d; /* ksmbd */
	assert_int_equal(bad + differs((struct row){ "nstvac", Q_CAPS, "101/1/error/c" }), 0);
}

static void what_yields_is_concluded(void **state)
{
	struct nw_engine_stats st;

	R.cfg.max_conns = 2;
	begin(Q_CAPS);
	play("nstv%nst%nst");
	nw_engine_get_stats(R.engine, &st);
	assert_string_equal(R.findings, "101/1/-/c");
	assert_true(st.evicted == 1 && st.conns_now == 2);
	begin(Q_CAPS);
	play("nstv");
	R.vq.capabilities = R.q.capabilities;
	for (int i = 0; i < 3000; i++)
		play("va2");
	play("$");
	assert_int_equal(R.was.n_validate, NW_VALIDATES_MAX);
	assert_int_equal(R.was.n_validate + R.was.validates_dropped, 3001);
	assert_string_equal(R.findings, "101/1/-/c");
}

int main(void)
{
	struct CMUnitTest tests[sizeof(groups) / sizeof(*groups) + 2];
	unsigned int n = sizeof(groups) / sizeof(*groups);

	for (unsigned int i = 0; i < n; i++)
		tests[i] = (struct CMUnitTest){ groups[i].name, rows_hold, setup, NULL, (void *)&groups[i] };
	tests[n++] = (struct CMUnitTest)cmocka_unit_test_setup(refusals_are_graded_by_status, setup);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test_setup(what_yields_is_concluded, setup);
	return _cmocka_run_group_tests("engine", tests, n, NULL, NULL);
}
