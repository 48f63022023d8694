// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The page about one alert. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

/* The finding, with the alert's own words; what an alert without one says, as one. */
static json_t *finding_of(const json_t *alert)
{
	json_t *own = json_object_get(json_object_get(alert, "negwatch"), "finding");
	static const char *const keys[] = { "rule", "name", "severity", "text" };
	json_t *f = own ? json_copy(own) : json_object();

	for (size_t i = 0; f && i < sizeof(keys) / sizeof(*keys); i++)
		json_object_set(f, keys[i], json_object_get(json_object_get(alert, "negwatch"), keys[i]));
	return f;
}

/* The alert itself as a file, for other tools. */
static void attach_alert(const json_t *alert, uint64_t id, struct nw_report_file *file)
{
	char name[40];
	char *text = json_dumps(alert, JSON_INDENT(1));

	snprintf(name, sizeof(name), "alert-%llu.json", (unsigned long long)id);
	*file = (struct nw_report_file){ .name = strdup(name),
					 .type = "application/json",
					 .bytes = (uint8_t *)text,
					 .size = text ? strlen(text) : 0,
					 .reason = "there is no memory for it" };
}

static int write_page(const struct nw_cli *cli, uint64_t id, const struct nw_report_case *c)
{
	struct nw_report_file files[2] = { 0 };
	char above[400], title[100];
	struct nw_html h;
	size_t n = 1;

	snprintf(above, sizeof(above), "negwatch report, host %s", nw_str(c->alert, "host"));
	snprintf(title, sizeof(title), "Alert %llu: %s", (unsigned long long)id,
		 nw_str(c->alert, "negwatch.name"));
	if (!nw_report_begin(&h, cli, above, title))
		return NW_EXIT_ERROR;
	attach_alert(c->alert, id, &files[0]);
	n += nw_report_evidence(cli, c->alert, id, &files[1]) == 0;
	nw_report_verdict(&h, c);
	nw_report_case(&h, cli, c);
	nw_report_advice(&h, c, 1);
	nw_report_files(&h, files, n);
	for (size_t i = 0; i < n; i++)
		nw_report_file_free(&files[i]);
	return nw_report_end(&h, cli);
}

int nw_report_alert(const struct nw_cli *cli, uint64_t id)
{
	struct nw_report_case c = { 0 };
	json_t *reply = NULL;
	int ret;

	ret = nw_ask(cli, json_pack("{s:s,s:I}", "cmd", "show", "id", (json_int_t)id), &reply);
	if (!ret) {
		c.alert = json_incref(json_object_get(reply, "alert"));
		c.flow = json_incref(json_object_get(json_object_get(c.alert, "negwatch"), "flow"));
		c.findings = json_array();
		json_array_append_new(c.findings, finding_of(c.alert));
		ret = write_page(cli, id, &c);
	}
	nw_report_case_free(&c);
	json_decref(reply);
	return ret;
}
