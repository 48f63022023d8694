// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The writer of HTML. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "../util/base64.h"
#include "../util/text.h"
#include "../util/util.h"

/* Elements down to this depth end a line, so that the source can be read. */
#define LINES_DEPTH 8
/* Bytes that become base64 at once: a multiple of 3, so that the pieces fit together. */
#define CHUNK 3000

/* HTML 13.1.2: these have no end tag. */
static bool is_void(const char *element)
{
	return strcmp(element, "meta") == 0 || strcmp(element, "br") == 0;
}

/* A line's end behind these would be a space in a sentence. */
static bool is_inline(const char *element)
{
	static const char *const names[] = { "strong", "span", "mark", "a" };

	for (size_t i = 0; i < NW_ARRAY_SIZE(names); i++)
		if (strcmp(element, names[i]) == 0)
			return true;
	return false;
}

/*
 * What is seen of a character is not what is there: C0 and C1 controls, zero width and direction (U+200B to
 * U+200F, U+202A to U+202E, U+2060 to U+206F, U+061C, U+FEFF), line and paragraph separators, noncharacters.
 */
static bool is_hidden(uint32_t c)
{
	return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	       c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xfdd0 && c <= 0xfdef) ||
	       (c & 0xfffe) == 0xfffe || (c >= 0xe0000 && c <= 0xe0fff);
}

/* The character of n bytes (valid UTF-8) at s. */
static uint32_t decode(const unsigned char *s, size_t n)
{
	uint32_t c = n == 1 ? s[0] : s[0] & (0x7fu >> n);

	for (size_t i = 1; i < n; i++)
		c = c << 6 | (s[i] & 0x3fu);
	return c;
}

static const char *entity(uint32_t c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

static void escaped(FILE *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t left = strlen(text);

	while (left) {
		size_t n = nw_utf8_len(s, left);
		uint32_t c = n ? decode(s, n) : *s;

		if (!n || (c < 0x80 && is_hidden(c)))
			fprintf(out, "\\x%02x", *s);
		else if (is_hidden(c))
			fprintf(out, c > 0xffff ? "\\U%08x" : "\\u%04x", c);
		else if (entity(c))
			fputs(entity(c), out);
		else
			fwrite(s, 1, n, out);
		s += n ? n : 1;
		left -= n ? n : 1;
	}
}

static void escaped_format(struct nw_html *h, const char *format, va_list ap)
{
	_cleanup_free_ char *text = NULL;

	if (vasprintf(&text, format, ap) < 0) {
		text = NULL;
		h->broken = true;
		return;
	}
	escaped(h->out, text);
}

static void end_tag(struct nw_html *h)
{
	if (h->in_tag)
		putc('>', h->out);
	h->in_tag = false;
}

void nw_html_begin(struct nw_html *h, FILE *out)
{
	*h = (struct nw_html){ .out = out };
	fputs("<!DOCTYPE html>\n", out);
	nw_html_open(h, "html", NULL);
}

int nw_html_end(struct nw_html *h)
{
	h->broken |= h->depth != 1;
	while (h->depth)
		nw_html_close(h);
	return fflush(h->out) || ferror(h->out) || h->broken ? -EIO : 0;
}

void nw_html_open(struct nw_html *h, const char *element, const char *class_name)
{
	end_tag(h);
	if (h->depth == NW_HTML_DEPTH) {
		h->broken = true;
		return;
	}
	h->open[h->depth++] = element;
	fprintf(h->out, "<%s", element);
	h->in_tag = true;
	if (class_name)
		nw_html_attr(h, "class", "%s", class_name);
}

void nw_html_close(struct nw_html *h)
{
	const char *element;

	end_tag(h);
	if (!h->depth) {
		h->broken = true;
		return;
	}
	element = h->open[--h->depth];
	if (!is_void(element))
		fprintf(h->out, "</%s>", element);
	if (h->depth < LINES_DEPTH && !is_inline(element))
		putc('\n', h->out);
}

void nw_html_attr(struct nw_html *h, const char *name, const char *format, ...)
{
	va_list ap;

	h->broken |= !h->in_tag;
	fprintf(h->out, " %s=\"", name);
	va_start(ap, format);
	escaped_format(h, format, ap);
	va_end(ap);
	putc('"', h->out);
}

void nw_html_text(struct nw_html *h, const char *format, ...)
{
	va_list ap;

	end_tag(h);
	va_start(ap, format);
	escaped_format(h, format, ap);
	va_end(ap);
}

void nw_html_leaf(struct nw_html *h, const char *element, const char *class_name, const char *format, ...)
{
	va_list ap;

	nw_html_open(h, element, class_name);
	end_tag(h);
	va_start(ap, format);
	escaped_format(h, format, ap);
	va_end(ap);
	nw_html_close(h);
}

void nw_html_attr_data(struct nw_html *h, const char *name, const char *type, const uint8_t *bytes,
		       size_t len)
{
	char text[NW_BASE64_TEXT(CHUNK)];

	h->broken |= !h->in_tag;
	fprintf(h->out, " %s=\"data:%s;base64,", name, type);
	for (size_t at = 0; at < len; at += CHUNK) {
		nw_base64(text, bytes + at, len - at < CHUNK ? len - at : CHUNK);
		fputs(text, h->out);
	}
	putc('"', h->out);
}

void nw_html_style(struct nw_html *h, const char *css)
{
	nw_html_open(h, "style", NULL);
	end_tag(h);
	fprintf(h->out, "\n%s", css);
	nw_html_close(h);
}
