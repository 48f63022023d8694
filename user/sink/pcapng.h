/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The pcapng format (draft-ietf-opsawg-pcapng), as far as evidence needs it: one section, interfaces with
 * nanoseconds, packets with direction and comment. In the host's byte order. Errors stay with the stream:
 * ferror() at the end tells.
 */
#ifndef NW_PCAPNG_H
#define NW_PCAPNG_H

#include <stdint.h>
#include <stdio.h>

/* LINKTYPE_ values of the tcpdump group */
#define NW_LINK_ETHERNET 1
#define NW_LINK_RAW 101

enum nw_pcapng_direction { NW_PCAPNG_UNKNOWN = 0, NW_PCAPNG_IN = 1, NW_PCAPNG_OUT = 2 };

struct nw_pcapng_packet {
	uint32_t interface; /* in order of their blocks, from 0 */
	int64_t wall;	    /* ns since 1970 */
	const uint8_t *data;
	uint32_t captured; /* bytes in data */
	uint32_t len;	   /* bytes on the wire */
	enum nw_pcapng_direction direction;
	const char *comment; /* UTF-8; NULL: none */
};

/* Begins the file. */
void nw_pcapng_section(FILE *out, const char *application, const char *comment);
void nw_pcapng_interface(FILE *out, uint16_t link_type, const char *name);
void nw_pcapng_packet(FILE *out, const struct nw_pcapng_packet *p);

#endif
