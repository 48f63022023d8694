// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* NEGOTIATE and VALIDATE side by side as tables; the words in which two values differ are marked. */
#include <string.h>

#include "alert_words.h"
#include "fields.h"
#include "report.h"

/* Is the word one of those of the text? */
static bool has_word(const char *text, const char *word, size_t len)
{
	while (*text) {
		size_t n = strcspn(text, " ");

		if (n == len && memcmp(text, word, len) == 0)
			return true;
		text += n + (text[n] == ' ');
	}
	return false;
}

static void value(struct nw_html *h, const char *label, const char *text, const char *other, bool differs)
{
	nw_html_open(h, "td", "value");
	nw_html_attr(h, "data-label", "%s", label);
	while (*text) {
		size_t n = strcspn(text, " ");

		if (differs && !has_word(other, text, n))
			nw_html_leaf(h, "mark", NULL, "%.*s", (int)n, text);
		else
			nw_html_text(h, "%.*s", (int)n, text);
		text += n + (text[n] == ' ');
		if (*text)
			nw_html_text(h, " ");
	}
	nw_html_close(h);
}

static void row(struct nw_html *h, const struct nw_field_table *t, const struct nw_field_row *r)
{
	bool differs = r->verdict == NW_ROW_DIFFERS;

	nw_html_open(h, "tr", differs ? "differs" : NULL);
	nw_html_open(h, "th", NULL);
	nw_html_attr(h, "scope", "row");
	nw_html_text(h, "%s", r->label);
	nw_html_close(h);
	value(h, "NEGOTIATE", r->negotiate, r->validate, differs);
	value(h, "VALIDATE", r->validate, r->negotiate, differs);
	nw_html_leaf(h, "td", "judged", "%s", differs ? "DIFFERS" : r->verdict == NW_ROW_SAME ? "same" : "");
	nw_html_close(h);
}

static void heading(struct nw_html *h, const char *text)
{
	nw_html_open(h, "th", NULL);
	nw_html_attr(h, "scope", "col");
	nw_html_text(h, "%s", text);
	nw_html_close(h);
}

static void table(struct nw_html *h, const struct nw_field_table *t)
{
	nw_html_open(h, "table", "fields");
	nw_html_leaf(h, "caption", NULL, "%s", t->title);
	nw_html_open(h, "thead", NULL);
	nw_html_open(h, "tr", NULL);
	heading(h, "Field");
	heading(h, t->negotiate);
	heading(h, t->validate);
	heading(h, "Compared");
	nw_html_close(h);
	nw_html_close(h);
	nw_html_open(h, "tbody", NULL);
	for (unsigned int i = 0; i < t->n; i++)
		row(h, t, &t->rows[i]);
	nw_html_close(h);
	nw_html_close(h);
}

/* What a comparison with this VALIDATE is worth. */
static const char *about(const json_t *validate)
{
	if (!validate)
		return "No VALIDATE was seen that would repeat it, so there is nothing to hold it against.";
	if (json_is_false(nw_at(validate, "request.signed")) ||
	    json_is_false(nw_at(validate, "response.signed")))
		return "VALIDATE repeats it, but only what is signed proves anything.";
	return "VALIDATE repeats it under the session's signature, which nobody on the path can make: where "
	       "the two differ, VALIDATE is to be believed.";
}

void nw_report_fields(struct nw_html *h, const struct nw_report_case *c)
{
	const json_t *negotiate, *validate;
	struct nw_field_table t;

	nw_flow_exchanges(c->flow, json_array_get(c->findings, 0), &negotiate, &validate);
	if (!negotiate && !validate)
		return;
	nw_report_section(h, c, "What was agreed, and what was confirmed");
	nw_html_leaf(h, "p", NULL, "NEGOTIATE travels unprotected. %s", about(validate));
	if (nw_fields(&t, negotiate, validate, false, true))
		table(h, &t);
	if (nw_fields(&t, negotiate, validate, true, true))
		table(h, &t);
	nw_html_close(h);
}
