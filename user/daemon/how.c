// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names of the kinds of hooks, as in the configuration and in what people read. */
#include <string.h>

#include "how.h"
#include "../util/util.h"

static const char *const names[] = { "auto", "xdp", "xdp-generic", "tc", "tcx", "clsact", "none" };

const char *nw_how_name(enum nw_hook_how how)
{
	return names[how];
}

int nw_how_by_name(const char *name)
{
	for (size_t i = 0; i < NW_ARRAY_SIZE(names); i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -1;
}
