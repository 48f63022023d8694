// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What has to hold of events, findings, connections and counters. */
#include <stdlib.h>

#include "fuzz.h"
#include "../../user/locate/scan.h"
#include "../../user/sink/flow_json.h"

void fuzz_check_event(const struct nw_event *ev)
{
	HOLDS(ev->type > NW_EV_NONE && ev->type < NW_EV_MAX);
	HOLDS(ev->dir <= NW_S2C && ev->client <= 1);
	HOLDS(ev->hdr_len <= NW_HDR_MAX && ev->data_len <= NW_DATA_MAX);
	HOLDS(ev->tcp.n_vlan <= 2);
	if ((ev->type == NW_EV_NEGOTIATE_REQ || ev->type == NW_EV_VALIDATE_REQ) && ev->smb.fingerprint) {
		uint32_t n = ev->smb.n_dialects < NW_DIALECTS_MAX ? ev->smb.n_dialects : NW_DIALECTS_MAX;

		HOLDS(ev->smb.dialects_off + 2 * n <= ev->data_len);
	}
	HOLDS(!(ev->flags & NW_EF_MATCH) || !(ev->flags & NW_EF_DIFFER));
}

void fuzz_check_finding(const struct nw_conn *c, const struct nw_finding *f)
{
	size_t n = strnlen(f->text, sizeof(f->text));

	HOLDS(n > 0 && n < sizeof(f->text));
	for (size_t i = 0; i < n; i++)
		HOLDS(f->text[i] >= 0x20 && f->text[i] < 0x7f);
	HOLDS(nw_rule_index(f->rule) >= 0);
	HOLDS(f->validate < (int)c->n_validate);
	if (f->rule == 101 || f->rule == 102)
		HOLDS(f->fields && f->validate >= 0);
	if (f->rule == 101)
		HOLDS((f->fields & ~c->validate[f->validate].request_differs) == 0);
	if (f->rule == 102)
		HOLDS((f->fields & ~c->validate[f->validate].response_differs) == 0);
	if (strstr(f->text, "altered"))
		HOLDS(f->rule == 101 || f->rule == 102 || strstr(f->text, "may"));
}

void fuzz_check_conn(const struct nw_conn *c)
{
	static struct nw_scan scan;
	json_t *j = nw_flow_json(c, "f", 0);
	char *text;

	HOLDS(j);
	HOLDS(c->n_validate <= NW_VALIDATES_MAX && c->n_resets <= NW_RESETS_MAX &&
	      c->n_steps <= NW_STEPS_MAX);
	text = json_dumps(j, NW_JSON_LINE);
	json_decref(j);
	HOLDS(text && !strchr(text, '\n') && nw_scan(&scan, text, strlen(text)) == 0);
	free(text);
}

void fuzz_check_counters(const uint64_t count[NW_C_MAX])
{
	uint64_t sum = 0;

	for (int i = 0; i < NW_C_OUTCOMES; i++)
		sum += count[i];
	HOLDS(sum == count[NW_C_PACKETS]);
	HOLDS(count[NW_C_FLOWS_ENDED] <= count[NW_C_FLOWS]);
}
