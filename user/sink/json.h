/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What all that is written as JSON has in common. json_object_set_new() takes its value over even when it
 * fails, and fails for a value of NULL: so errors can be added up, and the whole be given up at the end.
 */
#ifndef NW_SINK_JSON_H
#define NW_SINK_JSON_H

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "../util/text.h"

/* What the text is as JSON, or NULL with *err -EINVAL: it is none, or -ENOMEM, which jansson does not tell
 * apart. */
static inline json_t *nw_json_parse(const char *text, size_t len, int *err)
{
	json_t *o;

	errno = 0;
	o = json_loadb(text, len, 0, NULL);
	*err = o ? 0 : errno == ENOMEM ? -ENOMEM : -EINVAL;
	return o;
}

/* One line of text, to be freed; NULL without memory. jansson 2.14 leaves out the keys that it finds no
 * memory for. */
static inline char *nw_json_text(const json_t *o)
{
	char *text;

	errno = 0;
	text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(15));
	if (text && errno == ENOMEM) {
		free(text);
		text = NULL;
	}
	return text;
}

/* j, or nothing of it. */
static inline json_t *nw_json_whole(json_t *j, int bad)
{
	if (!bad)
		return j;
	json_decref(j);
	return NULL;
}

/* The names of the bits that are set, in the order of the bits. */
static inline json_t *nw_json_names(unsigned int bits, const char *(*name_of)(unsigned int))
{
	json_t *a = json_array();
	const char *name;
	unsigned int i;
	int bad = 0;

	for (i = 0; (name = name_of(i)); i++)
		if (bits & 1u << i)
			bad |= json_array_append_new(a, json_string(name));
	return nw_json_whole(a, bad || !a);
}

/* Where a member that is missing for want of memory is better than nothing. */
static inline void nw_json_set(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

static inline int nw_json_set_guid(json_t *o, const char *key, const uint8_t guid[16])
{
	char text[NW_GUID_TEXT];

	return json_object_set_new(o, key, json_string(nw_guid_text(text, guid)));
}

/* "0x0302" with 4 digits */
static inline json_t *nw_hex_json(uint64_t v, int digits)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%0*" PRIx64, digits, v);
	return json_string(text);
}

#endif
