// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* pcapng out of memory: packets of all kinds of blocks, with their times; and whatever is cut or damaged. */
#include <stdarg.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../user/source/blocks.h"
#include "../../user/util/util.h"

#define SECTION 0x0a0d0d0au

/* A file in the making. */
struct file {
	uint8_t b[4096];
	uint32_t n;
	bool swapped;
};

static void add(struct file *f, const void *data, uint32_t n)
{
	assert_true(f->n + n <= sizeof(f->b));
	memcpy(f->b + f->n, data, n);
	f->n += n;
}

static void add32(struct file *f, uint32_t v)
{
	v = f->swapped ? __builtin_bswap32(v) : v;
	add(f, &v, sizeof(v));
}

static void add16(struct file *f, uint16_t v)
{
	v = f->swapped ? __builtin_bswap16(v) : v;
	add(f, &v, sizeof(v));
}

static uint32_t begin(struct file *f, uint32_t type)
{
	add32(f, type);
	add32(f, 0);
	return f->n - 8;
}

/* Its length, in both places. */
static void end(struct file *f, uint32_t from)
{
	uint32_t n;

	add(f, "\0\0", -f->n & 3);
	n = f->n + 4 - from;
	f->n = from + 4;
	add32(f, n);
	f->n = from + n - 4;
	add32(f, n);
}

static void section(struct file *f, bool swapped)
{
	uint32_t at;

	f->swapped = swapped;
	at = begin(f, SECTION);
	add32(f, 0x1a2b3c4d);
	add16(f, 1);
	add16(f, 0);
	add32(f, ~0u);
	add32(f, ~0u);
	end(f, at);
}

/* resolution 0: the default, 6. */
static void interface(struct file *f, uint16_t link_type, uint32_t snapshot, uint8_t resolution,
		      uint32_t offset)
{
	uint32_t at = begin(f, 1);

	add16(f, link_type);
	add16(f, 0);
	add32(f, snapshot);
	add16(f, 2); /* if_name */
	add16(f, 5);
	add(f, "eth0\0\0\0", 8);
	if (resolution) {
		add16(f, 9);
		add16(f, 1);
		add(f, (const uint8_t[]){ resolution, 0, 0, 0 }, 4);
	}
	add16(f, 14);
	add16(f, 8);
	add32(f, f->swapped ? 0 : offset);
	add32(f, f->swapped ? offset : 0);
	if (resolution)
		add32(f, 0); /* the end of options, which may be left out */
	end(f, at);
}

/* Five bytes of a packet of nine. */
static void packet(struct file *f, uint32_t type, uint32_t number, uint64_t ts)
{
	uint32_t at = begin(f, type);

	if (type == 6) {
		add32(f, number);
	} else if (type == 2) {
		add16(f, (uint16_t)number);
		add16(f, 0);
	}
	if (type != 3) {
		add32(f, (uint32_t)(ts >> 32));
		add32(f, (uint32_t)ts);
		add32(f, 5);
	}
	add32(f, 9);
	add(f, "hello", 5);
	end(f, at);
}

struct got {
	struct nw_block_packet last;
	unsigned int n;
	int err;
	char why[80];
};

static struct got read_file(const uint8_t *bytes, uint32_t n)
{
	_cleanup_close_ int fd = memfd_create("blocks", 0);
	struct nw_capture_info info = { 0 };
	struct nw_stream s;
	struct nw_blocks b = { .stream = &s };
	struct nw_block_packet p;
	struct got got = { 0 };
	char path[32];

	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(nw_stream_open(&s, path, &info), 0);
	while ((got.err = nw_blocks_next(&b, &p)) > 0) {
		/* The block is padded to 8 bytes, which a damaged length may take in. */
		assert_true(p.caplen <= 8);
		assert_memory_equal(p.data, "hello\0\0\0", p.caplen);
		got.last = p;
		got.n++;
	}
	snprintf(got.why, sizeof(got.why), "%s", b.why);
	nw_blocks_free(&b);
	nw_stream_close(&s);
	return got;
}

static void each_kind_of_block_in_each_byte_order(void **state)
{
	for (int swapped = 0; swapped < 2; swapped++) {
		static const uint32_t types[] = { 6, 2, 3 };

		for (int i = 0; i < 3; i++) {
			struct file f = { 0 };
			uint32_t at;
			struct got g;

			section(&f, swapped);
			at = begin(&f, 0xbad); /* nobody's */
			add(&f, "\1\2\3\4", 4);
			end(&f, at);
			interface(&f, 1, 5, 9, 0);
			interface(&f, 113, 0, 9, 0);
			packet(&f, types[i], types[i] != 3, 1700000000000000123);
			g = read_file(f.b, f.n);
			assert_int_equal(g.err, 0);
			assert_int_equal(g.n, 1);
			assert_int_equal(g.last.link_type, types[i] == 3 ? 1 : 113);
			assert_true(g.last.caplen == 5 && g.last.len == 9);
			assert_int_equal(g.last.sec, types[i] == 3 ? 0 : 1700000000);
			assert_int_equal(g.last.nanos, types[i] == 3 ? 0 : 123);
		}
	}
}

static void clocks(void **state)
{
	static const struct {
		uint8_t resolution;
		uint64_t ts;
		uint32_t offset;
		int64_t sec;
		uint32_t nanos;
	} rows[] = {
		{ 0, 5000007, 0, 5, 7000 },
		{ 6, 5000007, 100, 105, 7000 },
		{ 3, 5007, 0, 5, 7000000 },
		{ 12, 5000000007999, 0, 5, 7 },
		{ 19, 10000000000000000000ull, 0, 1, 0 },
		{ 0x80, 5, 0, 5, 0 },
		{ 0x80 | 1, 11, 0, 5, 500000000 },
		{ 0x80 | 63, UINT64_MAX, 0, 1, 999999999 },
	};

	for (unsigned int i = 0; i < NW_ARRAY_SIZE(rows); i++) {
		for (int swapped = 0; swapped < 2; swapped++) {
			struct file f = { 0 };
			struct got g;

			section(&f, swapped);
			interface(&f, 1, 0, rows[i].resolution, rows[i].offset);
			packet(&f, 6, 0, rows[i].ts);
			g = read_file(f.b, f.n);
			assert_int_equal(g.n, 1);
			assert_int_equal(g.last.sec, rows[i].sec);
			assert_int_equal(g.last.nanos, rows[i].nanos);
		}
	}
}

static void what_is_cut_or_damaged_is_told(void **state)
{
	struct file f = { 0 }, g;
	uint32_t ends[5], i, n;
	struct got got;

	section(&f, false);
	ends[0] = f.n;
	interface(&f, 1, 0, 9, 0);
	ends[1] = f.n;
	packet(&f, 6, 0, 1);
	ends[2] = f.n;
	section(&f, true); /* knows no interface yet */
	interface(&f, 101, 0, 0, 0);
	ends[3] = f.n;
	packet(&f, 6, 0, 1);
	ends[4] = f.n;
	for (i = 1; i <= f.n; i++) {
		bool whole = i == ends[2] + 28;

		for (n = 0; n < 5; n++)
			whole |= i == ends[n];
		got = read_file(f.b, i);
		assert_int_equal(got.err, whole ? 0 : -EPIPE);
		assert_int_equal(got.n, (i >= ends[2]) + (i >= ends[4]));
		assert_true(whole || strstr(got.why, "truncated"));
	}
	/* Each bit of it: nothing worse than an error. */
	for (i = 0; i < 8 * f.n; i++) {
		if (i / 8 - (ends[1] + 28) < 5 || i / 8 - (ends[3] + 28) < 5)
			continue; /* a packet's own bytes */
		g = f;
		g.b[i / 8] ^= 1u << i % 8;
		got = read_file(g.b, g.n);
		assert_true(got.err == 0 || got.err == -EPIPE || got.err == -EBADMSG);
		assert_true(got.err == 0 || got.why[0]);
	}
}

static void what_no_reader_could_mean_is_refused(void **state)
{
	struct file f = { 0 };
	struct got got;
	uint32_t at;

	section(&f, false);
	at = f.n;
	interface(&f, 1, 0, 9, 0);
	packet(&f, 6, 1, 1);
	got = read_file(f.b, f.n);
	assert_int_equal(got.err, -EBADMSG);
	assert_non_null(strstr(got.why, "interface 1, which was not described"));
	f.n = at;
	interface(&f, 1, 0, 20, 0);
	got = read_file(f.b, f.n);
	assert_int_equal(got.err, -EBADMSG);
	assert_non_null(strstr(got.why, "too fine"));
	f.n = at;
	interface(&f, 1, 0, 9, 0);
	at = f.n;
	packet(&f, 6, 0, 1);
	f.b[at + 20] = 200; /* captured: more than there is */
	got = read_file(f.b, f.n);
	assert_int_equal(got.err, -EBADMSG);
	assert_non_null(strstr(got.why, "a packet of 200 bytes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_block_in_each_byte_order),
		cmocka_unit_test(clocks),
		cmocka_unit_test(what_is_cut_or_damaged_is_told),
		cmocka_unit_test(what_no_reader_could_mean_is_refused),
	};

	return cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
}
