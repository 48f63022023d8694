/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A packet as an event kept it, and as a frame again: its headers, and of its payload one message, or the
 * first bytes of it. Never any of a file: of other messages than NEGOTIATE and VALIDATE the SMB header and
 * eight bytes, of encrypted and compressed ones the protocol's name.
 */
#ifndef NW_SNAPSHOT_H
#define NW_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../bpf/abi.h"
#include "../util/text.h"

struct nw_snapshot {
	struct nw_snapshot *next;
	uint64_t ts; /* event clock, ns */
	uint32_t ifindex;
	uint32_t pkt_len;
	uint32_t msg_seq, msg_len; /* as in the event */
	struct nw_tcp tcp;
	uint16_t flags; /* NW_EF_* */
	uint8_t type;	/* enum nw_event_type */
	uint8_t also;	/* NW_EV_FIN, NW_EV_RST, NW_EV_ALIVE: another event about the same packet; 0: none */
	uint8_t hook, dir;
	uint8_t l3_off;	   /* where the network header begins; 0: there is no link header */
	uint8_t tcp_off;   /* where the TCP header begins */
	uint16_t hdr_len;  /* bytes of link, network and TCP header ... */
	uint16_t data_len; /* ... and behind them of the message, NetBIOS header included */
	uint8_t bytes[];
};

/*
 * Of an event with a packet. like: one of the same direction, whose headers stand in for those of an event
 * that has none (the joiner's last); may be NULL. To be freed. NULL: no headers that can be read, or no
 * memory.
 */
struct nw_snapshot *nw_snapshot_new(const struct nw_event *ev, const struct nw_snapshot *like);
size_t nw_snapshot_size(const struct nw_snapshot *s);

/* Is the event about the very packet of the snapshot? */
bool nw_snapshot_is_of(const struct nw_snapshot *s, const struct nw_event *ev);

/* Two tags more than there were */
#define NW_FRAME_MAX (NW_HDR_MAX + 8 + NW_DATA_MAX)

struct nw_frame {
	uint8_t bytes[NW_FRAME_MAX];
	uint32_t captured, len;
	uint16_t link_type;
	/* Not the packet as it was, but: */
	bool part;     /* this message alone, cut out of its segment, or put together from several; headers
			  adapted */
	bool retagged; /* VLAN tags that had been taken off are put back */
	bool pieced;   /* with part: from several segments */
};

void nw_snapshot_frame(struct nw_frame *out, const struct nw_snapshot *s);

/* The message, decoded, for people: "NEGOTIATE request: dialects 2.0.2, 2.1; ...". */
void nw_snapshot_words(struct nw_text *t, const struct nw_snapshot *s);

#endif
