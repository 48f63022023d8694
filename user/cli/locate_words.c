// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Changes, legs and values in words. */
#include <inttypes.h>
#include <stdio.h>

#include "locate_print.h"
#include "../util/util.h"

const char *nw_change_subject(const struct nw_change *c)
{
	static const char *const messages[] = { "NEGOTIATE request", "NEGOTIATE response", "VALIDATE request",
						"VALIDATE response" };

	if (c->message == NW_MSG_RESET)
		return c->side == NW_S2C ? "a RST in the server's name" : "a RST in the client's name";
	return messages[c->message];
}

const char *nw_change_field(const struct nw_change *c)
{
	static const char *const fields[] = {
		[NW_CHANGED_CAPABILITIES] = "capabilities",
		[NW_CHANGED_GUID] = "GUID",
		[NW_CHANGED_SECURITY_MODE] = "security mode",
		[NW_CHANGED_DIALECTS] = "dialects",
		[NW_CHANGED_DIALECT] = "dialect",
		[NW_CHANGED_REST] = "other parts of it",
		[NW_CHANGED_STATUS] = "status",
		[NW_CHANGED_SIGNATURE] = "signature",
	};

	return c->what < NW_ARRAY_SIZE(fields) ? fields[c->what] : NULL;
}

void nw_leg_text(struct nw_text *t, const struct nw_located *l, unsigned int leg,
		 const struct nw_place *places)
{
	bool inner = leg > 0 && leg < l->n;

	if (inner)
		nw_text_add(t, "between %s and %s", places[l->at[leg - 1]->place].name,
			    places[l->at[leg]->place].name);
	else if (l->order == NW_ORDER_UNKNOWN)
		nw_text_add(t, "between the %s and all these places", leg ? "server" : "client");
	else if (leg)
		nw_text_add(t, "between %s and the server", places[l->at[leg - 1]->place].name);
	else
		nw_text_add(t, "between the client and %s", places[l->at[0]->place].name);
}

static bool together(const struct nw_change *a, const struct nw_change *b)
{
	return a->message == b->message && a->leg == b->leg && a->side == b->side &&
	       !nw_change_field(a) == !nw_change_field(b) && (nw_change_field(a) || a->what == b->what);
}

bool nw_change_is_first(const struct nw_located *l, const struct nw_change *c)
{
	for (const struct nw_change *before = l->change; before < c; before++)
		if (together(before, c))
			return false;
	return true;
}

void nw_change_text(struct nw_text *t, const struct nw_located *l, const struct nw_change *c,
		    const struct nw_place *places)
{
	static const char *const verbs[] = {
		[NW_CHANGED_LOST] = "was lost",
		[NW_CHANGED_MADE_UP] = "was made up",
		[NW_CHANGED_PERHAPS] = "may have been changed",
	};
	const char *sep = ": ";

	nw_text_add(t, "%s %s ", nw_change_subject(c), nw_change_field(c) ? "was changed" : verbs[c->what]);
	nw_leg_text(t, l, c->leg, places);
	for (unsigned int i = 0; nw_change_field(c) && i < l->n_changes; i++)
		if (together(&l->change[i], c)) {
			nw_text_add(t, "%s%s", sep, nw_change_field(&l->change[i]));
			sep = ", ";
		}
}

const char *nw_value_text(char out[NW_VALUE_TEXT], const struct nw_said *d, enum nw_changed field)
{
	char text[NW_FLAGS_TEXT], dialect[NW_DIALECT_TEXT], guid[NW_GUID_TEXT];
	struct nw_text t;

	nw_text_init(&t, out, NW_VALUE_TEXT);
	if (!d->known)
		return out;
	switch (field) {
	case NW_CHANGED_CAPABILITIES:
		nw_text_add(&t, "0x%08x %s", d->capabilities, nw_capabilities_text(text, d->capabilities));
		break;
	case NW_CHANGED_GUID:
		nw_text_add(&t, "%s", nw_guid_text(guid, d->guid));
		break;
	case NW_CHANGED_SECURITY_MODE:
		nw_text_add(&t, "%s", nw_security_mode_text(text, d->security_mode));
		break;
	case NW_CHANGED_DIALECTS:
	case NW_CHANGED_DIALECT:
		for (unsigned int i = 0; i < d->n_dialects && i < NW_SIGHT_DIALECTS; i++)
			nw_text_add(&t, "%s%s", i ? " " : "", nw_dialect_text(dialect, d->dialects[i]));
		if (d->n_dialects > NW_SIGHT_DIALECTS)
			nw_text_add(&t, " and %u more", d->n_dialects - NW_SIGHT_DIALECTS);
		break;
	case NW_CHANGED_REST:
		if (d->body)
			nw_text_add(&t, "hash %016" PRIx64, d->body);
		break;
	default:
		break;
	}
	return out;
}
