// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Text in columns of limited width. All texts are ASCII: one byte is one column. */
#include <string.h>

#include "wrap.h"

int nw_wrap_fit(const char *text, int width)
{
	int len = (int)strlen(text), i;

	if (len <= width)
		return len;
	for (i = width; i > 0; i--)
		if (text[i] == ' ' || text[i - 1] == '-' || text[i - 1] == ',' || text[i - 1] == ':')
			return i;
	return width;
}

/* One paragraph or line without a newline in it. */
static void paragraph(FILE *out, const char **label, int indent, int width, const char *text, int len)
{
	char rest[4096];
	const char *at = rest;

	snprintf(rest, sizeof(rest), "%.*s", len, text);
	if (!*rest || *rest == ' ') {
		/* as it is: a command to be copied must not be broken */
		fprintf(out, "%-*s%s\n", *rest ? indent : 0, *rest ? *label : "", rest);
		*label = "";
		return;
	}
	while (*at) {
		int n = nw_wrap_fit(at, width - indent);

		fprintf(out, "%-*s%.*s\n", indent, *label, n, at);
		*label = "";
		at += n;
		at += strspn(at, " ");
	}
}

void nw_wrap(FILE *out, const char *label, int indent, int width, const char *text)
{
	while (text[strspn(text, "\n")]) { /* empty lines at the end are nobody's */
		size_t n = strcspn(text, "\n");

		paragraph(out, &label, indent, width, text, (int)n);
		text += n + (text[n] == '\n');
	}
}
