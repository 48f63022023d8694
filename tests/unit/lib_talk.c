// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* SMB messages, TCP segments and Ethernet frames for tests. Offsets are MS-SMB2's, see bpf/wire/smb.h. */
#include <stdlib.h>
#include <string.h>

#include "talk.h"

const struct talk_params talk_client = {
	.capabilities = 0x7f,
	.mode = 1,
	.guid0 = 0x11,
	.dialects = { 0x0202, 0x0210, 0x0300, 0x0302 },
	.n_dialects = 4,
};
const struct talk_params talk_server = { .capabilities = 0x4f, .mode = 1, .guid0 = 0x77, .dialect = 0x0302 };

static void le16(uint8_t *p, uint16_t v)
{
	p[0] = v & 0xff;
	p[1] = v >> 8;
}

static void le32(uint8_t *p, uint32_t v)
{
	le16(p, v & 0xffff);
	le16(p + 2, v >> 16);
}

static void le64(uint8_t *p, uint64_t v)
{
	le32(p, (uint32_t)v);
	le32(p + 4, v >> 32);
}

static void be16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v & 0xff;
}

static void be32(uint8_t *p, uint32_t v)
{
	be16(p, v >> 16);
	be16(p + 2, v & 0xffff);
}

static void guid(uint8_t *p, uint8_t first)
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		p[i] = first + 7 * i;
}

void talk_init(struct talk *t)
{
	memset(t, 0, sizeof(*t));
	t->msg = calloc(TALK_MSGS_MAX, sizeof(*t->msg));
	if (!t->msg)
		abort();
}

void talk_free(struct talk *t)
{
	free(t->msg);
	t->msg = NULL;
}

struct talk_msg *talk_add(struct talk *t, enum nw_dir_id dir)
{
	struct talk_msg *m = &t->msg[t->n++];

	if (t->n > TALK_MSGS_MAX)
		abort();
	m->dir = dir;
	return m;
}

static void framed(struct talk_msg *m, uint32_t smb_len)
{
	m->len = 4 + smb_len;
	m->bytes[0] = 0;
	m->bytes[1] = smb_len >> 16;
	be16(m->bytes + 2, smb_len & 0xffff);
}

/* Returns the SMB header; the body is `body` bytes. */
static uint8_t *smb2(struct talk *t, enum nw_dir_id dir, uint16_t command, uint64_t mid, uint32_t body,
		     bool is_signed, uint32_t status)
{
	struct talk_msg *m = talk_add(t, dir);
	uint8_t *h = m->bytes + 4;

	framed(m, 64 + body);
	memcpy(h, "\xfeSMB", 4);
	le16(h + 4, 64);
	le32(h + 8, status);
	le16(h + 12, command);
	le32(h + 16, (dir == NW_S2C ? 1 : 0) | (is_signed ? 8 : 0));
	le64(h + 24, mid);
	le64(h + 40, command ? 0x1122334455667788 : 0);
	if (is_signed)
		memset(h + 48, 0xa5, 16);
	return h;
}

static void dialect_list(uint8_t *p, const struct talk_params *par)
{
	unsigned int i;

	for (i = 0; i < par->n_dialects; i++)
		le16(p + 2 * i, par->dialects[i]);
}

void talk_negotiate_req(struct talk *t, const struct talk_params *p, uint64_t mid)
{
	uint8_t *h = smb2(t, NW_C2S, 0, mid, 36 + 2 * p->n_dialects, false, 0);

	le16(h + 64, 36);
	le16(h + 66, p->n_dialects);
	le16(h + 68, p->mode);
	le32(h + 72, p->capabilities);
	guid(h + 76, p->guid0);
	dialect_list(h + 100, p);
}

void talk_negotiate_rsp(struct talk *t, const struct talk_params *p, uint64_t mid)
{
	uint8_t *h = smb2(t, NW_S2C, 0, mid, 64 + 74, false, 0);

	le16(h + 64, 65);
	le16(h + 66, p->mode);
	le16(h + 68, p->dialect);
	guid(h + 72, p->guid0);
	le32(h + 88, p->capabilities);
	memset(h + 128, 0x60, 74);
}

void talk_session(struct talk *t, uint64_t mid, uint16_t flags, bool is_signed)
{
	uint8_t *h;

	smb2(t, NW_C2S, 1, mid, 24 + 40, false, 0);
	h = smb2(t, NW_S2C, 1, mid, 8 + 20, is_signed, 0);
	le16(h + 64, 9);
	le16(h + 66, flags);
}

void talk_tree(struct talk *t, uint64_t mid)
{
	uint8_t *h;

	smb2(t, NW_C2S, 3, mid, 8 + 32, true, 0);
	h = smb2(t, NW_S2C, 3, mid, 16, true, 0);
	le16(h + 64, 16);
}

void talk_validate_req(struct talk *t, const struct talk_params *p, uint64_t mid, uint32_t pad)
{
	uint8_t *h = smb2(t, NW_C2S, 11, mid, 56 + pad + 24 + 2 * p->n_dialects, true, 0);
	uint8_t *b = h + 120 + pad;

	le16(h + 64, 57);
	le32(h + 68, 0x00140204);
	memset(h + 72, 0xff, 16);
	le32(h + 88, 120 + pad);
	le32(h + 92, 24 + 2 * p->n_dialects);
	le32(h + 108, 24);
	le32(h + 112, 1);
	le32(b, p->capabilities);
	guid(b + 4, p->guid0);
	le16(b + 20, p->mode);
	le16(b + 22, p->n_dialects);
	dialect_list(b + 24, p);
}

void talk_validate_rsp(struct talk *t, const struct talk_params *p, uint64_t mid, uint32_t status,
		       bool is_signed)
{
	uint8_t *h;

	if (status) {
		h = smb2(t, NW_S2C, 11, mid, 9, is_signed, status);
		le16(h + 64, 9);
		return;
	}
	h = smb2(t, NW_S2C, 11, mid, 48 + 24, is_signed, 0);
	le16(h + 64, 49);
	le32(h + 68, 0x00140204);
	memset(h + 72, 0xff, 16);
	le32(h + 88, 112);
	le32(h + 96, 112);
	le32(h + 100, 24);
	le32(h + 112, p->capabilities);
	guid(h + 116, p->guid0);
	le16(h + 132, p->mode);
	le16(h + 134, p->dialect);
}

void talk_command(struct talk *t, enum nw_dir_id dir, uint16_t command, uint64_t mid, uint32_t body)
{
	smb2(t, dir, command, mid, body, false, 0);
}

void talk_compound(struct talk *t)
{
	struct talk_msg *a = &t->msg[t->n - 2], *b = &t->msg[t->n - 1];
	uint32_t first = (a->len - 4 + 7) & ~7u;

	le32(a->bytes + 4 + 20, first);
	memcpy(a->bytes + 4 + first, b->bytes + 4, b->len - 4);
	framed(a, first + b->len - 4);
	memset(b, 0, sizeof(*b));
	t->n--;
}

void talk_smb1(struct talk *t)
{
	static const char names[] = "\2NT LM 0.12\0\2SMB 2.002\0\2SMB 2.???";
	struct talk_msg *m = talk_add(t, NW_C2S);
	uint8_t *h = m->bytes + 4;

	framed(m, 35 + sizeof(names));
	memcpy(h, "\xffSMB\x72", 5);
	h[9] = 0x18;
	le16(h + 33, sizeof(names));
	memcpy(h + 35, names, sizeof(names));
}

void talk_netbios(struct talk *t)
{
	struct talk_msg *m = talk_add(t, NW_C2S);

	memset(m->bytes, 'C', 72);
	m->bytes[0] = 0x81;
	m->bytes[1] = 0;
	be16(m->bytes + 2, 68);
	m->len = 72;
	m = talk_add(t, NW_S2C);
	m->bytes[0] = 0x82;
	m->len = 4;
}

void talk_usual(struct talk *t, const struct talk_params *seen_req, const struct talk_params *meant_req,
		const struct talk_params *seen_rsp, const struct talk_params *meant_rsp, enum talk_end end)
{
	talk_init(t);
	talk_negotiate_req(t, seen_req, 0);
	talk_negotiate_rsp(t, seen_rsp, 0);
	talk_session(t, 1, 0, true);
	talk_tree(t, 2);
	talk_validate_req(t, meant_req, 3, 0);
	if (meant_rsp) {
		talk_validate_rsp(t, meant_rsp, 3, 0, true);
		talk_command(t, NW_C2S, 5, 4, 60);
		talk_command(t, NW_S2C, 5, 4, 88);
	}
	t->end = end;
}

/* --- from messages to frames ----------------------------------------------------------------------- */

struct wire {
	const struct talk_how *how;
	talk_frame_fn fn;
	void *arg;
	uint32_t seq[2];
	uint64_t ts;
	uint64_t frame;
};

static uint32_t network_header(const struct wire *w, uint8_t *p, uint8_t dir, uint32_t tcp_len)
{
	uint32_t opt = w->how->ip_options ? 8 : 0;

	if (w->how->ipv6) {
		p[0] = 0x60;
		be16(p + 4, opt + tcp_len);
		p[6] = opt ? 60 : 6;
		p[7] = 64;
		memcpy(p + 8, "\xfd\x77\0\0\0\0\0\0\0\0\0\0\0\0\0", 15);
		p[23] = dir == NW_C2S ? 1 : 2;
		memcpy(p + 24, p + 8, 15);
		p[39] = dir == NW_C2S ? 2 : 1;
		if (opt) {
			memset(p + 40, 0, 8);
			p[40] = 6;
			p[42] = 1;
			p[43] = 4;
		}
		return 40 + opt;
	}
	p[0] = 0x45 + opt / 4;
	be16(p + 2, 20 + opt + tcp_len);
	be16(p + 4, (uint16_t)(w->frame + 1));
	p[8] = 64;
	p[9] = 6;
	memcpy(p + 12, "\x0a\x4d\0", 3);
	p[15] = dir == NW_C2S ? 1 : 2;
	memcpy(p + 16, "\x0a\x4d\0", 3);
	p[19] = dir == NW_C2S ? 2 : 1;
	memset(p + 20, 1, opt);
	return 20 + opt;
}

static int segment(struct wire *w, uint8_t dir, uint32_t seq, const uint8_t *data, uint32_t len,
		   uint8_t flags)
{
	uint8_t f[TALK_MSG_MAX * 2] = { 0 };
	uint16_t server = w->how->port139 ? 139 : 445;
	uint32_t at = 12, i;
	uint8_t *th;

	memset(f, 2, 12);
	for (i = 0; i < w->how->vlans; i++) {
		be16(f + at, i + 1 < w->how->vlans ? 0x88a8 : 0x8100);
		be16(f + at + 2, 10 + i);
		at += 4;
	}
	be16(f + at, w->how->ipv6 ? 0x86dd : 0x0800);
	at += 2;
	at += network_header(w, f + at, dir, 20 + len);
	th = f + at;
	be16(th, dir == NW_C2S ? 50123 : server);
	be16(th + 2, dir == NW_C2S ? server : 50123);
	be32(th + 4, seq);
	be32(th + 8, w->seq[!dir]);
	th[12] = 0x50;
	th[13] = flags;
	be16(th + 14, 502);
	memcpy(th + 20, data, len);
	at += 20 + len;
	if (at < 60)
		at = 60; /* Ethernet pads */
	w->ts += 50000;
	return w->fn(w->arg, f, at, w->ts, ++w->frame);
}

/* The stream's next `len` bytes, cut as asked. */
static int stretch(struct wire *w, uint8_t dir, const uint8_t *data, uint32_t len)
{
	uint32_t starts[2 * TALK_MSG_MAX], n = 0, at = 0, i;
	int err = 0;

	while (at < len) {
		uint32_t size = w->how->size ? w->how->size : len;

		if (w->how->cut && at < w->how->cut && at + size > w->how->cut)
			size = w->how->cut - at;
		starts[n++] = at;
		at += size < len - at ? size : len - at;
	}
	starts[n] = len;
	for (i = 0; i < n && !err; i++) {
		uint32_t k = i;

		if (w->how->swap)
			k = i % 2 ? i - 1 : i + 1 < n ? i + 1 : i;
		err = segment(w, dir, w->seq[dir] + starts[k], data + starts[k], starts[k + 1] - starts[k],
			      0x18);
		if (!err && w->how->twice)
			err = segment(w, dir, w->seq[dir] + starts[k], data + starts[k],
				      starts[k + 1] - starts[k], 0x18);
	}
	w->seq[dir] += len;
	return err ? err : segment(w, !dir, w->seq[!dir], data, 0, 0x10);
}

int talk_frames(const struct talk *t, const struct talk_how *how, talk_frame_fn fn, void *arg)
{
	struct wire w = { .how = how, .fn = fn, .arg = arg, .ts = 1700000000000000000ULL };
	static const uint8_t none[1];
	uint8_t joined[2 * TALK_MSG_MAX];
	unsigned int i;
	int err = 0;

	w.seq[0] = how->isn[0];
	w.seq[1] = how->isn[1];
	if (!how->no_syn) {
		err = segment(&w, NW_C2S, w.seq[0], none, 0, 0x02);
		w.seq[0]++;
		if (!err)
			err = segment(&w, NW_S2C, w.seq[1], none, 0, 0x12);
	} else {
		w.seq[0]++;
	}
	w.seq[1]++;
	for (i = 0; i < t->n && !err; i++) {
		const struct talk_msg *m = &t->msg[i];
		uint32_t len = m->len;

		memcpy(joined, m->bytes, len);
		while (how->join && i + 1 < t->n && t->msg[i + 1].dir == m->dir &&
		       len + t->msg[i + 1].len < sizeof(joined)) {
			i++;
			memcpy(joined + len, t->msg[i].bytes, t->msg[i].len);
			len += t->msg[i].len;
		}
		err = stretch(&w, m->dir, joined, len);
	}
	if (!err && t->end == TALK_END_SERVER_RST)
		err = segment(&w, NW_S2C, w.seq[1], none, 0, 0x14);
	if (!err && (t->end == TALK_END_SERVER_FIN || t->end == TALK_END_CLIENT_FIN)) {
		uint8_t first = t->end == TALK_END_SERVER_FIN ? NW_S2C : NW_C2S;

		err = segment(&w, first, w.seq[first], none, 0, 0x11);
		w.seq[first]++;
		if (!err)
			err = segment(&w, !first, w.seq[!first], none, 0, 0x11);
	}
	return err;
}

/* --- the digest ------------------------------------------------------------------------------------ */

#include <stdarg.h>
#include <stdio.h>

static __attribute__((format(printf, 2, 3))) void out(struct talk_digest *d, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(d->text + d->n, sizeof(d->text) - d->n, fmt, ap);
	va_end(ap);
	if (n > 0)
		d->n += (size_t)n < sizeof(d->text) - d->n ? (size_t)n : sizeof(d->text) - d->n - 1;
}

static void params(struct talk_digest *d, const char *what, const struct nw_params *p)
{
	unsigned int i;

	if (!p->ts)
		return;
	out(d,
	    " %s mid=%llu st=%x sig=%d fp=%llx impl=%llx caps=%x mode=%x guid0=%02x dialect=%x n=%u:", what,
	    (unsigned long long)p->message_id, p->status, p->is_signed, (unsigned long long)p->fingerprint,
	    (unsigned long long)p->traits.fingerprint, p->capabilities, p->security_mode, p->guid[0],
	    p->dialect, p->n_dialects);
	for (i = 0; p->dialects && i < p->n_dialects && i < NW_DIALECTS_MAX; i++)
		out(d, "%x,", p->dialects[i]);
}

void talk_digest_conn(void *digest, const struct nw_conn *c)
{
	struct talk_digest *d = digest;
	unsigned int i;

	out(d, "conn port=%u dialect=%x auth=%d tree=%d smb1=%d syn=%d opts=%x family=%s/%s",
	    nw_conn_port(c, NW_S2C), c->dialect, c->authenticated, c->tree_connected, c->smb1_negotiate,
	    c->syn_seen, c->syn_opts, c->family[NW_C2S] ? c->family[NW_C2S]->name : "",
	    c->family[NW_S2C] ? c->family[NW_S2C]->name : "");
	for (i = 0; i < c->n_negotiate; i++) {
		params(d, "NQ", &c->negotiate[i].request);
		params(d, "NR", &c->negotiate[i].response);
	}
	for (i = 0; i < c->n_validate; i++) {
		params(d, "VQ", &c->validate[i].request);
		params(d, "VR", &c->validate[i].response);
		out(d, " differs=%x/%x", c->validate[i].request_differs, c->validate[i].response_differs);
	}
	for (i = 0; i < c->n_steps; i++)
		out(d, " %s/%d/%x/%x", nw_step_name(c->steps[i].type), c->steps[i].by, c->steps[i].status,
		    c->steps[i].command);
	for (i = 0; i < c->n_findings; i++)
		out(d, " [%u %x %s]", c->findings[i].rule, c->findings[i].fields,
		    nw_outcome_name(c->findings[i].outcome));
	out(d, " end=%u/%s\n", c->end.by, nw_end_name(c->end.how));
}

struct host {
	struct nw_tap *tap;
	struct nw_engine *engine;
};

static int to_engine(void *arg, const struct nw_event *ev)
{
	return nw_engine_event(((struct host *)arg)->engine, ev);
}

static int to_tap(void *arg, const uint8_t *data, uint32_t len, uint64_t ts, uint64_t frame)
{
	struct nw_tap_packet p = { .data = data, .caplen = len, .len = len, .ts = ts, .frame = frame };

	return nw_tap_packet(((struct host *)arg)->tap, &p);
}

int talk_digest_host(const struct talk *t, const struct talk_how *how, struct talk_digest *d)
{
	static const uint16_t ports[] = { 445, 139 };
	struct nw_tap_config tc = { .ports = ports, .n_ports = 2, .max_flows = 64 };
	struct nw_engine_ops ops = { .done = talk_digest_conn };
	struct nw_engine_config ec;
	struct host h = { 0 };
	int err;

	d->n = 0;
	d->text[0] = 0;
	nw_engine_defaults(&ec);
	ec.max_awake = 0;
	ec.max_conns = ec.max_peers = 64;
	err = nw_engine_new(&h.engine, &ec, &ops, d);
	if (!err)
		err = nw_tap_new(&h.tap, &tc, to_engine, &h);
	if (!err)
		err = talk_frames(t, how, to_tap, &h);
	if (!err)
		nw_engine_flush(h.engine);
	nw_tap_free(&h.tap);
	nw_engine_free(&h.engine);
	return err;
}
