// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The engine's doorway: events and ticks in, connections looked up, messages handed to the verdict. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* A closed connection is kept this long for `flows`, and for what its packets may still tell. */
#define LINGER (60 * NW_NS_PER_S)

/* Connections that are concluded are settled so much later at most, many in one round. */
#define SETTLE_SLACK (100 * NW_NS_PER_MS)

void nw_engine_defaults(struct nw_engine_config *cfg)
{
	*cfg = (struct nw_engine_config){
		.max_conns = 65536,
		.max_awake = 512,
		.max_peers = 8192,
		.answer_timeout = 10 * NW_NS_PER_S,
		.outcome_wait = 500 * NW_NS_PER_MS,
		.abort_window = 30 * NW_NS_PER_S,
	};
}

/* Bytes that a joiner held were taken away for another connection. */
static void see_robbed(struct nw_conn *c)
{
	if (c->state->join[0].robbed || c->state->join[1].robbed)
		c->unseen |= NW_UNSEEN_GAP;
}

/* Nothing more will come of it: what can be concluded is, and it is freed. */
static void leave(struct nw_engine *e, struct nw_record *r)
{
	struct nw_conn *c = nw_record_wake(e, r);

	if (!c) {
		e->stats.starved++;
		nw_record_clear(e, r);
		return;
	}
	nw_end_open(e, c);
	nw_join_finish(e, c);
	see_robbed(c);
	nw_conn_see_left(c);
	nw_verdict_final(e, c);
	nw_peers_note(e->peers, c, true);
	nw_settle_now(e, c);
	if (nw_conn_observed(c) != NW_OBSERVED_FULL)
		e->stats.not_observed++;
	if (e->ops.done)
		e->ops.done(e->arg, c);
	nw_record_clear(e, r);
}

static void evict(void *arg, void *value)
{
	struct nw_engine *e = arg;

	e->stats.evicted++;
	leave(e, value);
}

int nw_engine_new(struct nw_engine **out, const struct nw_engine_config *cfg, const struct nw_engine_ops *ops,
		  void *arg)
{
	struct nw_engine *e;
	int err;

	if (!cfg->max_conns || !cfg->answer_timeout)
		return -EINVAL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->cfg = *cfg;
	e->ops = *ops;
	e->arg = arg;
	err = nw_table_new(&e->table, cfg->max_conns, sizeof(struct nw_record), cfg->hash_seed, evict, e);
	if (!err)
		err = nw_peers_new(&e->peers, cfg->max_peers, cfg->hash_seed);
	if (err)
		nw_engine_free(&e);
	else
		*out = e;
	return err;
}

void nw_engine_free(struct nw_engine **ep)
{
	struct nw_engine *e = *ep;
	struct nw_record *r;

	if (!e)
		return;
	for (r = e->table ? nw_table_first(e->table) : NULL; r; r = nw_table_next(e->table, r))
		nw_record_clear(e, r);
	nw_table_free(&e->table);
	nw_packer_clear(&e->packer);
	nw_peers_free(&e->peers);
	free(e);
	*ep = NULL;
}

static void forget(struct nw_engine *e, struct nw_record *r)
{
	leave(e, r);
	nw_table_del(e->table, r);
}

/* Is this one, the first that was closed, beyond cfg.max_closed, and was it closed for long enough? */
static bool is_spare(struct nw_engine *e, struct nw_record *r)
{
	const struct nw_conn *c;

	if (!e->cfg.max_closed || e->list[NW_LIST_CLOSED].n <= e->cfg.max_closed)
		return false;
	c = nw_record_wake(e, r);
	return c && e->now - c->state->closed_ts >= e->cfg.outcome_wait;
}

/* What is over yields before what is only quiet. */
static void make_room(struct nw_engine *e)
{
	struct nw_record *r = nw_list_first(e, NW_LIST_CLOSED);
	bool full = nw_table_count(e->table) >= e->cfg.max_conns;

	if (!r || r->due || (!full && !is_spare(e, r)))
		return;
	*(full ? &e->stats.evicted : &e->stats.expired) += 1;
	forget(e, r);
}

/* NULL: there is no memory, or it is the kernel's word on a connection that is not known. */
static struct nw_conn *conn_of(struct nw_engine *e, const struct nw_event *ev)
{
	struct nw_record *r = nw_table_get(e->table, &ev->key);
	struct nw_conn *c;

	if (nw_is_word(ev->type))
		return r ? nw_record_wake(e, r) : NULL;
	if (r && ev->flags & NW_EF_NEW) {
		forget(e, r);
		r = NULL;
	}
	if (r)
		return nw_record_wake(e, r);
	make_room(e);
	r = nw_table_put(e->table, &ev->key);
	if (!r)
		return NULL;
	c = nw_conn_new(ev, ++e->last_id, r);
	if (!c) {
		nw_table_del(e->table, r);
		return NULL;
	}
	r->losses = e->losses;
	nw_record_hold(e, r, c);
	c->ifindex = ev->ifindex;
	nw_kernel_begin(e, c);
	c->vantage = (uint8_t)nw_conn_vantage(e, c);
	e->stats.conns++;
	return c;
}

/* What an encrypted message may hide: VALIDATE, on a connection below 3.1.1 that has not shown one. */
static void see_encrypted(struct nw_conn *c)
{
	c->encrypted = true;
	if (!c->n_validate && c->dialect < 0x0311)
		c->unseen |= NW_UNSEEN_ENCRYPTED;
}

/* Families are found anew with each message that may say better: findings take them along. */
static int set_params(struct nw_conn *c, struct nw_params *p, const struct nw_event *ev)
{
	int err = nw_params_set(p, ev);

	/* The answer to NEGOTIATE decides which of several requests counts. */
	if (ev->dir == NW_C2S || ev->type == NW_EV_NEGOTIATE_RSP)
		c->family[NW_C2S] = nw_family_of(c, NW_C2S);
	if (ev->dir == NW_S2C)
		c->family[NW_S2C] = nw_family_of(c, NW_S2C);
	return err;
}

/*
 * By the tap and by the joiner: where a segment sent again holds what the joiner has read already, the tap
 * tells all of its messages, so not the last exchange alone counts.
 */
static bool was_told(const struct nw_conn *c, const struct nw_event *ev)
{
	for (unsigned int i = 0; i < c->n_negotiate; i++) {
		const struct nw_exchange *x = &c->negotiate[i];
		const struct nw_params *p = ev->type == NW_EV_NEGOTIATE_REQ ? &x->request : &x->response;

		if (p->ts && p->message_id == ev->smb.message_id && p->fingerprint == ev->smb.fingerprint)
			return true;
	}
	return false;
}

static int on_negotiate(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev)
{
	bool request = ev->type == NW_EV_NEGOTIATE_REQ;
	struct nw_exchange *x = c->n_negotiate ? &c->negotiate[c->n_negotiate - 1] : NULL;

	if (was_told(c, ev))
		return 0;
	/* A response belongs to the request before it; all else begins an exchange. */
	if (request || !x || x->response.ts || x->request.message_id != ev->smb.message_id)
		x = nw_conn_add_negotiate(c);
	if (!x)
		return -ENOMEM;
	if (request) {
		e->stats.negotiates++;
		return set_params(c, &x->request, ev);
	}
	if (ev->smb.fingerprint && ev->smb.dialect != 0x02ff) {
		c->dialect = ev->smb.dialect;
		e->stats.smb311 += c->dialect == 0x0311;
	}
	return set_params(c, &x->response, ev);
}

static struct nw_exchange *find_validate(struct nw_conn *c, uint64_t message_id, uint64_t session_id)
{
	unsigned int i;

	for (i = c->n_validate; i-- > 0;) {
		const struct nw_params *p =
			c->validate[i].request.ts ? &c->validate[i].request : &c->validate[i].response;

		if (nw_conn_same_exchange(p, message_id, session_id))
			return &c->validate[i];
	}
	return NULL;
}

static int on_validate(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev)
{
	struct nw_exchange *x = find_validate(c, ev->smb.message_id, ev->smb.session_id);
	bool request = ev->type == NW_EV_VALIDATE_REQ;
	int err;

	if (x && (request ? x->request.ts : x->response.ts))
		return 0;
	/* The answer to another IOCTL; or to a VALIDATE of which pieces are still missing. */
	if (!x && ev->flags & NW_EF_GUESS)
		return nw_params_set(&c->state->guess, ev);
	if (!x && c->n_validate >= NW_VALIDATES_MAX)
		nw_verdict_forget(e, c, &c->validate[0]);
	if (!x)
		x = nw_conn_add_validate(c);
	if (!x)
		return -ENOMEM;
	err = set_params(c, request ? &x->request : &x->response, ev);
	if (err < 0)
		return err;
	if (request) {
		e->stats.validates++;
		x->asked = e->now;
		x->contradicts = nw_conn_request_confirmed(c);
		nw_compare_request(x, nw_conn_negotiate_request(c));
		if (x->response.ts || !nw_conn_take_guess(c, x)) {
			nw_verdict_request(e, c, x);
			return 0;
		}
	}
	nw_compare_response(x, nw_conn_negotiate_response(c));
	nw_verdict_response(e, c, x);
	nw_settle_begin(e, c);
	return 0;
}

static void on_session(struct nw_conn *c, const struct nw_event *ev)
{
	if (ev->smb.status != NW_STATUS_SUCCESS)
		return;
	/* MS-SMB2 2.2.6: SMB2_SESSION_FLAG_IS_GUEST, _IS_NULL. smbd sets neither for an anonymous session,
	 * but leaves the answer unsigned: there is no key to sign with. */
	if (ev->smb.session_flags & 0x0003) {
		c->guest = true;
	} else if (ev->smb.flags & NW_SMB2_F_SIGNED) {
		c->authenticated = true;
		nw_verdict_session(c, ev);
	}
}

static void on_gap(struct nw_conn *c, const struct nw_event *ev)
{
	const struct nw_join *j = &c->state->join[ev->dir & 1];

	/* The tap picks the stream up where the joiner stands: nothing is missing. */
	if (ev->cause == NW_GAP_LOST && j->valid && j->pos == ev->tcp.seq)
		return;
	nw_conn_gap(c, ev->ts,
		    ev->cause == NW_GAP_TRUNCATED ? NW_UNSEEN_TRUNCATED :
		    ev->cause == NW_GAP_FRAGMENT  ? NW_UNSEEN_FRAGMENT :
						    NW_UNSEEN_GAP);
}

static void show(struct nw_engine *e, const struct nw_conn *c, const struct nw_event *ev)
{
	if (e->ops.packet)
		e->ops.packet(e->arg, c, ev);
}

int nw_engine_message(struct nw_engine *e, struct nw_conn *c, const struct nw_event *ev)
{
	int err = nw_conn_step(c, ev);

	if (err < 0)
		return err;
	show(e, c, ev);
	switch (ev->type) {
	case NW_EV_SMB1_REQ:
		c->smb1_negotiate = true;
		return 0;
	case NW_EV_SMB1_RSP:
		c->smb1_negotiate = true;
		c->smb1_only = true;
		return 0;
	case NW_EV_NEGOTIATE_REQ:
	case NW_EV_NEGOTIATE_RSP:
		return on_negotiate(e, c, ev);
	case NW_EV_VALIDATE_REQ:
	case NW_EV_VALIDATE_RSP:
		return on_validate(e, c, ev);
	case NW_EV_SESSION_RSP:
		on_session(c, ev);
		if (c->authenticated && c->dialect == 0x0311)
			nw_settle_begin(e, c);
		return 0;
	case NW_EV_TREE_RSP:
		nw_verdict_tree(c, ev);
		return 0;
	case NW_EV_LOGOFF:
		nw_reset_settle(e, c, UINT64_MAX);
		nw_verdict_end(e, c, ev, NW_OUT_LOGOFF);
		return 0;
	case NW_EV_ENCRYPTED:
		see_encrypted(c);
		if (ev->dir == NW_C2S)
			nw_verdict_used(e, c, ev);
		return 0;
	case NW_EV_USE:
		nw_verdict_used(e, c, ev);
		return 0;
	case NW_EV_COMPRESSED:
		c->compressed = true;
		return 0;
	default:
		return 0;
	}
}

int nw_engine_event(struct nw_engine *e, const struct nw_event *ev)
{
	uint64_t starved = e->stats.starved;
	struct nw_conn *c;
	int err = 0;

	e->stats.events++;
	if (ev->type >= NW_EV_MAX || ev->dir > NW_S2C || ev->client > 1 || ev->data_len > NW_DATA_MAX) {
		e->stats.ignored++;
		return 0;
	}
	if (ev->ts > e->now)
		e->now = ev->ts;
	if (e->next_due && e->now >= e->next_due)
		nw_engine_tick(e, e->now);
	c = conn_of(e, ev);
	if (!c)
		return nw_is_word(ev->type) ? 0 : -ENOMEM;
	c->last_ts = ev->ts;
	c->syn_opts |= ev->syn_opts;
	if (ev->type == NW_EV_FIN || ev->type == NW_EV_RST || ev->type == NW_EV_ALIVE)
		show(e, c, ev);
	switch (ev->type) {
	case NW_EV_FLOW:
		break;
	case NW_EV_PIECE:
		err = nw_join_piece(e, c, ev);
		break;
	case NW_EV_GAP:
		on_gap(c, ev);
		break;
	case NW_EV_FIN:
		nw_end_fin(e, c, ev);
		break;
	case NW_EV_RST:
		nw_end_rst(e, c, ev);
		break;
	case NW_EV_ALIVE:
		nw_end_alive(e, c, ev);
		break;
	case NW_EV_RST_SENT:
	case NW_EV_RST_ACCEPTED:
		nw_kernel_word(e, c, ev);
		break;
	default:
		if (c->n_resets)
			nw_end_alive(e, c, ev);
		err = nw_engine_message(e, c, ev);
	}
	see_robbed(c);
	nw_verdict_due(e, c);
	nw_peers_note(e->peers, c, false);
	nw_record_note(e, c);
	nw_records_sleep(e);
	return e->stats.starved != starved ? -ENOMEM : err;
}

/* Both lists begin with what has waited longest, so that forgetting stops at the first that has to stay. */
static void expire(struct nw_engine *e)
{
	struct nw_record *r;
	struct nw_conn *c;

	while ((r = nw_list_first(e, NW_LIST_CLOSED)) && !r->due && (c = nw_record_wake(e, r)) &&
	       e->now - c->state->closed_ts >= LINGER) {
		e->stats.expired++;
		forget(e, r);
	}
	while ((r = nw_table_idlest(e->table)) && !r->due && (c = nw_record_wake(e, r)) &&
	       e->now - c->last_ts >= e->cfg.idle_timeout) {
		e->stats.expired++;
		forget(e, r);
	}
}

static void run_deadlines(struct nw_engine *e)
{
	struct nw_record *r, *next;
	struct nw_conn *c;

	e->next_due = 0;
	for (r = nw_list_first(e, NW_LIST_WAITING); r; r = next) {
		next = nw_list_next(e, NW_LIST_WAITING, r);
		if (e->now < r->due) {
			nw_due_by(e, r->due);
			continue;
		}
		c = nw_record_wake(e, r);
		if (!c) {
			nw_due_by(e, e->now + NW_AGAIN);
			continue;
		}
		nw_verdict_tick(e, c, e->now);
		nw_verdict_due(e, c);
		nw_record_note(e, c);
		nw_records_sleep(e);
	}
}

uint64_t nw_engine_tick(struct nw_engine *e, uint64_t now)
{
	uint64_t settle_due;

	if (now > e->now)
		e->now = now;
	if (e->next_due && e->now >= e->next_due)
		run_deadlines(e);
	if (e->cfg.idle_timeout)
		expire(e);
	settle_due = nw_settle_tick(e);
	nw_records_sleep(e);
	/* Nobody waits for it: those of a while are settled at once. */
	settle_due += settle_due ? SETTLE_SLACK : 0;
	return settle_due && (!e->next_due || settle_due < e->next_due) ? settle_due : e->next_due;
}

void nw_engine_lost(struct nw_engine *e, uint64_t now, uint64_t count)
{
	if (!count)
		return;
	e->lost_ts = now;
	e->losses++; /* the connections are told when they are looked at */
	e->full = 0;
}

void nw_engine_flush(struct nw_engine *e)
{
	struct nw_record *r;

	while ((r = nw_table_first(e->table)))
		forget(e, r);
}

void nw_engine_kernel_speaks(struct nw_engine *e, bool complete)
{
	e->kernel_speaks = true;
	e->kernel_complete = complete;
}

void nw_engine_get_stats(const struct nw_engine *e, struct nw_engine_stats *out)
{
	*out = e->stats;
	out->conns_now = nw_table_count(e->table);
	out->unpacked = e->packer.unpacked;
	out->not_observed += out->conns_now - e->full;
}

struct nw_peers *nw_engine_peers(const struct nw_engine *e)
{
	return e->peers;
}
