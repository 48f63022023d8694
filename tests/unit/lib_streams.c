// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of conversations, each with its findings, and of the ways in which TCP may carry them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "streams.h"

static void clean(struct talk *t)
{
	talk_usual(t, &talk_client, &talk_client, &talk_server, &talk_server, TALK_END_CLIENT_FIN);
}

static void request_altered(struct talk *t)
{
	struct talk_params seen = talk_client;

	seen.n_dialects = 2;
	talk_usual(t, &seen, &talk_client, &talk_server, NULL, TALK_END_SERVER_FIN);
	t->msg[1].bytes[4 + 68] = 0x10; /* the server chose 2.1 */
	t->msg[1].bytes[4 + 69] = 0x02;
}

static void request_reset(struct talk *t)
{
	struct talk_params seen = talk_client;

	seen.guid0++;
	talk_usual(t, &seen, &talk_client, &talk_server, NULL, TALK_END_SERVER_RST);
}

static void response_altered(struct talk *t)
{
	struct talk_params seen = talk_server;

	seen.capabilities ^= 4;
	seen.mode = 3;
	talk_usual(t, &talk_client, &talk_client, &seen, &talk_server, TALK_END_CLIENT_FIN);
}

static void client_left(struct talk *t)
{
	talk_usual(t, &talk_client, &talk_client, &talk_server, &talk_server, TALK_END_CLIENT_FIN);
	t->n -= 2; /* no CREATE */
}

static void refused(struct talk *t)
{
	talk_usual(t, &talk_client, &talk_client, &talk_server, NULL, TALK_END_CLIENT_FIN);
	talk_validate_rsp(t, NULL, 3, 0xc0000128, true);
	talk_command(t, NW_C2S, 5, 4, 60);
}

static void unsigned_answer(struct talk *t)
{
	talk_usual(t, &talk_client, &talk_client, &talk_server, NULL, TALK_END_CLIENT_FIN);
	talk_validate_rsp(t, &talk_server, 3, 0, false);
	talk_command(t, NW_C2S, 5, 4, 60);
}

static void smb1_start(struct talk *t)
{
	struct talk_params wildcard = talk_server;

	talk_init(t);
	talk_smb1(t);
	wildcard.dialect = 0x02ff;
	wildcard.capabilities = 7;
	talk_negotiate_rsp(t, &wildcard, 0);
	talk_negotiate_req(t, &talk_client, 1);
	talk_negotiate_rsp(t, &talk_server, 1);
	talk_session(t, 2, 0, true);
	talk_tree(t, 3);
	talk_validate_req(t, &talk_client, 4, 0);
	talk_validate_rsp(t, &talk_server, 4, 0, true);
	talk_command(t, NW_C2S, 5, 5, 60);
	t->end = TALK_END_CLIENT_FIN;
}

/* Tree connect and VALIDATE in one frame, the latter with its buffer far from the usual place */
static void compound_far(struct talk *t)
{
	struct talk_params seen = talk_client;

	seen.capabilities ^= 0x40;
	talk_init(t);
	talk_negotiate_req(t, &seen, 0);
	talk_negotiate_rsp(t, &talk_server, 0);
	talk_session(t, 1, 0, true);
	talk_tree(t, 2);
	talk_command(t, NW_C2S, 13, 3, 4);
	talk_validate_req(t, &talk_client, 4, 640);
	talk_compound(t);
	t->end = TALK_END_SERVER_FIN;
}

static void never_validates(struct talk *t)
{
	talk_usual(t, &talk_client, &talk_client, &talk_server, NULL, TALK_END_CLIENT_FIN);
	t->n--;
	talk_command(t, NW_C2S, 5, 4, 60);
}

static void pipelined(struct talk *t)
{
	struct talk_params seen = talk_client;

	seen.mode ^= 2;
	talk_usual(t, &seen, &talk_client, &talk_server, NULL, TALK_END_SERVER_RST);
	talk_command(t, NW_C2S, 13, 4, 4);
}

/* More dialects than are compared one by one; the list differs in the first */
static void many_dialects(struct talk *t)
{
	struct talk_params seen = talk_client, meant;
	unsigned int i;

	seen.n_dialects = 70;
	for (i = 0; i < 70; i++)
		seen.dialects[i] = 0x0222 + i;
	seen.dialects[69] = 0x0302;
	meant = seen;
	meant.dialects[0] = 0x0202;
	talk_usual(t, &seen, &meant, &talk_server, &talk_server, TALK_END_CLIENT_FIN);
}

static void put(uint8_t *p, uint32_t v, unsigned int bytes)
{
	for (; bytes--; v >>= 8)
		*p++ = (uint8_t)v;
}

/* Lengthens the last message, a NEGOTIATE, to n bytes behind the NetBIOS header. */
static uint8_t *lengthen(struct talk *t, uint32_t n)
{
	struct talk_msg *m = &t->msg[t->n - 1];

	m->len = 4 + n;
	m->bytes[2] = (uint8_t)(n >> 8);
	m->bytes[3] = (uint8_t)n;
	return m->bytes + 4;
}

/* One more negotiate context of the last message: MS-SMB2 2.2.3.1. */
static void context(struct talk *t, uint16_t type, const char *data, uint16_t n)
{
	bool request = t->msg[t->n - 1].dir == NW_C2S;
	uint32_t at = (t->msg[t->n - 1].len - 4 + 7) & ~7u;
	uint8_t *h = lengthen(t, at + 8 + n), *count = h + (request ? 96 : 70);

	if (!*count)
		put(h + (request ? 92 : 124), at, 4);
	++*count;
	put(h + at, type, 2);
	put(h + at + 2, n, 2);
	memcpy(h + at + 8, data, n);
}

/* As Windows 10 and a server of its domain: the server's contexts lie behind a long security buffer. */
static void preauth_integrity(struct talk *t)
{
	static const char salt[38] = "\1\0\x20\0\1\0salt";
	struct talk_params q = talk_client, r = talk_server;
	uint8_t *h;

	q.dialects[q.n_dialects++] = r.dialect = 0x0311;
	talk_init(t);
	talk_negotiate_req(t, &q, 0);
	put(t->msg[0].bytes + 4 + 32, 0xfeff, 4);
	context(t, 1, salt, 38);
	context(t, 2, "\2\0\2\0\1\0", 6);
	context(t, 3, "\4\0\0\0\1\0\0\0\4\0\2\0\3\0\1\0", 16);
	context(t, 5, "s\0r\0v\0", 6);
	talk_negotiate_rsp(t, &r, 0);
	h = lengthen(t, 128 + 398);
	put(h + 120, 128, 2);
	put(h + 122, 398, 2);
	memcpy(h + 128,
	       "\x60\x82\1\x8a\6\6\x2b\6\1\5\5\2\xa0\x82\1\x7e\x30\x82\1\x7a\xa0\x0e\x30\x0c\6\x0a"
	       "\x2b\6\1\4\1\x82\x37\2\2\x1e",
	       36);
	context(t, 1, salt, 38);
	context(t, 2, "\1\0\2\0", 4);
	context(t, 3, "\1\0\0\0\0\0\0\0\2\0", 10);
	talk_session(t, 1, 0, true);
	talk_tree(t, 2);
	talk_command(t, NW_C2S, 5, 3, 60);
	talk_command(t, NW_S2C, 5, 3, 88);
	t->end = TALK_END_CLIENT_FIN;
}

static const struct {
	const char *name;
	void (*make)(struct talk *t);
	const char *findings;
} conversations[] = {
	{ "clean", clean, "" },
	{ "request-altered", request_altered, " [101 8 server-fin] [109 8 unknown]" },
	{ "request-reset", request_reset, " [101 2 server-rst]" },
	{ "response-altered", response_altered, " [102 5 unknown]" },
	{ "client-left", client_left, " [105 0 client-fin]" },
	{ "refused", refused, " [111 0 unknown]" },
	{ "unsigned-answer", unsigned_answer, " [103 0 unknown]" },
	{ "smb1-start", smb1_start, "" },
	{ "preauth-integrity", preauth_integrity, "" },
	{ "compound-far", compound_far, " [101 1 server-fin]" },
	{ "never-validates", never_validates, " [110 0 unknown]" },
	{ "pipelined", pipelined, " [101 4 server-rst]" },
	{ "many-dialects", many_dialects, " [101 8 tolerated]" },
};

#define N_CONVERSATIONS (sizeof(conversations) / sizeof(*conversations))

/* The findings part of a digest: what stands in brackets. */
static void findings_of(const struct talk_digest *d, char *to, size_t size)
{
	const char *p = strchr(d->text, '['), *q = strstr(d->text, " end=");

	snprintf(to, size, "%.*s", p && q ? (int)(q - p + 1) : 0, p && q ? p - 1 : "");
}

int streams_findings(streams_run_fn run, void *arg)
{
	struct talk_how how = { .isn = { 1000, 2000 } };
	static struct talk_digest d;
	unsigned int i;
	char got[256];
	int bad = 0;

	for (i = 0; i < N_CONVERSATIONS; i++) {
		struct talk t;

		conversations[i].make(&t);
		if (run(&t, &how, &d, arg))
			bad++;
		findings_of(&d, got, sizeof(got));
		if (strcmp(got, conversations[i].findings)) {
			printf("# %s: expected '%s', got %s", conversations[i].name,
			       conversations[i].findings, d.text);
			bad++;
		}
		talk_free(&t);
	}
	return bad;
}

struct count {
	streams_run_fn run;
	void *arg;
	unsigned int runs, bad;
	unsigned int step, seen; /* every step-th way is run */
};

static void compare(struct count *n, const char *name, const struct talk *t, const struct talk_how *how,
		    const struct talk_digest *want)
{
	static struct talk_digest got;

	if (n->seen++ % n->step)
		return;
	n->runs++;
	if (n->run(t, how, &got, n->arg) == 0 && !strcmp(got.text, want->text))
		return;
	if (n->bad++ < 5)
		printf("# %s cut=%u size=%u twice=%d swap=%d join=%d v6=%d vlans=%u isn=%x\n#  got  %s"
		       "#  want %s",
		       name, how->cut, how->size, how->twice, how->swap, how->join, how->ipv6, how->vlans,
		       how->isn[0], got.text, want->text);
}

static void ways(struct count *n, const char *name, const struct talk *t)
{
	static const uint32_t sizes[] = { 1, 2, 3, 4, 5, 7, 13, 33, 67, 76, 100, 536 };
	static const uint32_t isns[] = { 1000, 0xffffff80, 0xfffffe10, 0x7ffffff0 };
	struct talk_how how = { .isn = { 1000, 2000 } };
	static struct talk_digest want;
	unsigned int i, k, longest = 0;

	if (n->run(t, &how, &want, n->arg)) {
		n->bad++;
		return;
	}
	for (i = 0; i < t->n; i++)
		if (t->msg[i].len > longest)
			longest = t->msg[i].len;
	for (k = 0; k < 8; k++) {
		how = (struct talk_how){ .isn = { isns[k % 4], isns[(k + 1) % 4] },
					 .twice = k & 1,
					 .swap = k & 2,
					 .ipv6 = k & 4 };
		for (how.cut = 1; how.cut < longest; how.cut++)
			compare(n, name, t, &how, &want);
		how.cut = 0;
		for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			how.size = sizes[i];
			how.vlans = i % 3;
			how.ip_options = i & 1;
			compare(n, name, t, &how, &want);
		}
		how.size = 0;
		how.vlans = k % 3;
		compare(n, name, t, &how, &want);
		how.join = true;
		compare(n, name, t, &how, &want);
		for (how.cut = 1; how.cut < 2 * longest; how.cut += 3)
			compare(n, name, t, &how, &want);
	}
}

unsigned int streams_step(void)
{
	const char *text = getenv("NW_STREAM_STEP");
	int step = text ? atoi(text) : 1;

	return step > 1 ? (unsigned int)step : 1;
}

void streams_all(streams_run_fn run, void *arg, unsigned int *runs, unsigned int *bad)
{
	struct count n = { .run = run, .arg = arg, .step = streams_step() };
	unsigned int i;

	for (i = 0; i < N_CONVERSATIONS; i++) {
		struct talk t;

		conversations[i].make(&t);
		ways(&n, conversations[i].name, &t);
		talk_free(&t);
	}
	*runs = n.runs;
	*bad = n.bad;
}
