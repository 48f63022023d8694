// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The timeline of a flow: its messages, steps, resets and end, gathered from its JSON and put in order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "timeline.h"
#include "wrap.h"
#include "../../bpf/wire/smb.h"
#include "../util/text.h"
#include "../util/util.h"

/* Columns in front of a line: time, sender */
#define INDENT 22

static struct nw_text add(struct nw_timeline *rows, const json_t *moment, const char *by)
{
	/* What exceeds the room, which takes a made-up journal, overwrites the last. */
	struct nw_moment *r = &rows->at[rows->n < NW_TIMELINE_MAX ? rows->n : NW_TIMELINE_MAX - 1];
	struct nw_text t;

	r->bad = false;
	r->at_ms = json_number_value(nw_at(moment, "at_ms"));
	r->order = rows->n;
	r->by = by;
	rows->n += rows->n < NW_TIMELINE_MAX;
	nw_text_init(&t, r->text, sizeof(r->text));
	return t;
}

/* Marks what was added last. */
static void mark_bad(struct nw_timeline *rows)
{
	rows->at[rows->n - 1].bad = true;
}

static void add_status(struct nw_text *t, const json_t *message)
{
	const char *text = nw_str(message, "status");
	unsigned long status = strtoul(text, NULL, 16);
	char name[NW_STATUS_TEXT];

	if (*text && status)
		nw_text_add(t, ", %s", nw_status_text(name, (uint32_t)status));
}

static void add_dialect(struct nw_text *t, const json_t *message)
{
	char name[NW_DIALECT_TEXT];
	const json_t *one;
	size_t i;

	json_array_foreach(nw_at(message, "dialects"), i, one)
	{
		nw_text_add(t, "%s%s", i ? " " : ": ",
			    nw_dialect_text(name, (uint16_t)strtoul(nw_str(one, ""), NULL, 16)));
	}
	if (nw_at(message, "dialect"))
		nw_text_add(t, ": %s",
			    nw_dialect_text(name, (uint16_t)strtoul(nw_str(message, "dialect"), NULL, 16)));
}

static void add_message(struct nw_timeline *rows, const json_t *exchange, const char *which, const char *name)
{
	bool response = strcmp(which, "response") == 0;
	const json_t *m = nw_at(exchange, which);
	const json_t *differs = nw_at(exchange, response ? "response_differs" : "request_differs");
	struct nw_text t;
	char fields[80];

	if (!m)
		return;
	t = add(rows, m, response ? "server" : "client");
	nw_text_add(&t, "%s %s", name, which);
	add_dialect(&t, m);
	add_status(&t, m);
	if (differs)
		nw_text_add(&t, *nw_names(fields, sizeof(fields), differs) ? ", DIFFERS: %s" : ", matches",
			    fields);
	if (json_is_false(nw_at(m, "signed")))
		nw_text_add(&t, ", NOT SIGNED");
	if (json_array_size(differs) || json_is_false(nw_at(m, "signed")))
		mark_bad(rows);
}

static void add_exchanges(struct nw_timeline *rows, const json_t *list, const char *name)
{
	const json_t *x;
	size_t i;

	json_array_foreach(list, i, x)
	{
		add_message(rows, x, "request", name);
		add_message(rows, x, "response", name);
	}
}

/* MS-SMB2 2.2.1.2 Command */
static const char *command_name(uint64_t command)
{
	static const char *const names[] = {
		"NEGOTIATE",	 "SESSION_SETUP", "LOGOFF",   "TREE_CONNECT", "TREE_DISCONNECT",
		"CREATE",	 "CLOSE",	  "FLUSH",    "READ",	      "WRITE",
		"LOCK",		 "IOCTL",	  "CANCEL",   "ECHO",	      "QUERY_DIRECTORY",
		"CHANGE_NOTIFY", "QUERY_INFO",	  "SET_INFO", "OPLOCK_BREAK",
	};

	return command < NW_ARRAY_SIZE(names) ? names[command] : "a request";
}

static const struct {
	const char *what;
	const char *text;
} steps[] = {
	{ "smb1_negotiate", "SMB1 NEGOTIATE request" },
	{ "smb1_chosen", "SMB1 NEGOTIATE response: the server chose SMB1" },
	{ "session_setup", "SESSION_SETUP answered" },
	{ "tree_connect", "TREE_CONNECT answered" },
	{ "logoff", "LOGOFF request" },
	{ "encrypted", "first encrypted message" },
	{ "compressed", "first compressed message" },
};

static void add_steps(struct nw_timeline *rows, const json_t *list)
{
	const json_t *s;
	size_t i, k;

	json_array_foreach(list, i, s)
	{
		struct nw_text t = add(rows, s, nw_str(s, "by"));

		for (k = 0; k < NW_ARRAY_SIZE(steps); k++)
			if (strcmp(steps[k].what, nw_str(s, "what")) == 0)
				nw_text_add(&t, "%s", steps[k].text);
		if (strcmp(nw_str(s, "what"), "use") == 0)
			nw_text_add(&t, "%s: the share is used", command_name(nw_num(s, "command")));
		add_status(&t, s);
	}
}

static void add_resets(struct nw_timeline *rows, const json_t *list)
{
	const json_t *r;
	struct nw_text t;
	size_t i;

	json_array_foreach(list, i, r)
	{
		t = add(rows, r, nw_str(r, "by"));
		nw_text_add(&t, "RST, TTL %llu", (unsigned long long)nw_num(r, "ttl"));
		if (strcmp(nw_str(r, "forged"), "no") == 0)
			continue;
		nw_text_add(&t, ", forged: %s", nw_str(r, "forged"));
		mark_bad(rows);
	}
}

static int by_time(const void *a, const void *b)
{
	const struct nw_moment *x = a, *y = b;

	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

struct nw_timeline *nw_timeline_of(const json_t *flow)
{
	bool syn = json_is_true(nw_at(flow, "syn_seen"));
	struct nw_timeline *rows = calloc(1, sizeof(*rows));
	struct nw_text t;

	if (!rows)
		return NULL;
	t = add(rows, NULL, syn ? "client" : "");
	nw_text_add(&t, syn ? "SYN" : "first packet seen of a running flow");
	add_exchanges(rows, nw_at(flow, "negotiate"), "NEGOTIATE");
	add_exchanges(rows, nw_at(flow, "validate"), "VALIDATE");
	add_steps(rows, nw_at(flow, "steps"));
	add_resets(rows, nw_at(flow, "resets"));
	if (strcmp(nw_str(flow, "end.how"), "fin") == 0) {
		t = add(rows, nw_at(flow, "end"), nw_str(flow, "end.by"));
		nw_text_add(&t, "FIN");
	}
	qsort(rows->at, rows->n, sizeof(*rows->at), by_time);
	return rows;
}

void nw_timeline_print(const json_t *flow)
{
	_cleanup_free_ struct nw_timeline *rows = nw_timeline_of(flow);

	for (unsigned int i = 0; rows && rows->n > 1 && i < rows->n; i++) {
		char label[40];

		snprintf(label, sizeof(label), "%10.3f ms %-7s", rows->at[i].at_ms, rows->at[i].by);
		nw_wrap(stdout, label, INDENT, NW_CLI_WIDTH, rows->at[i].text);
	}
}
