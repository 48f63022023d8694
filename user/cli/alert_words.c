// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The words about an alert and its flow. */
#include <stdio.h>
#include <string.h>

#include "alert_words.h"
#include "cli.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

const char nw_gap_words[] = "packets or events were lost close by: what is missing may be the reason";

void nw_flow_exchanges(const json_t *flow, const json_t *finding, const json_t **negotiate,
		       const json_t **validate)
{
	const json_t *list = nw_at(flow, "negotiate"), *which = nw_at(finding, "validate");

	*negotiate = json_array_get(list, json_array_size(list) - 1);
	list = nw_at(flow, "validate");
	*validate =
		json_array_get(list, which ? (size_t)json_integer_value(which) : json_array_size(list) - 1);
}

/* What the host's own TCP said of the reset. */
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

const char *nw_end_sentence(char *out, size_t size, const json_t *flow)
{
	const json_t *delay = nw_at(flow, "end.delay_ms");
	const char *words = kernel_words(nw_str(flow, "end.kernel")), *reason = nw_str(flow, "end.reason");
	char end[24], took[NW_TIME_TEXT];
	struct nw_text t;

	nw_text_init(&t, out, size);
	if (!*nw_end_text(end, sizeof(end), flow)) {
		nw_text_add(&t, "the connection was still open when %s",
			    nw_at(flow, "file") ? "the capture ended" : "the alert was raised");
		return out;
	}
	nw_text_add(&t, "the connection was ended by %s", end);
	if (delay) {
		nw_duration_text(took, (uint64_t)(json_number_value(delay) * 1e6));
		nw_text_add(&t, ", %s after the VALIDATE request", took);
	}
	if (words)
		nw_text_add(&t, "; %s%s%s", words, *reason ? ": " : "", reason);
	return out;
}

const char *nw_leg_words(const char *leg, bool captured)
{
	if (strcmp(leg, "client-here") == 0)
		return captured ? "between the client and here" : "between the client and this host";
	if (strcmp(leg, "here-server") == 0)
		return captured ? "between here and the server" : "between this host and the server";
	return NULL;
}

const char *nw_endpoint_text(char *out, size_t size, const char *ip, uint64_t port)
{
	if (!port)
		snprintf(out, size, "%s", ip);
	else
		snprintf(out, size, strchr(ip, ':') ? "[%s]:%llu" : "%s:%llu", ip, (unsigned long long)port);
	return out;
}

const struct nw_family *nw_flow_client(const json_t *flow)
{
	return nw_family_by_name(nw_str(flow, "client_family"), NW_C2S);
}

const struct nw_family *nw_flow_server(const json_t *flow)
{
	return nw_family_by_name(nw_str(flow, "server_family"), NW_S2C);
}

const char *nw_family_words(char *out, size_t size, const struct nw_family *f, const json_t *message)
{
	const char *impl = nw_str(message, "impl");

	*out = '\0';
	if (f)
		snprintf(out, size, "%s, %s", f->label, nw_sure_text(f->sure));
	else if (*impl)
		snprintf(out, size, "unknown implementation, fingerprint %s", impl);
	return out;
}
