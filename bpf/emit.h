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

/*
 * What was stored has to be read again. Of what comes out of a map the verifier knows nothing, and so walks
 * the code behind once, not for each way that led there (8,400 instructions less per program).
 */
#define NW_FORGET() asm volatile("" ::: "memory")

#define NW_KIND_XDP 0
#define NW_KIND_SKB 1

#define NW_LOAD(ctx, kind, off, dst, len)                                                                    \
	((kind) == NW_KIND_XDP ? bpf_xdp_load_bytes((struct xdp_md *)(ctx), (off), (dst), (len)) :           \
				 bpf_skb_load_bytes((ctx), (off), (dst), (len)))

/*
 * What takes the verifier long is checked once, on its own, as a global function of the program (kernel
 * 5.12 and later); inlined, the programs exceed its million instructions (clang 14, kernel 6.18: "BPF
 * program is too large"). A global function sees its pointers as memory that may be absent.
 */
#define NW_CALL(kind, fn, ctx, ...)                                                                          \
	((kind) == NW_KIND_XDP ? fn##_xdp((struct xdp_md *)(ctx), __VA_ARGS__) :                             \
				 fn##_skb((struct __sk_buff *)(ctx), __VA_ARGS__))

/* bpf_loop: a bounded loop with this body costs the verifier ten times as much (measured, clang 14). */
#define NW_LOOP_WALK(ctx, kind, s, f)                                                                        \
	({                                                                                                   \
		struct nw_step __step = { (ctx), (s), (f) };                                                 \
		bpf_loop(NW_WALK_MAX, (kind) == NW_KIND_XDP ? nw_walk_xdp : nw_walk_skb, &__step, 0);        \
	})
#define NW_LOOP_OPT(kind, opt_walk) bpf_loop(40, nw_opt_one, (opt_walk), 0)
#define NW_JUDGE(s, f, n, room) nw_judge_head((s), (f), (n), (room))
#define NW_EXTRACT(ev, n, type) nw_extract_event((ev), (n), (type))

struct nw_step {
	void *ctx;
	struct nw_scratch *s;
	struct nw_flow *f;
};

int nw_judge_head(struct nw_scratch *s, struct nw_flow *f, __u32 n, __u32 room);
int nw_extract_event(struct nw_event *ev, __u32 n, __u32 type);
static long nw_opt_one(__u32 i, void *arg);

#define NW_DECLARE(suffix, type)                                                                             \
	int nw_tell_##suffix(type *ctx, struct nw_scratch *s, struct nw_flow *f, __u32 ev, __u32 how);       \
	int nw_pass_head_##suffix(type *ctx, struct nw_scratch *s, struct nw_flow *f, __u32 n);              \
	int nw_pass_all_##suffix(type *ctx, struct nw_scratch *s, struct nw_flow *f);                        \
	int nw_tell_message_##suffix(type *ctx, struct nw_scratch *s, struct nw_flow *f, __u32 ev);          \
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

nw_inline void nw_io_stamp(const struct nw_scratch *s, struct nw_event *ev)
{
	struct nw_cpu_stats *st = nw_cpu_stats();

	ev->ts = bpf_ktime_get_ns();
	ev->seqno = st ? st->seqno : 0;
	ev->frame = 0;
	ev->hook = s->hook;
	ev->cpu = s->cpu;
	ev->ifindex = s->ifindex;
}

/*
 * Size has to be a constant at each place. The number is taken before it is known whether there is room, and
 * the result is tested once, by the caller: kernel 6.1 takes a second test for one that may fail
 * ("Unreleased reference", clang 14).
 */
#define NW_RESERVE(ctx, client, size)                                                                        \
	({                                                                                                   \
		struct nw_cpu_stats *__st = nw_cpu_stats();                                                  \
		if (__st) {                                                                                  \
			__st->seqno++;                                                                       \
			__st->count[NW_C_EVENTS]++;                                                          \
		}                                                                                            \
		nw_ring_share(client) ? bpf_ringbuf_reserve(&nw_ring, (size), 0) : 0;                        \
	})

nw_inline __u64 nw_io_now(void *ctx)
{
	return bpf_ktime_get_ns();
}

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

#define NW_SUBMIT(ctx, ev) bpf_ringbuf_submit((ev), nw_wake((ev)->type, (ev)->flags, (ev)->smb.flags))
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
	struct nw_flow *f = nw_at_home(k);

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
