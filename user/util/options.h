/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Command lines: one table of options, from which parsing and help are made. */
#ifndef NW_OPTIONS_H
#define NW_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct nw_option {
	char letter; /* 0: has a long form only */
	const char *name;
	const char *arg;   /* what its value is called; NULL: takes none */
	const char *scope; /* commands that have it, separated by spaces; NULL: all */
	const char *help;
	size_t at; /* offset of the member of the settings that it sets */
	/* value: NULL without one. Returns NULL, or what would have been right: "expected ...". */
	const char *(*set)(void *member, const char *value);
};

const char *nw_option_flag(void *member, const char *value);   /* bool */
const char *nw_option_text(void *member, const char *value);   /* const char *, into argv */
const char *nw_option_number(void *member, const char *value); /* uint64_t, from 1 on */

/*
 * Reads the options of argv[1..] into the settings; argv is put in order, options first, or with first_only
 * read up to what is no option. who begins messages. Returns the index of the first argument that is no
 * option, or -EINVAL after having said on stderr what is wrong.
 */
int nw_options_parse(const struct nw_option *table, size_t n, const char *who, const char *scope,
		     bool first_only, void *settings, int argc, char **argv);

/* Does the command have this option? scope NULL: outside of all commands. */
bool nw_option_applies(const struct nw_option *o, const char *scope);

/* "-l, --limit N" */
const char *nw_option_left(char out[40], const struct nw_option *o);

#endif
