// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of configuration keys: what each takes, its default, what it is for. */
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "../sink/syslog.h"
#include "../util/closest.h"
#include "../util/util.h"

#define SECOND 1000000000ULL

/* Each writes the value to its place; returns NULL, or what it should have been. */
typedef const char *(*parse_fn)(void *to, size_t size, const char *value);

static const char *p_interfaces(void *to, size_t size, const char *value)
{
	static const char expected[] = "up to 64 names of interfaces (at most 15 characters each), patterns "
				       "(eth*), \"auto\", or what is to be left out (!docker*)";
	struct nw_interfaces fresh = { 0 };
	char one[IFNAMSIZ + 1]; /* a name behind a "!" */
	size_t len;

	for (value += strspn(value, ", \t"); *value; value += len + strspn(value + len, ", \t")) {
		len = strcspn(value, ", \t");
		if (len >= sizeof(one))
			return expected;
		memcpy(one, value, len);
		one[len] = '\0';
		if (!nw_wanted_add(&fresh, one))
			return expected;
	}
	if (!fresh.n)
		return expected;
	*(struct nw_interfaces *)to = fresh;
	return NULL;
}

static const char *how(enum nw_hook_how *to, const char *value, const char *expected)
{
	int h = nw_how_by_name(value);
	const char *at = h < 0 ? NULL : strstr(expected, value);

	if (!at)
		return expected;
	*to = (enum nw_hook_how)h;
	return NULL;
}

static const char *p_ingress(void *to, size_t size, const char *value)
{
	return how(to, value, "auto, xdp, xdp-generic, tc, tcx, clsact or none");
}

static const char *p_egress(void *to, size_t size, const char *value)
{
	return how(to, value, "auto, tcx, clsact or none");
}

static bool number(const char *text, uint64_t min, uint64_t max, uint64_t *out, const char **end)
{
	char *stop;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*out = strtoull(text, &stop, 10);
	*end = stop;
	return !errno && *out >= min && *out <= max;
}

static const char *p_ports(void *to, size_t size, const char *value)
{
	struct nw_ports fresh = { 0 };
	const char *end = value;
	uint64_t port;

	for (; *value; value = end + strspn(end, ", ")) {
		if (fresh.n == NW_PORTS_MAX || !number(value, 1, 65535, &port, &end) ||
		    (*end && !strchr(", ", *end)))
			return "up to 32 port numbers from 1 to 65535";
		fresh.port[fresh.n++] = (uint16_t)port;
	}
	if (!fresh.n)
		return "at least one port number";
	*(struct nw_ports *)to = fresh;
	return NULL;
}

static const char *p_path(void *to, size_t size, const char *value)
{
	if (*value != '/' || strlen(value) >= size)
		return "an absolute path that is not too long";
	memset(to, 0, size); /* values are compared as a whole at a reload */
	strcpy(to, value);
	return NULL;
}

static const char *p_socket(void *to, size_t size, const char *value)
{
	if (strcmp(value, "none") == 0) {
		memset(to, 0, size);
		return NULL;
	}
	return p_path(to, size, value) ? "the path of a socket (at most 107 bytes), or \"none\"" : NULL;
}

static const char *p_file(void *to, size_t size, const char *value)
{
	if (strcmp(value, "none") == 0) {
		memset(to, 0, size);
		return NULL;
	}
	return p_path(to, size, value) ? "the absolute path of a file, or \"none\"" : NULL;
}

static const char *p_facility(void *to, size_t size, const char *value)
{
	int facility = nw_syslog_facility(value);

	if (facility < 0)
		return "authpriv, daemon, local0 to local7, or another facility of syslog(3)";
	*(int *)to = facility;
	return NULL;
}

static const char *kib(void *to, const char *value, uint64_t min, uint64_t max, const char *expected)
{
	const char *end;
	uint64_t n;

	if (!number(value, min, max, &n, &end) || *end)
		return expected;
	*(uint64_t *)to = n << 10;
	return NULL;
}

/* At the start as much of the current file is read. */
static const char *p_journal_file(void *to, size_t size, const char *value)
{
	return kib(to, value, 64, 16384, "a number from 64 to 16384 (KiB)");
}

static const char *p_journal_total(void *to, size_t size, const char *value)
{
	return kib(to, value, 1024, 64u << 20, "a number from 1024 to 67108864 (KiB)");
}

static const char *p_evidence_files(void *to, size_t size, const char *value)
{
	const char *end;
	uint64_t n;

	if (!number(value, 0, 100000, &n, &end) || *end)
		return "a number from 0 (none) to 100000";
	*(uint32_t *)to = (uint32_t)n;
	return NULL;
}

static const char *p_evidence_total(void *to, size_t size, const char *value)
{
	return kib(to, value, 64, 64u << 20, "a number from 64 to 67108864 (KiB)");
}

static const char *p_evidence_memory(void *to, size_t size, const char *value)
{
	return kib(to, value, 256, 256u << 10, "a number from 256 to 262144 (KiB)");
}

static const char *p_rate(void *to, size_t size, const char *value)
{
	const char *end;
	uint64_t n;

	if (!number(value, 0, 100000, &n, &end) || *end)
		return "a number from 0 to 100000";
	*(uint32_t *)to = (uint32_t)n;
	return NULL;
}

static const char *p_format(void *to, size_t size, const char *value)
{
	int format = nw_syslog_format_by_name(value);

	if (format < 0)
		return "text, cee, rfc5424 or journal";
	*(enum nw_syslog_format *)to = (enum nw_syslog_format)format;
	return NULL;
}

static const char *p_levels(void *to, size_t size, const char *value)
{
	return nw_levels_parse(to, value) ?
		       NULL :
		       "\"auto\", or rules with their severities, as in 101=alert, 110=notice "
		       "(emerg, alert, crit, err, warning, notice, info or debug)";
}

/* Seconds, with a fraction; or a number with ms, s, min, h. */
static const char *p_time(void *to, size_t size, const char *value)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "ms", 0.001 }, { "min", 60 }, { "h", 3600 } };
	char *end;
	double v = strtod(value, &end);

	end += strspn(end, " ");
	for (size_t i = 0; isdigit((unsigned char)*value) && i < NW_ARRAY_SIZE(units); i++)
		if (strcmp(end, units[i].name) == 0 && v * units[i].seconds >= 0.001 &&
		    v * units[i].seconds <= 30 * 86400.0) {
			*(uint64_t *)to = (uint64_t)(v * units[i].seconds * (double)SECOND);
			return NULL;
		}
	return "a time from 1 ms to 30 days: a number of seconds, or one with ms, s, min or h";
}

static const char *p_time_or_off(void *to, size_t size, const char *value)
{
	if (strcmp(value, "0") == 0) {
		*(uint64_t *)to = 0;
		return NULL;
	}
	return p_time(to, size, value) ? "0 (off), or a time from 1 ms to 30 days, with ms, s, min or h" :
					 NULL;
}

static const char *p_count(void *to, size_t size, const char *value)
{
	const char *end;
	uint64_t n;

	if (!number(value, 16, 16u << 20, &n, &end) || *end)
		return "a number from 16 to 16777216";
	*(uint32_t *)to = (uint32_t)n;
	return NULL;
}

/* Writing them all, in the loop, takes 20 us each. */
static const char *p_peers(void *to, size_t size, const char *value)
{
	const char *end;
	uint64_t n;

	if (!number(value, 16, 65536, &n, &end) || *end)
		return "a number from 16 to 65536";
	*(uint32_t *)to = (uint32_t)n;
	return NULL;
}

static const char *p_ring(void *to, size_t size, const char *value)
{
	const char *end;
	uint64_t kib;

	if (!number(value, 64, 1u << 20, &kib, &end) || *end || (kib & (kib - 1)))
		return "a power of two from 64 to 1048576 (KiB)";
	*(uint32_t *)to = (uint32_t)(kib << 10);
	return NULL;
}

static const char *p_record(void *to, size_t size, const char *value)
{
	bool exchanges = strcmp(value, "exchanges") == 0;

	if (!exchanges && strcmp(value, "alerts") != 0)
		return "alerts or exchanges";
	*(bool *)to = exchanges;
	return NULL;
}

#define AT(member) offsetof(struct nw_config, member), sizeof(((struct nw_config *)0)->member)

static const struct {
	const char *key;
	const char *initial;
	size_t offset, size;
	parse_fn parse;
	bool restart; /* can't be swapped while running */
	const char *help;
} keys[] = {
	{ "interfaces", "auto", AT(interfaces), p_interfaces, false,
	  "names, patterns (eth*), auto: all that are up and carry an address, but\n"
	  "                   loopback; !docker* leaves out" },
	{ "ingress", "auto", AT(ingress), p_ingress, false, "auto, xdp, xdp-generic, tc, tcx, clsact, none" },
	{ "egress", "auto", AT(egress), p_egress, false, "auto, tcx, clsact, none" },
	{ "ports", "445, 139", AT(ports), p_ports, true, "TCP ports of SMB servers" },
	{ "run_dir", "/run/negwatch", AT(run_dir), p_path, true, "directory of the control socket" },
	{ "state_dir", "/var/lib/negwatch", AT(state_dir), p_path, true,
	  "directory of the alert journal, the list of peers and evidence" },
	{ "record", "alerts", AT(record_exchanges), p_record, false,
	  "what the journal holds: alerts, or exchanges: good negotiations as well, for `negwatch locate`" },
	{ "metrics_file", "none", AT(metrics_file), p_file, false,
	  "Prometheus text for node_exporter's textfile collector, every 15 s, or none" },
	{ "syslog_socket", "/dev/log", AT(syslog_socket), p_socket, false, "where alerts go, or none" },
	{ "syslog_facility", "authpriv", AT(syslog_facility), p_facility, false, "of alerts" },
	{ "syslog_severity", "auto", AT(syslog_levels), p_levels, false,
	  "auto: as the rule says; or other severities for some rules, as in\n"
	  "                   101=alert, 110=notice" },
	{ "syslog_format", "text", AT(syslog_format), p_format, false,
	  "text; cee: JSON behind @cee:; rfc5424: structured data, for a socket\n"
	  "                   declared so; journal: for systemd-journald's own socket" },
	{ "syslog_queue", "1000", AT(syslog_queue), p_count, false,
	  "messages that wait in memory while syslog does not take them" },
	{ "syslog_rate", "20", AT(syslog_rate), p_rate, false,
	  "alerts per second for syslog; more are counted (rule 191); 0: all" },
	{ "syslog_burst", "100", AT(syslog_burst), p_rate, false,
	  "alerts for syslog at once, beyond that rate" },
	{ "fold_window", "10 min", AT(fold_window), p_time_or_off, false,
	  "repeats of an alert are counted for so long (rule 191); 0: all are told" },
	{ "journal_file_kib", "8192", AT(journal_file), p_journal_file, false,
	  "size at which the alert journal's file is closed and compressed" },
	{ "journal_kib", "131072", AT(journal_total), p_journal_total, false,
	  "all files of the alert journal; the oldest make room" },
	{ "evidence_files", "1000", AT(evidence_files), p_evidence_files, false,
	  "alerts whose packets are kept as pcapng (negwatch evidence); 0: none" },
	{ "evidence_kib", "65536", AT(evidence_total), p_evidence_total, false,
	  "all files of evidence; the oldest make room, a quarter is one client's at most" },
	{ "evidence_memory_kib", "4096", AT(evidence_memory), p_evidence_memory, true,
	  "packets of connections on which nothing is decided yet, about 2 KiB each" },
	{ "answer_timeout", "10 s", AT(answer_timeout), p_time, true,
	  "how long a VALIDATE may stay unanswered (rule 106)" },
	{ "outcome_wait", "500 ms", AT(outcome_wait), p_time, true,
	  "how long an alert waits for what the server does, and a reset is held (107)" },
	{ "abort_window", "30 s", AT(abort_window), p_time, true,
	  "how soon after the answer a client leaves that rejects it (105, 108)" },
	{ "idle_timeout", "24 h", AT(idle_timeout), p_time, true,
	  "a connection without events is forgotten after this time" },
	{ "max_flows", "65536", AT(max_flows), p_count, true, "connections that are followed at once" },
	{ "max_peers", "8192", AT(max_peers), p_peers, true, "clients that are remembered over connections" },
	{ "ring_buffer_kib", "4096", AT(ring_bytes), p_ring, true, "memory between kernel and daemon" },
};

void nw_config_defaults(struct nw_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	for (size_t i = 0; i < NW_ARRAY_SIZE(keys); i++)
		keys[i].parse((char *)cfg + keys[i].offset, keys[i].size, keys[i].initial);
}

int nw_config_set(struct nw_config *cfg, const char *key, const char *value, char *why, size_t why_size)
{
	struct nw_closest closest = { .word = key };
	char meant[64];

	for (size_t i = 0; i < NW_ARRAY_SIZE(keys); i++) {
		const char *expected;

		nw_closest_try(&closest, keys[i].key);
		if (strcmp(keys[i].key, key) != 0)
			continue;
		expected = keys[i].parse((char *)cfg + keys[i].offset, keys[i].size, value);
		if (!expected)
			return 0;
		snprintf(why, why_size, "%s = %s: expected %s", key, value, expected);
		return -EINVAL;
	}
	snprintf(why, why_size, "there is no key \"%s\"%s", key,
		 closest.best ? nw_closest_text(meant, sizeof(meant), &closest) :
				"; negwatchd --help lists all keys");
	return -ENOENT;
}

bool nw_config_key_at(size_t i, struct nw_config_key *out)
{
	if (i >= NW_ARRAY_SIZE(keys))
		return false;
	*out = (struct nw_config_key){ keys[i].key, keys[i].initial, keys[i].help, keys[i].restart };
	return true;
}

void nw_config_help(FILE *out)
{
	for (size_t i = 0; i < NW_ARRAY_SIZE(keys); i++)
		fprintf(out, "  %-16s %s\n%19sdefault: %s\n", keys[i].key, keys[i].help, "", keys[i].initial);
}

const char *nw_config_needs_restart(const struct nw_config *old, const struct nw_config *fresh)
{
	for (size_t i = 0; i < NW_ARRAY_SIZE(keys); i++)
		if (keys[i].restart && memcmp((const char *)old + keys[i].offset,
					      (const char *)fresh + keys[i].offset, keys[i].size) != 0)
			return keys[i].key;
	return NULL;
}

void nw_config_swap(struct nw_config *cfg, const struct nw_config *fresh)
{
	for (size_t i = 0; i < NW_ARRAY_SIZE(keys); i++)
		if (!keys[i].restart)
			memcpy((char *)cfg + keys[i].offset, (const char *)fresh + keys[i].offset,
			       keys[i].size);
}
