// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A connection's record: its exchanges grow here, within bounds, and are released here. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* NEGOTIATE pairs per connection: one, or two after an SMB1 start. A server has to disconnect on more. */
#define NEGOTIATES_MAX 8

struct nw_conn *nw_conn_alloc(struct nw_record *r)
{
	struct whole {
		struct nw_conn conn;
		struct nw_conn_state state;
	} *w = malloc(sizeof(*w)); /* glibc's calloc() passes the thread's cache by */

	if (!w)
		return NULL;
	memset(w, 0, sizeof(*w));
	w->conn.state = &w->state;
	w->state.record = r;
	return &w->conn;
}

struct nw_conn *nw_conn_new(const struct nw_event *ev, uint64_t id, struct nw_record *r)
{
	struct nw_conn *c = nw_conn_alloc(r);

	if (!c)
		return NULL;
	c->state->unused_validate = -1;
	c->key = ev->key;
	c->id = id;
	c->first_ts = ev->start_ts && ev->start_ts < ev->ts ? ev->start_ts : ev->ts;
	c->first_frame = ev->frame;
	c->client = ev->client;
	c->syn_seen = ev->flags & NW_EF_SYN_SEEN;
	c->n_vlan = ev->tcp.n_vlan;
	memcpy(c->vlan, ev->tcp.vlan, sizeof(c->vlan));
	if (!c->syn_seen)
		c->unseen |= NW_UNSEEN_START;
	return c;
}

static void exchanges_free(struct nw_exchange *x, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		free(x[i].request.dialects);
		free(x[i].response.dialects);
	}
	free(x);
}

bool nw_conn_holds_bytes(const struct nw_conn *c)
{
	return c->state->join[0].bytes || c->state->join[1].bytes;
}

void nw_conn_release(struct nw_engine *e, struct nw_conn *c)
{
	nw_join_release(e, &c->state->join[0]);
	nw_join_release(e, &c->state->join[1]);
	nw_conn_free(c);
}

void nw_conn_free(struct nw_conn *c)
{
	exchanges_free(c->negotiate, c->n_negotiate);
	exchanges_free(c->validate, c->n_validate);
	free(c->steps);
	free(c->findings);
	free(c->resets);
	free(c->state->guess.dialects);
	free(c);
}

/* One more at the end of *list, of which there are *n; with max reached, the oldest is forgotten. */
static struct nw_exchange *add(struct nw_exchange **list, uint16_t *n, unsigned int max)
{
	struct nw_exchange *grown;

	if (*n >= max) {
		free((*list)[0].request.dialects);
		free((*list)[0].response.dialects);
		memmove(*list, *list + 1, (*n - 1) * sizeof(**list));
		memset(*list + *n - 1, 0, sizeof(**list));
		return *list + *n - 1;
	}
	grown = realloc(*list, (*n + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	*list = grown;
	memset(grown + *n, 0, sizeof(*grown));
	return grown + (*n)++;
}

struct nw_exchange *nw_conn_add_negotiate(struct nw_conn *c)
{
	return add(&c->negotiate, &c->n_negotiate, NEGOTIATES_MAX);
}

struct nw_exchange *nw_conn_add_validate(struct nw_conn *c)
{
	uint16_t before = c->n_validate;
	struct nw_exchange *x = add(&c->validate, &c->n_validate, NW_VALIDATES_MAX);
	unsigned int i;

	if (!x || c->n_validate != before)
		return x;
	/* The oldest was forgotten: what refers to exchanges by index moves along. */
	c->validates_dropped++;
	if (c->state->unused_validate >= 0)
		c->state->unused_validate--;
	for (i = 0; i < c->n_findings; i++)
		if (c->findings[i].validate >= 0)
			c->findings[i].validate--;
	return x;
}

bool nw_conn_same_exchange(const struct nw_params *p, uint64_t message_id, uint64_t session_id)
{
	return p->message_id == message_id &&
	       (p->session_id == session_id || p->session_id == NW_SESSION_RELATED ||
		session_id == NW_SESSION_RELATED);
}

bool nw_conn_take_guess(struct nw_conn *c, struct nw_exchange *x)
{
	struct nw_params *guess = &c->state->guess;

	if (!guess->ts || !nw_conn_same_exchange(guess, x->request.message_id, x->request.session_id))
		return false;
	x->response = *guess;
	*guess = (struct nw_params){ 0 };
	return true;
}

const char *nw_step_name(uint8_t event_type)
{
	static const char *const names[NW_EV_MAX] = {
		[NW_EV_SMB1_REQ] = "smb1_negotiate",
		[NW_EV_SMB1_RSP] = "smb1_chosen",
		[NW_EV_SESSION_RSP] = "session_setup",
		[NW_EV_TREE_RSP] = "tree_connect",
		[NW_EV_LOGOFF] = "logoff",
		[NW_EV_USE] = "use",
		[NW_EV_ENCRYPTED] = "encrypted",
		[NW_EV_COMPRESSED] = "compressed",
	};

	return event_type < NW_EV_MAX ? names[event_type] : NULL;
}

/*
 * Is there a use since the last TREE_CONNECT or VALIDATE was answered? The tap tells the first one alone; out
 * of pieces the joiner reads them all.
 */
static bool is_in_use(const struct nw_conn *c)
{
	uint64_t used = 0, armed = 0;
	unsigned int i;

	for (i = 0; i < c->n_steps; i++) {
		if (c->steps[i].type == NW_EV_USE)
			used = c->steps[i].ts;
		if (c->steps[i].type == NW_EV_TREE_RSP)
			armed = c->steps[i].ts;
	}
	for (i = 0; i < c->n_validate; i++)
		if (c->validate[i].response.ts > armed)
			armed = c->validate[i].response.ts;
	return used > armed;
}

int nw_conn_step(struct nw_conn *c, const struct nw_event *ev)
{
	struct nw_step *grown;
	unsigned int i;

	if (!nw_step_name(ev->type) || (ev->type == NW_EV_USE && is_in_use(c)))
		return 0;
	/* Encrypted uses go on for ever: the first of each direction says it all. */
	for (i = 0; i < c->n_steps; i++)
		if (c->steps[i].type == ev->type && c->steps[i].by == ev->dir &&
		    (c->steps[i].seq == ev->msg_seq || ev->type == NW_EV_ENCRYPTED))
			return 0;
	if (c->n_steps >= NW_STEPS_MAX) {
		c->steps_dropped += c->steps_dropped < UINT16_MAX;
		return 0;
	}
	if (NW_STEPS_ROOM(c->n_steps) == c->n_steps) {
		grown = realloc(c->steps, NW_STEPS_ROOM(c->n_steps + 1u) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		c->steps = grown;
	}
	c->steps[c->n_steps++] = (struct nw_step){ .ts = ev->ts,
						   .frame = ev->frame,
						   .seq = ev->msg_seq,
						   .status = ev->smb.status,
						   .command = ev->smb.command,
						   .type = ev->type,
						   .by = ev->dir };
	return 0;
}

int nw_params_set(struct nw_params *p, const struct nw_event *ev)
{
	unsigned int n = ev->smb.n_dialects, i;
	uint16_t *dialects = NULL;

	if (n > NW_DIALECTS_MAX)
		n = NW_DIALECTS_MAX;
	if (ev->smb.dialects_off + 2 * n > ev->data_len)
		n = 0;
	if (n) {
		dialects = malloc(n * sizeof(*dialects));
		if (!dialects)
			return -ENOMEM;
		for (i = 0; i < n; i++)
			dialects[i] = ev->data[ev->smb.dialects_off + 2 * i] |
				      ev->data[ev->smb.dialects_off + 2 * i + 1] << 8;
	}
	free(p->dialects);
	*p = (struct nw_params){
		.ts = ev->ts ? ev->ts : 1, /* 0 says: not seen */
		.frame = ev->frame,
		.fingerprint = ev->smb.fingerprint,
		.message_id = ev->smb.message_id,
		.session_id = ev->smb.session_id,
		.status = ev->smb.status,
		.capabilities = ev->smb.capabilities,
		.max_output = ev->smb.max_output,
		.security_mode = ev->smb.security_mode,
		.dialect = ev->smb.dialect,
		.n_dialects = ev->smb.n_dialects,
		.is_signed = ev->smb.flags & NW_SMB2_F_SIGNED,
		.dialects = dialects,
	};
	memcpy(p->guid, ev->smb.guid, sizeof(p->guid));
	nw_traits_read(&p->traits, p->salt, ev);
	nw_marks_set(p, ev);
	return 0;
}

/* 0x02FF is provisional: the client negotiates again. */
static bool is_final(const struct nw_params *response)
{
	return response->fingerprint && response->dialect != 0x02ff;
}

/* The last pair that was answered for good; where no answer was seen, the last of all. */
static const struct nw_exchange *last_pair(const struct nw_conn *c)
{
	unsigned int i;

	for (i = c->n_negotiate; i-- > 0;)
		if (is_final(&c->negotiate[i].response))
			return &c->negotiate[i];
	return c->n_negotiate ? &c->negotiate[c->n_negotiate - 1] : NULL;
}

const struct nw_params *nw_conn_negotiate_request(const struct nw_conn *c)
{
	const struct nw_exchange *x = last_pair(c);

	/* An SMB1 start that was answered with 2.0.2 has no SMB2 request: unknown, never a mismatch. */
	return x && x->request.ts && x->request.fingerprint ? &x->request : NULL;
}

const struct nw_params *nw_conn_negotiate_response(const struct nw_conn *c)
{
	const struct nw_exchange *x = last_pair(c);

	return x && is_final(&x->response) ? &x->response : NULL;
}

uint64_t nw_conn_impl(const struct nw_conn *c, enum nw_dir_id side)
{
	const struct nw_params *p =
		side == NW_C2S ? nw_conn_negotiate_request(c) : nw_conn_negotiate_response(c);

	return p ? p->traits.fingerprint : 0;
}

bool nw_conn_request_confirmed(const struct nw_conn *c)
{
	unsigned int i;

	for (i = 0; i < c->n_validate; i++)
		if (c->validate[i].request_compared && !c->validate[i].request_differs &&
		    c->validate[i].request.is_signed)
			return true;
	return false;
}

bool nw_conn_server_seen(const struct nw_conn *c)
{
	unsigned int i;

	for (i = 0; i < c->n_negotiate; i++)
		if (c->negotiate[i].response.ts)
			return true;
	for (i = 0; i < c->n_validate; i++)
		if (c->validate[i].response.ts)
			return true;
	for (i = 0; i < c->n_steps; i++)
		if (c->steps[i].by == NW_S2C)
			return true;
	return false;
}

void nw_conn_gap(struct nw_conn *c, uint64_t ts, uint8_t unseen)
{
	c->state->gap_ts = ts;
	c->unseen |= unseen;
}

void nw_conn_see_left(struct nw_conn *c)
{
	/* Where the client's direction alone is seen, a VALIDATE request shows it, too, or its end. */
	bool went_on = c->authenticated || c->tree_connected || c->n_validate || c->state->alone;
	/* A VALIDATE without any NEGOTIATE had nothing to be compared with. */
	bool left = c->n_validate && !c->n_negotiate && !c->smb1_negotiate && c->syn_seen;
	unsigned int i;

	for (i = 0; i < c->n_negotiate; i++)
		left |= c->negotiate[i].request.ts ? went_on && !c->negotiate[i].response.ts :
						     !c->smb1_negotiate;
	for (i = 0; i < c->n_validate; i++)
		left |= !c->validate[i].request.ts;
	if (left)
		c->unseen |= NW_UNSEEN_GAP;
}

enum nw_observed nw_conn_observed(const struct nw_conn *c)
{
	if (!c->n_negotiate && !c->smb1_negotiate)
		return c->n_validate ? NW_OBSERVED_PARTIAL : NW_OBSERVED_NONE;
	return c->unseen ? NW_OBSERVED_PARTIAL : NW_OBSERVED_FULL;
}

const union nw_addr *nw_conn_addr(const struct nw_conn *c, enum nw_dir_id side)
{
	return &c->key.addr[side == NW_C2S ? c->client : !c->client];
}

uint16_t nw_conn_port(const struct nw_conn *c, enum nw_dir_id side)
{
	return nw_from_be16(c->key.port[side == NW_C2S ? c->client : !c->client]);
}

const struct nw_reset *nw_conn_reset_at(const struct nw_conn *c, uint64_t ts, uint64_t frame)
{
	for (unsigned int i = c->n_resets; i-- > 0;)
		if (c->resets[i].ts == ts && c->resets[i].frame == frame)
			return &c->resets[i];
	return NULL;
}
