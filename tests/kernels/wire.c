// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Puts a capture of one connection on a wire between two interfaces: what the client sent leaves by PEER and
 * arrives at WATCHED, what the server sent leaves by WATCHED. A negwatchd there sees both directions, each by
 * its own hook, in the order of the capture: what leaves has passed its hook when send() returns, and for
 * what arrives it is waited. A packet socket hears a frame behind XDP and within the softirq that hands it to
 * tc, which ends before this process goes on: the guest has one CPU.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define SMB_PORT 445u
/* For what takes a millisecond. */
#define ARRIVAL_S 60

/* hears: what arrives can be read. */
static int open_on(const char *name, bool hears)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_protocol = hears ? htons(ETH_P_ALL) : 0,
				  .sll_ifindex = (int)if_nametoindex(name) };
	const struct timeval limit = { .tv_sec = ARRIVAL_S };
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd >= 0 && to.sll_ifindex && bind(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0)
		return fd;
	fprintf(stderr, "wire: nothing can be sent on %s: %m\n", name);
	if (fd >= 0)
		close(fd);
	return -1;
}

static unsigned int be16(const u_char *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

/* Of the client: sent to the server's port. The captures hold Ethernet, IPv4 and IPv6, without options. */
static bool from_client(const u_char *frame, unsigned int len)
{
	unsigned int tcp = ETH_HLEN + (len > ETH_HLEN && be16(frame + 12) == ETHERTYPE_IPV6 ? 40 : 20);

	return len >= tcp + 4 && be16(frame + tcp + 2) == SMB_PORT;
}

/* Whether the frame arrived; what else did, and what left, is passed over. */
static bool arrives(int fd, const u_char *frame, size_t len)
{
	static u_char got[65536];
	ssize_t n;

	do {
		struct sockaddr_ll from;
		socklen_t size = sizeof(from);

		n = recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from, &size);
		if (n == (ssize_t)len && from.sll_pkttype != PACKET_OUTGOING && memcmp(got, frame, len) == 0)
			return true;
	} while (n >= 0);
	return false;
}

int main(int argc, char **argv)
{
	char errbuf[PCAP_ERRBUF_SIZE] = "";
	struct pcap_pkthdr *h;
	const u_char *frame;
	int watched, peer, n = 0;
	pcap_t *pc;

	if (argc != 4) {
		fprintf(stderr, "usage: wire WATCHED PEER CAPTURE\n");
		return 2;
	}
	watched = open_on(argv[1], true);
	peer = open_on(argv[2], false);
	if (watched < 0 || peer < 0)
		return 1;
	pc = pcap_open_offline(argv[3], errbuf);
	if (!pc) {
		fprintf(stderr, "wire: %s\n", errbuf);
		return 1;
	}
	while (pcap_next_ex(pc, &h, &frame) == 1) {
		bool inward = from_client(frame, h->caplen);

		if (send(inward ? peer : watched, frame, h->caplen, 0) < 0) {
			fprintf(stderr, "wire: frame %d of %u bytes can't be sent: %m\n", n + 1, h->caplen);
			return 1;
		}
		n++;
		if (inward && !arrives(watched, frame, h->caplen)) {
			fprintf(stderr, "wire: frame %d of %u bytes did not arrive: %m\n", n, h->caplen);
			return 1;
		}
	}
	pcap_close(pc);
	close(peer);
	close(watched);
	return n ? 0 : 1;
}
