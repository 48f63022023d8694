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
	Q_LOWER,
	Q_SAME_TOP,
	R_CAPS,
	R_GUID,
	R_MODE,
	R_LOWER,
	R_HIGHER,
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
	bool new, twice, still; /* still: all timestamps are zero */
	char findings[1024];
	struct nw_finding last;
	unsigned int n_done;
	struct nw_conn was; /* the connection done last, of which the values alone count */
	enum nw_observed observed;
} R;

static void on_finding(void *arg, const struct nw_conn *c, const struct nw_finding *f)
{
	size_t n = strlen(R.findings);

	R.last = *f;
	snprintf(R.findings + n, sizeof(R.findings) - n, "%s%u/%x/%s/%s%s", n ? " " : "", f->rule, f->fields,
		 nw_outcome_name(f->outcome), nw_severity_name(f->severity), f->near_gap ? "/gap" : "");
}

static void on_done(void *arg, const struct nw_conn *c)
{
	R.n_done++;
	R.observed = nw_conn_observed(c);
	R.was = *c;
}

static void begin(enum seen seen)
{
	static const struct nw_engine_ops ops = { .finding = on_finding, .done = on_done };

	nw_engine_free(&R.engine);
	assert_int_equal(nw_engine_new(&R.engine, &R.cfg, &ops, NULL), 0);
	R.findings[0] = '\0';
	R.now = 100 * S;
	R.mid = 2;
	R.session = 1;
	R.max_output = seen == SHORT ? 16 : 24;
	R.twice = R.still = false;
	R.port = 50000;
	R.new = true;
	R.n_done = 0;
	R.q = R.vq = talk_client;
	R.r = R.vr = talk_server;
	R.q.capabilities ^= seen == Q_CAPS ? 0x40 : 0;
	R.q.guid0 ^= seen == Q_GUID;
	R.q.mode ^= seen == Q_MODE ? 0x0200 : 0; /* all 16 bits count */
	R.q.n_dialects = seen == Q_LOWER ? 2 : seen == Q_SAME_TOP ? 3 : 4;
	if (seen == Q_SAME_TOP) /* without 0x0210 */
		memcpy(R.q.dialects, (const uint16_t[]){ 0x0202, 0x0300, 0x0302 }, 6);
	R.r.capabilities ^= seen == R_CAPS;
	R.r.guid0 ^= seen == R_GUID;
	R.r.mode ^= seen == R_MODE ? 2 : 0;
	R.r.dialect = seen == R_LOWER || seen == Q_LOWER || seen == OLD ? 0x0210 :
		      seen == V311					? 0x0311 :
									  0x0302;
	if (seen == SMB1) { /* no SMB2 NEGOTIATE request exists; smbclient's VALIDATE */
		R.r.dialect = 0x0202;
		R.vq = (struct talk_params){ .dialects = { 0x0202 }, .n_dialects = 1 };
	}
	R.vr.dialect = seen == R_HIGHER ? 0x0202 : seen == R_LOWER ? 0x0302 : R.r.dialect;
}

static int setup(void **state)
{
	memset(&R, 0, sizeof(R));
	nw_engine_defaults(&R.cfg);
	return 0;
}

/* The next event, 0.1 ms after the last; the caller fills in what is special and feeds it. */
static struct nw_event *event(uint8_t type, uint8_t dir)
{
	R.now += MS / 10;
	R.ev = (struct nw_event){
		.ts = R.still ? 0 : R.now, .frame = R.now / (MS / 10), .type = type, .dir = dir
	};
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

/* Events of types that carry no message end before it: ASan finds a byte that is read behind their end. */
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
 * One letter, one thing that happens; capitals are the server's doing where both ends may do it.
 * s o h: SESSION_SETUP signed, anonymous, guest; t T: TREE_CONNECT accepted, refused; c d: CREATE,
 * TREE_DISCONNECT; l LOGOFF; x encrypted request; f FIN; K alive; g bytes lost; 1 SMB1 negotiate;
 * r an endpoint's own RST; z one in its name; Y O one with one sign alone: TTL, old sequence number.
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
		{ 'f', NW_EV_FIN, NW_C2S, {}, {} },
		{ 'F', NW_EV_FIN, NW_S2C, {}, {} },
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
			R.ev.tcp.seq -= letters[i].tcp.seq;
			R.ev.tcp.flags = letters[i].tcp.flags;
			if (letters[i].tcp.ttl)
				R.ev.tcp.ttl = letters[i].tcp.ttl;
			if (letters[i].tcp.ip_id)
				R.ev.tcp.ip_id = letters[i].tcp.ip_id;
			feed();
		}
		if (*script == 'n') /* NEGOTIATE request and response, or one of them */
			play("qp");
		else if (*script == 'q')
			message(NW_EV_NEGOTIATE_REQ, &R.q, R.mid - 2, 0, 0);
		else if (*script == 'p')
			message(NW_EV_NEGOTIATE_RSP, &R.r, R.mid - 2, 0, 0);
		else if (*script == 'v') /* VALIDATE; its answer with R.status: signed, unsigned */
			message(NW_EV_VALIDATE_REQ, &R.vq, ++R.mid, 0, 8);
		else if (*script == 'a' || *script == 'u')
			message(NW_EV_VALIDATE_RSP, &R.vr, R.mid, R.status, *script == 'a' ? 8 : 0);
		else if (*script == 'w' || *script == 'W') /* 0.6 s or 11 s pass */
			nw_engine_tick(R.engine, R.now += *script == 'W' ? 11 * S : 600 * MS);
		else if (*script == '!') /* events are lost; the daemon's clock is ahead of the ring */
			nw_engine_lost(R.engine, R.now + MS, 7);
		else if (*script == '@') /* the tuple's next connection, another tuple's, another session */
			R.new = true;
		else if (*script == '%')
			R.new = ++R.port;
		else if (*script == 'Q') /* a NEGOTIATE request that nobody answers */
			message(NW_EV_NEGOTIATE_REQ, &talk_server, R.mid, 0, 0);
		else if (*script == 'b') /* answered before asked: two taps, or a joined request */
			message(NW_EV_VALIDATE_RSP, &R.vr, R.mid + 1, 0, 8), play("v");
		else if (*script == 'M') /* the provisional answer to an SMB1 negotiate */
			message(NW_EV_NEGOTIATE_RSP, &wildcard, R.mid++ - 2, 0, 0);
		else if (*script == '+') /* from here on all is told twice, at time 0 */
			R.twice = true;
		else if (*script == '0')
			R.still = true;
		else if (*script == '2')
			R.session ^= 3;
		else if (*script == '<') /* time of events goes back, as far as is tolerated */
			R.now -= 900 * MS;
		else if (*script == '$')
			nw_engine_flush(R.engine);
	}
}

struct row {
	const char *script;
	enum seen seen;
	const char *want;
	const char *text; /* the last finding's sentence contains it */
};

/* Plays the script and the flush; compares all findings. */
static int differs(struct row row)
{
	begin(row.seen);
	play(row.script);
	play("$");
	if (!strcmp(R.findings, row.want) && (!row.text || strstr(R.last.text, row.text)))
		return 0;
	print_message("# %s (%d, status %x): want '%s' %s, got '%s' %s\n", row.script, row.seen, R.status,
		      row.want, row.text ? row.text : "", R.findings, R.last.text);
	return 1;
}

static const struct group {
	const char *name;
	struct row rows[20];
} groups[] = {
	{ "altered_messages_are_named_by_field_and_outcome",
	  { { "nstvF", Q_CAPS, "101/1/server-fin/critical", "between the client and" },
	    { "nstvR", Q_GUID, "101/2/server-rst/critical", "GUID" },
	    { "nstvac", Q_MODE, "101/4/tolerated/critical", "security mode" },
	    { "nstv", Q_CAPS, "101/1/unknown/critical", "not seen" },
	    { "nstvwF", Q_CAPS, "101/1/unknown/critical", NULL },
	    { "nstvF", Q_LOWER, "101/8/server-fin/critical 109/8/unknown/critical", "3.0.2" },
	    { "nstvF", Q_SAME_TOP, "101/8/server-fin/critical", "the same" },
	    { "nstvac", Q_SAME_TOP, "101/8/tolerated/critical", "the same" },
	    { "nstvaf", R_CAPS, "102/1/unknown/critical", "capabilities" },
	    { "nstvac", R_GUID, "102/2/unknown/critical", NULL },
	    { "nstvar", R_MODE, "102/4/unknown/critical", NULL },
	    { "nstval", R_LOWER, "102/10/unknown/critical 109/10/unknown/critical", "3.0.2" },
	    { "nstvac", R_HIGHER, "102/10/unknown/critical", NULL },
	    { "nstvac", OLD, "", NULL }, /* the server is merely old */
	    { "nstvGF", Q_CAPS, "101/1/server-fin/critical/gap", "lost" },
	    { "nstvactva", R_CAPS, "102/1/unknown/critical", NULL } } },
	{ "server_that_leaves_unanswered_is_told_unless_the_client_left_first",
	  { { "nstvF", SAME, "104/0/server-fin/warning", "may" },
	    { "nstvR", SHORT, "104/0/server-rst/warning", "MaxOutputResponse" },
	    { "nstvFf", V311, "104/0/server-fin/warning", "3.1.1" },
	    { "nstvvFR", OLD, "104/0/server-fin/warning", NULL },
	    { "nstvGF", SAME, "104/0/server-fin/warning/gap", NULL },
	    { "nstv!F", SAME, "104/0/server-fin/warning/gap", NULL },
	    { "nst!vF", SAME, "104/0/server-fin/warning/gap", NULL },
	    { "nstvfF", SAME, "", NULL },
	    { "nstvfR", SAME, "", NULL },
	    { "nstvrF", SAME, "", NULL },
	    { "nstvacF", SAME, "", NULL } } },
	{ "client_that_leaves_before_use_is_told_unless_the_server_left_first",
	  { { "nstvaf", SAME, "105/0/client-fin/warning", "may" },
	    { "nstvar", SAME, "105/0/client-rst/warning", NULL },
	    { "nstvalFf", SAME, "105/0/logoff/warning", NULL },
	    { "nstvactvaf", SAME, "105/0/client-fin/warning", NULL }, /* the second share */
	    { "nstva!f", SAME, "105/0/client-fin/warning/gap", NULL },
	    { "nstvagf", SAME, "105/0/client-fin/warning/gap", NULL },
	    { "nstvacf", SAME, "", NULL },
	    { "nstvadl", SAME, "", NULL },
	    { "nstvaxf", SAME, "", NULL },
	    { "nstvaFf", SAME, "", NULL },
	    { "nstvaFr", SAME, "", NULL },
	    { "nstvaRf", SAME, "", NULL },
	    { "nstvuf", SAME, "103/0/unknown/critical", NULL },
	    { "nstva", SAME, "", NULL } } },
	{ "no_answer_in_time_is_told_once_and_a_late_one_still_read",
	  { { "nstvW", SAME, "106/0/unknown/warning", "10.0 s" },
	    { "nstvWWac", SAME, "106/0/unknown/warning", NULL },
	    { "nstvWaf", SAME, "106/0/unknown/warning 105/0/client-fin/warning", NULL },
	    { "nstvWa", R_CAPS, "106/0/unknown/warning 102/1/unknown/critical", NULL },
	    { "nstv!W", SAME, "106/0/unknown/warning/gap", NULL },
	    { "nstvGW", SAME, "106/0/unknown/warning/gap", NULL },
	    { "nstvwwacW", SAME, "", NULL },
	    { "nstvfW", SAME, "", NULL },
	    { "nstvrW", SAME, "", NULL },
	    { "nstv", SAME, "", NULL } } },
	{ "forged_reset_is_told_and_blames_nobody_else",
	  { { "nstvZ", SAME, "107/0/server-rst/warning", "server" },
	    { "nstvaz", SAME, "107/0/client-rst/warning", "client" },
	    { "nstvzR", SAME, "107/0/client-rst/warning", NULL },   /* genuine: answers what is repeated */
	    { "nstvZacf", SAME, "107/0/server-rst/warning", NULL }, /* lost the race */
	    { "nstvacR", SAME, "", NULL },
	    { "nstvacr", SAME, "", NULL } } },
	{ "what_follows_a_reset_can_show_it_to_be_forged",
	  { { "nstvacYK", SAME, "107/0/server-rst/warning", "talks_on" },
	    { "nstvacOK", SAME, "107/0/server-rst/warning", "talks_on" },
	    { "nstvacYR", SAME, "107/0/server-rst/warning", "second_rst" } } },
	{ "only_authenticated_clients_seen_in_full_are_listed_as_not_validating",
	  { { "nstc", SAME, "110/0/unknown/info", "3.0.2" },
	    { "nstcdcF", OLD, "110/0/unknown/info", "2.1" },
	    { "notc", SAME, "", NULL },
	    { "nhtc", SAME, "", NULL },
	    { "nsTc", SAME, "", NULL },
	    { "ntc", SAME, "", NULL },
	    { "nstc", V311, "", NULL },
	    { "nsxtc", SAME, "", NULL },
	    { "nsgtc", SAME, "", NULL },
	    { "ns!tc", SAME, "", NULL } } },
	{ "what_was_not_seen_is_never_a_match_nor_a_mismatch",
	  { { "nsta", SAME, "", NULL },
	    { "nsta", R_CAPS, "102/1/unknown/critical", NULL },
	    { "pstvac", Q_CAPS, "", NULL },
	    { "qstvac", R_CAPS, "", NULL },
	    { "vF", SAME, "", NULL }, /* 104 and 105 need a match */
	    { "pstvF", SAME, "", NULL },
	    { "qstvaf", SAME, "", NULL },
	    { "nstbc", SAME, "", NULL },
	    { "nstbc", Q_CAPS, "101/1/tolerated/critical", NULL },
	    { "1pstvac", SMB1, "", NULL },
	    { "1Mnstvac", SAME, "", NULL }, /* the pair behind 0x02FF counts */
	    { "1Mstvac", SAME, "", NULL } } },
	{ "sessions_and_connections_are_kept_apart",
	  { { "nstva2l2cf", SAME, "", NULL }, /* another session's LOGOFF */
	    { "nstv@nstvac", Q_CAPS, "101/1/unknown/critical 101/1/tolerated/critical", NULL },
	    { "nstv@F", SAME, "", NULL },
	    { "nstvac@nstcf", SAME, "110/0/unknown/info", NULL },
	    { "nstQvac", SAME, "", NULL }, /* the last complete pair counts */
	    { "nst%nst%nst", SAME, "", NULL } } },
	{ "clocks_and_repetition_change_nothing",
	  { { "n%n<stvF", Q_CAPS, "101/1/server-fin/critical", NULL },
	    { "+nstvF", Q_CAPS, "101/1/server-fin/critical", NULL },
	    { "+nstvaf", SAME, "105/0/client-fin/warning", NULL },
	    { "+nstvac", R_GUID, "102/2/unknown/critical", NULL },
	    { "0nstvF", Q_CAPS, "101/1/server-fin/critical", NULL } } }, /* a capture without times */
};

static void rows_hold(void **state)
{
	const struct group *g = *state;
	int bad = 0;

	for (unsigned int i = 0; i < 20 && g->rows[i].script; i++)
		bad += differs(g->rows[i]);
	assert_int_equal(bad, 0);
}

static void refusals_are_graded_by_status(void **state)
{
	static const uint32_t all[] = {
		0xc0000128, 0xc0000010, 0xc00000bb, 0xc000019c, 0xc000000d, 0xc0000022
	};
	int i, bad = 0;

	for (i = 0; i < 6; i++) {
		const char *want = i < 5 ? "111/0/unknown/info" : "111/0/unknown/warning";

		R.status = all[i];
		bad += differs((struct row){ "nstvaf", SAME, want, NULL });
		bad += differs((struct row){ "nstvu", SAME, "103/0/unknown/warning", NULL });
	}
	R.status = 0xc000000d; /* ksmbd */
	bad += differs((struct row){ "nstvac", Q_CAPS, "101/1/error/critical", NULL });
	assert_int_equal(bad, 0);
}

static void memory_stays_bounded_and_what_yields_is_concluded(void **state)
{
	struct nw_engine_stats st;
	unsigned int i;

	R.cfg.max_conns = 2;
	begin(Q_CAPS);
	play("nstv%nst%nst");
	nw_engine_get_stats(R.engine, &st);
	assert_string_equal(R.findings, "101/1/unknown/critical");
	assert_int_equal(st.evicted, 1);
	assert_int_equal(st.conns_now, 2);
	begin(Q_CAPS);
	play("nstv");
	R.vq.capabilities = R.q.capabilities;
	for (i = 0; i < 3000; i++)
		play("va2");
	play("$");
	assert_int_equal(R.was.n_validate, NW_VALIDATES_MAX);
	assert_int_equal(R.was.n_validate + R.was.validates_dropped, 3001);
	assert_string_equal(R.findings, "101/1/unknown/critical");
}

static void reset_that_lost_the_race_is_not_the_end(void **state)
{
	begin(SAME);
	play("nstvZac$");
	assert_int_equal(R.was.end.how, NW_END_NONE);
	begin(SAME);
	play("nstvacZF$");
	assert_int_equal(R.was.end.how, NW_END_FIN);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(refusals_are_graded_by_status, setup),
		cmocka_unit_test_setup(memory_stays_bounded_and_what_yields_is_concluded, setup),
		cmocka_unit_test_setup(reset_that_lost_the_race_is_not_the_end, setup), [13] = { 0 }
	};
	unsigned int n = sizeof(groups) / sizeof(*groups), i;

	for (i = 0; i < n; i++)
		tests[3 + i] = (struct CMUnitTest){ .name = groups[i].name,
						    .test_func = rows_hold,
						    .setup_func = setup,
						    .initial_state = (void *)&groups[i] };
	return _cmocka_run_group_tests("engine", tests, 3 + n, NULL, NULL);
}
