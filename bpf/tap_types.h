/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the tap works with while one packet passes; apart from tap.h because the maps need it first. */
#ifndef NW_TAP_TYPES_H
#define NW_TAP_TYPES_H

#ifdef __bpf__
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
static long nw_ip6_one(__u32 i, void *arg);
#define NW_LOOP_IP6(walk) bpf_loop(NW_IP6_EXT_MAX, nw_ip6_one, (walk), 0)
#endif
#include "wire/l4.h"
#include "wire/options.h"
#include "wire/smb.h"
#include "wire/stream.h"

/*
 * The work on one packet, one per CPU: too large for the stack of a program, and passed whole to the
 * functions that the verifier checks on their own.
 */
struct nw_scratch {
	/* Programs only, from where the headers were found to where they are read: whether they were; whether
	 * the packet begins without a link header; and what lies at headers.l3. */
	struct nw_headers headers;
	__u8 found;
	__u8 l3;
	struct nw_ethertype type;
	__u64 now;     /* programs only: see nw_io_now() */
	__u64 waiting; /* programs only: bytes in the ring, lately; see NW_RESERVE */
	struct nw_pkt pkt;
	__u32 ifindex;
	__u8 hook;
	__u8 dir;  /* enum nw_dir_id of the sender */
	__u32 seq; /* of the payload's first byte */
	__u32 len; /* of the payload */
	/* nw_pass(): what is left to send */
	__u32 pass_seq;
	__u32 pass_end;
	__u32 pass_flags;
	/* nw_tell_message(): where the message lies */
	__u32 msg_off;	/* SMB header, from the payload's first byte */
	__u32 msg_need; /* bytes from there that count */
	__u32 msg_len;	/* its length, without NetBIOS header */
	struct nw_key carry_key;
	struct nw_judged judged; /* the message in hb */
	__u32 judged_len;	 /* bytes of it that are there */
	/* The header that is being judged, its SMB part always at 4 (so that it is aligned); the size allows
	 * for the offsets that the verifier has to assume. */
	__u8 hb[4 + 252];
};

_Static_assert((__builtin_offsetof(struct nw_scratch, hb) + 4) % 8 == 0, "the SMB header is aligned");

nw_inline struct nw_dir *nw_dir_of(const struct nw_scratch *s, struct nw_flow *f)
{
	return &f->dir[s->dir & 1];
}

#endif
