// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which interfaces a configuration means: names, patterns, "auto", and what is left out of these. Pure. */
#include <fnmatch.h>
#include <string.h>

#include "wanted.h"

bool nw_wanted_add(struct nw_interfaces *list, const char *text)
{
	size_t n = strlen(text + (*text == '!'));

	if (!n || n >= IF_NAMESIZE || strpbrk(text, "/: \t") || list->n == NW_INTERFACES_MAX)
		return false;
	strcpy(list->name[list->n++], text);
	return true;
}

static bool matches(const char *pattern, const char *name, bool has_address)
{
	return strcmp(pattern, "auto") == 0 ? has_address : fnmatch(pattern, name, 0) == 0;
}

bool nw_wanted(const struct nw_interfaces *list, const char *name, bool has_address)
{
	bool wanted = false, any = false;

	for (unsigned int i = 0; i < list->n; i++) {
		const char *entry = list->name[i];

		if (*entry != '!') {
			any = true;
			wanted |= matches(entry, name, has_address);
		} else if (matches(entry + 1, name, has_address)) {
			return false;
		}
	}
	return any ? wanted : has_address;
}

bool nw_wanted_is_name(const char *entry)
{
	return *entry != '!' && !strpbrk(entry, "*?[\\") && strcmp(entry, "auto") != 0;
}

bool nw_wanted_names(const struct nw_interfaces *list, const char *name)
{
	for (unsigned int i = 0; i < list->n; i++)
		if (nw_wanted_is_name(list->name[i]) && strcmp(list->name[i], name) == 0)
			return true;
	return false;
}
