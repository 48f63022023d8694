// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Colours: on a terminal, unless NO_COLOR or TERM=dumb says otherwise. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

void nw_color_settle(struct nw_cli *cli)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (cli->color == NW_COLOR_AUTO)
		cli->colored =
			isatty(STDOUT_FILENO) && !(no && *no) && term && *term && strcmp(term, "dumb") != 0;
	else
		cli->colored = cli->color == NW_COLOR_ALWAYS;
}

const char *nw_paint(const struct nw_cli *cli, enum nw_cli_paint paint)
{
	static const char *const sequence[] = {
		[NW_PAINT_BAD] = "\033[31m",
		[NW_PAINT_WARN] = "\033[33m",
		[NW_PAINT_DIM] = "\033[2m",
	};

	return cli->colored ? sequence[paint] : "";
}

const char *nw_paint_end(const struct nw_cli *cli)
{
	return cli->colored ? "\033[0m" : "";
}
