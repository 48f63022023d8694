// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Capture files out of memory: every link type leads the tap to the same packet; what is wrong is said. */
#include <stdarg.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include <zlib.h>

#include "../../user/source/capture.h"
#include "../../user/util/util.h"

#define PCAP_MAGIC 0xa1b2c3d4u
#define PCAP_MAGIC_NANO 0xa1b23c4du

/* A SYN from 10.0.0.1:1000 to 10.0.0.2:445, and the same over IPv6: from the network header on. */
static const uint8_t syn4[40] = {
	0x45, 0, 0, 40, 0,    1,    0,	  0,	64, 6, 0, 0, 10,	  0,	0,    1,
	10,   0, 0, 2,	0x03, 0xe8, 0x01, 0xbd, 0,  0, 0, 1, [32] = 0x50, 0x02, 0xff, 0xff,
};
static const uint8_t syn6[60] = {
	0x60, [5] = 20, [6] = 6, [7] = 64, [8] = 0xfd,	[23] = 1, [24] = 0xfd, [39] = 2, [40] = 0x03,
	0xe8, 0x01,	0xbd,	 [47] = 1, [52] = 0x50, 0x02,	  0xff,	       0xff,
};

/* A file in the making. */
struct file {
	uint8_t b[4096];
	size_t n;
};

static void add(struct file *f, const void *data, size_t n)
{
	assert_true(f->n + n <= sizeof(f->b));
	memcpy(f->b + f->n, data, n);
	f->n += n;
}

static void add32(struct file *f, uint32_t v)
{
	add(f, &v, sizeof(v));
}

static void begin(struct file *f, uint32_t magic, uint32_t link_type)
{
	f->n = 0;
	add32(f, magic);
	add32(f, 4u << 16 | 2);
	add32(f, 0);
	add32(f, 0);
	add32(f, 65535);
	add32(f, link_type);
}

/* A packet of a link header and an IP packet; `missing` bytes of it were not captured. */
static void packet(struct file *f, uint32_t sec, uint32_t frac, const void *head, size_t head_len,
		   const void *ip, size_t ip_len, uint32_t missing)
{
	add32(f, sec);
	add32(f, frac);
	add32(f, (uint32_t)(head_len + ip_len) - missing);
	add32(f, (uint32_t)(head_len + ip_len));
	add(f, head, head_len);
	add(f, ip, ip_len - missing);
}

struct seen {
	struct nw_tap *tap;
	unsigned int packets;
	uint64_t ts, frame;
	uint32_t caplen, len;
	int stop_at;
};

static int on_event(void *arg, const struct nw_event *ev)
{
	return 0;
}

static int on_packet(void *arg, struct nw_tap_packet *p)
{
	struct seen *s = arg;

	s->packets++;
	s->ts = p->ts;
	s->frame = p->frame;
	s->caplen = p->caplen;
	s->len = p->len;
	if (s->stop_at && s->packets == (unsigned int)s->stop_at)
		return 77;
	return nw_tap_packet(s->tap, p);
}

/* Reads bytes as a file; counters of the tap go to *counter if it is not NULL. */
static int read_bytes(const void *bytes, size_t n, struct seen *s, struct nw_capture_info *info,
		      uint64_t *counter)
{
	static const uint16_t ports[] = { 445 };
	struct nw_tap_config cfg = { .ports = ports, .n_ports = 1 };
	_cleanup_close_ int fd = memfd_create("capture", 0);
	char path[32];
	int err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(nw_tap_new(&s->tap, &cfg, on_event, NULL), 0);
	err = nw_capture_read(path, on_packet, s, info);
	if (counter)
		memcpy(counter, nw_tap_counters(s->tap), NW_C_MAX * sizeof(*counter));
	nw_tap_free(&s->tap);
	return err;
}

static const struct {
	const char *name;
	uint32_t link_type;
	const char *head;
	size_t n;
	int ipv6;
} links[] = {
	{ "Ethernet", 1, "\1\1\1\1\1\1\2\2\2\2\2\2\x08\0", 14, 0 },
	{ "Ethernet, IPv6", 1, "\1\1\1\1\1\1\2\2\2\2\2\2\x86\xdd", 14, 1 },
	{ "Ethernet, two tags", 1, "\1\1\1\1\1\1\2\2\2\2\2\2\x88\xa8\0\x14\x81\0\0\x0a\x08\0", 22, 0 },
	{ "cooked v1", 113, "\0\0\0\1\0\6\2\2\2\2\2\2\0\0\x08\0", 16, 0 },
	{ "cooked v1, IPv6", 113, "\0\0\0\1\0\6\2\2\2\2\2\2\0\0\x86\xdd", 16, 1 },
	{ "cooked v1, tag", 113, "\0\0\0\1\0\6\2\2\2\2\2\2\0\0\x81\0\0\x0a\x08\0", 20, 0 },
	{ "cooked v2", 276, "\x08\0\0\0\0\0\0\3\0\1\0\6\2\2\2\2\2\2\0\0", 20, 0 },
	{ "cooked v2, IPv6", 276, "\x86\xdd\0\0\0\0\0\3\0\1\0\6\2\2\2\2\2\2\0\0", 20, 1 },
	{ "cooked v2, tag", 276, "\x81\0\0\0\0\0\0\3\0\1\0\6\2\2\2\2\2\2\0\0\0\x0a\x08\0", 24, 0 },
	{ "raw 101", 101, "", 0, 0 },
	{ "raw 101, IPv6", 101, "", 0, 1 },
	{ "raw 12", 12, "", 0, 0 },
	{ "raw 14", 14, "", 0, 0 },
	{ "IPv4", 228, "", 0, 0 },
	{ "IPv6", 229, "", 0, 1 },
	{ "loopback, little endian", 0, "\2\0\0\0", 4, 0 },
	{ "loopback, big endian", 0, "\0\0\0\2", 4, 0 },
	{ "loopback, IPv6 of FreeBSD", 0, "\x1c\0\0\0", 4, 1 },
	{ "loopback, IPv6 of Darwin", 0, "\x1e\0\0\0", 4, 1 },
	{ "loopback, IPv6 of NetBSD", 0, "\0\0\0\x18", 4, 1 },
	{ "OpenBSD loopback", 108, "\0\0\0\2", 4, 0 },
};

static void link_types(void **state)
{
	struct nw_capture_info info;
	uint64_t counter[NW_C_MAX];
	struct file f;
	size_t i, cut;

	for (i = 0; i < NW_ARRAY_SIZE(links); i++) {
		const uint8_t *ip = links[i].ipv6 ? syn6 : syn4;
		size_t n = links[i].ipv6 ? sizeof(syn6) : sizeof(syn4);
		struct seen s = { 0 };

		begin(&f, PCAP_MAGIC, links[i].link_type);
		packet(&f, 1, 2, links[i].head, links[i].n, ip, n, 0);
		assert_int_equal(read_bytes(f.b, f.n, &s, &info, counter), 0);
		if (counter[NW_C_SYN] != 1)
			fail_msg("%s: the SYN was not found", links[i].name);
		/* However much of the packet is missing, nothing is read that is not there (ASan). */
		for (cut = 1; cut <= n; cut++) {
			begin(&f, PCAP_MAGIC, links[i].link_type);
			packet(&f, 1, 2, links[i].head, links[i].n, ip, n, (uint32_t)cut);
			s = (struct seen){ 0 };
			assert_int_equal(read_bytes(f.b, f.n, &s, &info, counter), 0);
			assert_int_equal(s.packets, 1);
		}
	}
}

/* A frame shorter than its link header, of every length. */
static void short_frames(void **state)
{
	struct nw_capture_info info;
	struct seen s;
	struct file f;
	size_t i, n;

	for (i = 0; i < NW_ARRAY_SIZE(links); i++) {
		for (n = 0; n <= links[i].n; n++) {
			begin(&f, PCAP_MAGIC, links[i].link_type);
			packet(&f, 1, 2, links[i].head, n, "", 0, 0);
			s = (struct seen){ 0 };
			assert_int_equal(read_bytes(f.b, f.n, &s, &info, NULL), 0);
			assert_int_equal(s.packets, 1);
		}
	}
}

static void times_and_frames(void **state)
{
	struct nw_capture_info info;
	struct seen s = { 0 };
	struct file f;

	begin(&f, PCAP_MAGIC, 101);
	packet(&f, 7, 123456, "", 0, syn4, sizeof(syn4), 0);
	packet(&f, 8, 1, "", 0, syn4, sizeof(syn4), 10);
	assert_int_equal(read_bytes(f.b, f.n, &s, &info, NULL), 0);
	assert_int_equal(s.frame, 2);
	assert_int_equal(info.packets, 2);
	assert_int_equal(s.ts, 8000001000ULL);
	assert_int_equal(s.caplen, 30);
	assert_int_equal(s.len, 40);
	begin(&f, PCAP_MAGIC_NANO, 101);
	packet(&f, 7, 123456789, "", 0, syn4, sizeof(syn4), 0);
	assert_int_equal(read_bytes(f.b, f.n, &s, &info, NULL), 0);
	assert_int_equal(s.ts, 7123456789ULL);
	/* Zero would mean "never". */
	begin(&f, PCAP_MAGIC, 101);
	packet(&f, 0, 0, "", 0, syn4, sizeof(syn4), 0);
	assert_int_equal(read_bytes(f.b, f.n, &s, &info, NULL), 0);
	assert_int_equal(s.ts, 1);
	s = (struct seen){ .stop_at = 1 };
	assert_int_equal(read_bytes(f.b, f.n, &s, &info, NULL), 77);
}

static void assert_says(const void *bytes, size_t n, int err, const char *words)
{
	struct nw_capture_info info;
	struct seen s = { 0 };

	assert_int_equal(read_bytes(bytes, n, &s, &info, NULL), err);
	if (!strstr(info.error, words))
		fail_msg("'%s' is not in: %s", words, info.error);
}

static void errors(void **state)
{
	struct nw_capture_info info;
	struct seen s = { 0 };
	struct file f;
	size_t one;

	assert_says("", 0, -ENODATA, "is empty");
	assert_says("\xd4\xc3", 2, -EPIPE, "cut short in its file header");
	assert_says("this is some text that is no capture", 36, -EBADMSG, "is not a capture");
	begin(&f, PCAP_MAGIC, 105);
	assert_says(f.b, f.n, -EPROTONOSUPPORT, "link type 105 (IEEE802_11");
	begin(&f, PCAP_MAGIC, 1);
	assert_says(f.b, 11, -EPIPE, "cut short in its file header");
	packet(&f, 1, 2, links[0].head, links[0].n, syn4, sizeof(syn4), 0);
	one = f.n;
	packet(&f, 1, 3, links[0].head, links[0].n, syn4, sizeof(syn4), 0);
	assert_says(f.b, one + 5, -EPIPE, "is cut short in packet 2");
	assert_says(f.b, f.n - 1, -EPIPE, "is cut short in packet 2");
	assert_int_equal(read_bytes(f.b, f.n - 1, &s, &info, NULL), -EPIPE);
	assert_int_equal(s.packets, 1);
	/* A length that no packet has */
	memset(f.b + one + 8, 0x7f, 4);
	assert_says(f.b, f.n, -EBADMSG, "is damaged at packet 2");
	assert_int_equal(nw_capture_read("/nonexistent/x.pcap", on_packet, &s, &info), -ENOENT);
	assert_non_null(strstr(info.error, "can't be opened: No such file"));
	assert_int_equal(nw_capture_read("/tmp", on_packet, &s, &info), -EISDIR);
	assert_int_equal(info.link_type, -1);
}

static size_t gzip(const struct file *f, uint8_t *out, size_t room)
{
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)f->b;
	z.avail_in = (uInt)f->n;
	z.next_out = out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

static void compressed(void **state)
{
	uint64_t counter[NW_C_MAX];
	struct nw_capture_info info;
	struct seen s = { 0 };
	uint8_t packed[4096];
	struct file f;
	size_t n, i;

	begin(&f, PCAP_MAGIC, 101);
	for (i = 0; i < 20; i++)
		packet(&f, (uint32_t)i, 2, "", 0, syn4, sizeof(syn4), 0);
	n = gzip(&f, packed, sizeof(packed));
	assert_int_equal(read_bytes(packed, n, &s, &info, counter), 0);
	assert_int_equal(counter[NW_C_SYN], 20);
	/* Cut anywhere: an error, also where what is left of it ends with a packet. */
	for (i = 1; i < n; i++) {
		s = (struct seen){ 0 };
		if (read_bytes(packed, i, &s, &info, NULL) >= 0 || !info.error[0])
			fail_msg("cut at %zu of %zu: no error, %u packets", i, n, s.packets);
	}
	packed[n / 2] ^= 0x55;
	s = (struct seen){ 0 };
	assert_true(read_bytes(packed, n, &s, &info, NULL) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_types),	    cmocka_unit_test(short_frames),
		cmocka_unit_test(times_and_frames), cmocka_unit_test(errors),
		cmocka_unit_test(compressed),
	};

	return cmocka_run_group_tests_name("capture", tests, NULL, NULL);
}
