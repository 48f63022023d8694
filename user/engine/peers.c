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

/* The keys are no flow keys: only their size is the same. */
static struct nw_key peer_key(const struct nw_peer *peer)
{
	return (struct nw_key){ .addr = { peer->client, peer->server },
				.port = { peer->security_mode, peer->port },
				.zero = peer->capabilities };
}

/* What the client's address comes to in the room that is left; the address itself is compared. */
static struct nw_key instance_key(const struct nw_instance *i)
{
	struct nw_key key = { .addr[1] = i->server, .port[1] = i->port };
	uint64_t h = (i->client.d[0] ^ (i->client.d[1] >> 32 | i->client.d[1] << 32)) * 0x9e3779b97f4a7c15ULL;

	memcpy(key.addr[0].b, i->client_guid, 16);
	key.zero = (uint32_t)(h >> 32);
	return key;
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
	struct nw_key key = peer_key(&fresh);
	struct nw_peer *peer = nw_table_get(p->peers, &key);

	if (peer)
		return peer;
	peer = nw_table_put(p->peers, &key);
	if (peer)
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

static bool same_ends(const struct nw_instance *a, const struct nw_instance *b)
{
	return !memcmp(&a->client, &b->client, sizeof(a->client)) &&
	       !memcmp(a->server_guid, b->server_guid, sizeof(a->server_guid));
}

const struct nw_instance *nw_peers_instance(struct nw_peers *p, const struct nw_conn *c)
{
	struct nw_instance now;
	const struct nw_instance *known;
	struct nw_key key;

	if (!instance_from(&now, c))
		return NULL;
	key = instance_key(&now);
	known = nw_table_get(p->instances, &key);
	return known && same_ends(known, &now) ? known : NULL;
}

/* Another server behind the same address, or another client, begins anew. */
static void note_instance(struct nw_peers *p, const struct nw_conn *c)
{
	struct nw_instance now, *known;
	struct nw_key key;

	if (!instance_from(&now, c))
		return;
	key = instance_key(&now);
	known = nw_table_get(p->instances, &key);
	if (known && same_ends(known, &now) && known->dialect < now.dialect)
		now.dialect = known->dialect;
	if (!known)
		known = nw_table_put(p->instances, &key);
	if (known)
		*known = now;
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

static void *place(struct nw_table *t, const struct nw_key *key)
{
	void *there = nw_table_get(t, key);

	return there ? there : nw_table_put(t, key);
}

int nw_peers_put(struct nw_peers *p, const struct nw_peer *peer)
{
	struct nw_key key = peer_key(peer);
	struct nw_peer *to = place(p->peers, &key);

	if (!to)
		return -ENOMEM;
	*to = *peer;
	return 0;
}

int nw_peers_put_instance(struct nw_peers *p, const struct nw_instance *i)
{
	struct nw_key key = instance_key(i);
	struct nw_instance *to = place(p->instances, &key);

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
