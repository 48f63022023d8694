// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatch replay and test-alert: what makes the daemon do something. For root. */
#include <stdio.h>

#include "cli.h"
#include "../util/time.h"

int nw_cmd_replay(const struct nw_cli *cli, int argc, char **argv)
{
	char since[NW_TIME_TEXT];
	json_t *reply = NULL;
	int ret;

	if (!cli->since) {
		fprintf(stderr,
			"negwatch replay: --since TIME is missing: from when on? For example --since 2h\n");
		return NW_EXIT_USAGE;
	}
	nw_time_utc(since, cli->since_wall, 9);
	ret = nw_ask(cli, json_pack("{s:s,s:s}", "cmd", "replay", "since", since), &reply);
	if (!ret && !cli->quiet)
		printf("Alerts since %s go to syslog again, with replayed=1.\n",
		       cli->utc ? nw_time_utc(since, cli->since_wall, 0) :
				  nw_time_local(since, cli->since_wall, 0));
	json_decref(reply);
	return ret;
}

int nw_cmd_test_alert(const struct nw_cli *cli, int argc, char **argv)
{
	json_t *reply = NULL;
	int ret = nw_ask(cli, json_pack("{s:s}", "cmd", "test-alert"), &reply);

	if (!ret && cli->json)
		ret = nw_print_json("id", nw_at(reply, "id"));
	else if (!ret && !cli->quiet)
		printf("Alert %llu is on its way; it should arrive where alerts do.\n",
		       (unsigned long long)nw_num(reply, "id"));
	json_decref(reply);
	return ret;
}
