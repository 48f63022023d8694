/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Single packets for tests, built header by header with every oddity that a row asks for. */
#ifndef NW_TESTS_PACKETS_H
#define NW_TESTS_PACKETS_H

#include <stdbool.h>
#include <stdint.h>

#define PACKETS_MAX 70000

/* What a packet consists of. Zero is the usual: TCP from port 50123 to 445, PSH and ACK, right lengths. */
struct packet {
	uint8_t ip;	  /* 4 or 6; 0: only Ethernet header and body */
	uint16_t ether;	  /* EtherType; 0: that of ip */
	uint16_t tag[3];  /* TPIDs, outermost first; identifiers are 10, 11, 12 */
	bool no_ether;	  /* begins with the network header */
	uint8_t opts;	  /* bytes of IPv4 options */
	uint8_t ihl;	  /* as the header says; 0: what is true */
	uint8_t version;  /* as the header says; 0: ip */
	uint8_t proto;	  /* 0: TCP */
	uint16_t frag;	  /* IPv4: flags and offset; IPv6 fragment header: offset and M */
	uint8_t n_ext;	  /* IPv6 extension headers */
	uint8_t ext[8];	  /* their types */
	uint8_t ext_len;  /* their length field, but for 44 (none) and 51 (4 words more) */
	bool no_len;	  /* total or payload length 0 */
	int16_t more_len; /* what total or payload length say too much */
	uint8_t doff;	  /* as the header says; 0: what is true */
	uint8_t tcp_opts; /* bytes of TCP options, all NOP */
	uint16_t sport, dport;
	uint8_t flags;
	uint32_t seq, ack;
	uint16_t id; /* IPv4 */
	const uint8_t *body;
	uint32_t body_len;
	uint16_t pad; /* bytes behind the packet */
};

/* Returns the frame's length; *headers, if wanted, is where the body begins. */
uint32_t packet_build(const struct packet *p, uint8_t out[PACKETS_MAX], uint32_t *headers);

#endif
