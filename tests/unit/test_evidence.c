// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Evidence: whatever way TCP cut a conversation, the file that is written of an alert leads `negwatch read`
 * to the same finding; it holds no file's contents, and has the format of pcapng.
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../user/cli/capture_flows.h"
#include "../../user/sink/evidence.h"
#include "../../user/sink/pcapng.h"
#include "../../user/util/log.h"
#include "../../user/util/util.h"
#include "streams.h"

static char dir[] = "/tmp/nw-test-evidence.XXXXXX";
static const uint16_t ports[] = { 445, 139 };
static const struct nw_tap_config tap_config = { .ports = ports, .n_ports = 2, .max_flows = 64 };

/* A daemon's share of one conversation, and what was told. */
struct watch {
	struct nw_tap *tap;
	struct nw_engine *engine;
	struct nw_evidence *evidence;
	uint64_t next_id;
	unsigned int n;
	struct {
		uint64_t id;
		uint16_t rule;
		uint8_t fields, severity;
		char text[NW_TEXT_MAX];
	} told[16];
};

static const char *no_name(void *arg, uint32_t ifindex)
{
	return "eth0";
}

static struct nw_evidence *new_evidence(uint64_t memory, uint32_t files, uint64_t bytes)
{
	struct nw_evidence_config cfg = { .state_dir = dir, .memory = memory, .if_name = no_name };
	struct nw_evidence_limits max = { .files = files, .bytes = bytes };
	struct nw_engine_config ec;
	struct nw_evidence *e = NULL;

	nw_engine_defaults(&ec);
	cfg.waits[0] = ec.answer_timeout;
	cfg.waits[1] = ec.outcome_wait;
	cfg.waits[2] = ec.abort_window;
	assert_int_equal(nw_evidence_new(&e, &cfg, &max), 0);
	return e;
}

static void on_packet(void *arg, const struct nw_conn *c, const struct nw_event *ev)
{
	nw_evidence_packet(((struct watch *)arg)->evidence, c, ev);
}

static void on_settled(void *arg, const struct nw_conn *c)
{
	nw_evidence_settled(((struct watch *)arg)->evidence, c);
}

static void on_done(void *arg, const struct nw_conn *c)
{
	nw_evidence_done(((struct watch *)arg)->evidence, c);
}

static void on_finding(void *arg, const struct nw_conn *c, const struct nw_finding *f)
{
	struct watch *w = arg;
	struct nw_alert a = { .id = w->next_id++,
			      .wall = (int64_t)f->ts,
			      .rule = f->rule,
			      .severity = f->severity,
			      .text = f->text,
			      .finding = f,
			      .conn = c };
	char name[NW_EVIDENCE_NAME];

	if (!nw_evidence_alert(w->evidence, name, &a) || w->n >= NW_ARRAY_SIZE(w->told))
		return;
	w->told[w->n].id = a.id;
	w->told[w->n].rule = f->rule;
	w->told[w->n].fields = f->fields;
	w->told[w->n].severity = f->severity;
	strcpy(w->told[w->n++].text, f->text);
}

static int to_engine(void *arg, const struct nw_event *ev)
{
	return nw_engine_event(((struct watch *)arg)->engine, ev);
}

static int to_tap(void *arg, const uint8_t *data, uint32_t len, uint64_t ts, uint64_t frame)
{
	struct nw_tap_packet p = { .data = data, .caplen = len, .len = len, .ts = ts, .frame = frame };

	return nw_tap_packet(((struct watch *)arg)->tap, &p);
}

static void watch_talk(struct watch *w, const struct talk *t, const struct talk_how *how)
{
	struct nw_engine_ops ops = {
		.finding = on_finding, .settled = on_settled, .done = on_done, .packet = on_packet
	};
	struct nw_engine_config ec;

	nw_engine_defaults(&ec);
	ec.max_conns = ec.max_peers = 64;
	assert_int_equal(nw_engine_new(&w->engine, &ec, &ops, w), 0);
	assert_int_equal(nw_tap_new(&w->tap, &tap_config, to_engine, w), 0);
	assert_int_equal(talk_frames(t, how, to_tap, w), 0);
	nw_engine_flush(w->engine);
	nw_evidence_tick(w->evidence, UINT64_MAX, 0);
	nw_tap_free(&w->tap);
	nw_engine_free(&w->engine);
}

/* What is read of a file. */
struct found {
	unsigned int flows, n;
	struct nw_finding finding[16];
};

static int on_flow(void *arg, const struct nw_conn *c, int64_t offset)
{
	struct found *f = arg;

	f->flows++;
	for (unsigned int i = 0; i < c->n_findings && f->n < NW_ARRAY_SIZE(f->finding); i++)
		f->finding[f->n++] = c->findings[i];
	return 0;
}

static struct found read_file(const char *path)
{
	struct nw_capture_info info;
	struct found f = { 0 };
	int err = nw_capture_flows(path, &tap_config, NW_VANTAGE_UNKNOWN, on_flow, &f, &info, NULL);

	if (err || !info.is_evidence)
		print_message("# %s: %d %s\n", path, err, info.error);
	assert_int_equal(err, 0);
	assert_true(info.is_evidence);
	return f;
}

static unsigned int files, alerts;

/* 0: each alert's file leads to the alert. */
static int hold(struct watch *w)
{
	int bad = 0;

	for (unsigned int i = 0; i < w->n; i++) {
		char path[PATH_MAX];
		struct found f;
		unsigned int k = 0;

		alerts++;
		if (!nw_evidence_path(w->evidence, path, sizeof(path), w->told[i].id)) {
			print_message("# no evidence for: %s\n", w->told[i].text);
			bad = 1;
			continue;
		}
		files++;
		f = read_file(path);
		while (k < f.n &&
		       (f.finding[k].rule != w->told[i].rule || f.finding[k].fields != w->told[i].fields ||
			f.finding[k].severity != w->told[i].severity))
			k++;
		if (f.flows != 1 || k == f.n) {
			print_message("# %u flows, %u findings in %s, none is: %u %s\n", f.flows, f.n, path,
				      w->told[i].rule, w->told[i].text);
			bad = 1;
		}
	}
	return bad;
}

static struct nw_evidence *shared;
static uint64_t last_id;
static unsigned int bad_files;

/* As the stream tests run a conversation; its evidence is looked at as well. */
static int host(const struct talk *t, const struct talk_how *how, struct talk_digest *d, void *arg)
{
	static unsigned int count;
	struct watch w = { .evidence = shared, .next_id = last_id + 1 };

	if (count++ % 16 == 0) {
		watch_talk(&w, t, how);
		last_id = w.next_id;
		if (hold(&w)) {
			print_message("# cut %u size %u twice %d swap %d join %d\n", how->cut, how->size,
				      how->twice, how->swap, how->join);
			bad_files++;
		}
	}
	return talk_digest_host(t, how, d);
}

static void evidence_leads_to_the_same_finding(void **state)
{
	unsigned int runs = 0, bad = 0;

	shared = new_evidence(4u << 20, 100, 1u << 20);
	streams_all(host, NULL, &runs, &bad);
	nw_evidence_free(&shared);
	print_message("# %u files of %u alerts read again\n", files, alerts);
	assert_int_equal(bad_files, 0);
	assert_true(files > 1000);
	assert_int_equal(files, alerts);
}

/* --- what is in a file ------------------------------------------------------------------------------ */

static const char secret[] = "SECRET-CONTENTS";

/* 101, and a WRITE whose payload is full of the secret. */
static void talk_with_secret(struct talk *t)
{
	struct talk_params other = talk_client;
	struct talk_msg *m;

	other.capabilities ^= 1;
	talk_usual(t, &other, &talk_client, &talk_server, &talk_server, TALK_END_SERVER_FIN);
	talk_command(t, NW_C2S, 9, 90, 2000);
	m = &t->msg[t->n - 1];
	for (uint32_t at = 4 + 64 + 8; at + sizeof(secret) < m->len; at += sizeof(secret))
		memcpy(m->bytes + at, secret, sizeof(secret));
}

static void no_file_contents_are_kept(void **state)
{
	static const struct talk_how hows[] = { { .isn = { 1000, 2000 } },
						{ .isn = { 1000, 2000 }, .size = 100 },
						{ .isn = { 1000, 2000 }, .join = true },
						{ .isn = { 1000, 2000 }, .size = 536, .swap = true } };
	struct nw_evidence *e = new_evidence(4u << 20, 100, 1u << 20);
	struct watch w = { .evidence = e, .next_id = 1000000 };
	struct talk t;

	talk_with_secret(&t);
	for (size_t i = 0; i < NW_ARRAY_SIZE(hows); i++)
		watch_talk(&w, &t, &hows[i]);
	talk_free(&t);
	assert_true(w.n >= NW_ARRAY_SIZE(hows));
	for (unsigned int i = 0; i < w.n; i++) {
		_cleanup_fclose_ FILE *f = NULL;
		static char bytes[65536];
		char path[PATH_MAX];
		struct stat st;
		size_t len;

		assert_true(nw_evidence_path(e, path, sizeof(path), w.told[i].id));
		f = fopen(path, "rb");
		assert_non_null(f);
		assert_int_equal(fstat(fileno(f), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0640 & ~0022);
		len = fread(bytes, 1, sizeof(bytes), f);
		assert_true(len > 500 && len < sizeof(bytes));
		assert_null(memmem(bytes, len, "SECRET", 6));
		assert_non_null(memmem(bytes, len, "DIFFERS from the NEGOTIATE request: capabilities", 48));
		assert_non_null(memmem(bytes, len, "evidence for alert 1000", 23));
	}
	nw_evidence_free(&e);
}

/* Blocks whose two lengths agree and that end where the file does; packets as libpcap reads them. */
static void the_format_is_that_of_pcapng(void **state)
{
	static const uint8_t packet[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	_cleanup_free_ char *bytes = NULL;
	uint32_t type, len, again;
	unsigned int blocks = 0;
	size_t size, at = 0;
	FILE *f = open_memstream(&bytes, &size);

	nw_pcapng_section(f, "negwatchd", "a comment of 22 bytes.");
	nw_pcapng_interface(f, NW_LINK_ETHERNET, "eth0");
	nw_pcapng_interface(f, NW_LINK_RAW, NULL);
	for (uint32_t n = 0; n < 8; n++)
		nw_pcapng_packet(f, &(struct nw_pcapng_packet){ .interface = n % 2,
								.wall = 1700000000123456789 + n,
								.data = packet,
								.captured = 30 + n,
								.len = 1500,
								.direction = NW_PCAPNG_IN,
								.comment = n ? "nine byte" + n : NULL });
	assert_int_equal(fclose(f), 0);
	for (; at + 12 <= size; at += len, blocks++) {
		memcpy(&type, bytes + at, 4);
		memcpy(&len, bytes + at + 4, 4);
		assert_true(len >= 12 && len % 4 == 0 && len <= size - at);
		memcpy(&again, bytes + at + len - 4, 4);
		assert_int_equal(len, again);
		assert_int_equal(type, blocks == 0 ? 0x0a0d0d0a : blocks < 3 ? 1 : 6);
	}
	assert_int_equal(at, size);
	assert_int_equal(blocks, 11);
}

/* A file that only pretends: the mark is refused, and it is read as any capture. */
static void a_false_mark_is_none(void **state)
{
	static const char *const lies[] = {
		"negwatchd 0.1.0 evidence: until 1, answer_timeout 0, outcome_wait 1, abort_window 1, "
		"vantage 1, followed 1",
		"negwatchd 0.1.0 evidence: until 1, answer_timeout 99999999999999999999, outcome_wait 1, "
		"abort_window 1, vantage 1, followed 1",
		"negwatchd 0.1.0 evidence: until 1, answer_timeout 1, outcome_wait 1, abort_window 1, "
		"vantage 9, followed 1",
		"negwatchd 0.1.0 evidence: until 1, answer_timeout 1, outcome_wait 1",
		"negwatchd 0.1.0",
	};
	struct nw_evidence_mark m = { .until = 7, .waits = { 1, 2, 3 }, .vantage = 2, .followed = true }, got;
	char text[NW_EVIDENCE_MARK_MAX];
	size_t size;

	for (size_t i = 0; i <= NW_ARRAY_SIZE(lies); i++) {
		_cleanup_free_ char *bytes = NULL;
		FILE *f = open_memstream(&bytes, &size);
		bool truth = i == NW_ARRAY_SIZE(lies);

		nw_pcapng_section(f, truth ? nw_evidence_mark_text(text, &m) : lies[i], NULL);
		fclose(f);
		assert_int_equal(nw_evidence_mark_find((uint8_t *)bytes, size, &got), truth);
		for (size_t n = 0; n < size; n++) {
			_cleanup_free_ char *cut = memcpy(malloc(n + 1), bytes, n);

			nw_evidence_mark_find((uint8_t *)cut, n, &got);
		}
	}
	assert_int_equal(got.until, 7);
	assert_int_equal(got.waits[2], 3);
	assert_true(got.followed && got.vantage == 2);
}

static int make_dir(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[PATH_MAX];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(evidence_leads_to_the_same_finding),
		cmocka_unit_test(no_file_contents_are_kept),
		cmocka_unit_test(the_format_is_that_of_pcapng),
		cmocka_unit_test(a_false_mark_is_none),
	};

	nw_log_init(LOG_CRIT);
	return cmocka_run_group_tests_name("evidence", tests, make_dir, remove_dir);
}
