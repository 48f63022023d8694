/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * JSON member by member, as text: for objects of which there are many, as a tree of values that is then
 * written takes seven times as long. Written as jansson writes by NW_JSON_LINE, byte for byte. Or as that
 * tree, where it is to be asked or to be put into others: not by parsing the text, because jansson 2.14
 * writes past its buffers when memory runs out meanwhile.
 */
#ifndef NW_JSON_TEXT_H
#define NW_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* An object within an array within an object, as often as flows have it, and to spare. */
#define NW_JSON_DEPTH 8

/* Begins with all zero, but for `as_tree`. */
struct nw_json_text {
	char *buf; /* owned; not terminated */
	size_t len, room;
	bool failed; /* there was no memory: what is in it is worth nothing */
	bool as_tree;
	json_t *tree;		       /* owned */
	json_t *within[NW_JSON_DEPTH]; /* what is open, from the outermost on */
	unsigned int depth;
};

/*
 * key: of a member; NULL: it is an element of an array, or the outermost value. Keys are constants that need
 * no escaping.
 */
void nw_json_open(struct nw_json_text *t, const char *key, char bracket);
void nw_json_close(struct nw_json_text *t, char bracket);
/* Of a text: a newline, and the terminator behind it. */
void nw_json_end_line(struct nw_json_text *t);
/* A string of UTF-8. */
void nw_json_put(struct nw_json_text *t, const char *key, const char *text);
/* JSON has no unsigned 64 bits; what is larger than INT64_MAX was made up by somebody, and is left out. */
void nw_json_put_count(struct nw_json_text *t, const char *key, uint64_t v);
void nw_json_put_bool(struct nw_json_text *t, const char *key, bool v);
/* "0x0302" with 4 digits, or more where they are too few */
void nw_json_put_hex(struct nw_json_text *t, const char *key, uint64_t v, unsigned int digits);
/* At most 32 bytes in hex, without anything around them. */
void nw_json_put_bytes(struct nw_json_text *t, const char *key, const uint8_t *bytes, size_t n);
/* Nanoseconds as milliseconds to the thousandth: 0.17, 20019.5. */
void nw_json_put_millis(struct nw_json_text *t, const char *key, uint64_t ns);
/* The names of the bits that are set, in the order of the bits. */
void nw_json_put_names(struct nw_json_text *t, const char *key, unsigned int bits,
		       const char *(*name_of)(unsigned int));

#endif
