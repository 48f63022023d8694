// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* JSON as text, a buffer that grows, or as a tree; and how each kind of value is written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_text.h"

/* The first allocation: a flow with its exchanges takes 3 KiB. */
#define FIRST 4096u
/* Beyond so many microseconds (31 years) jansson's 15 digits don't hold the thousandths. */
#define EXACT 1000000000000000u

/* Room for n more bytes, or NULL. */
static char *room(struct nw_json_text *t, size_t n)
{
	size_t want = t->room ? 2 * t->room : FIRST;
	char *grown;

	if (t->failed)
		return NULL;
	if (t->room - t->len >= n)
		return t->buf + t->len;
	while (want - t->len < n)
		want *= 2;
	grown = realloc(t->buf, want);
	if (!grown) {
		t->failed = true;
		return NULL;
	}
	t->buf = grown;
	t->room = want;
	return t->buf + t->len;
}

/* What comes in front of a value; then room for n more bytes. NULL: it goes to add(), for the tree if it is
 * one. */
static char *begin(struct nw_json_text *t, const char *key, size_t n)
{
	size_t len = key ? strlen(key) : 0;
	char *p = t->as_tree ? NULL : room(t, len + 4 + n);

	if (!p)
		return NULL;
	if (t->len && p[-1] != '{' && p[-1] != '[')
		*p++ = ',';
	if (key) {
		*p++ = '"';
		memcpy(p, key, len);
		p += len;
		*p++ = '"';
		*p++ = ':';
	}
	t->len = (size_t)(p - t->buf);
	return p;
}

static void end(struct nw_json_text *t, const char *p)
{
	t->len = (size_t)(p - t->buf);
}

/* A value into what is open of the tree. Takes it over; NULL: there was no memory for it. */
static void add(struct nw_json_text *t, const char *key, json_t *value)
{
	json_t *in = t->depth ? t->within[t->depth - 1] : NULL;

	if (t->failed) {
		json_decref(value);
		return;
	}
	if (!in)
		t->tree = value;
	t->failed |= !value ||
		     (in && (key ? json_object_set_new(in, key, value) : json_array_append_new(in, value)));
}

static void open_tree(struct nw_json_text *t, const char *key, char bracket)
{
	json_t *o = bracket == '{' ? json_object() : json_array();

	if (t->depth == NW_JSON_DEPTH) {
		json_decref(o);
		o = NULL;
	}
	add(t, key, o);
	if (!t->failed)
		t->within[t->depth++] = o;
}

void nw_json_open(struct nw_json_text *t, const char *key, char bracket)
{
	char *p = begin(t, key, 1);

	if (!p) {
		open_tree(t, key, bracket);
		return;
	}
	*p++ = bracket;
	end(t, p);
}

void nw_json_close(struct nw_json_text *t, char bracket)
{
	char *p;

	if (t->failed)
		return;
	if (t->as_tree) {
		t->depth--;
		return;
	}
	p = room(t, 1);
	if (!p)
		return;
	*p++ = bracket;
	end(t, p);
}

void nw_json_end_line(struct nw_json_text *t)
{
	char *p = room(t, 2);

	if (!p)
		return;
	*p++ = '\n';
	*p = '\0';
	end(t, p);
}

/* At most six bytes for one. */
static char *put_char(char *p, unsigned char c)
{
	static const char special[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (const char *s = special; *s; s += 2)
		if (c == (unsigned char)*s) {
			*p++ = '\\';
			*p++ = s[1];
			return p;
		}
	if (c < 0x20)
		return p + sprintf(p, "\\u%04X", c);
	*p++ = (char)c;
	return p;
}

void nw_json_put(struct nw_json_text *t, const char *key, const char *text)
{
	char *p = begin(t, key, 6 * strlen(text) + 2);

	if (!p) {
		add(t, key, json_string(text));
		return;
	}
	*p++ = '"';
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == '"' || *text == '\\')
			p = put_char(p, (unsigned char)*text);
		else
			*p++ = *text;
	*p++ = '"';
	end(t, p);
}

/* At most 20 digits. */
static char *put_decimal(char *p, uint64_t v)
{
	char digits[20];
	unsigned int n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while (v /= 10);
	while (n)
		*p++ = digits[--n];
	return p;
}

void nw_json_put_count(struct nw_json_text *t, const char *key, uint64_t v)
{
	char *p;

	if (v > INT64_MAX)
		return;
	p = begin(t, key, 20);
	if (p)
		end(t, put_decimal(p, v));
	else
		add(t, key, json_integer((json_int_t)v));
}

void nw_json_put_bool(struct nw_json_text *t, const char *key, bool v)
{
	char *p = begin(t, key, 5);

	if (p)
		end(t, stpcpy(p, v ? "true" : "false"));
	else
		add(t, key, json_boolean(v));
}

static char hex_digit(unsigned int v)
{
	return "0123456789abcdef"[v & 15];
}

void nw_json_put_hex(struct nw_json_text *t, const char *key, uint64_t v, unsigned int digits)
{
	char text[20] = "0x", *p = text + 2;

	while (digits < 16 && v >> 4 * digits)
		digits++;
	while (digits)
		*p++ = hex_digit((unsigned int)(v >> 4 * --digits));
	*p = '\0';
	nw_json_put(t, key, text);
}

void nw_json_put_bytes(struct nw_json_text *t, const char *key, const uint8_t *bytes, size_t n)
{
	char text[2 * 32 + 1], *p = text;

	for (size_t i = 0; i < n && i < 32; i++) {
		*p++ = hex_digit(bytes[i] >> 4);
		*p++ = hex_digit(bytes[i]);
	}
	*p = '\0';
	nw_json_put(t, key, text);
}

/* As "%.15g" does it, and at least one digit behind the point. */
static char *put_inexact(char *p, double v)
{
	int n = snprintf(p, 30, "%.15g", v);

	return memchr(p, '.', (size_t)n) ? p + n : stpcpy(p + n, ".0");
}

void nw_json_put_millis(struct nw_json_text *t, const char *key, uint64_t ns)
{
	uint64_t us = (ns + 500) / 1000;
	unsigned int part = us % 1000;
	char *p = begin(t, key, 32);

	if (!p) {
		add(t, key, json_real((double)us / 1000));
		return;
	}
	if (us >= EXACT) {
		end(t, put_inexact(p, (double)us / 1000));
		return;
	}
	p = put_decimal(p, us / 1000);
	*p++ = '.';
	do {
		*p++ = (char)('0' + part / 100);
		part = part % 100 * 10;
	} while (part);
	end(t, p);
}

void nw_json_put_names(struct nw_json_text *t, const char *key, unsigned int bits,
		       const char *(*name_of)(unsigned int))
{
	const char *name;

	nw_json_open(t, key, '[');
	for (unsigned int i = 0; bits >> i && (name = name_of(i)); i++)
		if (bits & 1u << i)
			nw_json_put(t, NULL, name);
	nw_json_close(t, ']');
}
