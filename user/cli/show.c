// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatch show: one alert with both exchanges side by side, what ended it, what it means, what to do. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "timeline.h"
#include "wrap.h"
#include "../engine/hints.h"
#include "../engine/rules.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

#define LABEL 10
#define FIELD 15 /* columns of a row: name of the field, two values, verdict */
#define VALUE 27
#define VALUE_MAX 512

/*
 * Writes the value of one message; leaves out empty if the message doesn't have it. differs: the other
 * message has another one, so that details are worth their room.
 */
typedef void (*value_fn)(char out[VALUE_MAX], const json_t *message, bool differs);

static void v_dialects(char out[VALUE_MAX], const json_t *message, bool differs)
{
	const json_t *one;
	struct nw_text t;
	size_t i;

	nw_text_init(&t, out, VALUE_MAX);
	json_array_foreach(nw_at(message, "dialects"), i, one)
	{
		char name[NW_DIALECT_TEXT];

		nw_text_add(&t, "%s%s", i ? " " : "",
			    nw_dialect_text(name, (uint16_t)strtoul(json_string_value(one), NULL, 16)));
	}
}

static void v_dialect(char out[VALUE_MAX], const json_t *message, bool differs)
{
	const char *text = nw_str(message, "dialect");

	*out = '\0';
	if (*text)
		nw_dialect_text(out, (uint16_t)strtoul(text, NULL, 16));
}

static void v_capabilities(char out[VALUE_MAX], const json_t *message, bool differs)
{
	uint32_t bits = (uint32_t)nw_num(message, "capabilities");
	char names[NW_FLAGS_TEXT];

	*out = '\0';
	if (nw_at(message, "capabilities"))
		snprintf(out, VALUE_MAX, differs && bits ? "0x%08" PRIx32 " %s" : "0x%08" PRIx32, bits,
			 nw_capabilities_text(names, bits));
}

static void v_security_mode(char out[VALUE_MAX], const json_t *message, bool differs)
{
	*out = '\0';
	if (nw_at(message, "security_mode"))
		nw_security_mode_text(out, (uint16_t)nw_num(message, "security_mode"));
}

static void v_client_guid(char out[VALUE_MAX], const json_t *message, bool differs)
{
	snprintf(out, VALUE_MAX, "%s", nw_str(message, "client_guid"));
}

static void v_server_guid(char out[VALUE_MAX], const json_t *message, bool differs)
{
	snprintf(out, VALUE_MAX, "%s", nw_str(message, "server_guid"));
}

static void v_status(char out[VALUE_MAX], const json_t *message, bool differs)
{
	const char *text = nw_str(message, "status");

	*out = '\0';
	if (*text)
		nw_status_text(out, (uint32_t)strtoul(text, NULL, 16));
}

struct field {
	const char *label;
	const char *name; /* in request_differs and response_differs; NULL: not compared */
	value_fn value;
};

static const struct field request_fields[] = {
	{ "dialects", "dialects", v_dialects },
	{ "capabilities", "capabilities", v_capabilities },
	{ "security mode", "security_mode", v_security_mode },
	{ "client GUID", "guid", v_client_guid },
};

static const struct field response_fields[] = {
	{ "status", NULL, v_status },
	{ "dialect", "dialect", v_dialect },
	{ "capabilities", "capabilities", v_capabilities },
	{ "security mode", "security_mode", v_security_mode },
	{ "server GUID", "guid", v_server_guid },
};

static bool has_name(const json_t *array, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(array, i, one)
	{
		if (strcmp(json_string_value(one), name) == 0)
			return true;
	}
	return false;
}

static void print_row(const char *label, const char *a, const char *b, const char *verdict)
{
	bool first = true;

	while (first || *a || *b) {
		int na = nw_wrap_fit(a, VALUE), nb = nw_wrap_fit(b, VALUE);
		char row[NW_CLI_WIDTH + 20];
		size_t n;

		snprintf(row, sizeof(row), "%-*s%-*.*s  %-*.*s  %s", FIELD, first ? label : "", VALUE, na, a,
			 VALUE, nb, b, first ? verdict : "");
		for (n = strlen(row); n > 0 && row[n - 1] == ' ';)
			row[--n] = '\0';
		printf("%s\n", row);
		a += na;
		a += strspn(a, " ");
		b += nb;
		b += strspn(b, " ");
		first = false;
	}
}

static void print_exchange(const char *title, const json_t *negotiate, const json_t *validate,
			   const json_t *differs, const struct field *fields, size_t n)
{
	const char *how = nw_at(validate, "encrypted")		  ? "VALIDATE (encrypted)" :
			  json_is_true(nw_at(validate, "signed")) ? "VALIDATE (signed)" :
								    "VALIDATE (NOT SIGNED)";
	bool compared = json_is_array(differs);

	if (!negotiate && !validate)
		return;
	print_row(title, negotiate ? "NEGOTIATE as seen here" : "NEGOTIATE was not seen",
		  validate ? how : "no VALIDATE seen", "");
	for (size_t i = 0; i < n; i++) {
		char a[VALUE_MAX], b[VALUE_MAX];
		bool bad = fields[i].name && has_name(differs, fields[i].name);

		fields[i].value(a, negotiate, bad);
		fields[i].value(b, validate, bad);
		if (*a || *b)
			print_row(fields[i].label, a, b,
				  bad			     ? "DIFFERS" :
				  compared && fields[i].name ? "same" :
							       "");
	}
}

static void print_flow(const json_t *a)
{
	char client[80], server[80], line[256];
	bool six = strchr(nw_str(a, "src_ip"), ':');

	if (!nw_at(a, "src_ip"))
		return;
	if (nw_at(a, "negwatch.suppressed")) {
		snprintf(
			line, sizeof(line), "client %s, server %s", nw_str(a, "src_ip"),
			nw_server_text(server, sizeof(server), nw_str(a, "dest_ip"), nw_num(a, "dest_port")));
		nw_wrap(stdout, "Flow", LABEL, NW_CLI_WIDTH, line);
		return;
	}
	snprintf(client, sizeof(client), six ? "[%s]:%llu" : "%s:%llu", nw_str(a, "src_ip"),
		 (unsigned long long)nw_num(a, "src_port"));
	snprintf(server, sizeof(server), six ? "[%s]:%llu" : "%s:%llu", nw_str(a, "dest_ip"),
		 (unsigned long long)nw_num(a, "dest_port"));
	snprintf(line, sizeof(line), "client %s, server %s%s%s", client, server,
		 *nw_str(a, "in_iface") ? ", " : "", nw_str(a, "in_iface"));
	nw_wrap(stdout, "Flow", LABEL, NW_CLI_WIDTH, line);
	snprintf(line, sizeof(line), "community_id %s", nw_str(a, "community_id"));
	nw_wrap(stdout, "", LABEL, NW_CLI_WIDTH, line);
}

/* What the host's own TCP said of the reset, in words. */
static const char *kernel_words(const char *kernel)
{
	static const struct {
		const char *kernel, *words;
	} table[] = {
		{ "sent", "this host's kernel sent it" },
		{ "not-sent", "this host's TCP did not send it" },
		{ "accepted", "this host's TCP accepted it" },
		{ "not-accepted", "this host's TCP did not accept it" },
	};

	for (size_t i = 0; i < NW_ARRAY_SIZE(table); i++)
		if (strcmp(kernel, table[i].kernel) == 0)
			return table[i].words;
	return NULL;
}

static void print_end(const json_t *flow)
{
	const json_t *delay = nw_at(flow, "end.delay_ms");
	const char *words = kernel_words(nw_str(flow, "end.kernel")), *reason = nw_str(flow, "end.reason");
	char end[24], took[NW_TIME_TEXT], line[320];

	if (!flow)
		return;
	if (!*nw_end_text(end, sizeof(end), flow)) {
		nw_wrap(stdout, "Then", LABEL, NW_CLI_WIDTH,
			"the connection was still open when the alert was raised");
		return;
	}
	snprintf(line, sizeof(line), "the connection was ended by %s", end);
	if (delay) {
		nw_duration_text(took, (uint64_t)(json_number_value(delay) * 1e6));
		snprintf(line + strlen(line), sizeof(line) - strlen(line), ", %s after the VALIDATE request",
			 took);
	}
	if (words)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "; %s%s%s", words,
			 *reason ? ": " : "", reason);
	nw_wrap(stdout, "Then", LABEL, NW_CLI_WIDTH, line);
}

static const struct nw_family *family(const json_t *flow, const char *key, enum nw_dir_id side)
{
	return nw_family_by_name(nw_str(flow, key), side);
}

/* Who is at an end; the fingerprint of one that is in no table is shown, so that it can be looked up. */
static void print_end_family(const char *label, const struct nw_family *f, const json_t *negotiate)
{
	const char *impl = nw_str(negotiate, "impl");
	char line[200];

	if (!f && !*impl)
		return;
	if (f)
		snprintf(line, sizeof(line), "%s, %s", f->label, nw_sure_text(f->sure));
	else
		snprintf(line, sizeof(line), "unknown implementation, fingerprint %s", impl);
	nw_wrap(stdout, label, LABEL, NW_CLI_WIDTH, line);
}

static void print_families(const json_t *flow, const json_t *negotiate)
{
	print_end_family("Client", family(flow, "client_family", NW_C2S), nw_at(negotiate, "request"));
	print_end_family("Server", family(flow, "server_family", NW_S2C), nw_at(negotiate, "response"));
}

/* What the SYN's options say of the path, each with how sure that is. */
static void print_path(const json_t *flow)
{
	const json_t *name;
	char line[200];
	size_t i;

	json_array_foreach(nw_at(flow, "path_hint"), i, name)
	{
		const char *text = nw_path_hint_text(json_string_value(name));

		snprintf(line, sizeof(line), "the SYN hints at %s", text ? text : json_string_value(name));
		nw_wrap(stdout, i ? "" : "Path", LABEL, NW_CLI_WIDTH, line);
	}
}

static void print_where(const json_t *a)
{
	const char *leg = nw_str(a, "negwatch.finding.leg");

	if (strcmp(leg, "client-here") == 0)
		nw_wrap(stdout, "Where", LABEL, NW_CLI_WIDTH, "between the client and this host");
	else if (strcmp(leg, "here-server") == 0)
		nw_wrap(stdout, "Where", LABEL, NW_CLI_WIDTH, "between this host and the server");
	print_path(nw_at(a, "negwatch.flow"));
	if (json_is_true(nw_at(a, "negwatch.finding.near_gap")))
		nw_wrap(stdout, "Caution", LABEL, NW_CLI_WIDTH,
			"packets or events were lost close by: what is missing may be the reason");
}

/* What rule 191 stands for. */
static void print_suppressed(const struct nw_cli *cli, const json_t *a)
{
	const json_t *s = nw_at(a, "negwatch.suppressed");
	char first[24], last[24], line[160];

	if (!s)
		return;
	snprintf(line, sizeof(line), "%llu, the first at %s, the last at %s",
		 (unsigned long long)nw_num(a, "negwatch.count"),
		 nw_when_text(cli, first, sizeof(first), nw_str(s, "first_seen")),
		 nw_when_text(cli, last, sizeof(last), nw_str(s, "last_seen")));
	nw_wrap(stdout, "Count", LABEL, NW_CLI_WIDTH, line);
	snprintf(line, sizeof(line), nw_at(s, "rule") ? "negwatch show %llu" : "negwatch alerts --after %llu",
		 (unsigned long long)nw_num(s, "first_id") - !nw_at(s, "rule"));
	nw_wrap(stdout, "See", LABEL, NW_CLI_WIDTH, line);
}

/* Where its packets are; the file may have made room since. */
static void print_evidence(const json_t *a)
{
	const char *name = nw_str(a, "negwatch.evidence");
	unsigned long long id = nw_num(a, "negwatch.alert_id");
	char line[200];

	if (!nw_at(a, "negwatch.flow"))
		return;
	if (*name)
		snprintf(line, sizeof(line), "negwatch evidence %llu writes %s", id, name);
	else
		snprintf(line, sizeof(line), "none was kept");
	putchar('\n');
	nw_wrap(stdout, "Evidence", LABEL, NW_CLI_WIDTH, line);
}

static void print_alert(const struct nw_cli *cli, const json_t *a)
{
	const json_t *flow = nw_at(a, "negwatch.flow"), *list = nw_at(flow, "negotiate");
	const json_t *n = json_array_get(list, json_array_size(list) - 1);
	const json_t *which = nw_at(a, "negwatch.finding.validate"), *v;
	const struct nw_rule *rule = nw_rule_by_number((unsigned int)nw_num(a, "negwatch.rule"));
	char when[NW_TIME_TEXT], remedy[NW_REMEDY_MAX];
	int64_t wall = 0;

	list = nw_at(flow, "validate");
	v = json_array_get(list, which ? (size_t)json_integer_value(which) : json_array_size(list) - 1);
	nw_time_parse(nw_str(a, "timestamp"), &wall);
	printf("Alert %llu  %s (rule %llu, %s)\n", (unsigned long long)nw_num(a, "negwatch.alert_id"),
	       nw_str(a, "negwatch.name"), (unsigned long long)nw_num(a, "negwatch.rule"),
	       nw_str(a, "negwatch.severity"));
	nw_wrap(stdout, "", LABEL, NW_CLI_WIDTH, nw_str(a, "negwatch.text"));
	printf("%-*s%s\n", LABEL, "When",
	       cli->utc ? nw_time_utc(when, wall, 6) : nw_time_local(when, wall, 6));
	print_flow(a);
	print_families(flow, n);
	print_suppressed(cli, a);
	if (n || v)
		putchar('\n');
	print_exchange("Request", nw_at(n, "request"), nw_at(v, "request"), nw_at(v, "request_differs"),
		       request_fields, NW_ARRAY_SIZE(request_fields));
	/* Where the VALIDATE has no answer there is nothing to hold the NEGOTIATE response against. */
	if ((n && !v) || nw_at(v, "response")) {
		putchar('\n');
		print_exchange("Response", nw_at(n, "response"), nw_at(v, "response"),
			       nw_at(v, "response_differs"), response_fields, NW_ARRAY_SIZE(response_fields));
	}
	if (n || v)
		putchar('\n');
	print_end(flow);
	print_where(a);
	if (flow) {
		printf("\nTimeline  until the alert, from the flow's first packet\n");
		nw_timeline_print(flow);
	}
	print_evidence(a);
	if (!rule)
		return;
	putchar('\n');
	nw_wrap(stdout, "Meaning", LABEL, NW_CLI_WIDTH, rule->explanation);
	putchar('\n');
	nw_wrap(stdout, "Remedy", LABEL, NW_CLI_WIDTH,
		nw_remedy(remedy, rule, family(flow, "client_family", NW_C2S),
			  family(flow, "server_family", NW_S2C)));
	if (rule->section[0] >= '0' && rule->section[0] <= '9')
		printf("\n%-*sMS-SMB2 %s\n", LABEL, "Standard", rule->section);
}

int nw_cmd_show(const struct nw_cli *cli, int argc, char **argv)
{
	unsigned long long id = nw_alert_number(argv[0], argv[1]);
	json_t *reply = NULL;
	int ret;

	if (!id)
		return NW_EXIT_USAGE;
	ret = nw_ask(cli, json_pack("{s:s,s:I}", "cmd", "show", "id", (json_int_t)id), &reply);
	if (!ret && cli->json)
		ret = nw_print_json("alert", nw_at(reply, "alert"));
	else if (!ret)
		print_alert(cli, nw_at(reply, "alert"));
	json_decref(reply);
	return ret;
}
