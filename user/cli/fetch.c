// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Lists of the daemon's, filtered: they come in pages, as many as it takes. */
#include "cli.h"

/* before: of the answer that was there last, 0: none; have: so many matched. */
static json_t *request(const struct nw_cli *cli, const char *what, uint64_t before, size_t have)
{
	json_t *o = json_pack("{s:s}", "cmd", what);

	/* With a filter of our own the daemon has to send all. */
	if (nw_filter_any(cli))
		json_object_set_new(o, "limit", json_integer(NW_FETCH_PAGE));
	else if (cli->limit)
		json_object_set_new(o, "limit", json_integer((json_int_t)(cli->limit - have)));
	if (cli->not_validated)
		json_object_set_new(o, "not_validated", json_true());
	if (cli->after)
		json_object_set_new(o, "since", json_integer((json_int_t)cli->after));
	if (before)
		json_object_set_new(o, "before", json_integer((json_int_t)before));
	return o;
}

/* Removes what doesn't match. False: all of it was older than what is asked for. */
static bool filter(const struct nw_cli *cli, json_t *list, const struct nw_filter_keys *keys)
{
	const struct nw_cli times = { .since_wall = cli->since_wall };
	bool recent = json_array_size(list) == 0 || keys->unordered;
	size_t i = 0;

	while (i < json_array_size(list)) {
		const json_t *o = json_array_get(list, i);

		recent = recent || nw_filter_match(&times, keys, o);
		if (nw_filter_match(cli, keys, o))
			i++;
		else
			json_array_remove(list, i);
	}
	return recent;
}

int nw_fetch(const struct nw_cli *cli, const char *what, const struct nw_filter_keys *keys, json_t *all,
	     char *why, size_t size)
{
	uint64_t before = 0;
	json_t *reply, *page;
	bool recent;
	int ret;

	do {
		ret = nw_ask_quietly(cli, request(cli, what, before, json_array_size(all)), &reply, why,
				     size);
		if (ret)
			return ret;
		page = json_object_get(reply, what);
		recent = filter(cli, page, keys);
		while (cli->limit && json_array_size(page) + json_array_size(all) > cli->limit)
			json_array_remove(page, 0);
		json_array_extend(page, all);
		json_array_clear(all);
		json_array_extend(all, page);
		before = nw_num(reply, "before");
		json_decref(reply);
	} while (before && recent && (cli->limit ? json_array_size(all) < cli->limit : nw_filter_any(cli)));
	return NW_EXIT_OK;
}
