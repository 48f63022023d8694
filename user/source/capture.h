/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets out of capture files: pcap and pcapng, plain or gzip'ed, one pass, bounded memory. */
#ifndef NW_CAPTURE_H
#define NW_CAPTURE_H

#include <stdint.h>

#include "evidence_mark.h"
#include "source.h"

#define NW_CAPTURE_ERROR_MAX 512

/* Takes one packet, valid during the call and the callee's to change. Non-zero stops the reading, which
 * returns it. */
typedef int (*nw_packet_fn)(void *arg, struct nw_tap_packet *pkt);

struct nw_capture_info {
	uint64_t packets; /* that were read, also those of no interest */
	uint64_t cut;	  /* of them: shorter than they were on the wire */
	int link_type;	  /* as DLT_*, -1: not known */
	uint64_t bytes;	  /* size of the file, 0: not known */
	/* How many of them were read; kept up to date while fn is called. */
	uint64_t bytes_done;
	/* It is a file of evidence; known before the first packet. */
	bool is_evidence;
	struct nw_evidence_mark evidence;
	/* On failure: what is wrong and what can be done about it; does not name the file. */
	char error[NW_CAPTURE_ERROR_MAX];
};

/*
 * Reads the file, or standard input if path is "-". Packets count from 1 as in Wireshark, every one of
 * them; their time is never 0. Returns 0, what fn returned, or:
 * -ENOENT, -EACCES and the like: could not be opened or read; -EBADMSG: no capture, or damaged;
 * -ENODATA: empty; -EPIPE: cut short (all packets before the cut were given to fn); -EPROTONOSUPPORT:
 * a link type, or a mixture of them, that can't be read; -ENOMEM. info is always filled in.
 */
int nw_capture_read(const char *path, nw_packet_fn fn, void *arg, struct nw_capture_info *info);

#endif
