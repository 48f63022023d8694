// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Reading the daemon's objects: members by path, and the short texts that several commands print. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "../util/text.h"
#include "../util/time.h"

const json_t *nw_at(const json_t *o, const char *path)
{
	while (o && *path) {
		size_t n = strcspn(path, ".");
		char key[64];

		if (n >= sizeof(key))
			return NULL;
		memcpy(key, path, n);
		key[n] = '\0';
		o = json_object_get(o, key);
		path += n + (path[n] == '.');
	}
	return o;
}

const char *nw_str(const json_t *o, const char *path)
{
	const char *s = json_string_value(nw_at(o, path));

	return s ? s : "";
}

uint64_t nw_num(const json_t *o, const char *path)
{
	return (uint64_t)json_integer_value(nw_at(o, path));
}

const char *nw_names(char *out, size_t size, const json_t *array)
{
	const json_t *name;
	struct nw_text t;
	size_t i;

	nw_text_init(&t, out, size);
	json_array_foreach(array, i, name)
	{
		nw_text_add(&t, "%s%s", i ? ", " : "", json_string_value(name));
	}
	return out;
}

const char *nw_end_text(char *out, size_t size, const json_t *flow)
{
	const char *how = nw_str(flow, "end.how");
	struct nw_text t;

	nw_text_init(&t, out, size);
	if (!*how)
		return out;
	nw_text_add(&t, "%s ", nw_str(flow, "end.by"));
	for (; *how; how++)
		nw_text_add(&t, "%c", toupper((unsigned char)*how));
	return out;
}

const char *nw_server_text(char *out, size_t size, const char *ip, uint64_t port)
{
	bool six = strchr(ip, ':');

	if (port == 445 || !port)
		snprintf(out, size, "%s", ip);
	else
		snprintf(out, size, six ? "[%s]:%u" : "%s:%u", ip, (unsigned int)port);
	return out;
}

const char *nw_when_text(const struct nw_cli *cli, char *out, size_t size, const char *text)
{
	char now[NW_TIME_TEXT], then[NW_TIME_TEXT];
	int64_t wall;

	if (nw_time_parse(text, &wall) < 0) {
		snprintf(out, size, "%s", text);
		return out;
	}
	nw_time_short(now, nw_wall(), cli->utc);
	nw_time_short(then, wall, cli->utc);
	if (strncmp(now, then, 4) == 0)
		snprintf(out, size, "%s", then + 5);
	else
		snprintf(out, size, "%.10s", then);
	return out;
}

unsigned long long nw_alert_number(const char *command, const char *text)
{
	unsigned long long id;
	char *end;

	id = strtoull(text, &end, 10);
	if (id && !*end && id <= INT64_MAX)
		return id;
	fprintf(stderr, "negwatch %s: \"%s\" is no alert number; `negwatch alerts` lists them\n", command,
		text);
	return 0;
}
