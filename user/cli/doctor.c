// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatch doctor: says of everything that negwatchd needs whether it is there. Attaches nothing. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "wrap.h"
#include "../daemon/own.h"
#include "../doctor/doctor.h"
#include "../util/util.h"

#define LABEL 6

struct report {
	const struct nw_cli *cli;
	json_t *list;
	enum nw_health worst;
};

/* One check: a line for people, which may be wrapped, or an object. */
static void tell(struct report *r, const char *subject, const char *check, const struct nw_verdict *v)
{
	char line[1024];
	json_t *o;

	if (v->health > r->worst)
		r->worst = v->health;
	if (r->cli->json) {
		o = json_pack("{s:s,s:s,s:s,s:s++}", "check", check, "state", nw_health_name(v->health),
			      "text", v->text, "advice", v->advice, *v->command ? " " : "", v->command);
		if (*subject)
			json_object_set_new(o, "interface", json_string(subject));
		json_array_append_new(r->list, o);
		return;
	}
	if (r->cli->quiet && v->health == NW_HEALTH_OK)
		return;
	snprintf(line, sizeof(line), "%s%s%s - %s%s%s%s%s", subject, *subject ? " " : "", check, v->text,
		 *v->advice ? " - " : "", v->advice, *v->command ? "\n  " : "", v->command);
	nw_wrap(stdout, nw_health_name(v->health), LABEL, NW_CLI_WIDTH, line);
}

static void examine(struct report *r, const struct nw_doctor_host *h, const char *name)
{
	struct nw_doctor_if i;

	nw_doctor_look_at(&i, name);
	for (unsigned int n = 0; n < nw_n_if_checks; n++) {
		struct nw_verdict v = { 0 };

		nw_if_checks[n].interface(h, &i, &v);
		tell(r, name, nw_if_checks[n].name, &v);
		if (i.err)
			return;
	}
}

/* The named interfaces, or the configured ones, or those that negwatchd would find. */
static void choose_interfaces(const struct nw_doctor_host *h, const struct nw_interfaces *named,
			      struct nw_interfaces *list)
{
	const struct nw_interfaces *meant = named->n ? named : &h->cfg.interfaces;
	_cleanup_(nw_own_addressed_free) struct nw_own_addressed addressed = { 0 };
	_cleanup_(nw_links_free) struct nw_links links = { 0 };

	list->n = 0;
	nw_links_read(&links);
	nw_own_addressed_read(&addressed);
	for (unsigned int i = 0; i < links.n; i++) {
		const char *name = links.link[i].name;

		if (!nw_wanted_names(meant, name) &&
		    nw_wanted(meant, name, nw_own_is_addressed(&addressed, name)))
			nw_wanted_add(list, name);
	}
	for (unsigned int i = 0; i < meant->n; i++)
		if (nw_wanted_is_name(meant->name[i]))
			nw_wanted_add(list, meant->name[i]);
}

static void print_checks(const struct nw_check *checks, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		char left[40];

		snprintf(left, sizeof(left), "  %s", checks[i].name);
		nw_wrap(stdout, left, 25, NW_CLI_WIDTH, checks[i].purpose);
	}
}

void nw_help_doctor(void)
{
	printf("\nAbout the host:\n");
	print_checks(nw_host_checks, nw_n_host_checks);
	printf("\nAbout each interface (default: the configured ones, or all that are up and\n"
	       "carry an address):\n");
	print_checks(nw_if_checks, nw_n_if_checks);
	printf("\nok: as it should be. warn: negwatchd runs, but something is lost. fail: it would\n"
	       "not start, or not do its work. Exit: 0 no check failed, 1 one failed, 2 usage.\n"
	       "\n--cost measures our programs against empty ones, per packet and in a bulk\n"
	       "transfer over a veth pair in a namespace of its own (about ten seconds, root).\n"
	       "With an INTERFACE: per packet only, and which figures count there. In neither case\n"
	       "anything is attached to an interface of this host.\n");
}

int nw_cmd_doctor(const struct nw_cli *cli, int argc, char **argv)
{
	/* Large, and there is only one. */
	static struct nw_doctor_host h;
	struct report r = { .cli = cli, .list = json_array() };
	struct nw_interfaces named = { 0 }, list;
	int ret = NW_EXIT_OK;

	for (int a = 1; a < argc; a++)
		if (!nw_wanted_add(&named, argv[a])) {
			fprintf(stderr,
				"negwatch doctor: \"%s\" is no name of an interface, and no pattern (1 to "
				"15 characters)\n",
				argv[a]);
			json_decref(r.list);
			return NW_EXIT_USAGE;
		}
	if (cli->cost) {
		json_decref(r.list);
		return nw_doctor_cost(cli, argc, argv);
	}
	nw_doctor_look(&h, cli->config);
	choose_interfaces(&h, &named, &list);
	h.n_interfaces = list.n;
	for (unsigned int n = 0; n < nw_n_host_checks; n++) {
		struct nw_verdict v = { 0 };

		nw_host_checks[n].host(&h, &v);
		tell(&r, "", nw_host_checks[n].name, &v);
	}
	for (unsigned int n = 0; n < list.n; n++)
		examine(&r, &h, list.name[n]);
	if (cli->json)
		ret = nw_print_json("checks", r.list);
	json_decref(r.list);
	return ret == NW_EXIT_OK && r.worst == NW_HEALTH_FAIL ? NW_EXIT_ERROR : ret;
}
