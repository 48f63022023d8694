// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Capture files: blocks.c does pcapng, libpcap the formats of pcap, stream.c the decompression, this file the
 * link types. The packets of the one pcap format that nearly all large files have are read where they lie,
 * which takes a third of the time.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <pcap/pcap.h>

#include "blocks.h"
#include "capture.h"
#include "stream.h"

/* Not in every libpcap's headers */
#define NW_DLT_LINUX_SLL2 276
#define NW_DLT_RAW_OPENBSD 14
#define NW_DLT_RAW_FILE 101
#define NW_DLT_IPV4 228
#define NW_DLT_IPV6 229

#define NW_SLL_HEADER 16
#define NW_SLL2_HEADER 20
#define NW_LOOP_HEADER 4
/* Year 2261 */
#define TIME_MAX_S 9200000000ULL
#define NW_ETHERTYPE_IP4 0x0800
#define NW_ETHERTYPE_IP6 0x86dd
/* The largest packet, as libpcap has it */
#define NW_PACKET_MAX 262144u

#define NW_LINK_TYPES "Ethernet, Linux cooked (v1, v2), raw IP and BSD loopback"

static __attribute__((format(printf, 2, 3))) void say(struct nw_capture_info *info, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(info->error, sizeof(info->error), fmt, ap);
	va_end(ap);
}

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static int is_tag(uint16_t type)
{
	return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

/*
 * Linux cooked v1 ends with two bytes of address padding or address and the protocol: its last 14 bytes
 * lie as an Ethernet header does, tags behind it and all, so the tap can read them as one.
 */
static void link_sll(struct nw_tap_packet *p)
{
	const uint32_t skip = NW_SLL_HEADER - 14;

	if (p->caplen < NW_SLL_HEADER || p->len < skip)
		return;
	p->data += skip;
	p->caplen -= skip;
	p->len -= skip;
}

/* Linux cooked v2 begins with the protocol. Tags are stepped over; their numbers are not told. */
static void link_sll2(struct nw_tap_packet *p)
{
	int i;

	p->l3_off = NW_SLL2_HEADER;
	if (p->caplen < NW_SLL2_HEADER)
		return;
	p->ethertype = be16(p->data);
	for (i = 0; i < 2 && is_tag(p->ethertype) && p->caplen >= p->l3_off + 4; i++) {
		p->ethertype = be16(p->data + p->l3_off + 2);
		p->l3_off += 4;
	}
}

/* The IP version says more than what is in front of it. */
static void link_ip(struct nw_tap_packet *p, uint32_t off)
{
	p->l3_off = off;
	p->raw = !off;
	if (p->caplen > off)
		p->ethertype = p->data[off] >> 4 == 4 ? NW_ETHERTYPE_IP4 :
			       p->data[off] >> 4 == 6 ? NW_ETHERTYPE_IP6 :
							0;
}

/*
 * Four bytes of address family: NULL in the byte order of whoever wrote it, LOOP in network order. Each
 * system has its own number for IPv6 (10, 24, 28, 30), all small: which end is zero tells the order.
 */
static void link_loop(struct nw_tap_packet *p)
{
	uint32_t family;

	link_ip(p, NW_LOOP_HEADER);
	if (p->caplen < NW_LOOP_HEADER)
		return;
	family = (uint32_t)be16(p->data) << 16 | be16(p->data + 2);
	if (family > 0xffff)
		family = __builtin_bswap32(family);
	if (family != 2 && family != 10 && family != 24 && family != 28 && family != 30)
		p->ethertype = 0;
}

/* Says where the network header is. Returns -1 for a link type that is not known. */
static int link_locate(int link_type, struct nw_tap_packet *p)
{
	switch (link_type) {
	case DLT_EN10MB:
		return 0;
	case DLT_LINUX_SLL:
		link_sll(p);
		return 0;
	case NW_DLT_LINUX_SLL2:
		link_sll2(p);
		return 0;
	case DLT_NULL:
	case DLT_LOOP:
		link_loop(p);
		return 0;
	case DLT_RAW:
	case NW_DLT_RAW_OPENBSD:
	case NW_DLT_RAW_FILE:
	case NW_DLT_IPV4:
	case NW_DLT_IPV6:
		link_ip(p, 0);
		return 0;
	default:
		return -1;
	}
}

static int not_a_capture(const struct nw_stream *s, const char *pcap_says, struct nw_capture_info *info)
{
	if (s->failed && s->failed != EPIPE) {
		say(info, "can't be read: %s", s->why);
		return -s->failed;
	}
	if (!s->bytes && !s->failed) {
		say(info, "is empty: no packets were captured, or the capture was never written out");
		return -ENODATA;
	}
	if (s->failed || strstr(pcap_says, "truncated")) {
		say(info, "is cut short in its file header, so that nothing can be read: copy it again (%s)",
		    s->failed ? s->why : pcap_says);
		return -EPIPE;
	}
	say(info, "is not a capture that can be read: pcap or pcapng is expected, plain or gzip'ed (%s)",
	    pcap_says);
	return -EBADMSG;
}

/* The reading stopped in front of packet info->packets + 1. */
static int broken_off(const struct nw_stream *s, const char *pcap_says, struct nw_capture_info *info)
{
	unsigned long long n = (unsigned long long)info->packets + 1;

	if (s->failed && s->failed != EPIPE) {
		say(info, "can't be read on at packet %llu: %s; the packets before it were read", n, s->why);
		return -s->failed;
	}
	if (s->failed || strstr(pcap_says, "truncated")) {
		say(info, "is cut short in packet %llu; the packets before it were read (%s)", n,
		    s->failed ? s->why : pcap_says);
		return -EPIPE;
	}
	say(info, "is damaged at packet %llu; the packets before it were read (%s)", n, pcap_says);
	return -EBADMSG;
}

/* others: packets that could be read all the same */
static int unknown_link_type(struct nw_capture_info *info, int type, uint64_t others)
{
	const char *name = pcap_datalink_val_to_name(type);
	const char *text = pcap_datalink_val_to_description(type);

	say(info, "%s link type %d (%s%s%s), which can't be read: " NW_LINK_TYPES " can%s",
	    others ? "has packets of" : "has", type, name ? name : "unknown", text ? ", " : "",
	    text ? text : "", others ? "; the packets of other interfaces were read" : "");
	return -EPROTONOSUPPORT;
}

/* Zero would mean "never" to the engine; what does not fit int64_t is no time but damage. */
static uint64_t time_of(int64_t sec, int64_t ns)
{
	uint64_t t;

	if (sec < 0 || (uint64_t)sec > TIME_MAX_S || ns < 0)
		return 1;
	t = (uint64_t)sec * 1000000000ULL + (uint64_t)ns;
	return t ? t : 1;
}

struct reader {
	struct nw_stream stream;
	pcap_t *pcap;
	nw_packet_fn fn;
	void *arg;
	struct nw_capture_info *info;
	uint64_t alien; /* packets of a link type that can't be read, the last of which is: */
	int alien_type;
};

static int hand_out(struct reader *r, int link_type, const uint8_t *data, uint32_t caplen, uint32_t len,
		    uint64_t ts)
{
	struct nw_capture_info *info = r->info;
	struct nw_tap_packet p = {
		.data = data,
		.caplen = caplen,
		.len = len > caplen ? len : caplen,
		.ts = ts,
		.frame = ++info->packets,
		.sparse = info->is_evidence,
		.followed = info->is_evidence && info->evidence.followed,
	};

	if (link_locate(link_type, &p) < 0) {
		r->alien++;
		r->alien_type = link_type;
		return 0;
	}
	info->cut += caplen < len;
	return r->fn(r->arg, &p);
}

static int read_packets(struct reader *r)
{
	struct pcap_pkthdr *h;
	const u_char *data;
	int rc, err;

	while ((rc = pcap_next_ex(r->pcap, &h, &data)) == 1) {
		/* Nanoseconds, by the precision asked for. */
		err = hand_out(r, r->info->link_type, data, h->caplen, h->len,
			       time_of(h->ts.tv_sec, h->ts.tv_usec));
		if (err)
			return err;
	}
	if (rc == PCAP_ERROR_BREAK && !r->stream.failed)
		return 0;
	return broken_off(&r->stream, rc == PCAP_ERROR_BREAK ? "" : pcap_geterr(r->pcap), r->info);
}

/* The record in front of each packet of a pcap file, 2.4; in the byte order of who wrote it. */
struct record {
	uint32_t sec, fraction, caplen, len;
};

/* How many nanoseconds a fraction of a second is; 0: it is no pcap file as they are written today. */
static uint32_t unit_of(const struct reader *r)
{
	uint32_t magic;

	if (r->stream.bytes < NW_STREAM_HEAD || r->stream.at != NW_STREAM_HEAD ||
	    pcap_major_version(r->pcap) != 2 || pcap_minor_version(r->pcap) != 4)
		return 0;
	memcpy(&magic, r->stream.buf, sizeof(magic));
	if (pcap_is_swapped(r->pcap))
		magic = __builtin_bswap32(magic);
	return magic == 0xa1b2c3d4 ? 1000 : magic == 0xa1b23c4d ? 1 : 0;
}

/* The same as read_packets() in place, unit as by unit_of(). */
static int read_records(struct reader *r, uint32_t unit)
{
	uint32_t snapshot = (uint32_t)pcap_snapshot(r->pcap);
	struct nw_stream *s = &r->stream;
	const bool swapped = pcap_is_swapped(r->pcap);
	const uint8_t *p;
	struct record h;
	char why[80];
	int err;

	while ((p = nw_stream_peek(s, sizeof(h)))) {
		memcpy(&h, p, sizeof(h));
		if (swapped)
			h = (struct record){ __builtin_bswap32(h.sec), __builtin_bswap32(h.fraction),
					     __builtin_bswap32(h.caplen), __builtin_bswap32(h.len) };
		if (h.caplen > NW_PACKET_MAX) {
			snprintf(why, sizeof(why), "a packet of %u bytes, of at most %u", h.caplen,
				 NW_PACKET_MAX);
			return broken_off(s, why, r->info);
		}
		p = nw_stream_peek(s, sizeof(h) + h.caplen);
		if (!p)
			break;
		s->at += sizeof(h) + h.caplen;
		err = hand_out(r, r->info->link_type, p + sizeof(h),
			       h.caplen < snapshot ? h.caplen : snapshot, h.len,
			       time_of((int32_t)h.sec, (int64_t)(int32_t)h.fraction * unit));
		if (err)
			return err;
	}
	if (s->at == s->end && !s->failed)
		return 0;
	snprintf(why, sizeof(why), "truncated: %zu bytes are left", s->end - s->at);
	return broken_off(s, why, r->info);
}

/* pcapng. What can be read of it is, and then it is said what can't. */
static int read_blocks(struct reader *r)
{
	struct nw_blocks b = { .stream = &r->stream };
	struct nw_block_packet p;
	bool stopped = false;
	int err;

	while (!stopped && (err = nw_blocks_next(&b, &p)) > 0) {
		r->info->link_type = b.first_type;
		err = hand_out(r, p.link_type, p.data, p.caplen, p.len, time_of(p.sec, p.nanos));
		stopped = err;
	}
	if (b.has_interface)
		r->info->link_type = b.first_type;
	nw_blocks_free(&b);
	if (stopped || err == -ENOMEM)
		return err;
	if (!b.has_interface)
		return not_a_capture(&r->stream, *b.why ? b.why : "it has no interface", r->info);
	if (err < 0)
		return broken_off(&r->stream, b.why, r->info);
	return r->alien ? unknown_link_type(r->info, r->alien_type, r->info->packets - r->alien) : 0;
}

int nw_capture_read(const char *path, nw_packet_fn fn, void *arg, struct nw_capture_info *info)
{
	struct reader r = { .fn = fn, .arg = arg, .info = info };
	struct nw_tap_packet none = { 0 };
	char pcap_says[PCAP_ERRBUF_SIZE] = "";
	const uint8_t *head;
	uint32_t unit;
	FILE *f;
	int err;

	*info = (struct nw_capture_info){ .link_type = -1 };
	err = nw_stream_open(&r.stream, path, info);
	if (err) {
		say(info, "can't be opened: %s", strerror(-err));
		return err;
	}
	head = nw_stream_peek(&r.stream, 4);
	if (head && nw_blocks_is_head(head)) {
		err = read_blocks(&r);
		nw_stream_close(&r.stream);
		return err;
	}
	f = nw_stream_file(&r.stream);
	if (!f) {
		nw_stream_close(&r.stream);
		say(info, "can't be opened: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	r.pcap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, pcap_says);
	if (!r.pcap) {
		err = not_a_capture(&r.stream, pcap_says, info);
		fclose(f);
		return err;
	}
	info->link_type = pcap_datalink(r.pcap);
	unit = unit_of(&r);
	if (link_locate(info->link_type, &none) < 0)
		err = unknown_link_type(info, info->link_type, 0);
	else
		err = unit ? read_records(&r, unit) : read_packets(&r);
	pcap_close(r.pcap);
	return err;
}
