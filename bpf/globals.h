/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The functions that NW_CALL and NW_LOOP_* name, once for each sort of context: bodies from tell.h and
 * walk.h, given to the verifier one by one.
 */
#ifndef NW_GLOBALS_H
#define NW_GLOBALS_H

#include "emit.h"
#include "tap.h"

__attribute__((noinline)) int nw_judge_head(struct nw_scratch *s, struct nw_flow *f, __u32 n, __u32 room)
{
	struct nw_judged j;

	if (!s || !f)
		return NW_CL_SKIP;
	j = nw_judge(s->hb + 4, n, room, f->pending, f->suspect);
	s->judged_next = j.next;
	s->judged_guess = j.guess;
	return j.class | j.type << 8;
}

__attribute__((noinline)) int nw_extract_event(struct nw_event *ev, __u32 n, __u32 type)
{
	if (!ev)
		return -1;
	return nw_extract(&ev->smb, ev->data + 4, n, type);
}

static long nw_ip6_one(__u32 i, void *arg)
{
	return nw_ip6_step(arg);
}

static long nw_opt_one(__u32 i, void *arg)
{
	return nw_opt_step(arg);
}

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
	__attribute__((noinline)) int nw_tell_message_##suffix(type *ctx, struct nw_scratch *s,              \
							       struct nw_flow *f, __u32 ev)                  \
	{                                                                                                    \
		return s && f ? nw_tell_message(ctx, kind, s, f, ev) : 0;                                    \
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
