// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The tap over packets in memory: the code of bpf/tap.h as it runs in the kernel, with tables and a
 * callback in the place of maps and ring buffer. The kernel's limits on maps hold here, too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"
#include "../engine/table.h"
#include "../../bpf/tap_types.h"

struct nw_tap {
	const struct nw_tap_packet *pkt;
	struct nw_table *flows, *syns, *carries;
	struct nw_scratch s;
	/* An event is told at its submission, so that one buffer serves for all. */
	struct nw_event ev;
	nw_event_fn fn;
	void *arg;
	int stop;
	uint64_t seqno;
	uint64_t count[NW_C_MAX];
	__u64 ports[NW_PORT_WORDS];
};

#define NW_LOAD(ctx, kind, off, dst, len) tap_load((ctx), (off), (dst), (len))
#define NW_LOAD_HEAD(ctx, kind, off, dst, len, whole) tap_load((ctx), (off), (dst), (len))
#define NW_LOAD_HEADERS(ctx, kind, dst, n) tap_load((ctx), 0, (dst), (n))
#define NW_RESERVE(ctx, s, client, size) tap_reserve(ctx)
#define NW_SUBMIT(ctx, s, ev) tap_submit(ctx)
#define NW_DISCARD(ctx, ev) tap_discard(ctx)
#define NW_CALL(kind, fn, ctx, ...) NW_CALL_##fn(ctx, kind, ##__VA_ARGS__)
#define NW_CALL_nw_tell(ctx, kind, s, f, type, how) nw_tell(ctx, kind, s, f, type, how)
#define NW_CALL_nw_pass_head(ctx, kind, s, f, n) nw_pass_head(ctx, kind, s, f, n)
#define NW_CALL_nw_pass_all(ctx, kind, s, f) tap_pass_all(ctx, s, f)
#define NW_CALL_nw_fill_message(ctx, kind, s, f, ev, type) nw_fill_message(ctx, kind, s, f, ev, type)
#define NW_CALL_nw_payload(ctx, kind, f) nw_payload(ctx, kind, &((struct nw_tap *)(ctx))->s, f)
#define NW_CALL_nw_ends(ctx, kind, s, f) nw_ends(ctx, kind, s, f)
#define NW_CALL_nw_handshake(ctx, kind, f) nw_handshake(ctx, kind, &((struct nw_tap *)(ctx))->s, f)
#define NW_CALL_nw_flow_begin(ctx, kind) nw_flow_begin(ctx, kind, &((struct nw_tap *)(ctx))->s)
#define NW_LOOP_WALK(ctx, kind, s, f) tap_walk(ctx, s, f)
#define NW_LOOP_OPT(kind, opt_walk)                                                                          \
	do {                                                                                                 \
		for (int __i = 0; __i < 40 && nw_opt_step(opt_walk) == 0; __i++)                             \
			;                                                                                    \
	} while (0)

static int tap_load(void *ctx, uint32_t off, void *dst, uint32_t len)
{
	const struct nw_tap_packet *p = ((struct nw_tap *)ctx)->pkt;
	uint32_t there = off < p->caplen ? p->caplen - off : 0;

	if (len > there && (!p->sparse || !there))
		return -EFAULT;
	memcpy(dst, p->data + off, nw_min(len, there));
	/* What counts of a message is there: what lies behind it is not looked at. */
	if (len > there)
		memset((uint8_t *)dst + there, 0, len - there);
	return 0;
}

static struct nw_event *tap_reserve(void *ctx)
{
	struct nw_tap *t = ctx;

	t->seqno++;
	t->count[NW_C_EVENTS]++;
	return &t->ev;
}

static void tap_submit(void *ctx)
{
	struct nw_tap *t = ctx;

	if (!t->stop)
		t->stop = t->fn(t->arg, &t->ev);
}

static void tap_discard(void *ctx)
{
	struct nw_tap *t = ctx;

	t->seqno--;
	t->count[NW_C_EVENTS]--;
}

static int tap_pass_all(void *ctx, struct nw_scratch *s, struct nw_flow *f);
static void tap_walk(void *ctx, struct nw_scratch *s, struct nw_flow *f);

static void nw_io_count(void *ctx, enum nw_counter c)
{
	((struct nw_tap *)ctx)->count[c]++;
}

static uint64_t nw_io_now(void *ctx, const struct nw_scratch *s)
{
	return ((struct nw_tap *)ctx)->pkt->ts;
}

/* A capture is made in one place. */
static uint32_t nw_io_place(const struct nw_scratch *s)
{
	return 0;
}

/* A callback always has room. */
static void nw_io_lost(void *ctx)
{
	(void)ctx;
}

static void nw_io_stamp(void *ctx, struct nw_scratch *s, struct nw_event *ev)
{
	const struct nw_tap *t = ctx;

	ev->ts = t->pkt->ts;
	ev->seqno = t->seqno;
	ev->frame = t->pkt->frame;
	ev->hook = NW_HOOK_CAPTURE;
	ev->cpu = 0;
	ev->ifindex = 0;
}

static int nw_io_is_port(void *ctx, __be16 port)
{
	return nw_port_in(((struct nw_tap *)ctx)->ports, port);
}

static struct nw_flow *nw_io_flow(void *ctx, const struct nw_key *k)
{
	return nw_table_get(((struct nw_tap *)ctx)->flows, k);
}

/* As the kernel's map update: an entry that exists is begun anew, with these bytes. */
static void tap_replace(struct nw_table *t, const struct nw_key *k, const void *value, size_t size)
{
	void *to = nw_table_get(t, k);

	if (!to)
		to = nw_table_put(t, k);
	if (to)
		memcpy(to, value, size);
}

/* A file is read to its end, whoever wrote it. */
static int nw_io_may_begin(void *ctx, uint64_t client)
{
	return 1;
}

static struct nw_flow *nw_io_flow_new(void *ctx, const struct nw_key *k)
{
	nw_io_count(ctx, NW_C_FLOWS);
	return nw_table_put(((struct nw_tap *)ctx)->flows, k);
}

static void tap_del(struct nw_table *t, const struct nw_key *k)
{
	void *old = nw_table_get(t, k);

	if (old)
		nw_table_del(t, old);
}

static void nw_io_flow_del(void *ctx, const struct nw_key *k)
{
	nw_io_count(ctx, NW_C_FLOWS_ENDED);
	tap_del(((struct nw_tap *)ctx)->flows, k);
}

static void nw_io_syn_del(void *ctx, const struct nw_key *k)
{
	tap_del(((struct nw_tap *)ctx)->syns, k);
}

static struct nw_syn *nw_io_syn(void *ctx, const struct nw_key *k)
{
	return nw_table_get(((struct nw_tap *)ctx)->syns, k);
}

static void nw_io_syn_put(void *ctx, const struct nw_key *k, const struct nw_syn *v)
{
	tap_replace(((struct nw_tap *)ctx)->syns, k, v, sizeof(*v));
}

static struct nw_carry *nw_io_carry(void *ctx, const struct nw_key *k)
{
	return nw_table_get(((struct nw_tap *)ctx)->carries, k);
}

static void nw_io_carry_put(void *ctx, const struct nw_key *k, const struct nw_carry *v)
{
	tap_replace(((struct nw_tap *)ctx)->carries, k, v, sizeof(*v));
}

#include "../../bpf/tap.h"

static int tap_pass_all(void *ctx, struct nw_scratch *s, struct nw_flow *f)
{
	int i;

	for (i = 0; i < NW_PIECES_MAX; i++)
		if (nw_pass_piece(ctx, 0, s, f))
			break;
	return 0;
}

static void tap_walk(void *ctx, struct nw_scratch *s, struct nw_flow *f)
{
	int i;

	for (i = 0; i < NW_WALK_MAX; i++)
		if (nw_walk_step(ctx, 0, s, f))
			break;
}

int nw_tap_new(struct nw_tap **out, const struct nw_tap_config *cfg, nw_event_fn fn, void *arg)
{
	struct nw_tap *t;
	unsigned int i;

	if (!cfg->n_ports || !fn)
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	for (i = 0; i < cfg->n_ports; i++)
		nw_port_add(t->ports, cfg->ports[i]);
	t->fn = fn;
	t->arg = arg;
	if (nw_table_new(&t->flows, cfg->max_flows ? cfg->max_flows : 65536, sizeof(struct nw_flow), 0, NULL,
			 NULL) ||
	    nw_table_new(&t->syns, 8192, sizeof(struct nw_syn), 0, NULL, NULL) ||
	    nw_table_new(&t->carries, 4096, sizeof(struct nw_carry), 0, NULL, NULL)) {
		nw_tap_free(&t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

void nw_tap_free(struct nw_tap **tp)
{
	struct nw_tap *t = *tp;

	if (!t)
		return;
	nw_table_free(&t->flows);
	nw_table_free(&t->syns);
	nw_table_free(&t->carries);
	free(t);
	*tp = NULL;
}

/* The handshake that is not in the file: this is the connection's first packet. */
static void sparse_begin(struct nw_tap *t, const struct nw_pkt *p, uint32_t len)
{
	struct nw_syn syn = { .ts = t->pkt->ts, .have = 3, .client = p->sender };

	if (!t->pkt->followed || !len)
		return;
	syn.isn[p->sender] = p->tcp.seq - 1;
	syn.isn[!p->sender] = p->tcp.ack - 1;
	nw_io_syn_put(t, &p->key, &syn);
}

static void look_ahead_to(struct nw_look *l, uint32_t seq)
{
	if (l->ttl && nw_is_news(seq, l->end))
		l->end = seq;
}

/* What is in such a file was believed when it was written: how far it is from the packet before says nothing.
 */
static void sparse_place(const struct nw_pkt *p, struct nw_look *from, struct nw_look *to)
{
	if (p->tcp.flags & NW_TH_RST || nw_is_near(from, to, p->tcp.seq, p->tcp.ack))
		return;
	from->end = to->ack = p->tcp.seq;
	from->ack = to->end = p->tcp.ack;
}

/*
 * Where packets were left out of the file, the stream goes on at the next one, and so does what each end is
 * known to have sent; a payload that was left out whole is none to read.
 */
static void sparse_step(struct nw_tap *t)
{
	const struct nw_pkt *p = &t->s.pkt;
	uint32_t len = p->tcp.flags & NW_TH_RST ? 0 : p->tcp.pay_len;
	struct nw_flow *f = nw_io_flow(t, &p->key);
	struct nw_dir *d, *o;

	if (!f) {
		sparse_begin(t, p, len);
		return;
	}
	d = &f->dir[p->sender == f->client ? NW_C2S : NW_S2C];
	o = &f->dir[p->sender == f->client ? NW_S2C : NW_C2S];
	look_ahead_to(&d->look, p->tcp.seq);
	if (p->tcp.flags & NW_TH_ACK)
		look_ahead_to(&o->look, p->tcp.ack);
	sparse_place(p, &d->look, &o->look);
	if (!len)
		return;
	if (!(d->flags & NW_DF_SYNCED) || nw_seq_diff(p->tcp.seq, nw_dir_wants(d)) > 0) {
		d->next = p->tcp.seq;
		d->carry = 0;
		d->flags = (d->flags & (NW_DF_CIPHER | NW_DF_PACKED | NW_DF_FIN)) | NW_DF_SYNCED;
	}
	if (p->pay_off >= t->pkt->caplen && nw_seq_diff(p->tcp.seq + len, nw_dir_wants(d)) > 0)
		d->next = p->tcp.seq + len;
}

/* hot: gcc 12 guesses that the tap's inner parts are rare, and makes them small instead of fast (rep stos).
 */
__attribute__((hot)) int nw_tap_packet(struct nw_tap *t, const struct nw_tap_packet *pkt)
{
	struct nw_cursor c = { .data = pkt->data, .end = pkt->data + pkt->caplen, .off = pkt->l3_off };
	struct nw_ethertype type = { pkt->ethertype };
	struct nw_headers h = { 0 };
	struct nw_outcome o;

	t->pkt = pkt;
	t->stop = 0;
	if (!pkt->l3_off && !pkt->raw)
		type = nw_parse_eth(&c, &h);
	o = nw_parse_l3(&c, type, &h, t->ports, 1);
	if (o.why < 0 && (nw_read_headers(&c, &h, &t->s.pkt) < 0 || nw_finish_len(&t->s.pkt, pkt->len) < 0))
		o = NW_HEADERS_BAD(MALFORMED);
	if (o.why < 0 && pkt->sparse)
		sparse_step(t);
	if (o.why < 0)
		o.why = nw_opens(t, 0, &t->s);
	t->count[NW_C_PACKETS]++;
	t->count[o.why < 0 ? nw_segment(t, 0, &t->s) : o.why]++;
	return t->stop;
}

const uint64_t *nw_tap_counters(const struct nw_tap *tap)
{
	return tap->count;
}
