// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Command lines, by getopt_long(). */
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "closest.h"
#include "options.h"
#include "util.h"

/* What getopt_long() returns for row i; letters stay free for its own '?' and ':'. */
#define ROW(i) (256 + (int)(i))

const char *nw_option_flag(void *member, const char *value)
{
	*(bool *)member = true;
	return NULL;
}

const char *nw_option_text(void *member, const char *value)
{
	*(const char **)member = value;
	return NULL;
}

const char *nw_option_number(void *member, const char *value)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || errno || !n || n > INT64_MAX)
		return "expected a number from 1 on";
	*(uint64_t *)member = n;
	return NULL;
}

bool nw_option_applies(const struct nw_option *o, const char *scope)
{
	const char *at = o->scope;
	size_t n = scope ? strlen(scope) : 0;

	for (; at && n && (at = strstr(at, scope)); at += n)
		if ((at == o->scope || at[-1] == ' ') && (!at[n] || at[n] == ' '))
			return true;
	return !o->scope;
}

const char *nw_option_left(char out[40], const struct nw_option *o)
{
	char letter[8] = "    ";

	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	snprintf(out, 40, "  %s--%s%s%s", letter, o->name, o->arg ? " " : "", o->arg ? o->arg : "");
	return out;
}

/* What is known of an option that this command doesn't have. */
static const char *about(char *out, size_t size, const struct nw_option *table, size_t n, const char *scope,
			 const char *word)
{
	char name[32];
	struct nw_closest closest = { .word = name };

	snprintf(out, size, "no such option");
	if (strncmp(word, "--", 2) != 0)
		return out;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(table[i].name, name) == 0 && table[i].scope) {
			snprintf(out, size, "no option here, but behind: %s", table[i].scope);
			return out;
		}
		if (nw_option_applies(&table[i], scope))
			nw_closest_try(&closest, table[i].name);
	}
	if (closest.best)
		snprintf(out, size, "no such option; did you mean --%s?", closest.best);
	return out;
}

static int wrong(const char *who, int c, const struct nw_option *table, size_t n, const char *scope,
		 char **argv)
{
	const char *word = argv[optind - 1];
	char letter[3] = { '-', (char)optopt, '\0' }, more[160];

	/* Within a group such as -jx the letter alone is what was meant. */
	if (optopt > ' ' && optopt < 256 && strncmp(word, "--", 2) != 0)
		word = letter;
	fprintf(stderr, "%s: %s: %s; see %s --help\n", who, word,
		c == ':'	 ? "this option needs a value" :
		optopt >= ROW(0) ? "this option takes no value" :
				   about(more, sizeof(more), table, n, scope, word),
		who);
	return -EINVAL;
}

int nw_options_parse(const struct nw_option *table, size_t n, const char *who, const char *scope,
		     bool first_only, void *settings, int argc, char **argv)
{
	_cleanup_free_ struct option *longs = calloc(n + 1, sizeof(*longs));
	_cleanup_free_ char *letters = calloc(n + 2, 2);
	char *at = letters;
	int c, used = 0;
	size_t i;

	if (!longs || !letters) {
		fprintf(stderr, "%s: out of memory\n", who);
		return -ENOMEM;
	}
	if (first_only)
		*at++ = '+';
	*at++ = ':';
	for (i = 0; i < n; i++) {
		if (!nw_option_applies(&table[i], scope))
			continue;
		longs[used++] =
			(struct option){ table[i].name, table[i].arg ? required_argument : no_argument, NULL,
					 ROW(i) };
		if (!table[i].letter)
			continue;
		*at++ = table[i].letter;
		if (table[i].arg)
			*at++ = ':';
	}
	optind = 0; /* glibc: begin anew */
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const char *expected;

		for (i = 0; i < n; i++)
			if (ROW(i) == c || (table[i].letter == c && nw_option_applies(&table[i], scope)))
				break;
		if (i == n)
			return wrong(who, c, table, n, scope, argv);
		expected = table[i].set((char *)settings + table[i].at, optarg);
		if (expected) {
			fprintf(stderr, "%s: --%s %s: %s\n", who, table[i].name, optarg ? optarg : "",
				expected);
			return -EINVAL;
		}
	}
	return optind;
}
