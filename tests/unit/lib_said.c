// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The messages of said.h: the table of what was captured, and the bytes. */
#include <stdlib.h>
#include <string.h>

#include "said.h"
#include "../../bpf/wire/smb.h"

#define GUID "\x4b\x1d\xc8\xcb\x9b\x25\xf4\x11\x80\xb1\0\x50\x56\xa1\x7a\x33"
#define LETTERS "sTRBqwertyuiopAS"
#define NAME "labsrv\0\0\0\0\0\0\0\0\0\0"
#define ZERO "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define RESPONDER "\xee\x85\xab\xf7\xea\xf6\x0c\x4f\x92\x81\x92\x47\x6d\xeb\x76\xa9"
#define ALL                                                                                                  \
	{                                                                                                    \
		0x202, 0x210, 0x300, 0x302, 0x311                                                            \
	}

/* clang-format off */
#define WINDOWS .process = 0xfeff, .guid = GUID, .mode = 1
#define WINDOWS_SIGNS .process = 0xfeff, .guid = GUID, .mode = 3
const struct said said_clients[] = {
	/* as captured */
	{ "windows-10", WINDOWS, .caps = 0x7f, .dialects = ALL, .contexts = "1 2:2,1", .credits = 33, .charge = 1 },
	{ "windows-10-1903", WINDOWS, .caps = 0x7f, .dialects = ALL, .contexts = "1 2:2,1 3:2,3,1 5" },
	{ "windows-10-2004", WINDOWS, .caps = 0x7f, .dialects = ALL, .contexts = "1 2:2,1 3:4,2,3,1+ 5" },
	{ "windows-10-2004", WINDOWS, .caps = 0x7f, .dialects = ALL, .contexts = "1 2:2,1 3:4,2,3,1+ 5 6" },
	{ "windows-10-2004", WINDOWS, .caps = 0x7f, .dialects = { 0x311 }, .contexts = "1 2:2 3:4,2,3,1+ 5 6" },
	{ "windows-7", WINDOWS, .caps = 0, .dialects = { 0x202, 0x210 } },
	{ "macos", WINDOWS, .caps = 0x7f, .dialects = ALL, .contexts = "1 2:4,3,2,1 3:0 5" },
	{ "macos", WINDOWS, .caps = 0x7f, .dialects = ALL, .contexts = "1 2:1 3:0 5" },
	{ "impacket", .guid = LETTERS, .caps = 0x40, .mode = 1, .dialects = { 0x202, 0x210, 0x300 }, .charge = 1 },
	{ "impacket", .guid = LETTERS, .caps = 0x40, .mode = 1, .dialects = { 0x210 }, .charge = 1 },
	{ "samba-client", .guid = GUID, .caps = 0x7f, .mode = 1, .credits = 31, .dialects = ALL, .contexts = "1 2:2,1,4,3 8:2,1,0 5" },
	{ "samba-client", .guid = GUID, .caps = 0x7f, .mode = 1, .credits = 31, .dialects = { 0x202, 0x210, 0x300, 0x302 } },
	{ "samba-client", .guid = GUID, .caps = 0, .mode = 1, .credits = 31, .dialects = { 0x202, 0x210 } },
	{ "linux-cifs", .guid = GUID, .caps = 0x77, .mode = 1, .credits = 10, .process = 0x131, .dialects = { 0x302 } },
	{ "linux-cifs", .guid = GUID, .caps = 0x57, .mode = 1, .credits = 2, .process = 0xd5, .dialects = { 0x300 } },
	{ "linux-cifs", .guid = ZERO, .caps = 0, .mode = 1, .credits = 2, .process = 0x36c2, .dialects = { 0x202 } },
	/* as configured: signing required, encryption, multichannel off, lower dialects */
	{ "windows-10-2004", WINDOWS_SIGNS, .caps = 0x77, .dialects = ALL, .contexts = "1 2:4,3 3:4,2,3,1+ 5" },
	{ "windows-10-later", WINDOWS, .caps = 0xff, .dialects = ALL, .contexts = "1 2:2,1,4,3 3:5,4,2,3,1+ 8:2,1 5 6 7:1,2" },
	{ "windows-8.1", WINDOWS, .caps = 0x7f, .dialects = { 0x202, 0x210, 0x300, 0x302 } },
	{ "windows-8", WINDOWS_SIGNS, .caps = 0x7f, .dialects = { 0x202, 0x210, 0x300 } },
	{ "samba-client", .guid = GUID, .caps = 0x7f, .mode = 3, .credits = 31, .dialects = { 0x311 }, .contexts = "1 2:4 8:2,1,0 5" },
	{ "samba-client", .guid = "\xab" ZERO, .caps = 0x7f, .mode = 3, .credits = 31, .dialects = { 0x300 } },
	{ "linux-cifs", .guid = GUID, .caps = 0x7f, .mode = 2, .credits = 10, .process = 77, .dialects = { 0x210, 0x300, 0x302, 0x311 },
	  .contexts = "1 2:2,4,1 5 256" },
	/* known to nobody: a macOS of old like a Windows 8.1 without multichannel, libsmb2, inventions */
	{ NULL, WINDOWS, .caps = 0x77, .dialects = { 0x202, 0x210, 0x300, 0x302 } },
	{ NULL, WINDOWS, .caps = 0x44, .dialects = ALL, .contexts = "1 2:1" },
	{ NULL, WINDOWS, .caps = 0x7f, .dialects = ALL, .contexts = "1 2:1,2" },
	{ NULL, WINDOWS, .caps = 0x7f, .dialects = ALL, .contexts = "1 2:2,1 9" },
	{ NULL, WINDOWS, .caps = 0x7f, .dialects = { 0x202, 0x210, 0x300, 0x303 } },
	{ NULL, .guid = GUID, .caps = 0x7f, .mode = 1, .credits = 30, .dialects = ALL, .contexts = "1 2:2,1" },
	{ NULL, .guid = GUID, .caps = 0x7f, .mode = 1, .credits = 31, .charge = 1, .dialects = ALL, .contexts = "1 2:2,1" },
	{ NULL, .guid = GUID, .caps = 0x77, .mode = 1, .credits = 10, .process = 0x131, .dialects = ALL, .contexts = "1 2:2,1" },
	{ NULL, .guid = GUID, .caps = 0x77, .mode = 1, .credits = 10, .process = 0x10131, .dialects = { 0x302 } },
};

#define MIB 0x100000
const struct said said_servers[] = {
	/* as captured */
	{ "samba", .guid = NAME, .caps = 0x4f, .max = 8 * MIB, .mode = 1, .dialects = { 0x302 }, .mechs = "t" },
	{ "samba", .guid = NAME, .caps = 0xf, .max = 8 * MIB, .mode = 1, .dialects = { 0x311 }, .mechs = "t", .contexts = "1 2:2 8:2" },
	{ "samba", .guid = NAME, .caps = 5, .max = MIB, .mode = 1, .dialects = { 0x210 }, .mechs = "mkt" },
	{ "samba", .guid = NAME, .caps = 1, .max = 0x10000, .mode = 3, .dialects = { 0x202 }, .mechs = "t" },
	{ "ksmbd", .guid = ZERO, .caps = 0x44, .max = 4 * MIB, .max_transact = MIB, .mode = 1, .dialects = { 0x302 }, .mechs = "t" },
	{ "windows-1709", .guid = GUID, .caps = 0x2f, .max = 8 * MIB, .mode = 3, .dialects = { 0x311 }, .mechs = "nmkut", .contexts = "1 2:2" },
	{ "windows-1709", .guid = GUID, .caps = 0x2f, .max = 8 * MIB, .mode = 1, .dialects = { 0x311 }, .mechs = "nmkut", .buffer = 398,
	  .contexts = "1 2:2 3:2" },
	{ "windows-1709", .guid = GUID, .caps = 0x47, .max = 8 * MIB, .mode = 3, .dialects = { 0x300 }, .mechs = "nmkut" },
	{ "windows-2016", .guid = GUID, .caps = 0x2f, .max = 8 * MIB, .mode = 1, .dialects = { 0x311 }, .mechs = "nt", .buffer = 320,
	  .contexts = "1 2:2", .start_time = true },
	{ "windows", .guid = GUID, .caps = 7, .max = MIB, .mode = 1, .dialects = { 0x210 }, .mechs = "nmkut", .start_time = true },
	{ "macos", .guid = GUID, .caps = 0x66, .max = 4 * MIB, .mode = 3, .dialects = { 0x302 }, .mechs = "mkxxtxx" },
	{ "responder", .guid = RESPONDER, .caps = 7, .max = MIB, .mode = 1, .dialects = { 0x210 }, .mechs = "nmkut", .start_time = true },
	{ "impacket", .guid = "AAAAAAAAAAAAAAAA", .max = 0x10000, .mode = 1, .dialects = { 0x210 }, .mechs = "t" },
	/* known to nobody */
	{ NULL, .guid = LETTERS, .max = 0x10000, .mode = 1, .dialects = { 0x210 }, .mechs = "t" },
	{ NULL, .guid = GUID, .caps = 7, .max = MIB, .mode = 1, .dialects = { 0x302 }, .mechs = "mkt" },
	{ NULL, .guid = ZERO, .caps = 7, .max = MIB, .mode = 1, .dialects = { 0x302 }, .mechs = "nt" },
	{ NULL, .guid = GUID, .caps = 7, .max = MIB, .mode = 1, .dialects = { 0x302 } },
};
/* clang-format on */

const size_t said_n_clients = sizeof(said_clients) / sizeof(*said_clients);
const size_t said_n_servers = sizeof(said_servers) / sizeof(*said_servers);

/* The message in the making: its first byte, and where it ends. */
static uint8_t *h;
static uint32_t len;

static void le16(uint32_t at, uint32_t v)
{
	h[at] = (uint8_t)v;
	h[at + 1] = (uint8_t)(v >> 8);
}

static void le32(uint32_t at, uint32_t v)
{
	le16(at, v);
	le16(at + 2, v >> 16);
}

/* One context from "3:4,2,3,1+"; returns what is behind it. */
static const char *context(const char *text, uint8_t random)
{
	unsigned int type = (unsigned int)strtoul(text, (char **)&text, 10), n = 0;
	uint32_t at = len, data = len + 8, head = type == 1 ? 4 : type == 3 || type == 7 ? 8 : 2;

	le16(at, type);
	len = data + head;
	while (*text == ':' || *text == ',')
		le16(data + head + 2 * n++, (uint32_t)strtoul(text + 1, (char **)&text, 10));
	if (type == 1) {
		n = 1;
		le16(data + 2, 32);
		le16(data + 4, 1);
		memset(h + data + 6, 0x50 + random, 32);
		len += 32;
	}
	le16(data, n);
	len += 2 * n;
	if (type == 5) {
		len = data + 10 + 2 * random;
		memset(h + data, 'a' + random, len - data);
	}
	if (type == 6 || type == 256)
		len = data + (type == 6 ? 4 : 16);
	if (*text == '+') {
		le32(data + 4, 1);
		text++;
	}
	le16(at + 2, len - data);
	return text + strspn(text, " ");
}

static void contexts(const struct said *s, uint32_t at_offset, uint32_t at_count)
{
	const char *text = s->contexts;
	uint32_t n = 0;

	len = (len + 7) & ~7u;
	if (at_count == 96)
		le32(at_offset, text ? len : 0);
	else if (text)
		le32(at_offset, len);
	while (text && *text) {
		len = (len + 7) & ~7u;
		text = context(text, s->random);
		n++;
	}
	if (text)
		le16(at_count, n);
}

/* SPNEGO's beginning: 60 L 06 06 oid a0 L 30 L a0 L 30 L { 06 L oid }; all lengths below 128. */
static uint32_t spnego(uint32_t at, const char *mechs)
{
	static const char *const oids[] = {
		['n'] = "\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x1e",
		['m'] = "\x09\x2a\x86\x48\x82\xf7\x12\x01\x02\x02",
		['k'] = "\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02",
		['u'] = "\x0a\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x03",
		['x'] = "\x06\x2a\x85\x70\x2b\x0e\x03",
		['t'] = "\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a",
	};
	uint8_t list[100], *p = list;
	uint8_t n;

	if (!mechs)
		return 0;
	for (; *mechs; mechs++) {
		const char *oid = oids[(uint8_t)*mechs];

		*p++ = 6;
		memcpy(p, oid, (uint8_t)*oid + 1u);
		p += *oid + 1;
	}
	n = (uint8_t)(p - list);
	memcpy(h + at, "\x60\0\6\6\x2b\6\1\5\5\2\xa0\0\x30\0\xa0\0\x30\0", 18);
	h[at + 17] = n;
	h[at + 15] = n + 2;
	h[at + 13] = n + 4;
	h[at + 11] = n + 6;
	h[at + 1] = n + 16;
	memcpy(h + at + 18, list, n);
	return n + 18u;
}

void said_event(struct nw_event *ev, const struct said *s, bool request)
{
	uint32_t n, at = request ? 76 : 72;

	memset(ev, 0, sizeof(*ev));
	h = ev->data + 4;
	memcpy(h, "\xfeSMB", 4);
	le16(4, 64);
	le16(6, s->charge);
	le16(14, s->credits);
	le32(16, !request);
	le32(32, s->process);
	memcpy(h + at, s->guid, 16);
	if (request) {
		for (n = 0; n < 6 && s->dialects[n]; n++)
			le16(100 + 2 * n, s->dialects[n]);
		le16(64, 36);
		le16(66, n);
		le16(68, s->mode);
		le32(72, s->caps);
		len = 100 + 2 * n;
		if (s->contexts)
			contexts(s, 92, 96);
	} else {
		le16(64, 65);
		le16(66, s->mode);
		le16(68, s->dialects[0]);
		le32(88, s->caps);
		le32(92, s->max_transact ? s->max_transact : s->max);
		le32(96, s->max);
		le32(100, s->max);
		memset(h + 104, 0x33 + s->random, 8);
		memset(h + 112, s->start_time ? 0x44 + s->random : 0, 8);
		n = spnego(128, s->mechs);
		le16(120, 128);
		le16(122, s->buffer ? s->buffer : n);
		len = 128u + (s->buffer ? s->buffer : n);
		if (s->contexts)
			contexts(s, 124, 70);
	}
	if (len > NW_DATA_MAX - 4)
		abort();
	ev->type = request ? NW_EV_NEGOTIATE_REQ : NW_EV_NEGOTIATE_RSP;
	ev->dir = request ? NW_C2S : NW_S2C;
	ev->data_len = 4 + len;
	if (nw_extract(&ev->smb, h, len, ev->type) < 0)
		abort();
}
