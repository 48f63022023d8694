// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Histories for tests: makes the events of whole connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "history.h"
#include "../../bpf/wire/smb.h"

struct history nw_history;
#define R nw_history

static void on_finding(void *arg, const struct nw_conn *c, const struct nw_finding *f)
{
	R.told[nw_rule_index(f->rule)]++;
	R.last = *f;
}

void history_begin(enum nw_vantage vantage, uint32_t max_peers)
{
	static const struct nw_engine_ops ops = { .finding = on_finding };
	struct nw_engine_config cfg;

	nw_engine_free(&R.engine);
	memset(&R, 0, sizeof(R));
	nw_engine_defaults(&cfg);
	cfg.max_awake = 0;
	cfg.vantage = vantage;
	cfg.max_peers = max_peers;
	cfg.idle_timeout = 90 * 24 * HISTORY_HOUR;
	assert_int_equal(nw_engine_new(&R.engine, &cfg, &ops, NULL), 0);
	R.now = 100 * NW_NS_PER_S;
}

unsigned int history_told(unsigned int rule)
{
	return R.told[nw_rule_index(rule)];
}

static struct nw_smb *event(const struct history_how *h, uint8_t type, uint8_t dir)
{
	R.now += NW_NS_PER_MS;
	R.ev = (struct nw_event){ .ts = R.now, .type = type, .dir = dir, .flags = NW_EF_SYN_SEEN };
	R.ev.key.addr[0].b[15] = 1 + h->client;
	R.ev.key.addr[1].b[15] = 200 + h->server;
	R.ev.key.port[0] = nw_from_be16(R.port);
	R.ev.key.port[1] = nw_from_be16(h->port ? h->port : 445);
	R.ev.smb.session_id = 1;
	R.ev.smb.flags = 9;
	return &R.ev.smb;
}

static void feed(void)
{
	assert_int_equal(nw_engine_event(R.engine, &R.ev), 0);
}

static void offer(const struct history_how *h, uint8_t type)
{
	static const uint16_t all[] = { 0x0202, 0x0210, 0x0300, 0x0302, 0x0311 };
	struct nw_smb *m = event(h, type, NW_C2S);

	m->capabilities = h->capabilities + h->altered * (type == NW_EV_VALIDATE_REQ);
	m->guid[0] = m->guid[15] = (uint8_t)(1 + h->guid);
	m->message_id = type == NW_EV_VALIDATE_REQ ? 5 : 0;
	m->max_output = 24;
	m->dialects_off = 148;
	for (unsigned int i = h->only ? 4 : 0; i < 5; i++)
		if (all[i] <= h->offers)
			memcpy(R.ev.data + 148 + 2 * m->n_dialects++, &all[i], 2);
	R.ev.data_len = NW_DATA_MAX;
	m->fingerprint = nw_fp_request(m, m->guid, R.ev.data + 148);
	feed();
}

static void choose(const struct history_how *h, uint8_t type)
{
	struct nw_smb *m = event(h, type, NW_S2C);

	m->capabilities = 0x7f;
	m->guid[0] = h->server_guid;
	m->message_id = type == NW_EV_VALIDATE_RSP ? 5 : 0;
	m->dialect = h->runs;
	m->fingerprint = nw_fp_response(m, m->guid);
	feed();
}

static void plain(const struct history_how *h, uint8_t type, uint8_t dir)
{
	event(h, type, dir);
	feed();
}

/* From the SYN to both FINs, or (open) to the use of the tree. */
void history_connect(const struct history_how *h)
{
	R.port++;
	if (h->smb1)
		plain(h, NW_EV_SMB1_REQ, NW_C2S);
	else
		offer(h, NW_EV_NEGOTIATE_REQ);
	choose(h, NW_EV_NEGOTIATE_RSP);
	if (h->unanswered)
		return;
	event(h, NW_EV_SESSION_RSP, NW_S2C)->session_flags = h->guest;
	feed();
	if (h->gap) {
		event(h, NW_EV_GAP, NW_C2S);
		R.ev.cause = NW_GAP_LOST;
		feed();
	}
	plain(h, NW_EV_TREE_RSP, NW_S2C);
	if (h->validates) {
		offer(h, NW_EV_VALIDATE_REQ);
		choose(h, NW_EV_VALIDATE_RSP);
	}
	plain(h, h->encrypted ? NW_EV_ENCRYPTED : NW_EV_USE, NW_C2S);
	if (h->open)
		return;
	plain(h, NW_EV_FIN, NW_C2S);
	plain(h, NW_EV_FIN, NW_S2C);
}

static int count(void *arg, const struct nw_peer *peer)
{
	((unsigned int *)arg)[0]++;
	((unsigned int *)arg)[1] += nw_peer_is_listed(peer);
	return 0;
}

static int copy(void *arg, const struct nw_peer *peer)
{
	*(struct nw_peer *)arg = *peer;
	return 0;
}

/* The last of them, or of none. */
struct nw_peer history_peer(void)
{
	struct nw_peer p = { 0 };

	nw_peers_each(nw_engine_peers(R.engine), copy, &p);
	return p;
}

void history_expect(unsigned int all, unsigned int listed)
{
	unsigned int n[2] = { 0 };

	nw_peers_each(nw_engine_peers(R.engine), count, n);
	assert_int_equal(n[0], all);
	assert_int_equal(n[1], listed);
}

void history_end(void)
{
	nw_engine_free(&R.engine);
}

void history_event(const struct history_how *h, uint8_t type, uint8_t dir)
{
	plain(h, type, dir);
}
