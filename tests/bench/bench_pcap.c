// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Reads a capture by libpcap and does nothing with its packets: what a reader of captures is measured
 * against. */
#include <pcap/pcap.h>
#include <stdio.h>

static unsigned long packets, bytes;

static void count(u_char *arg, const struct pcap_pkthdr *h, const u_char *data)
{
	(void)arg;
	packets++;
	bytes += h->caplen + data[0] / 256;
}

int main(int argc, char **argv)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *p = argc == 2 ? pcap_open_offline(argv[1], why) : NULL;

	if (!p) {
		fprintf(stderr, argc == 2 ? "bench_pcap: %s\n" : "usage: bench_pcap FILE\n", why);
		return 2;
	}
	pcap_loop(p, -1, count, NULL);
	pcap_close(p);
	printf("%lu %lu\n", packets, bytes);
	return 0;
}
