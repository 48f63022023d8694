/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The functions that NW_CALL and NW_LOOP_* name, once for each sort of context: bodies from tell.h and
 * walk.h, given to the verifier one by one.
 */
#ifndef NW_GLOBALS_H
#define NW_GLOBALS_H

#include "emit.h"
#include "tap.h"

static long nw_ip6_one(__u32 i, void *arg)
{
	return nw_ip6_step(arg);
}

static long nw_opt_one(__u32 i, void *arg)
{
	return nw_opt_step(arg);
}

/*
 * Those that look something up by a key in the scratch ask for it themselves: kernel 6.1 takes no memory of
 * an argument for a key ("R2 type=mem expected=fp, pkt, pkt_meta, map_key, map_value", all compilers).
 */
#define NW_DEFINE(suffix, type, kind)                                                                        \
	__attribute__((noinline)) int nw_tell_##suffix(type *ctx, struct nw_scratch *s, struct nw_flow *f,   \
						       __u32 ev, __u32 how)                                  \
	{                                                                                                    \
		if (s && f)                                                                                  \
			nw_tell(ctx, kind, s, f, ev, how);                                                   \
		return 0;                                                                                    \
	}                                                                                                    \
	__attribute__((noinline)) int nw_pass_head_##suffix(type *ctx, struct nw_scratch *s,                 \
							    struct nw_flow *f, __u32 n)                      \
	{                                                                                                    \
		if (s && f)                                                                                  \
			nw_pass_head(ctx, kind, s, f, n);                                                    \
		return 0;                                                                                    \
	}                                                                                                    \
	static long nw_pass_one_##suffix(__u32 i, void *arg)                                                 \
	{                                                                                                    \
		struct nw_step *st = arg;                                                                    \
                                                                                                             \
		return nw_pass_piece(st->ctx, kind, st->s, st->f);                                           \
	}                                                                                                    \
	__attribute__((noinline)) int nw_pass_all_##suffix(type *ctx, struct nw_scratch *s,                  \
							   struct nw_flow *f)                                \
	{                                                                                                    \
		struct nw_step st = { ctx, s, f };                                                           \
                                                                                                             \
		if (s && f)                                                                                  \
			bpf_loop(NW_PIECES_MAX, nw_pass_one_##suffix, &st, 0);                               \
		return 0;                                                                                    \
	}                                                                                                    \
	__attribute__((noinline)) int nw_fill_message_##suffix(                                              \
		type *ctx, struct nw_scratch *s, struct nw_flow *f, struct nw_usual *ev, __u32 ev_type)      \
	{                                                                                                    \
		return s && f && ev ? nw_fill_message(ctx, kind, s, f, (struct nw_event *)ev, ev_type) : -1; \
	}                                                                                                    \
	/* f: NULL, or the flow that has the key */                                                          \
	__attribute__((noinline)) int nw_handshake_##suffix(type *ctx, struct nw_flow *f)                    \
	{                                                                                                    \
		struct nw_scratch *s = nw_scratch_get();                                                     \
                                                                                                             \
		if (s)                                                                                       \
			nw_handshake(ctx, kind, s, f);                                                       \
		return 0;                                                                                    \
	}                                                                                                    \
	__attribute__((noinline)) int nw_flow_begin_##suffix(type *ctx)                                      \
	{                                                                                                    \
		struct nw_scratch *s = nw_scratch_get();                                                     \
                                                                                                             \
		return s ? nw_flow_begin(ctx, kind, s) : 0;                                                  \
	}                                                                                                    \
	__attribute__((noinline)) int nw_payload_##suffix(type *ctx, struct nw_flow *f)                      \
	{                                                                                                    \
		struct nw_scratch *s = nw_scratch_get();                                                     \
                                                                                                             \
		return s && f ? nw_payload(ctx, kind, s, f) : NW_C_MALFORMED;                                \
	}                                                                                                    \
	__attribute__((noinline)) int nw_ends_##suffix(type *ctx, struct nw_scratch *s, struct nw_flow *f)   \
	{                                                                                                    \
		if (s && f)                                                                                  \
			nw_ends(ctx, kind, s, f);                                                            \
		return 0;                                                                                    \
	}                                                                                                    \
	static long nw_walk_##suffix(__u32 i, void *arg)                                                     \
	{                                                                                                    \
		struct nw_step *st = arg;                                                                    \
                                                                                                             \
		return nw_walk_step(st->ctx, kind, st->s, st->f);                                            \
	}

NW_DEFINE(xdp, struct xdp_md, NW_KIND_XDP)
NW_DEFINE(skb, struct __sk_buff, NW_KIND_SKB)

#endif
