// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * This host's own word on resets: the kernel's tracepoints tcp:tcp_send_reset and tcp:tcp_receive_reset, for
 * flows that the packet programs track, and for no others. An object of its own that works on their maps and
 * may be absent: without it nothing is lost but these words.
 *
 * Raw tracepoints, not classic ones: those are opened by a number out of tracefs, which root alone may read
 * (mode 0700) and negwatchd does not run as root. Nor tp_btf: before kernel 6.13 the verifier takes its
 * arguments for never NULL, and the packet of a reset that the host sends of its own accord is.
 *
 * The tracepoints speak of all sockets of the host. Only those in negwatchd's network namespace count here:
 * the same two ends may exist in other namespaces as well (a transparent proxy in a container has sockets
 * with the client's and the server's addresses), and there a reset is not the word of the end that we watch.
 * To have the word of a server in a container, run negwatchd in that container's network namespace.
 */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "ktypes.h"
#include "shared.h"
#include "wake.h"
#include "wire/l4.h"

#define AF_INET 2
#define AF_INET6 10

/* Set before loading: negwatchd's network namespace, and whether the tracepoint has a third argument. */
const volatile __u32 nw_netns = 0;
const volatile __u32 nw_has_reason = 0;

/* A connection as one of its ends sees it. */
struct nw_sides {
	__u32 local[4], remote[4];
	__be16 local_port, remote_port;
	__u32 seq; /* of the reset */
};

nw_inline void nw_map_v4(__u32 to[4], __be32 addr)
{
	to[0] = 0;
	to[1] = 0;
	to[2] = nw_from_be32(0xffffu);
	to[3] = addr;
}

/* A full socket. Its number may be gone: close() gives the port back first, and sends the reset then. */
nw_inline int nw_sides_of_sock(struct nw_sides *e, const struct sock_common *sk)
{
	__u16 family = BPF_CORE_READ(sk, skc_family);

	e->local_port = BPF_CORE_READ((const struct inet_sock *)sk, inet_sport);
	e->remote_port = BPF_CORE_READ(sk, skc_dport);
	if (family == AF_INET) {
		nw_map_v4(e->local, BPF_CORE_READ(sk, skc_rcv_saddr));
		nw_map_v4(e->remote, BPF_CORE_READ(sk, skc_daddr));
		return 0;
	}
	if (family != AF_INET6 || !bpf_core_field_exists(sk->skc_v6_daddr))
		return -1;
	/* IPv4 on such a socket is v4-mapped already, as in the key. */
	bpf_core_read(e->local, sizeof(e->local), &sk->skc_v6_rcv_saddr);
	bpf_core_read(e->remote, sizeof(e->remote), &sk->skc_v6_daddr);
	return 0;
}

/* The packet that the reset answers: it came from the remote end. */
nw_inline int nw_sides_of_packet(struct nw_sides *e, const struct sk_buff *skb)
{
	const unsigned char *head = BPF_CORE_READ(skb, head);
	const unsigned char *ip = head + BPF_CORE_READ(skb, network_header);
	__u32 addr[2];
	struct nw_tcp_head {
		__be16 from, to;
		__be32 seq, ack;
		__u8 off, flags;
	} th;
	__u8 first;

	if (bpf_probe_read_kernel(&first, sizeof(first), ip) < 0 ||
	    bpf_probe_read_kernel(&th, sizeof(th), head + BPF_CORE_READ(skb, transport_header)) < 0)
		return -1;
	if (first >> 4 == 4) {
		bpf_probe_read_kernel(addr, sizeof(addr), ip + 12);
		nw_map_v4(e->remote, addr[0]);
		nw_map_v4(e->local, addr[1]);
	} else if (first >> 4 == 6) {
		bpf_probe_read_kernel(e->remote, sizeof(e->remote), ip + 8);
		bpf_probe_read_kernel(e->local, sizeof(e->local), ip + 24);
	} else {
		return -1;
	}
	e->remote_port = th.from;
	e->local_port = th.to;
	/* RFC 9293 3.5.2: from the acknowledgement, or 0 */
	e->seq = th.flags & NW_TH_ACK ? nw_from_be32(th.ack) : 0;
	return 0;
}

nw_inline void nw_count(struct nw_cpu_stats *st, enum nw_counter c)
{
	/* The packet programs on this CPU may interrupt us between a load and a store. */
	__sync_fetch_and_add(&st->count[c], 1);
}

/* by_local: the local end sends the reset. */
nw_inline void nw_word(const struct nw_sides *e, __u32 type, int by_local, __u32 reason)
{
	struct nw_cpu_stats *st = nw_cpu_stats();
	struct nw_event *ev;
	struct nw_flow *f;
	struct nw_dir *d;
	struct nw_key k;
	__u32 local, dir;

	local = nw_key_make(&k, e->local, e->local_port, e->remote, e->remote_port);
	f = nw_flow_find(&k);
	/* Of a flow that was not told yet nobody knows. */
	if (!f || !st || !(f->flags & NW_FF_TOLD))
		return;
	dir = (local == f->client) == !!by_local ? NW_C2S : NW_S2C;
	d = &f->dir[dir & 1];
	if (d->words >= NW_RST_MAX)
		return;
	d->words++;
	ev = bpf_ringbuf_reserve(&nw_ring, NW_EVENT_SMALL, 0);
	if (!ev) {
		nw_count(st, NW_C_LOST_EVENTS);
		return;
	}
	__builtin_memset(ev, 0, NW_EVENT_SMALL);
	ev->ts = bpf_ktime_get_ns();
	ev->start_ts = f->start_ts;
	ev->key = k;
	ev->type = type;
	ev->dir = dir;
	ev->client = f->client;
	ev->cpu = bpf_get_smp_processor_id();
	ev->tcp.seq = e->seq;
	ev->reason = reason;
	/*
	 * Not numbered: the packet programs may run on this CPU between the number and the place in the ring,
	 * and numbers out of order would look like a loss. What finds no room is counted, above.
	 */
	nw_count(st, NW_C_EVENTS);
	bpf_ringbuf_submit(ev, nw_wake(type, 0, 0));
}

nw_inline int nw_is_here(const struct sock_common *sk, const struct sk_buff *skb)
{
	__u32 netns =
		sk ? BPF_CORE_READ(sk, skc_net.net, ns.inum) : BPF_CORE_READ(skb, dev, nd_net.net, ns.inum);

	return netns == nw_netns;
}

/* (sk, skb), and from kernel 6.10 on (sk, skb, reason). Without skb the host resets of its own accord. */
SEC("raw_tp/tcp_send_reset")
int nw_rst_sent(struct bpf_raw_tracepoint_args *ctx)
{
	const struct sock_common *sk = (const void *)ctx->args[0];
	const struct sk_buff *skb = (const void *)ctx->args[1];
	__u32 reason = nw_has_reason ? (__u32)ctx->args[2] + 1 : 0;
	struct nw_sides e = {};

	if (!nw_is_here(sk, skb))
		return 0;
	if (skb) {
		if (nw_sides_of_packet(&e, skb) < 0)
			return 0;
	} else {
		if (nw_sides_of_sock(&e, sk) < 0)
			return 0;
		e.seq = BPF_CORE_READ((const struct tcp_sock *)sk, snd_nxt);
	}
	nw_word(&e, NW_EV_RST_SENT, 1, reason);
	return 0;
}

/* (sk): the reset was found valid (RFC 5961) and ends the connection. */
SEC("raw_tp/tcp_receive_reset")
int nw_rst_accepted(struct bpf_raw_tracepoint_args *ctx)
{
	const struct sock_common *sk = (const void *)ctx->args[0];
	struct nw_sides e = {};

	if (!nw_is_here(sk, 0) || nw_sides_of_sock(&e, sk) < 0)
		return 0;
	e.seq = BPF_CORE_READ((const struct tcp_sock *)sk, rcv_nxt);
	nw_word(&e, NW_EV_RST_ACCEPTED, 0, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
