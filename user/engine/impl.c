// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* NEGOTIATE messages taken apart for what their writer can't help saying. Offsets: MS-SMB2 2.2.3, 2.2.4. */
#include <string.h>

#include "impl.h"
#include "../../bpf/wire/smb.h"

/* Real messages have two to seven. */
#define CONTEXTS_MAX 16

#define CTX_PREAUTH 0x0001
#define CTX_ENCRYPTION 0x0002
#define CTX_COMPRESSION 0x0003
#define CTX_TRANSPORT 0x0006
#define CTX_RDMA 0x0007
#define CTX_SIGNING 0x0008
#define CTX_POSIX 0x0100

/* Bytes [at, at + n) of the message that are there; contexts and SPNEGO may lie at any offset. */
struct bytes {
	const uint8_t *p;
	uint32_t n;
};

static uint16_t u16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t u32(const uint8_t *p)
{
	return u16(p) | (uint32_t)u16(p + 2) << 16;
}

static void digit(uint32_t *list, uint32_t value)
{
	*list = *list << 4 | (value < 15 ? value : 15);
}

static void mix(struct nw_traits *t, uint32_t word)
{
	t->fingerprint = nw_fp_mix(t->fingerprint, word);
}

/* Algorithm identifiers: as many as are said and there. */
static void mix_list(struct nw_traits *t, struct bytes b, uint32_t at, uint32_t count, uint32_t *list)
{
	mix(t, count);
	for (; count && at + 2 <= b.n; at += 2, count--) {
		mix(t, u16(b.p + at));
		if (list)
			digit(list, u16(b.p + at) + 1u);
	}
}

/* MS-SMB2 2.2.3.1.1 and following. Of types without a row the length counts: their text may be anything. */
static void mix_context(struct nw_traits *t, uint32_t type, struct bytes b)
{
	mix(t, type);
	if (type == CTX_PREAUTH && b.n >= 4) {
		mix(t, u16(b.p + 2)); /* SaltLength */
		mix_list(t, b, 4, u16(b.p), NULL);
	} else if (type == CTX_ENCRYPTION && b.n >= 2) {
		mix_list(t, b, 2, u16(b.p), &t->ciphers);
	} else if (type == CTX_SIGNING && b.n >= 2) {
		mix_list(t, b, 2, u16(b.p), NULL);
	} else if (type == CTX_COMPRESSION && b.n >= 8) {
		mix(t, u32(b.p + 4)); /* Flags */
		mix_list(t, b, 8, u16(b.p), &t->compression);
	} else if (type == CTX_RDMA && b.n >= 8) {
		mix_list(t, b, 8, u16(b.p), NULL);
	} else if (type == CTX_TRANSPORT && b.n >= 4) {
		mix(t, u32(b.p));
	} else if (type == CTX_POSIX) {
		mix(t, b.n);
	}
}

/* False if the list is not there as a whole. */
static bool read_contexts(struct nw_traits *t, struct bytes msg, uint32_t at, uint32_t count)
{
	if (count > CONTEXTS_MAX)
		return false;
	mix(t, count);
	while (count--) {
		uint32_t type, len;

		if (at > msg.n || msg.n - at < 8)
			return false;
		type = u16(msg.p + at);
		len = u16(msg.p + at + 2);
		at += 8;
		if (len > msg.n - at)
			return false;
		digit(&t->contexts, type == CTX_POSIX ? 9 : type && type < 9 ? type : 15);
		mix_context(t, type, (struct bytes){ msg.p + at, len });
		at += (len + 7) & ~7u;
	}
	return true;
}

/* Enters an element of DER (X.690 8.1): *b becomes its content. False if it is another or not there. */
static bool der_enter(struct bytes *b, uint8_t tag)
{
	uint32_t head = 2, len, k;

	if (b->n < 2 || b->p[0] != tag)
		return false;
	len = b->p[1];
	if (len & 0x80) {
		k = len & 0x7f;
		if (!k || k > 2 || b->n < 2 + k)
			return false;
		len = k == 1 ? b->p[2] : b->p[2] << 8 | b->p[3];
		head += k;
	}
	*b = (struct bytes){ b->p + head, nw_min(len, b->n - head) };
	return true;
}

/* The mechanisms that SPNEGO offers (RFC 4178 4.2.1), in order. They lie at its beginning. */
static void read_mechs(struct nw_traits *t, struct bytes b)
{
	static const struct {
		const char *oid;
		uint8_t len, mech;
	} known[] = {
		{ "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x1e", 10, NW_MECH_NEGOEX },
		{ "\x2a\x86\x48\x82\xf7\x12\x01\x02\x02", 9, NW_MECH_MS_KRB5 },
		{ "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02", 9, NW_MECH_KRB5 },
		{ "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x03", 10, NW_MECH_U2U },
		{ "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a", 10, NW_MECH_NTLM },
	};
	struct bytes oid;
	unsigned int i;

	if (!der_enter(&b, 0x60) || b.n < 8 || b.p[0] != 0x06)
		return;
	b = (struct bytes){ b.p + 8, b.n - 8 }; /* the mechanism SPNEGO itself: 06 06 and six bytes */
	if (!der_enter(&b, 0xa0) || !der_enter(&b, 0x30) || !der_enter(&b, 0xa0) || !der_enter(&b, 0x30))
		return;
	while (oid = b, der_enter(&oid, 0x06)) {
		uint8_t mech = NW_MECH_OTHER;

		for (i = 0; i < sizeof(known) / sizeof(*known); i++)
			if (oid.n == known[i].len && !memcmp(oid.p, known[i].oid, oid.n))
				mech = known[i].mech;
		digit(&t->mechs, mech);
		b = (struct bytes){ oid.p + oid.n, (uint32_t)(b.p + b.n - (oid.p + oid.n)) };
	}
	mix(t, t->mechs);
}

static bool is_letter(uint8_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

uint8_t nw_guid_kind(const uint8_t guid[16])
{
	unsigned int n = 0, letters = 0, i;

	while (n < 16 &&
	       (is_letter(guid[n]) || (guid[n] >= '0' && guid[n] <= '9') || guid[n] == '-' || guid[n] == '_'))
		letters += is_letter(guid[n++]);
	if (letters == 16)
		return NW_GUID_LETTERS;
	for (i = n; i < 16; i++)
		if (guid[i])
			return NW_GUID_OTHER;
	return n == 16 ? NW_GUID_OTHER : n ? NW_GUID_NAME : NW_GUID_ZERO;
}

static bool offers_311(const uint8_t *h, uint32_t n, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count && NW_NEGQ_DIALECTS + 2 * i + 2 <= n; i++)
		if (u16(h + NW_NEGQ_DIALECTS + 2 * i) == 0x0311)
			return true;
	return false;
}

static void read_request(struct nw_traits *t, const struct nw_smb *m, struct bytes b)
{
	static const uint8_t zero[8];
	uint32_t process = u32(b.p + 32), i;

	t->process = !process	       ? NW_PROCESS_ZERO :
		     process == 0xfeff ? NW_PROCESS_FEFF :
		     process >> 16     ? NW_PROCESS_OTHER :
					 NW_PROCESS_SMALL;
	mix(t, 'Q' | (uint32_t)t->process << 8);
	mix(t, m->security_mode | (uint32_t)m->n_dialects << 16);
	mix(t, m->capabilities);
	for (i = 0; i < nw_min(m->n_dialects, NW_DIALECTS_MAX); i++)
		mix(t, u16(b.p + NW_NEGQ_DIALECTS + 2 * i));
	/* ClientStartTime, or where the contexts are */
	if (offers_311(b.p, b.n, m->n_dialects)) {
		t->contexts_known = read_contexts(t, b, u32(b.p + 92), u16(b.p + 96));
	} else {
		mix(t, memcmp(b.p + 92, zero, 8) != 0);
		t->contexts_known = true;
	}
}

static void read_response(struct nw_traits *t, const struct nw_smb *m, struct bytes b)
{
	uint32_t at = u16(b.p + 120), len = u16(b.p + 122);

	t->start_time = u32(b.p + 112) | u32(b.p + 116);
	mix(t, 'R' | (uint32_t)t->start_time << 8);
	mix(t, m->security_mode | (uint32_t)m->dialect << 16);
	mix(t, m->capabilities);
	mix(t, u32(b.p + 92)); /* MaxTransactSize, MaxReadSize, MaxWriteSize */
	mix(t, u32(b.p + 96));
	mix(t, u32(b.p + 100));
	if (at < b.n)
		read_mechs(t, (struct bytes){ b.p + at, nw_min(len, b.n - at) });
	t->contexts_known = m->dialect != 0x0311 || read_contexts(t, b, u32(b.p + 124), u16(b.p + 70));
}

void nw_traits_read(struct nw_traits *t, const struct nw_event *ev)
{
	struct bytes b = { ev->data + 4, ev->data_len > 4 ? ev->data_len - 4u : 0 };
	bool request = ev->type == NW_EV_NEGOTIATE_REQ;

	memset(t, 0, sizeof(*t));
	if (!ev->smb.fingerprint || (!request && ev->type != NW_EV_NEGOTIATE_RSP))
		return;
	/* Where there are fields, nw_extract() saw this much: */
	if (b.n <
	    (request ? NW_NEGQ_DIALECTS + 2 * nw_min(ev->smb.n_dialects, NW_DIALECTS_MAX) : NW_NEGR_END))
		return;
	t->fingerprint = 0x6e65677761746368ULL;
	t->credit_charge = u16(b.p + 6);
	t->credits = u16(b.p + 14);
	t->guid = nw_guid_kind(ev->smb.guid);
	if (request)
		read_request(t, &ev->smb, b);
	else
		read_response(t, &ev->smb, b);
	t->fingerprint = t->contexts_known ? t->fingerprint | 1 : 0; /* 0 stands for "unknown" */
}
