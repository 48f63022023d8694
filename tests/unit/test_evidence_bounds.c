// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Neither packets in memory nor files of evidence grow beyond their bounds, or are one client's alone. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../../user/sink/evidence_dir.h"
#include "../../user/sink/kept.h"
#include "../../user/util/log.h"

static char dir[] = "/tmp/nw-test-evidence-bounds.XXXXXX";

static struct nw_conn conn_of(uint32_t client, uint16_t port, uint64_t id)
{
	struct nw_conn c = { .id = id, .syn_seen = true };

	c.key.addr[0].w[2] = c.key.addr[1].w[2] = __builtin_bswap32(0xffff);
	c.key.addr[0].w[3] = __builtin_bswap32(client);
	c.key.addr[1].w[3] = __builtin_bswap32(0xc0a80001);
	c.key.port[0] = __builtin_bswap16(port);
	c.key.port[1] = __builtin_bswap16(445);
	return c;
}

/* An IPv4 packet with 300 bytes of a NEGOTIATE, in an Ethernet frame. */
static struct nw_event event_of(const struct nw_conn *c, uint64_t ts)
{
	struct nw_event ev = { .ts = ts,
			       .key = c->key,
			       .type = NW_EV_NEGOTIATE_REQ,
			       .pkt_len = 354,
			       .msg_seq = (uint32_t)ts,
			       .msg_len = 300,
			       .hdr_len = 54,
			       .data_len = 300,
			       .tcp = { .seq = (uint32_t)ts, .pay_len = 300, .ip_version = 4 } };

	ev.hdr[12] = 8;
	ev.hdr[14] = 0x45;
	ev.hdr[23] = 6;
	memcpy(ev.hdr + 26, &c->key.addr[0].w[3], 4);
	memcpy(ev.hdr + 30, &c->key.addr[1].w[3], 4);
	ev.hdr[46] = 0x50;
	return ev;
}

static unsigned int left;

static void on_leave(void *arg, struct nw_kept *k)
{
	left++;
}

/* One client with 64 Ki connections at once; another's packets stay. Prints what it costs. */
static void packets_in_memory_are_bounded_and_fair(void **state)
{
	const uint64_t max = 4u << 20;
	struct nw_kept_store *s = NULL;
	struct nw_conn quiet = conn_of(0x0a000002, 40000, 1), c;
	struct nw_event ev = event_of(&quiet, 1);
	uint64_t most = 0;

	assert_int_equal(nw_kept_new(&s, max, 1, on_leave, NULL), 0);
	assert_non_null(nw_kept_add(s, &quiet, &ev));
	for (uint32_t i = 0; i < 65536; i++) {
		c = conn_of(0x0a000001, (uint16_t)i, i + 2);
		ev = event_of(&c, i + 2);
		nw_kept_add(s, &c, &ev);
		if (nw_kept_get_stats(s).bytes > most)
			most = nw_kept_get_stats(s).bytes;
	}
	assert_non_null(nw_kept_get(s, &quiet));
	assert_true(most <= max / NW_KEPT_CLIENT_SHARE + 4096);
	/* 64 Ki connections of 4 Ki clients: the whole room, and no more. */
	for (uint32_t i = 0; i < 65536; i++) {
		c = conn_of(0x0b000000 + i % 4096, (uint16_t)(i / 4096), i + 70000);
		ev = event_of(&c, i + 70000);
		assert_non_null(nw_kept_add(s, &c, &ev));
		if (nw_kept_get_stats(s).bytes > most)
			most = nw_kept_get_stats(s).bytes;
	}
	assert_true(most > max / 2 && most <= max);
	print_message("# 64 Ki connections: %llu KiB at most, %llu of them kept, %llu made room\n",
		      (unsigned long long)most >> 10, (unsigned long long)nw_kept_get_stats(s).conns,
		      (unsigned long long)nw_kept_get_stats(s).made_room);
	assert_int_equal(nw_kept_get_stats(s).made_room, left);
	nw_kept_free(&s);
}

/* What is concluded goes first; one connection that goes on for ever keeps its NEGOTIATE. */
static void what_is_concluded_makes_room_first(void **state)
{
	struct nw_conn c[40], more;
	struct nw_kept_store *s = NULL;
	struct nw_event ev;
	struct nw_kept *k;

	assert_int_equal(nw_kept_new(&s, 40 * 1024, 1, on_leave, NULL), 0);
	for (uint32_t i = 0; i < 40; i++) {
		c[i] = conn_of(0x0a000000 + i, 1, i + 1);
		ev = event_of(&c[i], i + 1);
		k = nw_kept_add(s, &c[i], &ev);
		assert_non_null(k);
		if (i >= 10)
			nw_kept_conclude(s, k);
	}
	for (uint32_t i = 0; i < 30; i++) {
		more = conn_of(0x0b000000 + i, 1, i + 100);
		ev = event_of(&more, i + 100);
		nw_kept_add(s, &more, &ev);
	}
	for (int i = 0; i < 10; i++)
		assert_non_null(nw_kept_get(s, &c[i]));
	assert_null(nw_kept_get(s, &c[10]));
	nw_kept_free(&s);

	assert_int_equal(nw_kept_new(&s, 1u << 20, 1, on_leave, NULL), 0);
	ev = event_of(&c[0], 1);
	for (uint32_t i = 0; i < 1000; i++) {
		ev.msg_seq = ev.tcp.seq = i * 300;
		ev.type = i ? NW_EV_VALIDATE_REQ : NW_EV_NEGOTIATE_REQ;
		k = nw_kept_add(s, &c[0], &ev);
		assert_true(k && k->bytes <= NW_KEPT_FLOW_MAX);
	}
	assert_true(k->partial && k->first->type == NW_EV_NEGOTIATE_REQ && k->first->msg_seq == 0);
	nw_kept_free(&s);
}

static struct nw_evidence_file file_of(uint64_t id, uint32_t client)
{
	union nw_addr addr = { .w[2] = __builtin_bswap32(0xffff), .w[3] = __builtin_bswap32(client) };

	return nw_evidence_file(id, (int64_t)(1700000000 + id) * 1000000000, &addr);
}

static void files_are_bounded_and_fair(void **state)
{
	const struct nw_evidence_limits max = { .files = 40, .bytes = 5000 };
	struct nw_evidence_dir d;
	struct nw_evidence_file f;
	static char bytes[200];

	assert_int_equal(nw_evidence_dir_open(&d, dir), 0);
	nw_evidence_trim(&d, &(struct nw_evidence_limits){ 0 });
	f = file_of(1, 1);
	assert_int_equal(nw_evidence_put(&d, &max, &f, bytes, 100), 0);
	for (uint64_t id = 2; id <= 200; id++) {
		f = file_of(id, 2);
		assert_int_equal(nw_evidence_put(&d, &max, &f, bytes, 100), 0);
	}
	/* A quarter is the most, the newest of it, and another's stay. */
	assert_int_equal(d.n, 11);
	assert_non_null(nw_evidence_find(&d, 1));
	assert_null(nw_evidence_find(&d, 190));
	assert_non_null(nw_evidence_find(&d, 191));
	/* The same, whoever asks: after a restart. */
	nw_evidence_dir_close(&d);
	assert_int_equal(nw_evidence_dir_open(&d, dir), 0);
	assert_int_equal(d.n, 11);
	assert_int_equal(d.bytes, 1100);
	f = file_of(201, 2);
	assert_int_equal(nw_evidence_put(&d, &max, &f, bytes, 100), 0);
	assert_int_equal(d.n, 11);
	assert_non_null(nw_evidence_find(&d, 1));
	/* Written again, and larger: still one file. */
	assert_int_equal(nw_evidence_put(&d, &max, &f, bytes, 150), 0);
	assert_int_equal(d.n, 11);
	assert_int_equal(d.bytes, 1150);
	for (uint64_t id = 300; id < 400; id++) {
		f = file_of(id, (uint32_t)id);
		assert_int_equal(nw_evidence_put(&d, &max, &f, bytes, id % 2 ? 200 : 100), 0);
		assert_true(d.n <= max.files && d.bytes <= max.bytes);
	}
	assert_null(nw_evidence_find(&d, 201));
	nw_evidence_dir_close(&d);
}

/* A symlink in the directory's place, or in a file's, is not followed; what is not ours stays. */
static void no_symlink_is_followed(void **state)
{
	const struct nw_evidence_limits max = { .files = 10, .bytes = 1u << 20 };
	struct nw_evidence_file f = file_of(900, 1);
	char command[PATH_MAX], name[NW_EVIDENCE_NAME];
	struct nw_evidence_dir d;
	struct stat st;

	snprintf(command, sizeof(command),
		 "cd %s && rm -rf evidence target && mkdir target && ln -s target evidence", dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(nw_evidence_dir_open(&d, dir), 0);
	assert_int_equal(nw_evidence_put(&d, &max, &f, "x", 1), -ENOTDIR);
	/* It goes on by itself when that is gone. */
	snprintf(command, sizeof(command),
		 "cd %s && rm evidence && mkdir evidence && echo kept >victim && ln -s ../victim evidence/%s "
		 "&& "
		 "ln -s ../victim evidence/new.tmp && echo not-ours >evidence/notes.txt",
		 dir, nw_evidence_name(name, &f));
	assert_int_equal(system(command), 0);
	assert_int_equal(nw_evidence_put(&d, &max, &f, "evidence", 8), 0);
	snprintf(command, sizeof(command),
		 "cd %s && grep -q kept victim && test ! -L evidence/%s && test -f evidence/notes.txt && "
		 "test ! -e evidence/new.tmp",
		 dir, name);
	assert_int_equal(system(command), 0);
	/* The directory is taken away while it is in use. */
	snprintf(command, sizeof(command), "rm -rf %s/evidence", dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(nw_evidence_put(&d, &max, &f, "evidence", 8), 0);
	assert_int_equal(d.n, 1);
	assert_int_equal(fstatat(d.parent_fd, "evidence", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	nw_evidence_dir_close(&d);
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
		cmocka_unit_test(packets_in_memory_are_bounded_and_fair),
		cmocka_unit_test(what_is_concluded_makes_room_first),
		cmocka_unit_test(files_are_bounded_and_fair),
		cmocka_unit_test(no_symlink_is_followed),
	};

	nw_log_init(LOG_CRIT);
	return cmocka_run_group_tests_name("evidence-bounds", tests, make_dir, remove_dir);
}
