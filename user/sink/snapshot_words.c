// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a kept packet says, in words: the comments of evidence. */
#include <stdio.h>
#include <string.h>

#include "snapshot.h"
#include "../../bpf/wire/l4.h"
#include "../../bpf/wire/smb.h"
#include "../util/util.h"

static const char *side(const struct nw_snapshot *s)
{
	return s->dir == NW_C2S ? "client" : "server";
}

static void add_dialects(struct nw_text *t, const struct nw_smb *m, const uint8_t *h)
{
	char text[NW_DIALECT_TEXT];

	nw_text_add(t, "; dialects");
	for (unsigned int i = 0; i < m->n_dialects && i < NW_DIALECTS_MAX; i++)
		nw_text_add(t, "%s%s", i ? ", " : " ",
			    nw_dialect_text(text, nw_le16(h + m->dialects_off - 4 + 2 * i)));
}

/* The fields that NEGOTIATE and VALIDATE share. */
static void add_fields(struct nw_text *t, const struct nw_snapshot *s)
{
	_Alignas(8) uint8_t h[NW_DATA_MAX] = { 0 };
	char status[NW_STATUS_TEXT], flags[NW_FLAGS_TEXT], guid[NW_GUID_TEXT], dialect[NW_DIALECT_TEXT];
	uint32_t n = s->data_len > 4 ? s->data_len - 4u : 0;
	bool request = s->type == NW_EV_NEGOTIATE_REQ || s->type == NW_EV_VALIDATE_REQ;
	struct nw_smb m = { 0 };

	if (n < NW_H_BODY)
		return;
	memcpy(h, s->bytes + s->hdr_len + 4, n);
	if (nw_extract(&m, h, n, s->type) < 0)
		return;
	if (m.flags & NW_SMB2_F_SIGNED)
		nw_text_add(t, ", signed");
	if (m.status)
		nw_text_add(t, ": %s", nw_status_text(status, m.status));
	if (!m.fingerprint)
		return;
	if (request)
		add_dialects(t, &m, h);
	else
		nw_text_add(t, "; dialect %s", nw_dialect_text(dialect, m.dialect));
	nw_text_add(t, "; capabilities 0x%x (%s)", m.capabilities,
		    nw_capabilities_text(flags, m.capabilities));
	nw_text_add(t, "; security mode 0x%x (%s)", m.security_mode,
		    nw_security_mode_text(flags, m.security_mode));
	nw_text_add(t, "; GUID %s", nw_guid_text(guid, m.guid));
}

static void add_status(struct nw_text *t, const struct nw_snapshot *s)
{
	const uint8_t *h = s->bytes + s->hdr_len + 4;
	char status[NW_STATUS_TEXT];

	if (s->data_len >= 4 + NW_H_BODY)
		nw_text_add(t, ": %s",
			    nw_status_text(status, h[NW_H_STATUS] | (uint32_t)h[NW_H_STATUS + 1] << 8 |
							   (uint32_t)h[NW_H_STATUS + 2] << 16 |
							   (uint32_t)h[NW_H_STATUS + 3] << 24));
}

static void add_command(struct nw_text *t, const struct nw_snapshot *s)
{
	const uint8_t *h = s->bytes + s->hdr_len + 4;

	if (s->data_len >= 4 + NW_H_BODY && h[0] == 0xfe)
		nw_text_add(t, ", command %u", h[NW_H_COMMAND] | h[NW_H_COMMAND + 1] << 8);
}

static const struct {
	const char *name;
	void (*more)(struct nw_text *t, const struct nw_snapshot *s); /* NULL: nothing */
} words[NW_EV_MAX] = {
	[NW_EV_SMB1_REQ] = { "SMB1 NEGOTIATE request", NULL },
	[NW_EV_SMB1_RSP] = { "SMB1 NEGOTIATE response: the server chose SMB1", NULL },
	[NW_EV_NEGOTIATE_REQ] = { "NEGOTIATE request", add_fields },
	[NW_EV_NEGOTIATE_RSP] = { "NEGOTIATE response", add_fields },
	[NW_EV_VALIDATE_REQ] = { "VALIDATE_NEGOTIATE_INFO request", add_fields },
	[NW_EV_VALIDATE_RSP] = { "VALIDATE_NEGOTIATE_INFO response", add_fields },
	[NW_EV_SESSION_RSP] = { "SESSION_SETUP response", add_status },
	[NW_EV_TREE_RSP] = { "TREE_CONNECT response", add_status },
	[NW_EV_LOGOFF] = { "LOGOFF request", NULL },
	[NW_EV_USE] = { "first use of the share", add_command },
	[NW_EV_ENCRYPTED] = { "encrypted message", NULL },
	[NW_EV_COMPRESSED] = { "compressed message", NULL },
	[NW_EV_FIN] = { "FIN", NULL },
	[NW_EV_RST] = { "RST", NULL },
	[NW_EV_ALIVE] = { "sign of life behind a reset", NULL },
};

void nw_snapshot_words(struct nw_text *t, const struct nw_snapshot *s)
{
	nw_text_add(t, "%s of the %s", words[s->type].name, side(s));
	if (words[s->type].more)
		words[s->type].more(t, s);
	if (s->also)
		nw_text_add(t, "; %s", words[s->also].name);
}
