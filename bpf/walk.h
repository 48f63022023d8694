/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tap's legs: from message to message through the payload of one segment, what each message does
 * to the flow, and what happens where the stream has a hole.
 */
#ifndef NW_WALK_H
#define NW_WALK_H

#include "tell.h"

/* Messages in one packet: a super-packet of 64 KiB holds 64 KiB / 68 = 963 of the shortest; BIG TCP's
 * larger ones are left after this many, counted as a hole. */
#define NW_WALK_MAX 1024
/* Pieces of one packet: NW_RAW_MAX / 704, rounded up */
#define NW_PIECES_MAX 24

/* Pass the payload's bytes [from, to); from == to tells the engine a boundary. */
nw_inline void nw_pass(void *ctx, const int kind, struct nw_scratch *s, struct nw_flow *f, __u32 from,
		       __u32 to, __u32 flags)
{
	s->pass_seq = from;
	s->pass_end = to;
	s->pass_flags = flags;
	NW_CALL(kind, nw_pass_all, ctx, s, f);
}

/* Put s->hb by until the rest of the header comes. */
nw_inline void nw_carry_save(void *ctx, const int kind, struct nw_scratch *s, struct nw_flow *f, __u32 n)
{
	struct nw_dir *d = nw_dir_of(s, f);

	s->carry_key = s->pkt.key;
	s->carry_key.zero = s->dir + 1;
	d->carry = n;
	nw_io_carry_put(ctx, &s->carry_key, (const struct nw_carry *)s->hb);
	if (d->flags & NW_DF_HOLE)
		NW_CALL(kind, nw_pass_head, ctx, s, f, n);
}

/* The half header that was put by, to s->hb. Returns 0, or -1 if it is gone. */
nw_inline int nw_carry_load(void *ctx, struct nw_scratch *s)
{
	struct nw_carry *c;
	int i;

	s->carry_key = s->pkt.key;
	s->carry_key.zero = s->dir + 1;
	c = nw_io_carry(ctx, &s->carry_key);
	if (!c) {
		nw_io_count(ctx, NW_C_CARRY_LOST);
		return -1;
	}
	for (i = 0; i < 20; i++)
		((nw_u32a *)s->hb)[i] = c->b[i];
	return 0;
}

/* A stream that can't be followed from here: wait for the next beginning in sight. */
nw_inline void nw_give_up(void *ctx, const int kind, struct nw_scratch *s, struct nw_flow *f, __u32 cause)
{
	struct nw_dir *d = nw_dir_of(s, f);

	d->flags &= ~(NW_DF_SYNCED | NW_DF_INNER | NW_DF_PASS | NW_DF_HOLE | NW_DF_LOST);
	d->carry = 0;
	NW_CALL(kind, nw_tell, ctx, s, f, NW_EV_GAP, cause);
}

/* A VALIDATE request waits for an answer from now on; an answer ends the wait. */
nw_inline void nw_pending_set(struct nw_flow *f, __u32 id)
{
	/* One more than are remembered: the answer to the one forgotten is known by being an error. */
	if (f->pending[f->pending_at & (NW_PENDING_MAX - 1)])
		f->suspect = NW_SUSPECT_MAX;
	f->pending[f->pending_at & (NW_PENDING_MAX - 1)] = id;
	f->pending_at++;
}

nw_inline void nw_pending_clear(struct nw_flow *f, __u32 id)
{
	int i;

	for (i = 0; i < NW_PENDING_MAX; i++)
		if (f->pending[i] == id)
			f->pending[i] = 0;
}

/* An event of which the header is all: told, but for what was told before. */
nw_inline void nw_header_event(void *ctx, const int kind, struct nw_scratch *s, struct nw_flow *f, __u32 type)
{
	struct nw_dir *d = nw_dir_of(s, f);
	__u8 bit = type == NW_EV_ENCRYPTED ? NW_DF_CIPHER : type == NW_EV_COMPRESSED ? NW_DF_PACKED : 0;
	int armed = type == NW_EV_ENCRYPTED && s->dir == NW_C2S && f->flags & NW_FF_ARMED;

	if (bit && d->flags & bit && !armed)
		return;
	d->flags |= bit;
	if (armed)
		f->flags &= ~NW_FF_ARMED;
	if (type == NW_EV_TREE_RSP || type == NW_EV_SESSION_RSP)
		f->flags |= NW_FF_ARMED;
	NW_CALL(kind, nw_tell, ctx, s, f, type, NW_TELL_JUDGED);
}

/*
 * A message whose body counts: an event if this packet holds all of it that counts, else its pieces.
 * off: the boundary in the payload; have: bytes of it that came before; avail: bytes here.
 */
nw_inline void nw_wanted(void *ctx, const int kind, struct nw_scratch *s, struct nw_flow *f, __u32 type,
			 __u32 off, __u32 have, __u32 avail)
{
	struct nw_dir *d = nw_dir_of(s, f);
	__u32 nb = d->flags & NW_DF_INNER ? 0 : NW_NBSS_HEADER;
	__u32 id = nw_pending_id(s->hb + 4);
	__u32 end;

	if (type == NW_EV_VALIDATE_REQ)
		nw_pending_set(f, id);
	if (type == NW_EV_VALIDATE_RSP) {
		nw_pending_clear(f, id);
		f->flags |= NW_FF_ARMED;
		if (s->judged_guess && f->suspect)
			f->suspect--;
	}
	/* A NEGOTIATE that the engine has to read leaves no fingerprint here. */
	if (type == NW_EV_NEGOTIATE_REQ)
		f->fp_request = 0;
	if (type == NW_EV_NEGOTIATE_RSP)
		f->fp_response = 0;
	s->msg_off = off + nb;
	s->msg_need = nw_min(s->msg_len, NW_DATA_MAX - 4);
	if (!have && avail >= nb + s->msg_need && NW_CALL(kind, nw_tell_message, ctx, s, f, type) == 0)
		return;
	if (have)
		NW_CALL(kind, nw_pass_head, ctx, s, f, have);
	end = d->next + nw_min(nb + s->msg_len, NW_PASS_MAX);
	d->pass_end = end;
	d->pass_left = nw_seq_diff(end, s->seq + s->len) > 0 ? end - (s->seq + s->len) : 0;
	d->flags |= NW_DF_PASS;
	if (!(d->flags & NW_DF_HOLE))
		d->raw_left = NW_RAW_MAX;
	if (nw_seq_diff(end, s->seq + s->len) > 0)
		end = s->seq + s->len;
	nw_pass(ctx, kind, s, f, d->next + have, end, 0);
}

/*
 * The NetBIOS header in s->hb. Returns 1 if a message follows, 0 if the stream goes on behind it, -1 if
 * this is none.
 */
nw_inline int nw_frame(struct nw_scratch *s, struct nw_dir *d)
{
	__u32 len = nw_nbss_len(s->hb);

	if (s->hb[0] == NW_NBSS_MESSAGE && len >= 4) {
		d->frame_end = d->next + NW_NBSS_HEADER + len;
		return 1;
	}
	if (s->hb[0] != NW_NBSS_MESSAGE && !nw_nbss_is_control(s->hb))
		return -1;
	d->next += NW_NBSS_HEADER + len;
	d->carry = 0;
	return 0;
}

/* One boundary. Returns 1 when the packet has no more of them. */
nw_inline long nw_walk_step(void *ctx, const int kind, struct nw_scratch *s, struct nw_flow *f)
{
	struct nw_dir *d = nw_dir_of(s, f);
	__u32 have = d->carry;
	__u32 off = d->next + have - s->seq;
	__u32 nb = d->flags & NW_DF_INNER ? 0 : NW_NBSS_HEADER;
	__u32 avail, take, n, room, at, j, class;
	int frame;

	if (!(d->flags & NW_DF_SYNCED) || off >= s->len || have >= nb + NW_JUDGE_MAX)
		return 1;
	avail = s->len - off;
	take = nw_min(avail, nb + NW_JUDGE_MAX - have);
	if (have && nw_carry_load(ctx, s) < 0) {
		nw_give_up(ctx, kind, s, f, NW_GAP_LOST);
		return 1;
	}
	at = 4 - nb + have;
	NW_BOUND(at);
	if (at > 128 || !nw_len_ok(&take, NW_HEAD_MAX))
		return 1;
	if (NW_LOAD(ctx, kind, s->pkt.pay_off + off, s->hb + at, take) < 0) {
		/* The packet is longer than what was captured of it. */
		nw_io_count(ctx, NW_C_TRUNCATED);
		nw_give_up(ctx, kind, s, f, NW_GAP_TRUNCATED);
		return 1;
	}
	n = have + take;
	if (nb) {
		if (n < NW_NBSS_HEADER) {
			nw_carry_save(ctx, kind, s, f, n);
			return 1;
		}
		frame = nw_frame(s, d);
		if (frame < 0)
			goto not_smb;
		if (!frame)
			return 0;
	}
	room = d->frame_end - d->next - nb;
	n -= nb;
	j = NW_JUDGE(s, f, n, room);
	class = j & 0xff;
	if (class == NW_CL_MORE) {
		if (n < nw_min(room, NW_JUDGE_MAX)) {
			nw_carry_save(ctx, kind, s, f, n + nb);
			return 1;
		}
		class = NW_CL_SKIP;
	}
	if (class == NW_CL_NOT_SMB)
		goto not_smb;
	nw_io_count(ctx, NW_C_MESSAGES);
	s->msg_len = s->judged_next ? s->judged_next : room;
	s->judged_len = nw_min(n, s->msg_len);
	if (class == NW_CL_MESSAGE) {
		nw_wanted(ctx, kind, s, f, j >> 8, off, have, avail);
	} else if (class == NW_CL_EVENT) {
		nw_header_event(ctx, kind, s, f, j >> 8);
	} else if (class == NW_CL_REQUEST && (f->flags & NW_FF_ARMED || f->dir[NW_S2C].flags & NW_DF_LOST)) {
		/* While the server's side is left to the joiner, what arms may have passed by unread. */
		f->flags &= ~NW_FF_ARMED;
		NW_CALL(kind, nw_tell, ctx, s, f, NW_EV_USE, NW_TELL_JUDGED);
	}
	d->carry = 0;
	if (s->judged_next) {
		d->next += nb + s->judged_next;
		d->flags |= NW_DF_INNER;
	} else {
		d->next = d->frame_end;
		d->flags &= ~NW_DF_INNER;
	}
	return 0;

not_smb:
	nw_io_count(ctx, NW_C_NOT_SMB);
	nw_give_up(ctx, kind, s, f, NW_GAP_NOT_SMB);
	return 1;
}

/* Does this segment begin with what is surely the beginning of a message? */
nw_inline int nw_starts_message(void *ctx, const int kind, struct nw_scratch *s)
{
	if (s->len < 12 || NW_LOAD(ctx, kind, s->pkt.pay_off, s->hb, 12) < 0)
		return 0;
	return nw_looks_like_start(s->hb);
}

/* Follow a direction from this segment on. */
nw_inline void nw_follow_from_here(struct nw_scratch *s, struct nw_flow *f)
{
	struct nw_dir *d = nw_dir_of(s, f);

	d->next = s->seq;
	d->carry = 0;
	d->flags = (d->flags & (NW_DF_CIPHER | NW_DF_PACKED | NW_DF_FIN)) | NW_DF_SYNCED;
}

nw_inline void nw_resync(void *ctx, const int kind, struct nw_scratch *s, struct nw_flow *f)
{
	nw_io_count(ctx, NW_C_RESYNCS);
	NW_CALL(kind, nw_tell, ctx, s, f, NW_EV_GAP, NW_GAP_LOST);
	nw_follow_from_here(s, f);
}

/*
 * A segment behind the byte that is waited for. The segment before it may only be late, and then the
 * boundary has to be kept; so its bytes are passed on for the engine to join, as far as NW_RAW_MAX
 * goes. Returns 1 if the stream was picked up again at this segment.
 */
nw_inline int nw_ahead(void *ctx, const int kind, struct nw_scratch *s, struct nw_flow *f)
{
	struct nw_dir *d = nw_dir_of(s, f);
	__u32 end = s->seq + s->len, take;

	if (!(d->flags & NW_DF_HOLE)) {
		nw_io_count(ctx, NW_C_HOLES);
		d->flags |= NW_DF_HOLE;
		d->seen_end = s->seq;
		d->raw_left = NW_RAW_MAX;
		d->ahead = 0;
		if (s->dir == NW_C2S)
			f->suspect = NW_SUSPECT_MAX;
		if (d->carry && nw_carry_load(ctx, s) == 0)
			NW_CALL(kind, nw_pass_head, ctx, s, f, d->carry);
	}
	if (d->ahead < NW_AHEAD_MAX)
		d->ahead++;
	if (nw_seq_diff(s->seq, d->seen_end) >= 0 && (d->flags & NW_DF_LOST || d->ahead >= NW_AHEAD_MAX) &&
	    nw_starts_message(ctx, kind, s)) {
		nw_resync(ctx, kind, s, f);
		return 1;
	}
	if (nw_seq_diff(end, d->seen_end) > 0)
		d->seen_end = end;
	take = nw_min(s->len, d->raw_left);
	if (!take) {
		nw_io_count(ctx, NW_C_RAW_LIMIT);
		return 0;
	}
	d->raw_left -= take;
	nw_pass(ctx, kind, s, f, s->seq, s->seq + take, NW_EF_AHEAD);
	return 0;
}

/* The hole is filled, or the boundary lies among what was passed on: the engine goes on from there. */
nw_inline void nw_hole_closed(void *ctx, const int kind, struct nw_scratch *s, struct nw_flow *f)
{
	struct nw_dir *d = nw_dir_of(s, f);

	if (!(d->flags & NW_DF_SYNCED))
		return;
	if (nw_seq_diff(d->seen_end, nw_dir_wants(d)) <= 0) {
		d->flags &= ~(NW_DF_HOLE | NW_DF_LOST);
		return;
	}
	d->flags |= NW_DF_LOST;
	nw_pass(ctx, kind, s, f, d->next, d->next, NW_EF_AHEAD);
}

#endif
