/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * JSON (RFC 8259) read without a copy: a list of what lies where in the text. Journals of millions of lines
 * spend all their time here; building jansson's objects takes some ten times as long.
 */
#ifndef NW_SCAN_H
#define NW_SCAN_H

#include <stddef.h>
#include <stdint.h>

enum nw_json_type { NW_JSON_OBJECT, NW_JSON_ARRAY, NW_JSON_STRING, NW_JSON_OTHER };

/* One value. Those in it follow it in the list, so that the next one beside it is at `this + size`. */
struct nw_json {
	const char *key;  /* of a member, without quotes; NULL: it is no member */
	const char *text; /* without the quotes; escapes stay as they are */
	uint32_t key_len, len;
	uint32_t size; /* of the list: itself and all that is in it */
	uint8_t type;  /* enum nw_json_type */
};

struct nw_scan {
	struct nw_json *list; /* the first is the whole; owned */
	size_t n, room;
};

/* Values in a scan, and how deep they may lie in each other. */
#define NW_SCAN_MAX 65536u
#define NW_SCAN_DEPTH 32u

/*
 * Reads the value at the beginning of text, and not what comes behind it. The list refers to the text, and is
 * valid until the next call. 0; -EBADMSG: it is not whole, or no JSON; -E2BIG; -ENOMEM.
 */
int nw_scan(struct nw_scan *s, const char *text, size_t len);
void nw_scan_release(struct nw_scan *s);

#define nw_json_foreach(item, list)                                                                          \
	for (const struct nw_json *item = (list) ? (list) + 1 : NULL; item && item < (list) + (list)->size;  \
	     item += item->size)

/* All of these take NULL for "there is none". A member of an object. */
const struct nw_json *nw_json_get(const struct nw_json *o, const char *key);
size_t nw_json_count(const struct nw_json *list);
/* Is it a string (or a number, true, ...) of this text? */
int nw_json_is(const struct nw_json *v, const char *text);
/* 0 if it is no such number. */
uint64_t nw_json_number(const struct nw_json *v);
/* The value of a lower-case hexadecimal digit, -1: it is none. */
static inline int nw_json_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The number in a string such as "0x0302" or "00ff"; 0 if it is none. */
uint64_t nw_json_hex(const struct nw_json *v);

#endif
