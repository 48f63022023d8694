/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A writer of HTML and the SVG inside of it. Whatever is a value is escaped, there is no way around it; names
 * of elements, classes and attributes are constants of the program. What a browser would hide or turn around
 * (control and format characters, bytes that are not UTF-8) is written as \x1b or \u202e, for the reader to
 * see.
 */
#ifndef NW_HTML_H
#define NW_HTML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* html, body, main, section, div, table, tbody, tr, td, svg, g, text, tspan: 13, with room */
#define NW_HTML_DEPTH 24

struct nw_html {
	FILE *out;
	unsigned int depth;
	const char *open[NW_HTML_DEPTH];
	bool in_tag; /* attributes may still come */
	bool broken; /* no memory, or opened and closed unequally */
};

/* The document's type and its first element, html. */
void nw_html_begin(struct nw_html *h, FILE *out);
/* Closes what is open. 0; -EIO: the document is not complete. */
int nw_html_end(struct nw_html *h);

/* An element; class_name: NULL if it has none. */
void nw_html_open(struct nw_html *h, const char *element, const char *class_name);
void nw_html_close(struct nw_html *h);
/* An attribute of the element that was just opened. */
void nw_html_attr(struct nw_html *h, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void nw_html_text(struct nw_html *h, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An element with nothing but text in it. */
void nw_html_leaf(struct nw_html *h, const char *element, const char *class_name, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* An attribute with bytes as a data: URI. type: a media type. */
void nw_html_attr_data(struct nw_html *h, const char *name, const char *type, const uint8_t *bytes,
		       size_t len);
/* A style sheet of the program's own; not escaped. */
void nw_html_style(struct nw_html *h, const char *css);

#endif
