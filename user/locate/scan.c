// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* JSON read without a copy, by descent. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "scan.h"

struct cursor {
	struct nw_scan *s;
	const char *at, *end;
	int err;
};

static void skip_space(struct cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
		c->at++;
}

static bool take(struct cursor *c, char wanted)
{
	skip_space(c);
	if (c->at == c->end || *c->at != wanted)
		return false;
	c->at++;
	return true;
}

/* Behind the opening quote. A quote ends it unless an odd number of backslashes stands before it. */
static bool string(struct cursor *c, const char **text, uint32_t *len)
{
	const char *begin = c->at, *q = begin, *b;

	while ((q = memchr(q, '"', (size_t)(c->end - q)))) {
		for (b = q; b > begin && b[-1] == '\\'; b--)
			;
		if ((q - b) % 2 == 0)
			break;
		q++;
	}
	if (!q)
		return false;
	*text = begin;
	*len = (uint32_t)(q - begin);
	c->at = q + 1;
	return true;
}

/* A number or a word: what it is made of, not whether it makes sense. */
static bool word(struct cursor *c, struct nw_json *v)
{
	v->text = c->at;
	while (c->at < c->end && ((*c->at >= '0' && *c->at <= '9') || (*c->at >= 'a' && *c->at <= 'z') ||
				  *c->at == '-' || *c->at == '+' || *c->at == '.' || *c->at == 'E'))
		c->at++;
	v->len = (uint32_t)(c->at - v->text);
	v->type = NW_JSON_OTHER;
	return v->len > 0;
}

/* Room for one more; its index, or -1. */
static long add(struct cursor *c, struct nw_json v)
{
	struct nw_scan *s = c->s;

	if (s->n == NW_SCAN_MAX) {
		c->err = -E2BIG;
		return -1;
	}
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 256;
		struct nw_json *grown = realloc(s->list, room * sizeof(*grown));

		if (!grown) {
			c->err = -ENOMEM;
			return -1;
		}
		s->list = grown;
		s->room = room;
	}
	s->list[s->n] = v;
	return (long)s->n++;
}

static bool value(struct cursor *c, const char *key, uint32_t key_len, unsigned int depth);

static bool members(struct cursor *c, char close, unsigned int depth)
{
	const char *key = NULL;
	uint32_t len = 0;

	if (take(c, close))
		return true;
	do {
		if (close == '}' && (!take(c, '"') || !string(c, &key, &len) || !take(c, ':')))
			return false;
		if (!value(c, key, len, depth + 1))
			return false;
	} while (take(c, ','));
	return take(c, close);
}

static bool value(struct cursor *c, const char *key, uint32_t key_len, unsigned int depth)
{
	struct nw_json v = { .key = key, .key_len = key_len, .size = 1 };
	char close = 0;
	long at;

	skip_space(c);
	if (c->at == c->end || depth > NW_SCAN_DEPTH)
		return false;
	v.text = c->at;
	if (*c->at == '{' || *c->at == '[') {
		close = *c->at == '{' ? '}' : ']';
		v.type = close == '}' ? NW_JSON_OBJECT : NW_JSON_ARRAY;
		c->at++;
	} else if (*c->at == '"') {
		c->at++;
		v.type = NW_JSON_STRING;
		if (!string(c, &v.text, &v.len))
			return false;
	} else if (!word(c, &v)) {
		return false;
	}
	at = add(c, v);
	if (at < 0 || (close && !members(c, close, depth)))
		return false;
	c->s->list[at].size = (uint32_t)(c->s->n - (size_t)at);
	return true;
}

int nw_scan(struct nw_scan *s, const char *text, size_t len)
{
	struct cursor c = { .s = s, .at = text, .end = text + len, .err = -EBADMSG };

	s->n = 0;
	return len < UINT32_MAX && value(&c, NULL, 0, 0) ? 0 : c.err;
}

void nw_scan_release(struct nw_scan *s)
{
	free(s->list);
	*s = (struct nw_scan){ 0 };
}

const struct nw_json *nw_json_get(const struct nw_json *o, const char *key)
{
	size_t n = strlen(key);

	if (!o || o->type != NW_JSON_OBJECT)
		return NULL;
	nw_json_foreach(v, o) if (v->key_len == n && !memcmp(v->key, key, n)) return v;
	return NULL;
}

size_t nw_json_count(const struct nw_json *list)
{
	size_t n = 0;

	nw_json_foreach(v, list) n++;
	return n;
}

int nw_json_is(const struct nw_json *v, const char *text)
{
	size_t n = strlen(text);

	return v && v->type >= NW_JSON_STRING && v->len == n && !memcmp(v->text, text, n);
}

uint64_t nw_json_number(const struct nw_json *v)
{
	uint64_t n = 0;

	if (!v || v->type != NW_JSON_OTHER)
		return 0;
	for (uint32_t i = 0; i < v->len; i++) {
		if (v->text[i] < '0' || v->text[i] > '9')
			return 0;
		n = n * 10 + (uint64_t)(v->text[i] - '0');
	}
	return n;
}

uint64_t nw_json_hex(const struct nw_json *v)
{
	uint64_t n = 0;

	if (!v || v->type != NW_JSON_STRING)
		return 0;
	for (uint32_t i = v->len > 2 && v->text[1] == 'x' ? 2 : 0; i < v->len; i++) {
		if (nw_json_digit(v->text[i]) < 0)
			return 0;
		n = n << 4 | (uint64_t)nw_json_digit(v->text[i]);
	}
	return n;
}
