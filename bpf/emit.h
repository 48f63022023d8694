/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What tap.h asks of its surroundings, answered by the kernel: packet bytes, maps, ring buffer. An
 * event that finds no room is counted, and its number stays used, so that user space can prove the gap.
 */
#ifndef NW_EMIT_H
#define NW_EMIT_H

#include "maps.h"
#include "share.h"
#include "wake.h"

#define NW_KIND_XDP 0
#define NW_KIND_SKB 1

#define NW_LOAD(ctx, kind, off, dst, len)                                                                    \
	((kind) == NW_KIND_XDP ? bpf_xdp_load_bytes((struct xdp_md *)(ctx), (off), (dst), (len)) :           \
				 bpf_skb_load_bytes((ctx), (off), (dst), (len)))

/* Words of eight bytes, then what is left of n, a constant. */
nw_inline void nw_copy(void *dst, const void *src, const __u32 n)
{
	__u32 i;

	for (i = 0; i + 8 <= n; i += 8)
		*(nw_u64a *)(dst + i) = *(const nw_u64a *)(src + i);
	if (n & 4)
		*(nw_u32a *)(dst + (n & ~7u)) = *(const nw_u32a *)(src + (n & ~7u));
	if (n & 2)
		*(nw_u16a *)(dst + (n & ~3u)) = *(const nw_u16a *)(src + (n & ~3u));
}

/* All of the packet that can be read without a call. */
nw_inline struct nw_cursor nw_cursor_of(const void *ctx, const int kind)
{
	const struct __sk_buff *skb = ctx;
	const struct xdp_md *xdp = ctx;
	int is_xdp = kind == NW_KIND_XDP;

	return (struct nw_cursor){ .data = (const void *)(long)(is_xdp ? xdp->data : skb->data),
				   .end = (const void *)(long)(is_xdp ? xdp->data_end : skb->data_end) };
}

/*
 * `whole` bytes from off on, a constant, without a call, which takes longer than the copy. -1: the packet
 * does not have them in one piece.
 */
nw_inline int nw_load_whole(void *ctx, const int kind, __u32 off, void *dst, const __u32 whole)
{
	struct nw_cursor c = nw_cursor_of(ctx, kind);

	NW_BOUND(off);
	if (off > 0x7fff || c.data + off + whole > c.end)
		return -1;
	nw_copy(dst, c.data + off, whole);
	return 0;
}

/* The header of a message: `whole` may be more than there is of it, and then what lies behind is copied, too.
 */
#define NW_LOAD_HEAD(ctx, kind, off, dst, len, whole)                                                        \
	(nw_load_whole((ctx), (kind), (off), (dst), (whole)) == 0 ?                                          \
		 0 :                                                                                         \
		 NW_LOAD((ctx), (kind), (off), (dst), (len)))

/*
 * The packet's headers, n bytes of NW_HDR_MAX that dst has: IPv4 and TCP without options, with a time stamp,
 * and all others.
 */
nw_inline long nw_load_headers(void *ctx, const int kind, void *dst, __u32 n)
{
	int left = n <= 54 ? nw_load_whole(ctx, kind, 0, dst, 54) :
		   n <= 66 ? nw_load_whole(ctx, kind, 0, dst, 66) :
			     nw_load_whole(ctx, kind, 0, dst, NW_HDR_MAX);

	return left ? NW_LOAD(ctx, kind, 0, dst, n) : 0;
}
#define NW_LOAD_HEADERS(ctx, kind, dst, n) nw_load_headers((ctx), (kind), (dst), (n))

/*
 * What takes the verifier long is checked once, on its own, as a global function of the program (kernel
 * 5.12 and later); inlined, the programs exceed its million instructions (clang 14, kernel 6.18: "BPF
 * program is too large"). A global function sees its pointers as memory that may be absent.
 */
#define NW_CALL(kind, fn, ctx, ...)                                                                          \
	((kind) == NW_KIND_XDP ? fn##_xdp((struct xdp_md *)(ctx), ##__VA_ARGS__) :                           \
				 fn##_skb((struct __sk_buff *)(ctx), ##__VA_ARGS__))

/* bpf_loop: a bounded loop with this body costs the verifier ten times as much (measured, clang 14). */
#define NW_LOOP_WALK(ctx, kind, s, f)                                                                        \
	({                                                                                                   \
		struct nw_step __step = { (ctx), (s), (f) };                                                 \
		bpf_loop(NW_WALK_MAX, (kind) == NW_KIND_XDP ? nw_walk_xdp : nw_walk_skb, &__step, 0);        \
	})
#define NW_LOOP_OPT(kind, opt_walk) bpf_loop(40, nw_opt_one, (opt_walk), 0)

/* An event that has a message, usual or full: as much of it as both have. */
struct nw_usual {
	__u64 words[NW_EVENT_USUAL / 8];
};

struct nw_step {
	void *ctx;
	struct nw_scratch *s;
	struct nw_flow *f;
};

static long nw_opt_one(__u32 i, void *arg);

#define NW_DECLARE(suffix, type)                                                                             \
	int nw_tell_##suffix(type *ctx, struct nw_scratch *s, struct nw_flow *f, __u32 ev, __u32 how);       \
	int nw_pass_head_##suffix(type *ctx, struct nw_scratch *s, struct nw_flow *f, __u32 n);              \
	int nw_pass_all_##suffix(type *ctx, struct nw_scratch *s, struct nw_flow *f);                        \
	int nw_fill_message_##suffix(type *ctx, struct nw_scratch *s, struct nw_flow *f,                     \
				     struct nw_usual *ev, __u32 ev_type);                                    \
	int nw_handshake_##suffix(type *ctx, struct nw_flow *f);                                             \
	int nw_flow_begin_##suffix(type *ctx);                                                               \
	int nw_payload_##suffix(type *ctx, struct nw_flow *f);                                               \
	int nw_ends_##suffix(type *ctx, struct nw_scratch *s, struct nw_flow *f);                            \
	static long nw_walk_##suffix(__u32 i, void *arg)

NW_DECLARE(xdp, struct xdp_md);
NW_DECLARE(skb, struct __sk_buff);

nw_inline struct nw_scratch *nw_scratch_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&nw_scratches, &zero);
}

nw_inline void nw_io_count(void *ctx, enum nw_counter c)
{
	struct nw_cpu_stats *st = nw_cpu_stats();

	(void)ctx;
	if (st && c < NW_C_MAX)
		st->count[c]++;
}

/* Events of one packet have one time. */
nw_inline __u64 nw_io_now(void *ctx, struct nw_scratch *s)
{
	if (!s->now)
		s->now = bpf_ktime_get_ns();
	return s->now;
}

nw_inline void nw_io_stamp(void *ctx, struct nw_scratch *s, struct nw_event *ev)
{
	struct nw_cpu_stats *st = nw_cpu_stats();

	ev->ts = nw_io_now(ctx, s);
	ev->seqno = st ? st->seqno : 0;
	ev->frame = 0;
	ev->hook = s->hook;
	ev->cpu = bpf_get_smp_processor_id();
	ev->ifindex = s->ifindex;
}

/*
 * Size has to be a constant at each place. The number is taken before it is known whether there is room, and
 * the result is tested once, by the caller: kernel 6.1 takes a second test for one that may fail
 * ("Unreleased reference", clang 14). How full the ring is, which is a call, is asked for one event in
 * NW_ASK_EVERY: what each CPU may put in besides are 7 KiB, of half the ring.
 */
#define NW_ASK_EVERY 8
#define NW_RESERVE(ctx, s, client, size)                                                                     \
	({                                                                                                   \
		struct nw_cpu_stats *__st = nw_cpu_stats();                                                  \
		if (__st) {                                                                                  \
			__st->seqno++;                                                                       \
			__st->count[NW_C_EVENTS]++;                                                          \
		}                                                                                            \
		if (__st && !(__st->seqno % NW_ASK_EVERY))                                                   \
			(s)->waiting = bpf_ringbuf_query(&nw_ring, BPF_RB_AVAIL_DATA);                       \
		(s)->waiting < nw_ring_bytes / 2 || nw_ring_share(client) ?                                  \
			bpf_ringbuf_reserve(&nw_ring, (size), 0) :                                           \
			0;                                                                                   \
	})

nw_inline __u32 nw_io_place(const struct nw_scratch *s)
{
	return s->hook | s->ifindex << 2;
}

/* There was no room: the event was lost, its number stays taken. */
nw_inline void nw_io_lost(void *ctx)
{
	struct nw_cpu_stats *st = nw_cpu_stats();

	(void)ctx;
	if (st) {
		st->count[NW_C_EVENTS]--;
		st->count[NW_C_LOST_EVENTS]++;
	}
}

#define NW_SUBMIT(ctx, s, ev)                                                                                \
	bpf_ringbuf_submit(                                                                                  \
		(ev), nw_wake((ev)->type, (ev)->flags, (ev)->smb.flags, (s)->waiting >= nw_ring_bytes / 16))
/* A discarded event was none: its number is given back. */
#define NW_DISCARD(ctx, ev)                                                                                  \
	({                                                                                                   \
		struct nw_cpu_stats *__st = nw_cpu_stats();                                                  \
		if (__st) {                                                                                  \
			__st->seqno--;                                                                       \
			__st->count[NW_C_EVENTS]--;                                                          \
		}                                                                                            \
		bpf_ringbuf_discard((ev), 0);                                                                \
	})

nw_inline struct nw_flow *nw_io_flow(void *ctx, const struct nw_key *k)
{
	struct nw_flow *f = nw_at_home(nw_home_of_key(k));

	return f ? f : bpf_map_lookup_elem(&nw_flows, k);
}

/* May the flow begin? client: its group (wire/group.h), 0: of a flow of which no handshake was seen. */
nw_inline int nw_io_may_begin(void *ctx, __u64 client)
{
	(void)ctx;
	return nw_flow_share(client);
}

static const struct nw_flow nw_flow_zero;

/* Flows begun, flows ended and the table say how many were evicted: the hash doesn't tell. */
nw_inline struct nw_flow *nw_io_flow_new(void *ctx, const struct nw_key *k)
{
	struct nw_flow *f;

	nw_home_tick();
	f = nw_home_take(k);
	if (f || bpf_map_update_elem(&nw_flows, k, &nw_flow_zero, BPF_NOEXIST) == 0)
		nw_io_count(ctx, NW_C_FLOWS);
	return f ? f : bpf_map_lookup_elem(&nw_flows, k);
}

nw_inline void nw_io_flow_del(void *ctx, const struct nw_key *k)
{
	if (nw_home_leave(k) || bpf_map_delete_elem(&nw_flows, k) == 0)
		nw_io_count(ctx, NW_C_FLOWS_ENDED);
}

nw_inline struct nw_syn *nw_io_syn(void *ctx, const struct nw_key *k)
{
	return bpf_map_lookup_elem(&nw_syns, k);
}

nw_inline void nw_io_syn_put(void *ctx, const struct nw_key *k, const struct nw_syn *v)
{
	bpf_map_update_elem(&nw_syns, k, v, BPF_ANY);
}

nw_inline void nw_io_syn_del(void *ctx, const struct nw_key *k)
{
	bpf_map_delete_elem(&nw_syns, k);
}

nw_inline struct nw_carry *nw_io_carry(void *ctx, const struct nw_key *k)
{
	return bpf_map_lookup_elem(&nw_carries, k);
}

nw_inline void nw_io_carry_put(void *ctx, const struct nw_key *k, const struct nw_carry *v)
{
	bpf_map_update_elem(&nw_carries, k, v, BPF_ANY);
}

nw_inline int nw_io_is_port(void *ctx, __be16 port)
{
	return nw_port_in(nw_ports, port);
}

#endif
