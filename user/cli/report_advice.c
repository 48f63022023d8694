// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the findings mean and what to do, as the table of rules and that of implementations word it. */
#include <stdlib.h>
#include <string.h>

#include "alert_words.h"
#include "report.h"
#include "../util/util.h"

/* What was printed before. */
struct printed {
	json_t *texts; /* {text: true} */
	struct nw_html *h;
};

/* How much of the text are lines of one kind: those that begin with a space, or those that don't. */
static size_t same_kind(const char *text)
{
	const char *at = text;

	while (*at && (*at == ' ') == (*text == ' ')) {
		at += strcspn(at, "\n");
		at += *at == '\n';
	}
	return (size_t)(at - text);
}

/* Lines that begin with a space are to be read, or copied, as they are; their common two spaces are left out.
 */
static void paragraph(struct nw_html *h, const char *text)
{
	while (*text) {
		size_t n = same_kind(text);
		bool as_is = *text == ' ';

		nw_html_open(h, as_is ? "pre" : "p", NULL);
		for (const char *end = text + n; text < end;) {
			size_t line = strcspn(text, "\n"), skip = as_is && text[1] == ' ' ? 2 : 0;

			line = line < (size_t)(end - text) ? line : (size_t)(end - text);
			nw_html_text(h, "%.*s", (int)(line - skip), text + skip);
			text += line + (text[line] == '\n');
			if (text < end)
				nw_html_text(h, "\n");
		}
		nw_html_close(h);
	}
}

/* Paragraphs that empty lines separate, without those that stand above already. */
static void paragraphs(struct printed *p, const char *text)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t n = end ? (size_t)(end - text) : strlen(text);
		_cleanup_free_ char *one = strndup(text, n);

		if (one && !json_object_get(p->texts, one)) {
			json_object_set_new(p->texts, one, json_true());
			paragraph(p->h, one);
		}
		p->h->broken |= !one;
		text += n + (end ? 2 : 0);
	}
}

static void meaning(struct printed *p, const struct nw_rule *rule)
{
	struct nw_html *h = p->h;

	nw_html_leaf(h, "h3", NULL, "Rule %u, %s", rule->number, rule->name);
	paragraphs(p, rule->explanation);
	if (rule->section[0] >= '0' && rule->section[0] <= '9')
		nw_html_leaf(h, "p", "source", "MS-SMB2 %s", rule->section);
}

/* Calls fn for each finding whose rule is in the table. */
static void each(struct printed *p, const struct nw_report_case *cases, size_t n,
		 void (*fn)(struct printed *p, const struct nw_report_case *c, const struct nw_rule *rule))
{
	const json_t *f;
	size_t i, k;

	for (i = 0; i < n; i++) {
		json_array_foreach(cases[i].findings, k, f)
		{
			const struct nw_rule *rule = nw_rule_by_number((unsigned int)nw_num(f, "rule"));

			if (rule)
				fn(p, &cases[i], rule);
		}
	}
}

static void remedy(struct printed *p, const struct nw_report_case *c, const struct nw_rule *rule)
{
	char text[NW_REMEDY_MAX];

	paragraphs(p, nw_remedy(text, rule, nw_flow_client(c->flow), nw_flow_server(c->flow)));
}

static void explained(struct printed *p, const struct nw_report_case *c, const struct nw_rule *rule)
{
	if (json_object_get(p->texts, rule->name))
		return;
	json_object_set_new(p->texts, rule->name, json_true());
	meaning(p, rule);
}

void nw_report_advice(struct nw_html *h, const struct nw_report_case *cases, size_t n)
{
	struct printed p = { .texts = json_object(), .h = h };

	nw_html_open(h, "section", "advice");
	nw_html_leaf(h, "h2", NULL, "What to do");
	each(&p, cases, n, remedy);
	nw_html_close(h);
	nw_html_open(h, "section", "advice");
	nw_html_leaf(h, "h2", NULL, "What it means");
	each(&p, cases, n, explained);
	nw_html_close(h);
	json_decref(p.texts);
}
