/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tap's voice: everything that makes an event out of the packet at hand. Each function stands alone
 * for the verifier (see NW_CALL in tap.h) and leaves the stream's state as it is.
 */
#ifndef NW_TELL_H
#define NW_TELL_H

#include "tap_types.h"
#include "wire/group.h"

/* nw_tell(): the event takes the header in s->hb along */
#define NW_TELL_JUDGED 0x100u

/*
 * Is 0 < *n <= max? Says it in a way that the verifier keeps: kernel 6.1 does not learn from "!= 0" ("R3 min
 * value is outside of the allowed memory range", size=0, clang 14).
 */
nw_inline int nw_len_ok(__u32 *n, __u32 max)
{
	__u32 m = *n - 1;

	NW_BOUND(m);
	if (m >= max)
		return 0;
	NW_BOUND(m);
	*n = m + 1;
	return 1;
}

/* Whose share of the ring an event takes. */
nw_inline __u64 nw_client_group(const struct nw_scratch *s, const struct nw_flow *f)
{
	/* The verifier wants no index into the key. */
	return f->client & 1 ? nw_addr_group(&s->pkt.key.addr[1]) : nw_addr_group(&s->pkt.key.addr[0]);
}

nw_inline void nw_event_fill(struct nw_event *ev, void *ctx, struct nw_scratch *s, struct nw_flow *f,
			     __u32 type)
{
	const struct nw_pkt *p = &s->pkt;
	__u64 *z = (__u64 *)&ev->smb;
	int i;

	for (i = 0; i < (int)(sizeof(ev->smb) / 8); i++)
		z[i] = 0;
	ev->key = p->key;
	ev->type = type;
	ev->dir = s->dir;
	ev->client = f->client;
	ev->flags = (f->flags & NW_FF_TOLD ? 0 : NW_EF_NEW) | (f->flags & NW_FF_SYN ? NW_EF_SYN_SEEN : 0);
	ev->pkt_len = p->pkt_len;
	ev->tcp = p->tcp;
	ev->msg_seq = p->tcp.seq;
	ev->msg_len = 0;
	ev->boundary = 0;
	ev->msg_end = 0;
	ev->syn_opts = f->syn_opts;
	ev->cause = 0;
	ev->start_ts = f->start_ts;
	ev->hdr_len = 0;
	ev->data_len = 0;
	ev->reason = 0;
	nw_io_stamp(ctx, s, ev);
}

/* Only what was sent counts as told: an event that is discarded was none. */
nw_inline void nw_send(void *ctx, struct nw_scratch *s, struct nw_flow *f, struct nw_event *ev)
{
	f->flags |= NW_FF_TOLD;
	NW_SUBMIT(ctx, s, ev);
}

nw_inline void nw_event_hdr(struct nw_event *ev, void *ctx, const int kind, struct nw_scratch *s)
{
	__u32 n = nw_min(s->pkt.pay_off, NW_HDR_MAX);

	if (nw_len_ok(&n, NW_HDR_MAX) && NW_LOAD_HEADERS(ctx, kind, ev->hdr, n) == 0)
		ev->hdr_len = n;
}

/* What was judged: the message's first bytes, for evidence. What is beyond data_len is of other messages. */
nw_inline void nw_event_head(struct nw_event *ev, struct nw_scratch *s, struct nw_flow *f)
{
	int i;

	*(nw_u32a *)ev->data = nw_dir_of(s, f)->flags & NW_DF_INNER ? 0 : *(const nw_u32a *)s->hb;
	for (i = NW_NBSS_HEADER; i < NW_HEAD_DATA; i += 8)
		*(nw_u64a *)(ev->data + i) = *(const nw_u64a *)(s->hb + i);
	ev->data_len = NW_NBSS_HEADER + nw_min(s->judged_len, NW_JUDGE_MAX);
}

/* An event without a body. how: a GAP's cause, NW_TELL_JUDGED. */
nw_inline void nw_tell(void *ctx, const int kind, struct nw_scratch *s, struct nw_flow *f, __u32 type,
		       __u32 how)
{
	struct nw_event *ev = NW_RESERVE(ctx, s, nw_client_group(s, f), NW_EVENT_SMALL);
	struct nw_dir *d = nw_dir_of(s, f);
	const __u8 *h = s->hb + 4;

	if (!ev) {
		nw_io_lost(ctx);
		return;
	}
	nw_event_fill(ev, ctx, s, f, type);
	nw_event_hdr(ev, ctx, kind, s);
	ev->cause = how;
	if (type == NW_EV_RST || type == NW_EV_FIN) {
		ev->ends.sender = d->look;
		ev->ends.other = f->dir[!(s->dir & 1)].look;
		ev->ends.options = s->pkt.opt_len > 0;
		ev->ends.holes = 0;
		if (f->dir[NW_C2S].flags & NW_DF_HOLE)
			ev->ends.holes |= 1 << NW_C2S;
		if (f->dir[NW_S2C].flags & NW_DF_HOLE)
			ev->ends.holes |= 1 << NW_S2C;
	}
	if (how & NW_TELL_JUDGED) {
		ev->msg_seq = d->next;
		ev->msg_len = d->frame_end - d->next;
		if (d->flags & NW_DF_INNER)
			ev->flags |= NW_EF_COMPOUND;
		nw_event_head(ev, s, f);
		if (h[0] == 0xfe) {
			nw_extract_header(&ev->smb, h);
			if (type == NW_EV_SESSION_RSP)
				ev->smb.session_flags = nw_le16(h + NW_SESR_FLAGS);
			if (type == NW_EV_USE && ev->smb.command == NW_SMB2_IOCTL)
				ev->smb.ctl_code = nw_le32(h + NW_IOCQ_CTL);
		} else if (h[0] == 0xfd) {
			ev->smb.command = NW_COMMAND_ENCRYPTED;
		}
	}
	nw_send(ctx, s, f, ev);
}

nw_inline void nw_piece_fill(struct nw_event *ev, struct nw_scratch *s, struct nw_flow *f, __u32 seq, __u32 n)
{
	struct nw_dir *d = nw_dir_of(s, f);

	if (!(d->flags & NW_DF_SYNCED))
		ev->flags |= NW_EF_NO_BOUNDARY;
	if (d->flags & NW_DF_INNER)
		ev->flags |= NW_EF_COMPOUND;
	ev->boundary = d->next;
	ev->msg_end = d->frame_end;
	ev->msg_seq = seq;
	ev->msg_len = n;
}

/* One event of up to 704 bytes out of [pass_seq, pass_end). Returns 1 when there are no more. */
nw_inline long nw_pass_piece(void *ctx, const int kind, struct nw_scratch *s, struct nw_flow *f)
{
	__u32 off = s->pkt.pay_off + s->pass_seq - s->seq;
	__u32 n = s->pass_end - s->pass_seq;
	struct nw_event *ev;

	if (nw_seq_diff(s->pass_end, s->pass_seq) < 0)
		return 1;
	n = nw_min(n, NW_DATA_MAX - 4);
	ev = NW_RESERVE(ctx, s, nw_client_group(s, f), NW_EVENT_FULL);
	if (!ev) {
		nw_io_lost(ctx);
		return 1;
	}
	nw_event_fill(ev, ctx, s, f, NW_EV_PIECE);
	nw_event_hdr(ev, ctx, kind, s);
	ev->flags |= s->pass_flags;
	nw_piece_fill(ev, s, f, s->pass_seq, n);
	if (nw_len_ok(&n, NW_DATA_MAX - 4)) {
		if (NW_LOAD(ctx, kind, off, ev->data + 4, n) < 0) {
			nw_io_count(ctx, NW_C_TRUNCATED);
			ev->type = NW_EV_GAP;
			ev->cause = NW_GAP_TRUNCATED;
			nw_send(ctx, s, f, ev);
			return 1;
		}
		ev->data_len = n + 4;
	}
	nw_send(ctx, s, f, ev);
	s->pass_seq += n;
	return s->pass_seq == s->pass_end;
}

/* Pass the n bytes of a half header that lie in s->hb; they belong to earlier packets, too. */
nw_inline void nw_pass_head(void *ctx, const int kind, struct nw_scratch *s, struct nw_flow *f, __u32 n)
{
	struct nw_event *ev = NW_RESERVE(ctx, s, nw_client_group(s, f), NW_EVENT_FULL);
	struct nw_dir *d = nw_dir_of(s, f);
	const __u8 *from = s->hb;
	int i;

	if (!ev) {
		nw_io_lost(ctx);
		return;
	}
	nw_event_fill(ev, ctx, s, f, NW_EV_PIECE);
	nw_event_hdr(ev, ctx, kind, s);
	nw_piece_fill(ev, s, f, d->next, n);
	ev->data_len = n + 4;
	/* From one place or the other: two loops are mixed by clang 19, and cost 136 bytes of stack. */
	if (d->flags & NW_DF_INNER)
		from += 4;
	for (i = 0; i < NW_HEAD_MAX; i += 4)
		*(nw_u32a *)(ev->data + 4 + i) = *(const nw_u32a *)(from + i);
	nw_send(ctx, s, f, ev);
}

/* Does the fingerprint equal that of the flow's NEGOTIATE? */
nw_inline __u32 nw_mark(const struct nw_flow *f, const struct nw_event *ev, __u32 type)
{
	__u64 want = type == NW_EV_VALIDATE_REQ ? f->fp_request :
		     type == NW_EV_VALIDATE_RSP ? f->fp_response :
						  0;

	if (!want || !ev->smb.fingerprint)
		return 0;
	return want == ev->smb.fingerprint ? NW_EF_MATCH : NW_EF_DIFFER;
}

/*
 * All of the wanted message's event but its bytes, which are there; type 0: they could not be had. Returns 0,
 * or -1 if the engine has to read it.
 */
nw_inline int nw_fill_message(void *ctx, const int kind, struct nw_scratch *s, struct nw_flow *f,
			      struct nw_event *ev, __u32 type)
{
	struct nw_dir *d = nw_dir_of(s, f);

	nw_event_fill(ev, ctx, s, f, type ? type : NW_EV_GAP);
	nw_event_hdr(ev, ctx, kind, s);
	ev->msg_seq = d->next;
	ev->msg_len = s->msg_len;
	if (d->flags & NW_DF_INNER) {
		ev->flags |= NW_EF_COMPOUND;
		*(nw_u32a *)ev->data = 0;
	} else {
		ev->msg_len += NW_NBSS_HEADER;
		*(nw_u32a *)ev->data = *(const nw_u32a *)s->hb;
	}
	if (!type) {
		nw_io_count(ctx, NW_C_TRUNCATED);
		ev->cause = NW_GAP_TRUNCATED;
		return 0;
	}
	if (nw_extract(&ev->smb, ev->data + 4, s->msg_need, type) < 0)
		return -1;
	ev->data_len = s->msg_need + 4;
	ev->flags |= nw_mark(f, ev, type);
	if (type == NW_EV_VALIDATE_RSP && s->judged.guess && ev->smb.status)
		ev->flags |= NW_EF_GUESS;
	if (type == NW_EV_NEGOTIATE_REQ)
		f->fp_request = ev->smb.fingerprint;
	if (type == NW_EV_NEGOTIATE_RSP)
		f->fp_response = ev->smb.fingerprint;
	return 0;
}

/* As nw_tell_message(), in an event with room for `room` bytes of data. */
nw_inline int nw_tell_in(void *ctx, const int kind, struct nw_scratch *s, struct nw_flow *f, __u32 type,
			 const __u32 room)
{
	struct nw_event *ev =
		NW_RESERVE(ctx, s, nw_client_group(s, f), __builtin_offsetof(struct nw_event, data) + room);
	__u32 n = s->msg_need;

	if (!ev) {
		nw_io_lost(ctx);
		return 0;
	}
	if (n < NW_H_BODY || !nw_len_ok(&n, room - 4)) {
		NW_DISCARD(ctx, ev);
		return -1;
	}
	if (NW_LOAD(ctx, kind, s->pkt.pay_off + s->msg_off, ev->data + 4, n) < 0)
		type = 0;
	if (NW_CALL(kind, nw_fill_message, ctx, s, f, (void *)ev, type) < 0) {
		NW_DISCARD(ctx, ev);
		return -1;
	}
	nw_send(ctx, s, f, ev);
	return 0;
}

/* The wanted message at s->msg_*. Returns 0, or -1 if it has to be read by the engine. */
nw_inline int nw_tell_message(void *ctx, const int kind, struct nw_scratch *s, struct nw_flow *f, __u32 type)
{
	return s->msg_need + 4 <= NW_USUAL_DATA ? nw_tell_in(ctx, kind, s, f, type, NW_USUAL_DATA) :
						  nw_tell_in(ctx, kind, s, f, type, NW_DATA_MAX);
}

#endif
