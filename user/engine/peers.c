// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The memory over connections: who negotiates how with whom, who never validates, and who ran on what before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "peers.h"

/*
 * A peer that has left the audit list and comes back is told again, but not more often than this: behind one
 * address there can be clients that validate and others that don't.
 */
#define TELL_AGAIN ((int64_t)(24 * 3600 * NW_NS_PER_S))

struct nw_peers {
	struct nw_table *peers, *instances;
	uint32_t max; /* of each */
	struct nw_peers_stats stats;
};

/* What was entered of a connection: bits of nw_conn_state.noted */
enum {
	SEEN = 0x01,
	ENCRYPTED = 0x02,
	GUEST = 0x04,
	VALIDATED = 0x08,
	PREAUTH = 0x10,
	UNVALIDATED = 0x20, /* by nw_peers_finding() */
	RAN = 0x40,	    /* known to be what its client runs on: proven, unproven for good, or over */
	OVER = 0x80,
};

static void evicted(void *arg, void *value)
{
	((struct nw_peers *)arg)->stats.evicted++;
}

int nw_peers_new(struct nw_peers **out, uint32_t max, uint64_t seed)
{
	struct nw_peers *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->max = max;
	err = nw_table_new(&p->peers, max, sizeof(struct nw_peer), seed, evicted, p);
	if (!err)
		err = nw_table_new(&p->instances, max, sizeof(struct nw_instance), seed, evicted, p);
	if (err)
		nw_peers_free(&p);
	else
		*out = p;
	return err;
}

void nw_peers_free(struct nw_peers **pp)
{
	struct nw_peers *p = *pp;

	if (!p)
		return;
	nw_table_free(&p->peers);
	nw_table_free(&p->instances);
	free(p);
	*pp = NULL;
}

bool nw_peer_is_listed(const struct nw_peer *peer)
{
	return peer->last_unvalidated > peer->last_proven;
}

/*
 * A client chooses its capabilities, mode and GUID, and could fill the tables with them: each pair of
 * addresses has so many places, numbered in the key, and in them the one that was seen last before all others
 * yields.
 */
#define KINDS 16u
#define GUIDS 32u
#define PLACES_MAX GUIDS

/* The keys are no flow keys: only their size is the same. */
static struct nw_key place_key(const union nw_addr *client, const union nw_addr *server, uint16_t port)
{
	return (struct nw_key){ .addr = { *client, *server }, .port = { 0, port } };
}

/* The places of one pair of addresses that are taken, the first n. */
struct places {
	void *at[PLACES_MAX];
	uint32_t n;
};

/*
 * Each look is a use of all of them, of the first as the last: so the table gives the one at the end up
 * before the others, none is missing in between, and the first that is not there ends the search.
 */
static void use_places(const struct places *s, struct nw_table *t)
{
	for (uint32_t i = s->n; i-- > 0;)
		nw_table_use(t, s->at[i]);
}

static void find_places(struct places *s, struct nw_table *t, struct nw_key *key, uint32_t max)
{
	for (s->n = 0; s->n < max; s->n++) {
		key->zero = s->n;
		s->at[s->n] = nw_table_peek(t, key);
		if (!s->at[s->n])
			break;
	}
	use_places(s, t);
}

/*
 * A place for one more; idlest: of the pair, yields where the pair has all its places. In a full table whose
 * idlest is the pair's own, that one does.
 */
static void *more_place(struct nw_peers *p, struct nw_table *t, const struct places *s,
			const struct nw_key *key, uint32_t max, void *idlest)
{
	void *last = s->n ? s->at[s->n - 1] : NULL, *made;

	if (s->n < max && !(last && nw_table_count(t) >= p->max && nw_table_idlest(t) == last)) {
		made = nw_table_put(t, key);
		use_places(s, t);
		return made;
	}
	p->stats.evicted++;
	return s->n == max ? idlest : last;
}

static bool same_kind(const struct nw_peer *a, const struct nw_peer *b)
{
	return a->capabilities == b->capabilities && a->security_mode == b->security_mode;
}

/* The peer's own place, one that is free, or the one to give up. *known: it is its own. NULL without memory.
 */
static struct nw_peer *peer_place(struct nw_peers *p, const struct nw_peer *peer, bool *known)
{
	struct nw_key key = place_key(&peer->client, &peer->server, peer->port);
	struct nw_peer *at, *idlest = NULL;
	struct places s;

	find_places(&s, p->peers, &key, KINDS);
	*known = true;
	for (uint32_t i = 0; i < s.n; i++) {
		at = s.at[i];
		if (same_kind(at, peer))
			return at;
		if (!idlest || at->last < idlest->last)
			idlest = at;
	}
	*known = false;
	return more_place(p, p->peers, &s, &key, KINDS, idlest);
}

static struct nw_peer *peer_of(struct nw_peers *p, const struct nw_conn *c)
{
	const struct nw_params *req = nw_conn_negotiate_request(c);
	struct nw_peer fresh = {
		.client = *nw_conn_addr(c, NW_C2S),
		.server = *nw_conn_addr(c, NW_S2C),
		.port = nw_conn_port(c, NW_S2C),
		.capabilities = req ? req->capabilities : 0,
		.security_mode = req ? req->security_mode : 0,
		.first = (int64_t)c->first_ts,
		.last = (int64_t)c->first_ts,
		.last_proven = NW_NEVER,
		.last_unvalidated = NW_NEVER,
		.alerted = NW_NEVER,
		.last_finding = NW_NEVER,
	};
	bool known;
	struct nw_peer *peer = peer_place(p, &fresh, &known);

	if (peer && !known)
		*peer = fresh;
	return peer;
}

/* False if the connection lacks what tells instances apart. */
static bool instance_from(struct nw_instance *i, const struct nw_conn *c)
{
	static const uint8_t none[16];
	const struct nw_params *req = nw_conn_negotiate_request(c), *rsp = nw_conn_negotiate_response(c);

	if (!req || !rsp || !memcmp(req->guid, none, sizeof(none)))
		return false;
	*i = (struct nw_instance){
		.client = *nw_conn_addr(c, NW_C2S),
		.server = *nw_conn_addr(c, NW_S2C),
		.port = nw_conn_port(c, NW_S2C),
		.dialect = c->dialect,
		.last = (int64_t)c->last_ts,
	};
	memcpy(i->client_guid, req->guid, sizeof(i->client_guid));
	memcpy(i->server_guid, rsp->guid, sizeof(i->server_guid));
	return true;
}

static bool same_server(const struct nw_instance *a, const struct nw_instance *b)
{
	return !memcmp(a->server_guid, b->server_guid, sizeof(a->server_guid));
}

/* The place of that client and GUID, or (make) a new one, as with peers. NULL: none, or no memory. */
static struct nw_instance *instance_place(struct nw_peers *p, const struct nw_instance *i, bool make,
					  bool *known)
{
	struct nw_key key = place_key(&i->client, &i->server, i->port);
	struct nw_instance *at, *idlest = NULL;
	struct places s;

	find_places(&s, p->instances, &key, GUIDS);
	*known = true;
	for (uint32_t n = 0; n < s.n; n++) {
		at = s.at[n];
		if (!memcmp(at->client_guid, i->client_guid, sizeof(i->client_guid)))
			return at;
		if (!idlest || at->last < idlest->last)
			idlest = at;
	}
	*known = false;
	return make ? more_place(p, p->instances, &s, &key, GUIDS, idlest) : NULL;
}

const struct nw_instance *nw_peers_instance(struct nw_peers *p, const struct nw_conn *c)
{
	struct nw_instance now, *at;
	bool known;

	if (!instance_from(&now, c))
		return NULL;
	at = instance_place(p, &now, false, &known);
	return at && same_server(at, &now) ? at : NULL;
}

/* Another server behind the same address begins anew. */
static void note_instance(struct nw_peers *p, const struct nw_conn *c)
{
	struct nw_instance now, *at;
	bool known;

	if (!instance_from(&now, c))
		return;
	at = instance_place(p, &now, true, &known);
	if (!at)
		return;
	if (known && same_server(at, &now) && at->dialect < now.dialect)
		now.dialect = at->dialect;
	*at = now;
}

/* Both halves compared and found equal, and the answer protected. */
static bool is_validated(const struct nw_conn *c)
{
	unsigned int i;

	for (i = 0; i < c->n_validate; i++) {
		const struct nw_exchange *x = &c->validate[i];

		if (x->request_compared && !x->request_differs && x->response_compared &&
		    !x->response_differs && x->response.status == NW_STATUS_SUCCESS &&
		    (x->response.is_signed || x->response.encrypted))
			return true;
	}
	return false;
}

/* Scanners get no session: they can't push others out of the tables. */
static bool has_session(const struct nw_conn *c)
{
	return c->dialect && (c->authenticated || c->guest || c->tree_connected);
}

static uint8_t facts(const struct nw_conn *c, bool over)
{
	uint8_t noted = c->state->noted, f = SEEN | noted;
	bool works = c->authenticated && c->tree_connected;

	if (!has_session(c))
		return noted;
	f |= (c->encrypted ? ENCRYPTED : 0) | (c->guest ? GUEST : 0);
	if (works && c->dialect == 0x0311)
		f |= PREAUTH;
	if (!(f & VALIDATED) && is_validated(c))
		f |= VALIDATED;
	if (over || c->end.how)
		f |= OVER;
	/* A VALIDATE that found a difference is no use of the dialect: the connection was killed for it. */
	if (works && (f & (PREAUTH | VALIDATED | UNVALIDATED) || (f & OVER && !c->n_validate)))
		f |= RAN;
	return f;
}

static void see(struct nw_peer *peer, const struct nw_conn *c)
{
	const struct nw_params *req = nw_conn_negotiate_request(c);

	peer->connections++;
	peer->dialect = c->dialect;
	if (!req)
		return;
	peer->offered = nw_highest_dialect(req);
	peer->family = c->family[NW_C2S];
	peer->impl = nw_conn_impl(c, NW_C2S);
	memcpy(peer->guid, req->guid, sizeof(peer->guid));
}

static void prove(struct nw_peers *p, struct nw_peer *peer, const struct nw_conn *c)
{
	p->stats.news += nw_peer_is_listed(peer);
	peer->last_proven = (int64_t)c->last_ts;
	if (peer->proven < c->dialect)
		peer->proven = c->dialect;
}

void nw_peers_note(struct nw_peers *p, struct nw_conn *c, bool over)
{
	uint8_t all = facts(c, over), fresh = all & ~c->state->noted;
	struct nw_peer *peer = fresh ? peer_of(p, c) : NULL;

	if (!peer)
		return;
	c->state->noted = all;
	p->stats.changes++;
	if (fresh & SEEN)
		see(peer, c);
	if (fresh & (VALIDATED | PREAUTH))
		prove(p, peer, c);
	peer->validated += !!(fresh & VALIDATED);
	peer->preauth += !!(fresh & PREAUTH);
	peer->encrypted += !!(fresh & ENCRYPTED);
	peer->guest += !!(fresh & GUEST);
	if ((int64_t)c->last_ts > peer->last)
		peer->last = (int64_t)c->last_ts;
	/* Again when it is over: a mount that reconnects after weeks must not have been forgotten meanwhile.
	 */
	if (all & RAN && fresh & (RAN | OVER))
		note_instance(p, c);
}

bool nw_peers_finding(struct nw_peers *p, struct nw_conn *c, const struct nw_finding *f)
{
	struct nw_peer *peer = has_session(c) ? peer_of(p, c) : NULL;
	int64_t ts = (int64_t)f->ts;
	bool news;

	if (!peer)
		return true;
	p->stats.changes++;
	peer->findings++;
	peer->last_finding = ts;
	peer->last_rule = f->rule;
	if (f->rule != 110)
		return true;
	c->state->noted |= UNVALIDATED;
	p->stats.news += !nw_peer_is_listed(peer);
	news = peer->alerted == NW_NEVER || (!nw_peer_is_listed(peer) && ts - peer->alerted >= TELL_AGAIN);
	peer->unvalidated++;
	if (ts > peer->last_unvalidated)
		peer->last_unvalidated = ts;
	if (news)
		peer->alerted = ts;
	return news;
}

const struct nw_peer *nw_peers_at(const struct nw_peers *p, uint32_t i)
{
	/* A place is only given up for another peer, so that none of them is empty. */
	return i && i <= nw_table_count(p->peers) ? nw_table_at(p->peers, i) : NULL;
}

int nw_peers_each(const struct nw_peers *p, int (*fn)(void *arg, const struct nw_peer *peer), void *arg)
{
	const struct nw_peer *peer;
	int err = 0;

	for (peer = nw_table_first(p->peers); peer && !err; peer = nw_table_next(p->peers, peer))
		err = fn(arg, peer);
	return err;
}

int nw_peers_each_instance(const struct nw_peers *p, int (*fn)(void *arg, const struct nw_instance *i),
			   void *arg)
{
	const struct nw_instance *i;
	int err = 0;

	for (i = nw_table_first(p->instances); i && !err; i = nw_table_next(p->instances, i))
		err = fn(arg, i);
	return err;
}

int nw_peers_put(struct nw_peers *p, const struct nw_peer *peer)
{
	bool known;
	struct nw_peer *to = peer_place(p, peer, &known);

	if (!to)
		return -ENOMEM;
	*to = *peer;
	return 0;
}

int nw_peers_put_instance(struct nw_peers *p, const struct nw_instance *i)
{
	bool known;
	struct nw_instance *to = instance_place(p, i, true, &known);

	if (!to)
		return -ENOMEM;
	*to = *i;
	return 0;
}

void nw_peers_get_stats(const struct nw_peers *p, struct nw_peers_stats *out)
{
	*out = p->stats;
	out->peers = nw_table_count(p->peers);
	out->instances = nw_table_count(p->instances);
}
