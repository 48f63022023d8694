/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The packets of a pcapng file, of all its sections and interfaces. */
#ifndef NW_BLOCKS_H
#define NW_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "stream.h"

struct nw_block_packet {
	const uint8_t *data; /* caplen bytes, valid until the next call */
	uint32_t caplen;
	uint32_t len;	/* on the wire, as the file has it */
	int link_type;	/* LINKTYPE_* of its interface */
	int64_t sec;	/* since 1970; 0 where the file has no time */
	uint32_t nanos; /* of the second */
};

struct nw_block_interface;

/* Begin with all zero but the stream, which stands at the file's first byte and stays the caller's. */
struct nw_blocks {
	struct nw_stream *stream;
	struct nw_block_interface *interfaces; /* of this section; owned */
	unsigned int n_interfaces;
	bool swapped;	    /* this section was written in the other byte order */
	int first_type;	    /* LINKTYPE_* of the file's first interface */
	bool has_interface; /* first_type is known */
	char why[80];	    /* with -EBADMSG, -EPIPE: what is wrong */
};

/* Is this the beginning of a pcapng file? */
bool nw_blocks_is_head(const uint8_t first[4]);

/*
 * The next packet. Returns 1; 0 at the end; -EPIPE: the file ends within a block, or could not be read on
 * (stream->failed); -EBADMSG: damaged; -ENOMEM.
 */
int nw_blocks_next(struct nw_blocks *b, struct nw_block_packet *p);
void nw_blocks_free(struct nw_blocks *b);

#endif
