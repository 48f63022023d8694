// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of options in a SYN that accelerators are known to set. */
#include <string.h>

#include "engine.h"

/* clang-format off */
static const struct {
	unsigned int bit;
	const char *name;
	const char *text;
} rows[] = {
	{ NW_OPT_RIVERBED_PROBE, "riverbed", "Riverbed SteelHead (TCP option 76 or 78, its own; sure)" },
	{ NW_OPT_RIVERBED_TRANS, "riverbed", "Riverbed SteelHead (TCP option 76 or 78, its own; sure)" },
	{ NW_OPT_CISCO_WAAS, "cisco-waas", "Cisco WAAS (TCP option 33, its auto-discovery; sure)" },
	{ NW_OPT_EXINDA, "exinda", "Exinda (TCP option 230, its own since it gave up 30; likely)" },
	{ NW_OPT_SCPS, "scps", "a TCP accelerator for satellite links (TCP options 20-23, SCPS-TP; sure), which need not "
			       "know of SMB" },
	{ NW_OPT_EXINDA_OLD, "exinda-old", "perhaps an old Exinda (TCP option 30, and not in the form of Multipath TCP, whose "
					   "number that is)" },
};
/* clang-format on */

#define N_ROWS (sizeof(rows) / sizeof(*rows))

unsigned int nw_path_hints(unsigned int syn_opts)
{
	size_t i;

	for (i = 1; i < N_ROWS; i++)
		if (syn_opts & rows[i - 1].bit && !strcmp(rows[i].name, rows[i - 1].name))
			syn_opts &= ~rows[i].bit;
	return syn_opts;
}

const char *nw_path_hint_name(unsigned int bit)
{
	return bit < N_ROWS ? rows[bit].name : NULL;
}

const char *nw_path_hint_text(const char *name)
{
	size_t i;

	for (i = 0; i < N_ROWS; i++)
		if (!strcmp(rows[i].name, name))
			return rows[i].text;
	return NULL;
}
