// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The forms of a syslog datagram: one table; each is made from the sentence and the pairs of the text. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "syslog_format.h"
#include "../engine/engine.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

#define TAG "negwatchd"
/* More than an alert's text has. */
#define PAIRS_MAX 64

/* A text taken apart: all point into it. */
struct parts {
	const char *text;
	size_t sentence; /* its length */
	unsigned int n;
	struct pair {
		const char *key, *value; /* the value without its quotes, as it is escaped in the text */
		size_t key_len, value_len;
	} pair[PAIRS_MAX];
};

/* ` key=value` or ` key="value"`; NULL if that is not what stands here, else its end. */
static const char *take_pair(const char *at, struct pair *p)
{
	if (*at++ != ' ')
		return NULL;
	p->key = at;
	while (islower((unsigned char)*at) || isdigit((unsigned char)*at) || *at == '_')
		at++;
	p->key_len = (size_t)(at - p->key);
	if (!p->key_len || *at++ != '=')
		return NULL;
	if (*at != '"') {
		p->value = at;
		p->value_len = strcspn(at, " ");
		return at + p->value_len;
	}
	p->value = ++at;
	for (; *at && *at != '"'; at++)
		if (*at == '\\' && at[1])
			at++;
	p->value_len = (size_t)(at - p->value);
	return *at ? at + 1 : NULL;
}

static bool take_pairs(struct parts *p, const char *at)
{
	for (p->n = 0; at && *at && p->n < PAIRS_MAX;)
		at = take_pair(at, &p->pair[p->n++]);
	return at && !*at;
}

/* The pairs begin behind the first semicolon from which on there is nothing else. */
static void take_apart(struct parts *p, const char *text)
{
	p->text = text;
	for (const char *at = text; (at = strstr(at, "; ")); at++)
		if (take_pairs(p, at + 1)) {
			p->sentence = (size_t)(at - text);
			return;
		}
	p->n = 0;
	p->sentence = strlen(text);
}

static const struct pair *find(const struct parts *p, const char *key)
{
	for (unsigned int i = 0; i < p->n; i++)
		if (p->pair[i].key_len == strlen(key) && memcmp(p->pair[i].key, key, p->pair[i].key_len) == 0)
			return &p->pair[i];
	return NULL;
}

/* Adds bytes of the text, with a backslash before those of `special`; with `plain` without those it had. */
static void add(struct nw_text *t, const char *bytes, size_t len, const char *special, bool plain)
{
	for (size_t i = 0; i < len && !t->cut; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (plain && c == '\\' && i + 1 < len && (bytes[i + 1] == '"' || bytes[i + 1] == '\\'))
			c = (unsigned char)bytes[++i];
		if (c < 0x20 || c == 0x7f)
			nw_text_add(t, strchr(special, '\\') ? "\\\\x%02x" : "\\x%02x", c);
		else
			nw_text_add(t, strchr(special, c) ? "\\%c" : "%c", c);
	}
}

/* How many of len bytes have room, each as up to `each`, with some to spare for the end. */
static size_t fit(const struct nw_text *t, size_t len, size_t each)
{
	size_t room = t->size > t->len + 16 ? (t->size - t->len - 16) / each : 0;

	return len < room ? len : room;
}

/* Takes back what was added since `len` if it had no room; else seals it. */
static bool settle(struct nw_text *t, size_t len)
{
	if (!t->cut)
		return true;
	t->cut = false;
	t->len = len;
	t->buf[len] = '\0';
	return false;
}

static void begin_bsd(struct nw_text *t, const struct nw_syslog_head *h)
{
	time_t seconds = (time_t)(h->wall / (int64_t)NW_NS_PER_S);
	char stamp[20];
	struct tm tm;

	localtime_r(&seconds, &tm);
	/* The month's name must not follow the locale; strftime's does not, as no locale is set. */
	strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &tm);
	nw_text_add(t, "<%d>%s " TAG "[%d]: ", h->priority, stamp, h->pid);
}

static void as_text(struct nw_text *t, const struct nw_syslog_head *h, const struct parts *p)
{
	begin_bsd(t, h);
	if (t->size > NW_SYSLOG_MAX)
		t->size = NW_SYSLOG_MAX;
	add(t, p->text, strlen(p->text), "", false);
}

/* A number of JSON: without sign or leading zero, and below 2^53. */
static bool is_number(const struct pair *v)
{
	for (size_t i = 0; i < v->value_len; i++)
		if (!isdigit((unsigned char)v->value[i]))
			return false;
	return v->value_len > 0 && v->value_len < 16 && (v->value[0] != '0' || v->value_len == 1);
}

static void as_cee(struct nw_text *t, const struct nw_syslog_head *h, const struct parts *p)
{
	begin_bsd(t, h);
	nw_text_add(t, "@cee: {\"msg\":\"");
	add(t, p->text, fit(t, p->sentence, 5), "\"\\", true);
	nw_text_add(t, "\"");
	t->size -= 3; /* for the end */
	for (unsigned int i = 0; i < p->n; i++) {
		const struct pair *v = &p->pair[i];
		const char *quote = is_number(v) ? "" : "\"";
		size_t len = t->len;

		nw_text_add(t, ",\"%.*s\":%s", (int)v->key_len, v->key, quote);
		add(t, v->value, v->value_len, "\"\\", true);
		nw_text_add(t, "%s", quote);
		settle(t, len);
	}
	t->size += 3;
	nw_text_add(t, "}");
}

static void as_rfc5424(struct nw_text *t, const struct nw_syslog_head *h, const struct parts *p)
{
	const struct pair *rule = find(p, "rule");
	char stamp[NW_TIME_TEXT];

	/* MSGID is the rule's number: receivers filter by it. */
	nw_text_add(t, "<%d>1 %s %s " TAG " %d %.*s ", h->priority, nw_time_utc(stamp, h->wall, 6), h->host,
		    h->pid, rule ? (int)rule->value_len : 1, rule ? rule->value : "-");
	nw_text_add(t, p->n ? "[" NW_SYSLOG_SD_ID : "-");
	t->size -= 3;
	for (unsigned int i = 0; i < p->n; i++) {
		const struct pair *v = &p->pair[i];
		size_t len = t->len;

		nw_text_add(t, " %.*s=\"", (int)v->key_len, v->key);
		add(t, v->value, v->value_len, "\"\\]", true);
		nw_text_add(t, "\"");
		settle(t, len);
	}
	t->size += 3;
	nw_text_add(t, p->n ? "] " : " ");
	add(t, p->text, p->sentence, "", true);
}

/* One KEY=value on each line; https://systemd.io/JOURNAL_NATIVE_PROTOCOL. The message repeats all keys, for
 * it alone is what journald hands on to another syslog. */
static void as_journal(struct nw_text *t, const struct nw_syslog_head *h, const struct parts *p)
{
	const struct pair *rule = find(p, "rule");

	nw_text_add(t, "PRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=" TAG "\nSYSLOG_PID=%d\n",
		    LOG_PRI(h->priority), LOG_FAC(h->priority), h->pid);
	if (rule && rule->value_len == 3)
		nw_text_add(t, "MESSAGE_ID=" NW_MESSAGE_ID "%.3s\n", rule->value);
	nw_text_add(t, "MESSAGE=");
	add(t, p->text, fit(t, strlen(p->text), 4), "", false);
	nw_text_add(t, "\n");
	for (unsigned int i = 0; i < p->n; i++) {
		const struct pair *v = &p->pair[i];
		size_t len = t->len;

		nw_text_add(t, "NEGWATCH_");
		for (size_t k = 0; k < v->key_len; k++)
			nw_text_add(t, "%c", toupper((unsigned char)v->key[k]));
		nw_text_add(t, "=");
		add(t, v->value, v->value_len, "", true);
		nw_text_add(t, "\n");
		settle(t, len);
	}
}

static const struct {
	const char *name;
	void (*write)(struct nw_text *t, const struct nw_syslog_head *h, const struct parts *p);
} formats[] = {
	[NW_SYSLOG_TEXT] = { "text", as_text },
	[NW_SYSLOG_CEE] = { "cee", as_cee },
	[NW_SYSLOG_RFC5424] = { "rfc5424", as_rfc5424 },
	[NW_SYSLOG_JOURNAL] = { "journal", as_journal },
};

int nw_syslog_format_by_name(const char *name)
{
	for (size_t i = 0; i < NW_ARRAY_SIZE(formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return (int)i;
	return -1;
}

size_t nw_syslog_datagram(char *out, size_t size, enum nw_syslog_format format,
			  const struct nw_syslog_head *head, const char *text)
{
	struct parts p;
	struct nw_text t;

	take_apart(&p, text);
	nw_text_init(&t, out, size);
	formats[format].write(&t, head, &p);
	return t.len;
}
