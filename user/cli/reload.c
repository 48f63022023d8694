// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatch reload: lets the daemon read its configuration again, and says what came of it. */
#include <stdio.h>

#include "cli.h"

int nw_cmd_reload(const struct nw_cli *cli, int argc, char **argv)
{
	json_t *reply = NULL;
	int ret = nw_ask(cli, json_pack("{s:s}", "cmd", "reload"), &reply);

	if (!ret && *nw_str(reply, "remarks"))
		fprintf(stderr, "negwatch: %s\n", nw_str(reply, "remarks"));
	if (!ret && cli->json)
		ret = nw_print_json("reload", reply);
	else if (!ret && !cli->quiet)
		printf("negwatchd has read its configuration again.\n");
	json_decref(reply);
	return ret;
}
