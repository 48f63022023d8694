// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Capture files: libpcap does the formats, zlib the decompression, this file the link types. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pcap/pcap.h>
#include <zlib.h>

#include "capture.h"

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
/* What one read of the file asks for */
#define NW_GZ_BUFFER (128u << 10)

#define NW_LINK_TYPES "Ethernet, Linux cooked (v1, v2), raw IP and BSD loopback"

/* The stream between zlib and libpcap. */
struct source {
	gzFile gz;
	struct nw_capture_info *info;
	int failed;	/* errno of a read that failed, or EBADMSG for damaged gzip data */
	uint64_t bytes; /* handed over so far */
	char why[160];
};

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

static ssize_t source_read(void *cookie, char *buf, size_t size)
{
	struct source *s = cookie;
	int n, code;
	const char *text;

	errno = 0;
	n = gzread(s->gz, buf, size > NW_GZ_BUFFER ? NW_GZ_BUFFER : (unsigned int)size);
	if (n > 0 && !s->bytes)
		s->info->is_evidence =
			nw_evidence_mark_find((const uint8_t *)buf, (size_t)n, &s->info->evidence);
	if (n > 0)
		s->bytes += (uint64_t)n;
	s->info->bytes_done = (uint64_t)gzoffset(s->gz);
	if (n >= (int)size)
		return n;
	/* A gzip stream that ends too early shows only here. */
	text = gzerror(s->gz, &code);
	if (code == Z_OK || code == Z_STREAM_END)
		return n;
	s->failed = code == Z_ERRNO ? (errno ? errno : EIO) : code == Z_BUF_ERROR ? EPIPE : EBADMSG;
	snprintf(s->why, sizeof(s->why), "%s", code == Z_ERRNO ? strerror(s->failed) : text ? text : "");
	if (n > 0)
		return n;
	errno = s->failed;
	return code == Z_BUF_ERROR ? 0 : -1;
}

static int source_close(void *cookie)
{
	struct source *s = cookie;

	gzclose(s->gz);
	s->gz = NULL;
	return 0;
}

static FILE *source_open(struct source *s, const char *path)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) :
				     fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	struct stat st;
	FILE *f;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		s->info->bytes = (uint64_t)st.st_size;
	s->gz = gzdopen(fd, "rb");
	if (!s->gz) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	gzbuffer(s->gz, NW_GZ_BUFFER);
	f = fopencookie(s, "rb", (cookie_io_functions_t){ .read = source_read, .close = source_close });
	if (!f) {
		source_close(s);
		errno = ENOMEM;
	}
	return f;
}

static int not_a_capture(const struct source *s, const char *pcap_says, struct nw_capture_info *info)
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

/* libpcap stopped in front of packet info->packets + 1. */
static int broken_off(const struct source *s, const char *pcap_says, struct nw_capture_info *info)
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
	if (strstr(pcap_says, "different from the")) {
		say(info,
		    "holds several interfaces that differ, and was read up to packet %llu only (%s): write "
		    "each "
		    "interface to a file of its own, as with tshark -Y frame.interface_id==0 -w",
		    n - 1, pcap_says);
		return -EPROTONOSUPPORT;
	}
	say(info, "is damaged at packet %llu; the packets before it were read (%s)", n, pcap_says);
	return -EBADMSG;
}

static int unknown_link_type(struct nw_capture_info *info)
{
	const char *name = pcap_datalink_val_to_name(info->link_type);
	const char *text = pcap_datalink_val_to_description(info->link_type);

	say(info, "has link type %d (%s%s%s), which can't be read: " NW_LINK_TYPES " can", info->link_type,
	    name ? name : "unknown", text ? ", " : "", text ? text : "");
	return -EPROTONOSUPPORT;
}

/* Zero would mean "never" to the engine; what does not fit int64_t is no time but damage. */
static uint64_t time_of(const struct pcap_pkthdr *h)
{
	uint64_t sec = (uint64_t)h->ts.tv_sec, ns;

	if (h->ts.tv_sec < 0 || sec > TIME_MAX_S || h->ts.tv_usec < 0)
		return 1;
	/* Nanoseconds, by the precision asked for. */
	ns = sec * 1000000000ULL + (uint64_t)h->ts.tv_usec;
	return ns ? ns : 1;
}

static int read_packets(pcap_t *pcap, const struct source *s, nw_packet_fn fn, void *arg,
			struct nw_capture_info *info)
{
	struct pcap_pkthdr *h;
	const u_char *data;
	int rc, err;

	while ((rc = pcap_next_ex(pcap, &h, &data)) == 1) {
		struct nw_tap_packet p = {
			.data = data,
			.caplen = h->caplen,
			.len = h->len > h->caplen ? h->len : h->caplen,
			.ts = time_of(h),
			.frame = ++info->packets,
			.sparse = info->is_evidence,
			.followed = info->is_evidence && info->evidence.followed,
		};

		info->cut += p.caplen < p.len;
		link_locate(info->link_type, &p);
		err = fn(arg, &p);
		if (err)
			return err;
	}
	if (rc == PCAP_ERROR_BREAK && !s->failed)
		return 0;
	return broken_off(s, rc == PCAP_ERROR_BREAK ? "" : pcap_geterr(pcap), info);
}

int nw_capture_read(const char *path, nw_packet_fn fn, void *arg, struct nw_capture_info *info)
{
	struct source s = { .info = info };
	struct nw_tap_packet none = { 0 };
	char pcap_says[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pcap;
	FILE *f;
	int err;

	*info = (struct nw_capture_info){ .link_type = -1 };
	f = source_open(&s, path);
	if (!f) {
		err = errno;
		say(info, "can't be opened: %s", strerror(err));
		return -err;
	}
	pcap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, pcap_says);
	if (!pcap) {
		err = not_a_capture(&s, pcap_says, info);
		fclose(f);
		return err;
	}
	info->link_type = pcap_datalink(pcap);
	if (link_locate(info->link_type, &none) < 0)
		err = unknown_link_type(info);
	else
		err = read_packets(pcap, &s, fn, arg, info);
	pcap_close(pcap);
	return err;
}
