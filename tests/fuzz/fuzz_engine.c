// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The engine over sequences of events that a tap might send, in any order: of up to four connections, with
 * time that goes on, losses, words of the kernel, and pieces of messages. Held to: findings can be shown and
 * say "altered" only where something differs, every connection ends once, its JSON is whole.
 *
 * Input: events of a few bytes each, see step().
 */
#include "fuzz.h"
#include "../unit/talk.h"
#include "../../bpf/wire/smb.h"

#define STEPS_MAX 300

static struct {
	struct nw_engine *engine;
	struct talk usual;
	uint64_t clock, frame, begun, done;
	uint32_t connection;
	uint32_t seq[4][2];
} E;

static void on_finding(void *arg, const struct nw_conn *c, const struct nw_finding *f)
{
	fuzz_check_finding(c, f);
}

static void on_done(void *arg, const struct nw_conn *c)
{
	E.done++;
	for (unsigned int i = 0; i < c->n_findings; i++)
		fuzz_check_finding(c, &c->findings[i]);
	fuzz_check_conn(c);
}

static bool is_own(void *arg, const union nw_addr *addr)
{
	return addr->b[15] & 1;
}

static bool is_socket(void *arg, const struct nw_key *key, unsigned int local)
{
	return key->port[0] & 0x100;
}

static const char *reason(void *arg, unsigned int n)
{
	return n < 5 ? "TCP_CLOSE" : NULL;
}

static void put(struct nw_event *ev)
{
	HOLDS(nw_engine_event(E.engine, ev) == 0);
}

/* A message as the tap tells it, with a few bytes changed; or a piece of it, from anywhere to anywhere. */
static void message(struct bytes *b, struct nw_event *ev, uint32_t *seq, bool piece)
{
	uint8_t which = take8(b), i;
	const struct talk_msg *m = &E.usual.msg[which % E.usual.n];
	uint32_t n = m->len < NW_DATA_MAX ? m->len : NW_DATA_MAX, from = 0, to = n;
	static const uint8_t types[] = { NW_EV_NEGOTIATE_REQ, NW_EV_NEGOTIATE_RSP,
					 NW_EV_VALIDATE_REQ,  NW_EV_VALIDATE_RSP,
					 NW_EV_SESSION_RSP,   NW_EV_TREE_RSP,
					 NW_EV_LOGOFF,	      NW_EV_USE };
	uint16_t command;

	_Alignas(8) uint8_t bytes[4 + NW_DATA_MAX] = { 0 };
	memcpy(bytes + 4, m->bytes, n);
	for (i = 0; i < which >> 6; i++)
		bytes[4 + take16(b) % n] = take8(b);
	ev->dir = m->dir;
	seq += m->dir;
	ev->tcp.seq = ev->msg_seq = *seq;
	ev->msg_len = m->len;
	if (piece) {
		uint8_t how = take8(b);

		from = how & 1 ? take16(b) % n : 0;
		to = from + (how & 2 ? take16(b) % (n - from + 1) : n - from);
		ev->type = NW_EV_PIECE;
		ev->boundary = *seq + (how & 4 ? take8(b) : 0);
		ev->msg_end = *seq + m->len;
		ev->msg_seq = *seq + from;
		ev->flags |= (how & 8 ? NW_EF_NO_BOUNDARY : 0) | (how & 16 ? NW_EF_AHEAD : 0) |
			     (how & 32 ? NW_EF_COMPOUND : 0);
		to = to - from > NW_DATA_MAX - 4 ? from + NW_DATA_MAX - 4 : to;
		ev->msg_len = to - from;
		memcpy(ev->data + 4, bytes + 4 + from, to - from);
		ev->data_len = 4 + to - from;
		if (!(how & 64))
			*seq += m->len;
	} else {
		command = bytes[4 + 4 + 12];
		ev->type = command == 0	 ? types[m->dir] :
			   command == 11 ? types[2 + m->dir] :
			   command == 1	 ? NW_EV_SESSION_RSP :
			   command == 3	 ? NW_EV_TREE_RSP :
			   command == 2	 ? NW_EV_LOGOFF :
					   NW_EV_USE;
		memcpy(ev->data, bytes + 4, n);
		ev->data_len = n;
		if (n >= 4 + 64)
			nw_extract(&ev->smb, bytes + 8, n - 4, ev->type);
		*seq += m->len;
	}
	put(ev);
}

/* RST, FIN, and what shows that one is alive. */
static void end(struct bytes *b, struct nw_event *ev, uint8_t type)
{
	uint8_t how = take8(b);

	ev->type = type;
	ev->dir = how & 1;
	ev->tcp.flags = type == NW_EV_RST ? 0x04 : type == NW_EV_FIN ? 0x11 : 0x18;
	ev->tcp.seq = E.seq[ev->key.port[0] & 3][ev->dir] + (how & 2 ? take16(b) : 0);
	ev->tcp.ttl = how & 4 ? take8(b) : 64;
	ev->tcp.ip_id = how & 8 ? take16(b) : 7;
	ev->tcp.window = how & 16 ? take16(b) : 502;
	ev->tcp.pay_len = how & 32 ? take8(b) : 0;
	ev->ends.sender = (struct nw_look){ .end = how & 64 ? take16(b) : ev->tcp.seq,
					    .window = 502,
					    .ttl = 64,
					    .ip_id = 6,
					    .traits = how & 128 ? take8(b) & 15 : 2 };
	ev->ends.other = ev->ends.sender;
	ev->ends.holes = how >> 6;
	put(ev);
}

static void step(struct bytes *b)
{
	uint8_t op = take8(b), which = op >> 4 & 3;
	struct nw_event ev = {
		.ts = E.clock += 1000, .frame = ++E.frame, .cpu = op >> 7, .hook = op >> 6 & 3
	};

	ev.key.addr[0].w[3] = 10;
	ev.key.addr[1].w[3] = 11;
	ev.key.addr[0].w[2] = E.connection;
	ev.key.port[0] = which | (which & 1) << 8;
	ev.key.port[1] = 0xbd01;
	ev.seqno = E.frame;
	ev.start_ts = ev.ts;
	ev.tcp.ttl = 64;
	ev.tcp.ip_version = 4;
	ev.flags = E.seq[which][0] | E.seq[which][1] ? 0 : NW_EF_NEW | NW_EF_SYN_SEEN;
	switch (op & 15) {
	case 0 ... 5:
		message(b, &ev, E.seq[which], false);
		break;
	case 6:
	case 7:
		message(b, &ev, E.seq[which], true);
		break;
	case 8:
		end(b, &ev, NW_EV_FIN);
		break;
	case 9:
		end(b, &ev, NW_EV_RST);
		break;
	case 10:
		end(b, &ev, NW_EV_ALIVE);
		break;
	case 11: /* any type without data */
		ev.type = take8(b) % (NW_EV_MAX + 2);
		ev.dir = take8(b) & 1;
		ev.flags |= take16(b) & 0x1ff;
		ev.cause = take8(b) % 6;
		ev.reason = take8(b);
		ev.smb.status = take8(b) & 1 ? NW_STATUS_ACCESS_DENIED : 0;
		ev.syn_opts = take8(b);
		ev.client = take8(b) & 1;
		put(&ev);
		break;
	case 12:
		nw_engine_lost(E.engine, E.clock, 1 + take8(b));
		break;
	case 13:
		nw_engine_kernel_speaks(E.engine, op & 16);
		break;
	default:
		E.clock += (uint64_t)take16(b) * (op & 16 ? 1000000 : 1000);
		nw_engine_tick(E.engine, E.clock);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct talk_params p = talk_server, q = talk_client;
	struct talk *t = &E.usual;

	fuzz_quiet();
	talk_usual(t, &talk_client, &talk_client, &talk_server, &talk_server, TALK_END_NONE);
	talk_smb1(t);
	p.dialect = 0x0311;
	talk_negotiate_rsp(t, &p, 0);
	p.dialect = 0x02ff;
	talk_negotiate_rsp(t, &p, 0);
	q.n_dialects = 2;
	talk_validate_req(t, &q, 4, 0);
	p.dialect = 0x0210;
	talk_validate_rsp(t, &p, 4, 0, true);
	talk_validate_rsp(t, &talk_server, 4, 0xc00000bb, true);
	talk_validate_rsp(t, &talk_server, 4, 0, false);
	talk_command(t, NW_C2S, 2, 8, 4);
	talk_command(t, NW_C2S, 5, 9, 4);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct nw_engine_ops ops = { .finding = on_finding, .done = on_done };
	struct bytes b = { data, data + size };
	uint8_t how = take8(&b);
	struct nw_engine_config ec;
	struct nw_engine_stats st;
	unsigned int i;

	nw_engine_defaults(&ec);
	ec.max_conns = how & 1 ? 2 : 8;
	ec.max_peers = how & 2 ? 1 : 8;
	ec.vantage = how >> 2 & 3;
	ec.idle_timeout = how & 16 ? NW_NS_PER_S : 0;
	ec.is_own = how & 32 ? is_own : NULL;
	ec.is_socket = how & 64 ? is_socket : NULL;
	ec.reset_reason = how & 128 ? reason : NULL;
	memset(E.seq, 0, sizeof(E.seq));
	E.done = E.frame = 0;
	E.clock = 1000000000;
	HOLDS(nw_engine_new(&E.engine, &ec, &ops, NULL) == 0);
	for (i = 0; i < STEPS_MAX && left(&b); i++)
		step(&b);
	nw_engine_flush(E.engine);
	nw_engine_get_stats(E.engine, &st);
	HOLDS(st.conns == E.done && st.conns_now == 0);
	nw_engine_free(&E.engine);
	return 0;
}
