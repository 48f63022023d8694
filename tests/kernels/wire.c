// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Puts a capture of one connection on a wire between two interfaces: what the client sent leaves by PEER and
 * arrives at WATCHED, what the server sent leaves by WATCHED. A negwatchd there sees both directions, each by
 * its own hook.
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
#include <time.h>
#include <unistd.h>

#define SMB_PORT 445u
/* The two hooks see frames that are this far apart in the order in which they were sent, in a slow guest too.
 */
#define PAUSE_NS (20 * 1000 * 1000L)

static int open_on(const char *name)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd >= 0 && to.sll_ifindex && bind(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
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

int main(int argc, char **argv)
{
	char errbuf[PCAP_ERRBUF_SIZE] = "";
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct pcap_pkthdr *h;
	const u_char *frame;
	int watched, peer, n = 0;
	pcap_t *pc;

	if (argc != 4) {
		fprintf(stderr, "usage: wire WATCHED PEER CAPTURE\n");
		return 2;
	}
	watched = open_on(argv[1]);
	peer = open_on(argv[2]);
	if (watched < 0 || peer < 0)
		return 1;
	pc = pcap_open_offline(argv[3], errbuf);
	if (!pc) {
		fprintf(stderr, "wire: %s\n", errbuf);
		return 1;
	}
	while (pcap_next_ex(pc, &h, &frame) == 1) {
		if (send(from_client(frame, h->caplen) ? peer : watched, frame, h->caplen, 0) < 0) {
			fprintf(stderr, "wire: frame %d of %u bytes can't be sent: %m\n", n + 1, h->caplen);
			return 1;
		}
		n++;
		nanosleep(&pause, NULL);
	}
	pcap_close(pc);
	close(peer);
	close(watched);
	return n ? 0 : 1;
}
