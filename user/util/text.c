/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The bounded string builder and its escaping. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

void nw_text_init(struct nw_text *t, char *buf, size_t size)
{
	*t = (struct nw_text){ .buf = buf, .size = size };
	buf[0] = '\0';
}

void nw_text_add(struct nw_text *t, const char *format, ...)
{
	size_t left = t->size - t->len;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(t->buf + t->len, left, format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= left) {
		t->cut = true;
		t->len = n < 0 ? t->len : t->size - 1;
		t->buf[t->len] = '\0';
	} else {
		t->len += n;
	}
}

/* Adds a unit that must not be torn. */
static void add_whole(struct nw_text *t, const char *bytes, size_t len)
{
	if (t->cut || t->len + len >= t->size) {
		t->cut = true;
		return;
	}
	memcpy(t->buf + t->len, bytes, len);
	t->len += len;
	t->buf[t->len] = '\0';
}

/* By the table of RFC 3629. */
size_t nw_utf8_len(const unsigned char *s, size_t len)
{
	size_t n = s[0] < 0x80 ? 1 :
		   s[0] < 0xc2 ? 0 :
		   s[0] < 0xe0 ? 2 :
		   s[0] < 0xf0 ? 3 :
		   s[0] < 0xf5 ? 4 :
				 0;

	if (n == 0 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

void nw_text_escape(struct nw_text *t, const char *bytes, size_t len)
{
	const unsigned char *s = (const unsigned char *)bytes;

	while (len > 0 && !t->cut) {
		size_t n = nw_utf8_len(s, len);
		char hex[5];

		if (n == 1 && (*s == '"' || *s == '\\')) {
			char pair[2] = { '\\', (char)*s };

			add_whole(t, pair, sizeof(pair));
		} else if (n == 0 || *s < 0x20 || *s == 0x7f || (*s == 0xc2 && s[1] < 0xa0)) {
			/* 0xc2 0x80 to 0x9f are the C1 control characters: byte by byte as well */
			n = 1;
			snprintf(hex, sizeof(hex), "\\x%02x", *s);
			add_whole(t, hex, 4);
		} else {
			add_whole(t, (const char *)s, n);
		}
		s += n;
		len -= n;
	}
}

void nw_text_value(struct nw_text *t, const char *value)
{
	bool quote = !*value || strpbrk(value, " ,=\"");

	if (quote)
		add_whole(t, "\"", 1);
	nw_text_escape(t, value, strlen(value));
	if (quote)
		add_whole(t, "\"", 1);
}
