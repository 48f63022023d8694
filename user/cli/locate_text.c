// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One connection at several places, for people: who talked to whom there, and each field along the path. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "locate_print.h"
#include "table.h"
#include "wrap.h"

static const struct {
	enum nw_message message, truth;
	enum nw_changed what;
	const char *name;
} fields[] = {
	{ NW_NEGOTIATE_REQ, NW_VALIDATE_REQ, NW_CHANGED_DIALECTS, "request dialects" },
	{ NW_NEGOTIATE_REQ, NW_VALIDATE_REQ, NW_CHANGED_CAPABILITIES, "request capabilities" },
	{ NW_NEGOTIATE_REQ, NW_VALIDATE_REQ, NW_CHANGED_SECURITY_MODE, "request security mode" },
	{ NW_NEGOTIATE_REQ, NW_VALIDATE_REQ, NW_CHANGED_GUID, "client GUID" },
	{ NW_NEGOTIATE_REQ, NW_VALIDATE_REQ, NW_CHANGED_REST, "request as a whole" },
	{ NW_NEGOTIATE_RSP, NW_VALIDATE_RSP, NW_CHANGED_DIALECT, "response dialect" },
	{ NW_NEGOTIATE_RSP, NW_VALIDATE_RSP, NW_CHANGED_CAPABILITIES, "response capabilities" },
	{ NW_NEGOTIATE_RSP, NW_VALIDATE_RSP, NW_CHANGED_SECURITY_MODE, "response security mode" },
	{ NW_NEGOTIATE_RSP, NW_VALIDATE_RSP, NW_CHANGED_GUID, "server GUID" },
	{ NW_NEGOTIATE_RSP, NW_VALIDATE_RSP, NW_CHANGED_REST, "response as a whole" },
};

/* Position k on the way of the message: 0 is what its sender signed, then come the places. */
static const char *value_at(char out[NW_VALUE_TEXT], const struct nw_located *l, size_t field, unsigned int k)
{
	bool request = fields[field].message == NW_NEGOTIATE_REQ;
	const struct nw_said *d;

	*out = '\0';
	if (k == 0) {
		d = &l->at[request ? 0 : l->n - 1]->said[fields[field].truth];
		return d->is_signed ? nw_value_text(out, d, fields[field].what) : out;
	}
	return nw_value_text(out, &l->at[request ? k - 1 : l->n - k]->said[fields[field].message],
			     fields[field].what);
}

static bool all_alike(const struct nw_located *l, size_t field)
{
	char first[NW_VALUE_TEXT] = "", here[NW_VALUE_TEXT];

	for (unsigned int k = 0; k <= l->n; k++) {
		value_at(here, l, field, k);
		if (!*first)
			memcpy(first, here, sizeof(first));
		else if (*here && strcmp(first, here))
			return false;
	}
	return true;
}

static bool rest_changed(const struct nw_located *l, enum nw_message message)
{
	for (unsigned int i = 0; i < l->n_changes; i++)
		if (l->change[i].what == NW_CHANGED_REST && l->change[i].message == message)
			return true;
	return false;
}

static void add_rows(struct nw_cli_table *t, const struct nw_located *l, size_t field,
		     const struct nw_place *places)
{
	bool request = fields[field].message == NW_NEGOTIATE_REQ;
	char here[NW_VALUE_TEXT], before[NW_VALUE_TEXT] = "";
	const char *name = fields[field].name;

	/* A hash tells nothing by itself, and changes with every other field. */
	if (fields[field].what == NW_CHANGED_REST && !rest_changed(l, fields[field].message))
		return;
	if (all_alike(l, field)) {
		unsigned int k = 0;

		while (k <= l->n && !*value_at(here, l, field, k))
			k++;
		if (*here)
			nw_cli_table_row(t, (const char *const[]){ name, "all", "same", here });
		return;
	}
	for (unsigned int k = 0; k <= l->n; k++) {
		const char *where = k	    ? places[l->at[request ? k - 1 : l->n - k]->place].name :
				    request ? "client, signed" :
					      "server, signed";

		if (!*value_at(here, l, field, k))
			continue;
		nw_cli_table_row(t, (const char *const[]){ name, where,
							   *before && strcmp(before, here) ? "CHANGED" : "",
							   here });
		memcpy(before, here, sizeof(before));
		name = "";
	}
}

static void print_ends(const struct nw_sight *s, const struct nw_place *places)
{
	char from[NW_ADDR_TEXT], to[NW_ADDR_TEXT], line[512];
	struct nw_text t;

	nw_text_init(&t, line, sizeof(line));
	nw_text_add(&t, "at %s: %s port %u to %s port %u", places[s->place].name,
		    nw_addr_text(from, &s->addr[NW_C2S]), s->port[NW_C2S], nw_addr_text(to, &s->addr[NW_S2C]),
		    s->port[NW_S2C]);
	if (s->end_how)
		nw_text_add(&t, "; ended by %s %s", s->end_by == NW_S2C ? "server" : "client",
			    s->end_how == NW_END_RST ? "RST" : "FIN");
	for (int by = NW_C2S; by <= NW_S2C; by++)
		if (s->reset[by] > 1 + NW_FORGED_NO)
			nw_text_add(&t, "; RST in the %s's name, forged: %s",
				    by == NW_S2C ? "server" : "client", nw_forged_name(s->reset[by] - 1));
	nw_wrap(stdout, "  ", 4, NW_CLI_WIDTH, line);
}

int nw_located_print(const struct nw_located *l, const struct nw_cli *cli, const struct nw_place *places)
{
	static const struct nw_column columns[] = { { "FIELD", NW_COL_LEFT },
						    { "WHERE", NW_COL_LEFT },
						    { "", NW_COL_LEFT },
						    { "VALUE", NW_COL_WRAP } };
	static const char *const by[] = {
		[NW_ORDER_VANTAGE] = "From client to server, as the places themselves say",
		[NW_ORDER_ADDRESSES] = "From client to server, by the addresses",
		[NW_ORDER_VALUES] = "From client to server, by the values",
		[NW_ORDER_UNKNOWN] = ("Which of these places is nearer to the client can't be known; put "
				      "client:, between: or server: in front of the files"),
	};
	struct nw_cli_table *t = nw_cli_table_new(cli, columns, 4);

	nw_wrap(stdout, "  ", 2, NW_CLI_WIDTH, by[l->order]);
	for (unsigned int i = 0; i < l->n; i++)
		print_ends(l->at[i], places);
	for (size_t i = 0; t && i < sizeof(fields) / sizeof(fields[0]); i++)
		add_rows(t, l, i, places);
	return t ? nw_cli_table_print(t) : -ENOMEM;
}
