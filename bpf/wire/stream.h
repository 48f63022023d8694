/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The state that following a flow needs, and the questions put to it. A direction is followed by one
 * sequence number, `next`: where the next message (or the next message of a compound) begins. A
 * segment that ends before it is body and costs one comparison.
 */
#ifndef NW_WIRE_STREAM_H
#define NW_WIRE_STREAM_H

#include "base.h"
#include "smb.h"

/* NetBIOS session service, RFC 1002 4.3; Direct TCP (MS-SMB2 2.1) is its session message alone. */
#define NW_NBSS_HEADER 4
#define NW_NBSS_MESSAGE 0x00
#define NW_NBSS_REQUEST 0x81
#define NW_NBSS_KEEPALIVE 0x85
/* The largest trailer of a control message is a session request's: two encoded names of up to 255 */
#define NW_NBSS_CONTROL_MAX 512

/* Half a header that waits for its rest: NetBIOS header and what judge needs. */
#define NW_HEAD_MAX (NW_NBSS_HEADER + NW_JUDGE_MAX)

/* Bytes of one wanted message that are passed in pieces. All fields lie in the first 300 bytes of
 * every message seen in the field; the rest is for InputOffset values of odd clients. */
#define NW_PASS_MAX 4096u
/* Bytes that one hole may pass unjudged: eleven MTU segments, or a handshake (about 3 KiB) in
 * single bytes several times over. */
#define NW_RAW_MAX 16384u
/* How far from its handshake a connection may be when its first segment is seen, and be picked up. */
#define NW_PICK_UP_MAX 0x100000u
/* Where new flows cost (nw_flow_cost), a client may begin as many at once as cost this together, ns. */
#define NW_SHARE_SPAN 8000000000ull
/* ... which is this part of the table. */
#define NW_SHARE_PART 16u
/* Segments behind a hole after which it is taken for lost although nobody acknowledged it. */
#define NW_AHEAD_MAX 32
/* A segment further back than any message and window can explain belongs to another connection:
 * 16 MiB for the largest message, as much for what is retransmitted. Ahead, so much may have been lost here.
 */
#define NW_BACK_MAX 0x2000000u
/* So far beside what was sent an acknowledgement may be: bytes lost here, and packets that overtook others.
 */
#define NW_ACK_MAX 0x100000u
/* Resets told per flow, and words of the kernel about them per direction; after each reset, so many uncertain
 * signs of life */
#define NW_RST_MAX 8
#define NW_ALIVE_MAX 8
/* IOCTL errors that are told on suspicion after each hole in the client's stream, see struct nw_flow. */
#define NW_SUSPECT_MAX 16

/* struct nw_dir.flags */
#define NW_DF_SYNCED 0x01u /* next is a boundary */
#define NW_DF_INNER 0x02u  /* next is an SMB header inside the frame that ends at frame_end */
#define NW_DF_PASS 0x04u   /* bytes before pass_end belong to a wanted message */
#define NW_DF_HOLE 0x08u   /* bytes behind next were seen before next was */
#define NW_DF_LOST 0x10u   /* next lies among bytes that were seen and will not come again */
#define NW_DF_CIPHER 0x20u /* an encrypted message was told */
#define NW_DF_PACKED 0x40u /* a compressed message was told */
#define NW_DF_FIN 0x80u	   /* a FIN was told */

struct nw_dir {
	__u32 next;
	__u32 frame_end;
	__u32 pass_end;
	__u32 seen_end;	  /* with HOLE: the furthest byte seen */
	__u32 alive_from; /* after a RST: nw_alive_from() */
	__u16 pass_left;  /* with PASS: bytes before so many of pass_end were passed in order */
	__u16 raw_left;	  /* with HOLE or PASS: what may still be passed unjudged or out of order */
	__u8 flags;
	__u8 carry; /* bytes of a half header in the carry map */
	__u8 ahead; /* with HOLE: segments seen behind it */
	__u8 words; /* of the kernel about resets of this direction that were told, at most NW_RST_MAX */
	struct nw_look look;
};

/* struct nw_flow.flags */
#define NW_FF_TOLD 0x01u    /* an event was sent */
#define NW_FF_SYN 0x02u	    /* followed from its first byte */
#define NW_FF_NEW_SYN 0x04u /* a SYN with another sequence number was seen since */
#define NW_FF_ARMED 0x08u   /* the next request that uses a tree is told */
#define NW_FF_RST_C2S 0x10u /* a RST was seen, and nothing of the client since that only the living send */
#define NW_FF_RST_S2C 0x20u /* ... of the server */
#define NW_FF_FAR_C2S 0x40u /* data from far away came in the client's name, and nothing from near since */
#define NW_FF_FAR_S2C 0x80u /* ... in the server's */
#define NW_FF_FAR (NW_FF_FAR_C2S | NW_FF_FAR_S2C)

/* So laid out that, behind the key of a home, each direction is within a cache line: it has a CPU of its own.
 */
struct nw_flow {
	__u8 flags;
	__u8 client; /* endpoint of the key */
	__u8 syn_opts;
	__u8 pending_at : 2;
	/* The client's VALIDATE may have passed unjudged: so many IOCTL errors are told as its answer. */
	__u8 suspect : 6;
	__u8 n_rst : 4;
	__u8 n_alive : 4; /* uncertain signs of life told since the last RST */
	/* The last RST that was told: when (67 ms each), where (hashed), and what it looked like. */
	__u8 rst_when;
	__u16 rst_place : 12;
	__u16 far_when : 4;	       /* with FAR: since when (1.07 s each) */
	__u64 start_ts;		       /* of the SYN, or of the first packet seen */
	__u32 pending[NW_PENDING_MAX]; /* low halves of the MessageIds of unanswered VALIDATEs */
	__u32 rst_looks;
	struct nw_dir dir[2]; /* by enum nw_dir_id */
	__u32 isn;	      /* the client's, with SYN */
	__u64 fp_request;     /* of the last NEGOTIATE request, 0: unknown */
	__u64 fp_response;
};

/*
 * A key as a home has it. Of IPv4 the first two words say all, and the others count for nothing: bulk pays
 * for each word.
 */
struct nw_ident {
	__u64 end[2];  /* by endpoint of the key: nw_ident_end(); NW_IDENT_IP4 in the first */
	__u64 rest[3]; /* of the addresses, IPv6 */
};
#define NW_IDENT_IP4 (1ull << 48)

/* The last word of an address and the port, both as they lie in memory: 48 bits. */
nw_inline __u64 nw_ident_end(__u32 addr, __be16 port)
{
	return (__u64)addr << 16 | port;
}

nw_inline struct nw_ident nw_ident_of(const struct nw_key *k)
{
	struct nw_ident id = {
		.end = { nw_ident_end(k->addr[0].w[3], k->port[0]),
			 nw_ident_end(k->addr[1].w[3], k->port[1]) },
		.rest = { k->addr[0].d[0], k->addr[1].d[0], (__u64)k->addr[0].w[2] << 32 | k->addr[1].w[2] },
	};
	__u64 mapped = nw_from_be32(0xffffu);

	if (!(id.rest[0] | id.rest[1] | (id.rest[2] ^ (mapped << 32 | mapped))))
		id.end[0] |= NW_IDENT_IP4;
	return id;
}

/* A place for one flow, see bpf/flows.h: three cache lines. */
#define NW_HOME_FREE 0u
#define NW_HOME_BUSY 1u /* being given away */

struct nw_home {
	__u32 used; /* NW_HOME_*, or how many flows had begun when it was last used */
	__u32 pad;
	struct nw_ident id;
	struct nw_flow flow;
};

/* Homes stand in rows, and a flow lives anywhere in its row. */
#define NW_ROW 2u

struct nw_row {
	struct nw_home home[NW_ROW];
};

#define NW_HOME_WORDS 5

/*
 * A flow finds its row by a sum of products with odd numbers that nobody else knows: of IPv4 multiply-shift
 * (Dietzfelbinger et al. 1997), and for the rest of IPv6 NH (UMAC, RFC 4418 5.2.2). The products do not wait
 * for each other, unlike those of a chain. The last one is for ports that count up: a sum alone may lead them
 * all into a few rows.
 */
nw_inline __u32 nw_row_at(const volatile __u64 by[NW_HOME_WORDS], __u32 rows, const struct nw_ident *id)
{
	__u64 h = id->end[0] * by[0] + id->end[1] * by[1];

	if (!(id->end[0] & NW_IDENT_IP4))
		h += (id->rest[0] + by[2]) * (id->rest[1] + by[3]) + id->rest[2] * by[4];
	h = (h ^ h >> 32) * by[2];
	return (h >> 32) * rows >> 32;
}

/* Does this flow live here? */
nw_inline int nw_is_home(const struct nw_home *h, const struct nw_ident *id)
{
	if (h->used <= NW_HOME_BUSY || ((h->id.end[0] ^ id->end[0]) | (h->id.end[1] ^ id->end[1])))
		return 0;
	return id->end[0] & NW_IDENT_IP4 || !((h->id.rest[0] ^ id->rest[0]) | (h->id.rest[1] ^ id->rest[1]) |
					      (h->id.rest[2] ^ id->rest[2]));
}

/* Of so many flows five eighths may live at home. */
#define NW_ROWS(max_flows) ((max_flows) / 8 * 5 / NW_ROW)

/* What SYN and SYN-ACK said, by endpoint of the key, until data shows that the flow is SMB. */
struct nw_syn {
	__u64 ts; /* of the SYN */
	__u32 isn[2];
	__u8 have; /* bit 0, 1: isn[0], isn[1] are known */
	__u8 client;
	__u8 opts;
	__u8 pad[5];
};

struct nw_carry {
	__u32 b[20]; /* 80 bytes: NW_HEAD_MAX = 76, and 4 in front in a compound */
};

_Static_assert(sizeof(struct nw_dir) == 44, "dir");
_Static_assert(sizeof(struct nw_flow) == 144, "flow");
_Static_assert(sizeof(struct nw_home) == 192, "home");
_Static_assert(__builtin_offsetof(struct nw_home, flow.dir[1]) == 128, "each direction is in a cache line");
_Static_assert(NW_PENDING_MAX == 4 && NW_SUSPECT_MAX < 64 && NW_RST_MAX < 16 && NW_ALIVE_MAX < 16, "bits");
_Static_assert(NW_PASS_MAX < 65536 && NW_RAW_MAX < 65536, "what is left");
_Static_assert(sizeof(struct nw_carry) >= 4 + NW_JUDGE_MAX, "carry");

/* IP ids of one sender that lie less far apart were counted by it. */
#define NW_ID_STEP 1024
/* A packet this long after a RST was not overtaken by it: as bits of time, 67 ms. A network's reordering
 * takes less, a retransmission (RFC 6298: 200 ms and more in practice) takes longer. */
#define NW_LATE_BITS 26
/* Seconds, nearly, and as many of them as struct nw_flow.far_when counts. */
#define NW_FAR_BITS 30
#define NW_FAR_MASK 15u

/*
 * From where on is payload news after a RST? Behind all that its sender had sent, and behind the reset's own
 * sequence number where that is ahead of it, but near: what was sent before may be overtaken by the RST.
 */
nw_inline __u32 nw_alive_from(const struct nw_look *l, __u32 seq)
{
	return !l->ttl || seq - l->end < NW_PICK_UP_MAX ? seq : l->end;
}

/* Is payload that ends here news? What lies very far ahead is another connection's. */
nw_inline int nw_is_news(__u32 end, __u32 alive_from)
{
	return end - alive_from - 1 < NW_PICK_UP_MAX;
}

/* Did one host count on from its IP id `last` to this one? 0 is no id. */
nw_inline int nw_id_counts_on(__u16 last, __u16 id)
{
	return last && id && (__u16)(id - last - 1) < NW_ID_STEP;
}

/* Is a sequence number between two others, or no more than `slack` beside them? */
nw_inline int nw_is_about(__u32 seq, __u32 a, __u32 b, __u32 slack)
{
	__u32 from = nw_seq_diff(b, a) < 0 ? b : a, to = from == a ? b : a;

	return seq - from + slack <= to - from + 2 * slack;
}

/*
 * Is a segment where its connection is, of which one end was heard at least? Each direction is between what
 * its receiver acknowledged and what its sender sent: there have to be its sequence number and what it
 * acknowledges, as its receiver heeds it only then (RFC 9293 3.10.7.4, RFC 5961 5.2). Of an end that was not
 * heard yet the other's packets have to do, which may lie behind by all that is in flight.
 */
nw_inline int nw_is_near(const struct nw_look *sender, const struct nw_look *other, __u32 seq, __u32 ack)
{
	__u32 end = sender->end, acked = other->ack, to_ack = sender->ack, sent = other->end,
	      slack = NW_ACK_MAX;

	if (!sender->ttl) {
		end = acked;
		to_ack = sent;
		slack = NW_BACK_MAX;
	} else if (!other->ttl) {
		acked = end;
		sent = to_ack;
	}
	return nw_is_about(seq, acked, end, NW_BACK_MAX) && nw_is_about(ack, to_ack, sent, slack);
}

/* Where a direction's next unread byte is: behind what of a half header was put by. */
nw_inline __u32 nw_dir_wants(const struct nw_dir *d)
{
	return d->next + d->carry;
}

/* RFC 1002 4.3.1: 17 bits; Direct TCP: 24. The bits between are zero in a well-formed NetBIOS header. */
nw_inline __u32 nw_nbss_len(const __u8 *h)
{
	return (__u32)h[1] << 16 | (__u32)h[2] << 8 | h[3];
}

nw_inline int nw_nbss_is_control(const __u8 *h)
{
	return h[0] >= NW_NBSS_REQUEST && h[0] <= NW_NBSS_KEEPALIVE && nw_nbss_len(h) <= NW_NBSS_CONTROL_MAX;
}

/* Do twelve bytes look like the beginning of a message, sure enough to follow a stream from here? */
nw_inline int nw_looks_like_start(const __u8 *h)
{
	__u32 magic = nw_le32(h + NW_NBSS_HEADER);

	if (h[0] != NW_NBSS_MESSAGE || (magic | 0xff) != 0x424d53ffu || (magic & 0xff) < 0xfc)
		return 0;
	if ((magic & 0xff) == 0xfe)
		return nw_nbss_len(h) >= NW_H_BODY && nw_le16(h + NW_NBSS_HEADER + NW_H_STRUCT_SIZE) == 64;
	return nw_nbss_len(h) >= 32;
}

/* Can n bytes at the very start of a connection be the beginning of SMB? Says no only if they can't. */
nw_inline int nw_may_be_start(const __u8 *h, __u32 n)
{
	if (n >= 1 && h[0] != NW_NBSS_MESSAGE)
		return h[0] == NW_NBSS_REQUEST;
	if (n >= 5 && h[4] < 0xfc)
		return 0;
	if (n >= 8 && (nw_le32(h + 4) | 0xff) != 0x424d53ffu)
		return 0;
	return 1;
}

#endif
