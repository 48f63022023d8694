// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* NEGOTIATE and VALIDATE side by side: the table of fields, and what each message says. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "fields.h"
#include "../util/text.h"
#include "../util/util.h"

/*
 * Writes the value of one message; leaves out empty if the message doesn't have it. decode: details
 * are worth their room.
 */
typedef void (*value_fn)(char out[NW_VALUE_TEXT], const json_t *message, bool decode);

static void v_dialects(char out[NW_VALUE_TEXT], const json_t *message, bool decode)
{
	const json_t *one;
	struct nw_text t;
	size_t i;

	nw_text_init(&t, out, NW_VALUE_TEXT);
	json_array_foreach(nw_at(message, "dialects"), i, one)
	{
		char name[NW_DIALECT_TEXT];

		nw_text_add(&t, "%s%s", i ? " " : "",
			    nw_dialect_text(name, (uint16_t)strtoul(nw_str(one, ""), NULL, 16)));
	}
}

static void v_dialect(char out[NW_VALUE_TEXT], const json_t *message, bool decode)
{
	const char *text = nw_str(message, "dialect");

	*out = '\0';
	if (*text)
		nw_dialect_text(out, (uint16_t)strtoul(text, NULL, 16));
}

static void v_capabilities(char out[NW_VALUE_TEXT], const json_t *message, bool decode)
{
	uint32_t bits = (uint32_t)nw_num(message, "capabilities");
	char names[NW_FLAGS_TEXT];

	*out = '\0';
	if (nw_at(message, "capabilities"))
		snprintf(out, NW_VALUE_TEXT, decode && bits ? "0x%08" PRIx32 " %s" : "0x%08" PRIx32, bits,
			 nw_capabilities_text(names, bits));
}

static void v_security_mode(char out[NW_VALUE_TEXT], const json_t *message, bool decode)
{
	*out = '\0';
	if (nw_at(message, "security_mode"))
		nw_security_mode_text(out, (uint16_t)nw_num(message, "security_mode"));
}

static void v_client_guid(char out[NW_VALUE_TEXT], const json_t *message, bool decode)
{
	snprintf(out, NW_VALUE_TEXT, "%s", nw_str(message, "client_guid"));
}

static void v_server_guid(char out[NW_VALUE_TEXT], const json_t *message, bool decode)
{
	snprintf(out, NW_VALUE_TEXT, "%s", nw_str(message, "server_guid"));
}

static void v_status(char out[NW_VALUE_TEXT], const json_t *message, bool decode)
{
	const char *text = nw_str(message, "status");

	*out = '\0';
	if (*text)
		nw_status_text(out, (uint32_t)strtoul(text, NULL, 16));
}

struct field {
	const char *label;
	const char *name; /* in request_differs and response_differs; NULL: not compared */
	value_fn value;
};

static const struct field request_fields[] = {
	{ "dialects", "dialects", v_dialects },
	{ "capabilities", "capabilities", v_capabilities },
	{ "security mode", "security_mode", v_security_mode },
	{ "client GUID", "guid", v_client_guid },
};

static const struct field response_fields[] = {
	{ "status", NULL, v_status },
	{ "dialect", "dialect", v_dialect },
	{ "capabilities", "capabilities", v_capabilities },
	{ "security mode", "security_mode", v_security_mode },
	{ "server GUID", "guid", v_server_guid },
};

static bool has_name(const json_t *array, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(array, i, one)
	{
		if (strcmp(nw_str(one, ""), name) == 0)
			return true;
	}
	return false;
}

static void fill(struct nw_field_row *row, const struct field *f, const json_t *negotiate,
		 const json_t *validate, const json_t *differs, bool decode)
{
	bool bad = f->name && has_name(differs, f->name);

	row->label = f->label;
	row->verdict = bad				 ? NW_ROW_DIFFERS :
		       json_is_array(differs) && f->name ? NW_ROW_SAME :
							   NW_ROW_NOT_COMPARED;
	f->value(row->negotiate, negotiate, bad || decode);
	f->value(row->validate, validate, bad || decode);
}

bool nw_fields(struct nw_field_table *t, const json_t *negotiate, const json_t *validate, bool response,
	       bool decode)
{
	const struct field *fields = response ? response_fields : request_fields;
	size_t n = response ? NW_ARRAY_SIZE(response_fields) : NW_ARRAY_SIZE(request_fields);
	const json_t *differs = nw_at(validate, response ? "response_differs" : "request_differs");
	const json_t *left = nw_at(negotiate, response ? "response" : "request");
	const json_t *right = nw_at(validate, response ? "response" : "request");

	*t = (struct nw_field_table){ .title = response ? "Response" : "Request" };
	/* Where the VALIDATE has no answer there is nothing to hold the NEGOTIATE response against. */
	if ((!left && !right) || (response && validate && !right))
		return false;
	t->negotiate = left ? "NEGOTIATE as seen here" : "NEGOTIATE was not seen";
	t->validate = !right				   ? "no VALIDATE seen" :
		      nw_at(right, "encrypted")		   ? "VALIDATE (encrypted)" :
		      json_is_true(nw_at(right, "signed")) ? "VALIDATE (signed)" :
							     "VALIDATE (NOT SIGNED)";
	for (size_t i = 0; i < n; i++) {
		struct nw_field_row *row = &t->rows[t->n];

		fill(row, &fields[i], left, right, differs, decode);
		t->n += *row->negotiate || *row->validate;
	}
	return true;
}
