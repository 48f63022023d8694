// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* NEGOTIATE messages taken apart for what their writer can't help saying. Offsets: MS-SMB2 2.2.3, 2.2.4. */
#include <string.h>

#include "contexts.h"
#include "impl.h"

static void digit(uint32_t *list, uint32_t value)
{
	*list = *list << 4 | (value < 15 ? value : 15);
}

static void mix(struct nw_traits *t, uint32_t word)
{
	t->fingerprint = nw_fp_mix(t->fingerprint, word);
}

/* Algorithm identifiers: as many as are said and there. */
static void mix_list(struct nw_traits *t, struct nw_bytes b, uint32_t at, uint32_t count, uint32_t *list)
{
	mix(t, count);
	for (; count && at + 2 <= b.n; at += 2, count--) {
		mix(t, nw_get16(b.p + at));
		if (list)
			digit(list, nw_get16(b.p + at) + 1u);
	}
}

/* MS-SMB2 2.2.3.1.1 and following. Of types without a row the length counts: their text may be anything. */
static void mix_context(struct nw_traits *t, uint32_t type, struct nw_bytes b)
{
	mix(t, type);
	if (type == NW_CTX_PREAUTH && b.n >= 4) {
		mix(t, nw_get16(b.p + 2)); /* SaltLength */
		mix_list(t, b, 4, nw_get16(b.p), NULL);
	} else if (type == NW_CTX_ENCRYPTION && b.n >= 2) {
		mix_list(t, b, 2, nw_get16(b.p), &t->ciphers);
	} else if (type == NW_CTX_SIGNING && b.n >= 2) {
		mix_list(t, b, 2, nw_get16(b.p), NULL);
	} else if (type == NW_CTX_COMPRESSION && b.n >= 8) {
		mix(t, nw_get32(b.p + 4)); /* Flags */
		mix_list(t, b, 8, nw_get16(b.p), &t->compression);
	} else if (type == NW_CTX_RDMA && b.n >= 8) {
		mix_list(t, b, 8, nw_get16(b.p), NULL);
	} else if (type == NW_CTX_TRANSPORT && b.n >= 4) {
		mix(t, nw_get32(b.p));
	} else if (type == NW_CTX_POSIX) {
		mix(t, b.n);
	}
}

/* Of a pre-authentication context, after two counts and the algorithms. */
static void read_salt(uint8_t salt[16], struct nw_bytes b)
{
	uint32_t at, len;

	if (b.n < 4)
		return;
	at = 4 + 2u * nw_get16(b.p);
	len = nw_get16(b.p + 2);
	if (len >= 16 && at <= b.n && len <= b.n - at)
		memcpy(salt, b.p + at, 16);
}

/* False if the list is not there as a whole. */
static bool read_contexts(struct nw_traits *t, uint8_t salt[16], struct nw_contexts list)
{
	struct nw_bytes data;
	uint32_t type;

	mix(t, list.left);
	while (nw_context_next(&list, &type, &data)) {
		digit(&t->contexts, type == NW_CTX_POSIX ? 9 : type && type < 9 ? type : 15);
		mix_context(t, type, data);
		if (type == NW_CTX_PREAUTH)
			read_salt(salt, data);
	}
	return !list.left;
}

/* Enters an element of DER (X.690 8.1): *b becomes its content. False if it is another or not there. */
static bool der_enter(struct nw_bytes *b, uint8_t tag)
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
	*b = (struct nw_bytes){ b->p + head, nw_min(len, b->n - head) };
	return true;
}

/* The mechanisms that SPNEGO offers (RFC 4178 4.2.1), in order. They lie at its beginning. */
static void read_mechs(struct nw_traits *t, struct nw_bytes b)
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
	struct nw_bytes oid;
	unsigned int i;

	if (!der_enter(&b, 0x60) || b.n < 8 || b.p[0] != 0x06)
		return;
	b = (struct nw_bytes){ b.p + 8, b.n - 8 }; /* the mechanism SPNEGO itself: 06 06 and six bytes */
	if (!der_enter(&b, 0xa0) || !der_enter(&b, 0x30) || !der_enter(&b, 0xa0) || !der_enter(&b, 0x30))
		return;
	while (oid = b, der_enter(&oid, 0x06)) {
		uint8_t mech = NW_MECH_OTHER;

		for (i = 0; i < sizeof(known) / sizeof(*known); i++)
			if (oid.n == known[i].len && !memcmp(oid.p, known[i].oid, oid.n))
				mech = known[i].mech;
		digit(&t->mechs, mech);
		b = (struct nw_bytes){ oid.p + oid.n, (uint32_t)(b.p + b.n - (oid.p + oid.n)) };
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
		if (nw_get16(h + NW_NEGQ_DIALECTS + 2 * i) == 0x0311)
			return true;
	return false;
}

static void read_request(struct nw_traits *t, uint8_t salt[16], const struct nw_smb *m, struct nw_bytes b)
{
	static const uint8_t zero[8];
	uint32_t process = nw_get32(b.p + 32), i;

	t->process = !process	       ? NW_PROCESS_ZERO :
		     process == 0xfeff ? NW_PROCESS_FEFF :
		     process >> 16     ? NW_PROCESS_OTHER :
					 NW_PROCESS_SMALL;
	mix(t, 'Q' | (uint32_t)t->process << 8);
	mix(t, m->security_mode | (uint32_t)m->n_dialects << 16);
	mix(t, m->capabilities);
	for (i = 0; i < nw_min(m->n_dialects, NW_DIALECTS_MAX); i++)
		mix(t, nw_get16(b.p + NW_NEGQ_DIALECTS + 2 * i));
	/* ClientStartTime, or where the contexts are */
	if (offers_311(b.p, b.n, m->n_dialects)) {
		t->contexts_known = read_contexts(t, salt, nw_contexts_of(b, true));
	} else {
		mix(t, memcmp(b.p + 92, zero, 8) != 0);
		t->contexts_known = true;
	}
}

static void read_response(struct nw_traits *t, uint8_t salt[16], const struct nw_smb *m, struct nw_bytes b)
{
	uint32_t at = nw_get16(b.p + 120), len = nw_get16(b.p + 122);

	t->start_time = nw_get32(b.p + 112) | nw_get32(b.p + 116);
	mix(t, 'R' | (uint32_t)t->start_time << 8);
	mix(t, m->security_mode | (uint32_t)m->dialect << 16);
	mix(t, m->capabilities);
	mix(t, nw_get32(b.p + 92)); /* MaxTransactSize, MaxReadSize, MaxWriteSize */
	mix(t, nw_get32(b.p + 96));
	mix(t, nw_get32(b.p + 100));
	if (at < b.n)
		read_mechs(t, (struct nw_bytes){ b.p + at, nw_min(len, b.n - at) });
	t->contexts_known = m->dialect != 0x0311 || read_contexts(t, salt, nw_contexts_of(b, false));
}

void nw_traits_read(struct nw_traits *t, uint8_t salt[16], const struct nw_event *ev)
{
	struct nw_bytes b = { ev->data + 4, ev->data_len > 4 ? ev->data_len - 4u : 0 };
	bool request = ev->type == NW_EV_NEGOTIATE_REQ;

	memset(t, 0, sizeof(*t));
	if (!ev->smb.fingerprint || (!request && ev->type != NW_EV_NEGOTIATE_RSP))
		return;
	/* Where there are fields, nw_extract() saw this much: */
	if (b.n <
	    (request ? NW_NEGQ_DIALECTS + 2 * nw_min(ev->smb.n_dialects, NW_DIALECTS_MAX) : NW_NEGR_END))
		return;
	t->fingerprint = 0x6e65677761746368ULL;
	t->credit_charge = nw_get16(b.p + 6);
	t->credits = nw_get16(b.p + 14);
	t->guid = nw_guid_kind(ev->smb.guid);
	if (request)
		read_request(t, salt, &ev->smb, b);
	else
		read_response(t, salt, &ev->smb, b);
	t->fingerprint = t->contexts_known ? t->fingerprint | 1 : 0; /* 0 stands for "unknown" */
}
