// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The writer of HTML: whatever is a value stays one, and what is hidden is seen. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/cli/html.h"
#include "../../user/util/base64.h"
#include "../../user/util/util.h"

struct page {
	struct nw_html h;
	char *text;
	size_t size;
	FILE *out;
};

static void begin(struct page *p)
{
	p->out = open_memstream(&p->text, &p->size);
	assert_non_null(p->out);
	nw_html_begin(&p->h, p->out);
}

/* The document's inner part. */
static const char *end(struct page *p, int want)
{
	assert_int_equal(nw_html_end(&p->h), want);
	fclose(p->out);
	assert_memory_equal(p->text, "<!DOCTYPE html>\n<html>", 22);
	assert_string_equal(p->text + p->size - 8, "</html>\n");
	p->text[p->size - 8] = '\0';
	return p->text + 22;
}

static void values_stay_values(void **state)
{
	static const struct {
		const char *value, *written;
	} table[] = {
		{ "plain", "plain" },
		{ "<b>&\"'", "&lt;b&gt;&amp;&quot;&#39;" },
		{ "&lt;", "&amp;lt;" },
		{ "a\tb\nc", "a\tb\nc" },
		{ "\x1b[31m\r\x7f", "\\x1b[31m\\x0d\\x7f" },
		{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
		  "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80" },
		/* cut off, too long, a surrogate, beyond the last */
		{ "\xc3", "\\xc3" },
		{ "\xe2\x82<", "\\xe2\\x82&lt;" },
		{ "\xc0\xbc", "\\xc0\\xbc" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
		/* C1, soft hyphen, direction, zero width, line separator, BOM, noncharacter, tag */
		{ "\xc2\x9b", "\\u009b" },
		{ "\xc2\xad", "\\u00ad" },
		{ "\xe2\x80\xae"
		  "exe",
		  "\\u202eexe" },
		{ "\xe2\x81\xa6\xe2\x80\x8b\xe2\x80\xa8\xef\xbb\xbf", "\\u2066\\u200b\\u2028\\ufeff" },
		{ "\xef\xbf\xbf\xf3\xa0\x80\xa0", "\\uffff\\U000e0020" },
	};

	for (size_t i = 0; i < NW_ARRAY_SIZE(table); i++) {
		struct page p = { 0 };
		char want[200];

		begin(&p);
		nw_html_open(&p.h, "p", "c");
		nw_html_attr(&p.h, "title", "%s", table[i].value);
		nw_html_text(&p.h, "%s", table[i].value);
		nw_html_close(&p.h);
		snprintf(want, sizeof(want), "<p class=\"c\" title=\"%s\">%s</p>\n", table[i].written,
			 table[i].written);
		assert_string_equal(end(&p, 0), want);
		free(p.text);
	}
}

static void elements_are_closed(void **state)
{
	struct page p = { 0 };

	begin(&p);
	nw_html_open(&p.h, "meta", NULL);
	nw_html_attr(&p.h, "charset", "utf-8");
	nw_html_close(&p.h);
	nw_html_open(&p.h, "p", NULL);
	nw_html_leaf(&p.h, "strong", NULL, "%d", 1);
	nw_html_text(&p.h, ",");
	nw_html_close(&p.h);
	assert_string_equal(end(&p, 0), "<meta charset=\"utf-8\">\n<p><strong>1</strong>,</p>\n");
	free(p.text);
	/* One that was left open is closed, and told. */
	begin(&p);
	nw_html_open(&p.h, "p", NULL);
	assert_string_equal(end(&p, -EIO), "<p></p>\n");
	free(p.text);
	/* An attribute behind the text */
	begin(&p);
	nw_html_open(&p.h, "p", NULL);
	nw_html_text(&p.h, "x");
	nw_html_attr(&p.h, "id", "x");
	nw_html_close(&p.h);
	end(&p, -EIO);
	free(p.text);
	/* Deeper than there is room for */
	begin(&p);
	for (int i = 0; i < NW_HTML_DEPTH + 3; i++)
		nw_html_open(&p.h, "g", NULL);
	end(&p, -EIO);
	free(p.text);
}

static void bytes_are_base64(void **state)
{
	/* RFC 4648, section 10 */
	static const char *const vectors[][2] = { { "", "" },
						  { "f", "Zg==" },
						  { "fo", "Zm8=" },
						  { "foo", "Zm9v" },
						  { "foob", "Zm9vYg==" },
						  { "fooba", "Zm9vYmE=" },
						  { "foobar", "Zm9vYmFy" } };
	struct page p = { 0 };
	uint8_t bytes[7001];
	const char *text;
	char out[NW_BASE64_TEXT(6)];

	for (size_t i = 0; i < NW_ARRAY_SIZE(vectors); i++) {
		nw_base64(out, (const uint8_t *)vectors[i][0], strlen(vectors[i][0]));
		assert_string_equal(out, vectors[i][1]);
	}
	/* Several pieces are one text: padding is at its end alone. */
	memset(bytes, 0xff, sizeof(bytes));
	begin(&p);
	nw_html_open(&p.h, "a", NULL);
	nw_html_attr_data(&p.h, "href", "a/b", bytes, sizeof(bytes));
	nw_html_close(&p.h);
	text = end(&p, 0);
	assert_memory_equal(text, "<a href=\"data:a/b;base64,////", 29);
	assert_ptr_equal(strchr(text, '='), text + 7);
	text = strchr(text + 8, '=');
	assert_string_equal(text, "=\"></a>");
	free(p.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_stay_values),
		cmocka_unit_test(elements_are_closed),
		cmocka_unit_test(bytes_are_base64),
	};

	return cmocka_run_group_tests_name("html", tests, NULL, NULL);
}
