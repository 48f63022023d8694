// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Text in columns of limited width. All texts are ASCII: one byte is one column. */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "wrap.h"

int nw_wrap_fit(const char *text, int width)
{
	int len = (int)strlen(text), i;

	if (len <= width)
		return len;
	for (i = width; i > 0; i--)
		if (text[i] == ' ' || text[i - 1] == '-' || text[i - 1] == '_' || text[i - 1] == ',' ||
		    text[i - 1] == ':')
			return i;
	return width;
}

/* Sentences are broken at spaces: a time or a constant in them stays whole, unless half a line would be
 * empty. */
static int fit_sentence(const char *text, int width)
{
	int i = width;

	if ((int)strlen(text) <= width)
		return (int)strlen(text);
	while (i > width / 2 && text[i] != ' ')
		i--;
	return i > width / 2 ? i : nw_wrap_fit(text, width);
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
		int n = fit_sentence(at, width - indent);

		fprintf(out, "%-*s%.*s\n", indent, *label, n, at);
		*label = "";
		at += n;
		at += strspn(at, " ");
	}
}

void nw_wrap(FILE *out, const char *label, int indent, int width, const char *text)
{
	struct winsize size;

	if (isatty(fileno(out)) && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col >= indent + 20 &&
	    size.ws_col < width)
		width = size.ws_col;
	while (text[strspn(text, "\n")]) { /* empty lines at the end are nobody's */
		size_t n = strcspn(text, "\n");

		paragraph(out, &label, indent, width, text, (int)n);
		text += n + (text[n] == '\n');
	}
}
