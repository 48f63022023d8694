// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The joiner: bytes that the tap could not judge, or that belong to a message which TCP cut, become
 * messages here. It follows boundaries as the tap does (wire/stream.h), in a window of bytes that may
 * come in any order and more than once; what comes first counts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "../../bpf/wire/group.h"

void nw_join_release(struct nw_engine *e, struct nw_join *j)
{
	if (!j->bytes)
		return;
	free(j->bytes);
	j->bytes = NULL;
	j->known = NULL;
	j->furthest = 0;
	e->held[j->slot] = e->held[--e->joins];
	e->held_by[j->slot] = e->held_by[e->joins];
	e->held[j->slot]->slot = j->slot;
}

static uint8_t bucket_of(const struct nw_engine *e, uint32_t slot)
{
	return (uint8_t)(((e->held_by[slot] ^ e->cfg.hash_seed) * 0x9e3779b97f4a7c15ULL) >> 56);
}

static struct nw_join *next_victim(struct nw_engine *e)
{
	uint16_t held[256] = { 0 }, most = 0;
	uint32_t i;

	for (i = 0; i < e->joins; i++)
		if (++held[bucket_of(e, i)] > most)
			most = held[bucket_of(e, i)];
	do {
		i = e->next_victim++ % e->joins;
	} while (held[bucket_of(e, i)] < most);
	return e->held[i];
}

static int hold(struct nw_engine *e, const struct nw_conn *c, struct nw_join *j)
{
	if (j->bytes)
		return 0;
	if (e->joins >= NW_JOINS_MAX) {
		struct nw_join *victim = next_victim(e);

		e->stats.join_dropped++;
		victim->valid = false;
		victim->robbed = true;
		nw_join_release(e, victim);
	}
	j->bytes = calloc(2, NW_JOIN_WINDOW);
	if (!j->bytes)
		return -ENOMEM;
	j->known = j->bytes + NW_JOIN_WINDOW;
	j->furthest = 0;
	j->slot = (uint16_t)e->joins;
	e->held_by[e->joins] = nw_addr_group(nw_conn_addr(c, NW_C2S));
	e->held[e->joins++] = j;
	return 0;
}

/* The window begins at `pos` from now on. */
static void move_to(struct nw_join *j, uint32_t pos)
{
	uint32_t by = pos - j->pos, left;

	j->pos = pos;
	if (!j->bytes)
		return;
	left = by < j->furthest ? j->furthest - by : 0;
	memmove(j->bytes, j->bytes + by, left);
	memmove(j->known, j->known + by, left);
	memset(j->known + left, 0, j->furthest - left);
	j->furthest = left;
}

static void move_to_hint(struct nw_join *j)
{
	move_to(j, j->hint);
	j->inner = j->hint_inner;
	j->frame_end = j->hint_end;
}

static void put(struct nw_join *j, uint32_t seq, const uint8_t *data, uint32_t len)
{
	int32_t at = nw_seq_diff(seq, j->pos);
	uint32_t i;

	if (at < 0) {
		uint32_t before = j->pos - seq;

		if (before >= len)
			return;
		data += before;
		len -= before;
		at = 0;
	}
	if (at >= (int32_t)NW_JOIN_WINDOW)
		return;
	len = nw_min(len, NW_JOIN_WINDOW - (uint32_t)at);
	for (i = 0; i < len; i++) {
		if (j->known[at + i])
			continue;
		j->bytes[at + i] = data[i];
		j->known[at + i] = 1;
	}
	if (at + len > j->furthest)
		j->furthest = at + len;
}

/* Bytes known without a break from `at` bytes behind pos on. */
static uint32_t contiguous(const struct nw_join *j, uint32_t at)
{
	const uint8_t *gap;

	if (at >= j->furthest)
		return 0;
	gap = memchr(j->known + at, 0, j->furthest - at);
	return gap ? (uint32_t)(gap - (j->known + at)) : j->furthest - at;
}

/* Is all that counts of the message at the hint there? Then what lies before it is not coming any more. */
static bool hint_is_complete(const struct nw_join *j)
{
	uint32_t at = j->hint - j->pos, have, len;

	if (nw_seq_diff(j->hint, j->pos) <= 0)
		return false;
	have = contiguous(j, at);
	if (j->hint_inner)
		len = j->hint_end - j->hint;
	else if (have > NW_NBSS_HEADER && j->bytes[at] == NW_NBSS_MESSAGE)
		len = NW_NBSS_HEADER + nw_nbss_len(j->bytes + at);
	else
		return false;
	return have >= nw_min(len, NW_PASS_MAX);
}

/*
 * A message that is laid out in an unusual but allowed way: its buffer is moved to where it usually
 * lies, so that everybody behind reads one layout. h has n bytes and room for NW_DATA_MAX - 4.
 */
static int extract_unusual(struct nw_event *ev, const uint8_t *h, uint32_t n)
{
	uint8_t *to = ev->data + 4;
	bool request = ev->type == NW_EV_VALIDATE_REQ;
	uint32_t at_off = request ? NW_IOCQ_IN_OFFSET : NW_IOCR_OUT_OFFSET;
	uint32_t usual = request ? NW_IOCQ_BUFFER : NW_IOCR_BUFFER;
	uint32_t off, len;

	if ((ev->type != NW_EV_VALIDATE_REQ && ev->type != NW_EV_VALIDATE_RSP) || n < usual)
		return -EBADMSG;
	off = nw_le32(to + at_off);
	len = nw_le32(to + at_off + 4);
	if (off < usual - 8 || off > n || len > n - off || len < NW_VAL_DIALECTS)
		return -EBADMSG;
	len = nw_min(len, NW_DATA_MAX - 4 - usual);
	memcpy(to + usual, h + off, len);
	*(nw_u32a *)(to + at_off) = nw_from_le32(usual);
	ev->data_len = 4 + usual + len;
	return nw_extract(&ev->smb, to, usual + len, ev->type) < 0 ? -EBADMSG : 0;
}

/* Hand over the message at h (n bytes of it known, len long) as the event that the tap would have made. */
static int tell(struct nw_engine *e, struct nw_conn *c, const struct nw_event *piece, const uint8_t *nbss,
		const uint8_t *h, uint32_t n, uint32_t len, const struct nw_judged *r)
{
	uint8_t type = r->class == NW_CL_REQUEST ? NW_EV_USE : r->type;
	struct nw_event ev = *piece;
	const struct nw_join *j = &c->state->join[piece->dir & 1];

	memset(&ev.smb, 0, sizeof(ev.smb));
	ev.type = type;
	ev.flags = (piece->flags & (NW_EF_SYN_SEEN)) | NW_EF_JOINED | (j->inner ? NW_EF_COMPOUND : 0) |
		   (r->guess && type == NW_EV_VALIDATE_RSP ? NW_EF_GUESS : 0);
	ev.msg_seq = j->pos;
	ev.msg_len = len + (nbss ? NW_NBSS_HEADER : 0);
	memset(ev.data, 0, sizeof(ev.data));
	if (nbss)
		memcpy(ev.data, nbss, NW_NBSS_HEADER);
	memcpy(ev.data + 4, h, nw_min(n, NW_DATA_MAX - 4));
	ev.data_len = 4 + nw_min(n, NW_DATA_MAX - 4);
	if (h[0] == 0xfd)
		ev.smb.command = NW_COMMAND_ENCRYPTED;
	else if (h[0] == 0xfe && n >= NW_H_BODY)
		nw_extract_header(&ev.smb, ev.data + 4);
	if (type == NW_EV_SESSION_RSP)
		ev.smb.session_flags = nw_le16(ev.data + 4 + NW_SESR_FLAGS);
	if (type == NW_EV_USE && ev.smb.command == NW_SMB2_IOCTL)
		ev.smb.ctl_code = nw_le32(ev.data + 4 + NW_IOCQ_CTL);
	if ((type == NW_EV_NEGOTIATE_REQ || type == NW_EV_NEGOTIATE_RSP || type == NW_EV_VALIDATE_REQ ||
	     type == NW_EV_VALIDATE_RSP) &&
	    nw_extract(&ev.smb, ev.data + 4, nw_min(n, NW_DATA_MAX - 4), type) < 0 &&
	    extract_unusual(&ev, h, n) < 0) {
		c->unseen |= NW_UNSEEN_GAP; /* it was there, and could not be read */
		return 0;
	}
	e->stats.joined++;
	return nw_engine_message(e, c, &ev);
}

/* MessageIds of VALIDATE requests without an answer, as wire/smb.h wants them. */
static void pending(const struct nw_conn *c, __u32 ids[NW_PENDING_MAX])
{
	unsigned int n = 0, i;

	memset(ids, 0, NW_PENDING_MAX * sizeof(*ids));
	for (i = c->n_validate; i-- > 0 && n < NW_PENDING_MAX;)
		if (c->validate[i].request.ts && !c->validate[i].response.ts)
			ids[n++] = (__u32)c->validate[i].request.message_id ?: 0xffffffffu;
}

enum { MISSING, WITHIN, ON };

/*
 * One boundary. Returns ON if there may be another, MISSING if nothing can be said of what begins here,
 * WITHIN if it is a wanted message of which bytes are missing; < 0 on error. SMB headers are read from
 * an aligned copy.
 */
static int step(struct nw_engine *e, struct nw_conn *c, const struct nw_event *piece)
{
	struct nw_join *j = &c->state->join[piece->dir & 1];
	uint32_t nb = j->inner ? 0 : NW_NBSS_HEADER, have = contiguous(j, 0), room, len, need;
	_Alignas(8) uint8_t head[NW_JUDGE_MAX + 8] = { 0 };
	__u32 ids[NW_PENDING_MAX];
	struct nw_judged r;
	int err = 0;

	if (have <= nb)
		return MISSING;
	if (nb) {
		room = nw_nbss_len(j->bytes);
		if (j->bytes[0] != NW_NBSS_MESSAGE || room < 4) {
			if (j->bytes[0] != NW_NBSS_MESSAGE && !nw_nbss_is_control(j->bytes))
				goto not_smb;
			move_to(j, j->pos + nb + room);
			return ON;
		}
		j->frame_end = j->pos + nb + room;
	}
	room = j->frame_end - j->pos - nb;
	memcpy(head, j->bytes + nb, nw_min(have - nb, NW_JUDGE_MAX));
	pending(c, ids);
	r = nw_judge(head, have - nb, room, ids, c->state->join[!(piece->dir & 1)].furthest);
	if (r.class == NW_CL_MORE) {
		if (have - nb < nw_min(room, NW_JUDGE_MAX))
			return MISSING;
		r.class = NW_CL_SKIP;
	}
	if (r.class == NW_CL_NOT_SMB)
		goto not_smb;
	len = r.next ? r.next : room;
	need = nw_min(len, NW_PASS_MAX - nb);
	if (r.class == NW_CL_MESSAGE && have - nb < need)
		return WITHIN;
	if (r.class != NW_CL_SKIP)
		err = tell(e, c, piece, nb ? j->bytes : NULL, j->bytes + nb, nw_min(have - nb, len), len, &r);
	j->inner = r.next;
	move_to(j, r.next ? j->pos + nb + r.next : j->frame_end);
	return err < 0 ? err : ON;

not_smb:
	j->valid = false;
	c->unseen |= NW_UNSEEN_GAP;
	return MISSING;
}

/* Where the tap stands with this direction. */
static void take_boundary(struct nw_engine *e, struct nw_join *j, const struct nw_event *ev)
{
	if (!j->valid) {
		nw_join_release(e, j);
		j->pos = j->hint = ev->boundary;
		j->inner = ev->flags & NW_EF_COMPOUND;
		j->frame_end = ev->msg_end;
		j->valid = true;
	}
	/* A piece from before the boundary is the rest of the message that begins at the hint before it. */
	if (nw_seq_diff(ev->boundary, j->hint) >= 0 && nw_seq_diff(ev->msg_seq, ev->boundary) >= 0) {
		j->hint = ev->boundary;
		j->hint_inner = ev->flags & NW_EF_COMPOUND;
		j->hint_end = ev->msg_end;
	}
}

/*
 * From boundary to boundary as far as the bytes go. A message of which some are missing is waited for until
 * as many pieces have come behind it as the tap waits for (wire/stream.h), or `last` says that no more will.
 */
static int walk(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev, struct nw_join *j,
		bool last)
{
	int r;

	do {
		if (!j->bytes)
			return 0;
		r = step(e, c, ev);
		if (r == MISSING && j->valid && nw_seq_diff(j->hint, j->pos) > 0) {
			/* The tap judged what begins here, and will not pass it. */
			move_to_hint(j);
			r = ON;
		} else if (r == WITHIN && hint_is_complete(j) && (last || ++j->waited > NW_AHEAD_MAX)) {
			c->unseen |= NW_UNSEEN_GAP;
			move_to_hint(j);
			r = ON;
		}
		if (r == ON)
			j->waited = 0;
	} while (r == ON);
	return r;
}

static void finish(struct nw_engine *e, struct nw_conn *c, unsigned int dir)
{
	struct nw_event ev = { .ts = c->last_ts, .key = c->key, .client = c->client, .dir = dir };

	if (walk(e, c, &ev, &c->state->join[dir], true) == WITHIN)
		c->unseen |= NW_UNSEEN_GAP;
}

void nw_join_finish(struct nw_engine *e, struct nw_conn *c)
{
	unsigned int dir;

	for (dir = 0; dir < 2; dir++)
		if (c->state->join[dir].valid)
			finish(e, c, dir);
}

int nw_join_piece(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev)
{
	struct nw_join *j = &c->state->join[ev->dir & 1];
	uint32_t len = ev->data_len > 4 ? ev->data_len - 4u : 0;
	int r;

	if (ev->flags & NW_EF_NO_BOUNDARY)
		return 0;
	take_boundary(e, j, ev);
	if (len) {
		r = hold(e, c, j);
		if (r < 0)
			return r;
		/* What is waited for can't come any more when the stream has gone on for a window. */
		if (nw_seq_diff(ev->msg_seq + len, j->pos) > (int32_t)NW_JOIN_WINDOW &&
		    nw_seq_diff(j->hint, j->pos) > 0) {
			c->unseen |= NW_UNSEEN_GAP;
			move_to_hint(j);
		}
		put(j, ev->msg_seq, ev->data + 4, len);
	}
	r = walk(e, c, ev, j, false);
	if (!j->furthest || !j->valid)
		nw_join_release(e, j);
	return r < 0 ? r : 0;
}
