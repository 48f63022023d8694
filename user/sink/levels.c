// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Syslog severities: the table of ours, and the administrator's own wishes. */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "levels.h"
#include "syslog.h"
#include "../util/util.h"

bool nw_levels_parse(struct nw_levels *l, const char *text)
{
	_cleanup_free_ char *copy = strdup(text);
	struct nw_levels fresh = { 0 };
	bool any = strcmp(text, "auto") == 0;
	char *save = NULL;

	if (!copy)
		return false;
	if (!any)
		for (char *p = strtok_r(copy, ", \t", &save); p; p = strtok_r(NULL, ", \t", &save)) {
			char *end;
			unsigned long rule = strtoul(p, &end, 10);
			int i = rule <= UINT16_MAX ? nw_rule_index((unsigned int)rule) : -1;
			int level = *end == '=' ? nw_syslog_level(end + 1) : -1;

			if (i < 0 || level < 0)
				return false;
			fresh.other[i].rule = (uint16_t)rule;
			fresh.other[i].level = (uint16_t)level;
			any = true;
		}
	if (any)
		*l = fresh;
	return any;
}

int nw_levels_of(const struct nw_levels *l, unsigned int rule, uint8_t severity)
{
	static const int table[] = {
		[NW_SEV_INFO] = LOG_INFO, [NW_SEV_NOTICE] = LOG_NOTICE, [NW_SEV_WARNING] = LOG_WARNING,
		[NW_SEV_ERROR] = LOG_ERR, [NW_SEV_CRITICAL] = LOG_CRIT,
	};

	for (size_t i = 0; i < NW_ARRAY_SIZE(l->other); i++)
		if (l->other[i].rule && l->other[i].rule == rule)
			return l->other[i].level;
	return severity < NW_ARRAY_SIZE(table) ? table[severity] : LOG_NOTICE;
}
