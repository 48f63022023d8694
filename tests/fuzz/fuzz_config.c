// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The configuration: the file, conf.d beside it, and --option. Held to: what was read is within the bounds of
 * what uses it, and reading it again changes nothing, whatever was accepted.
 *
 * Input: up to four texts with a zero byte between them: the file, two of conf.d, an option.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "../../user/daemon/config.h"

static void check(const struct nw_config *c)
{
	HOLDS(c->interfaces.n >= 1 && c->interfaces.n <= NW_INTERFACES_MAX);
	for (unsigned int i = 0; i < c->interfaces.n; i++)
		HOLDS(memchr(c->interfaces.name[i], 0, sizeof(c->interfaces.name[i])));
	HOLDS(c->ports.n >= 1 && c->ports.n <= NW_PORTS_MAX);
	for (unsigned int i = 0; i < c->ports.n; i++)
		HOLDS(c->ports.port[i]);
	HOLDS(memchr(c->run_dir, 0, sizeof(c->run_dir)) && *c->run_dir == '/');
	HOLDS(memchr(c->state_dir, 0, sizeof(c->state_dir)) && *c->state_dir == '/');
	HOLDS(memchr(c->metrics_file, 0, sizeof(c->metrics_file)));
	HOLDS(memchr(c->syslog_socket, 0, sizeof(c->syslog_socket)));
	HOLDS(c->max_flows && c->max_peers);
	HOLDS(c->ring_bytes >= 4096 && !(c->ring_bytes & (c->ring_bytes - 1)));
	HOLDS(c->journal_file && c->journal_total);
}

/* The next text; the last one ends with the input. */
static void text(struct bytes *b, const char *name)
{
	const uint8_t *end = memchr(b->at, 0, left(b));
	size_t n = end ? (size_t)(end - b->at) : left(b);

	fuzz_put(name, take_some(b, &n), n);
	n = 1;
	take_some(b, &n);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[PATH_MAX];

	fuzz_quiet();
	snprintf(path, sizeof(path), "%s/conf.d", fuzz_dir());
	HOLDS(mkdir(path, 0700) == 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, data + size };
	static struct nw_config once, twice;
	char path[PATH_MAX], option[256];
	size_t n;
	int err;

	text(&b, "f.conf");
	text(&b, "conf.d/a.conf");
	text(&b, "conf.d/b.conf");
	snprintf(path, sizeof(path), "%s/f.conf", fuzz_dir());
	nw_config_defaults(&once);
	err = nw_config_read(&once, path);
	HOLDS(err == 0 || err == -EINVAL);
	check(&once);
	if (!err) {
		nw_config_defaults(&twice);
		HOLDS(nw_config_read(&twice, path) == 0);
		HOLDS(!nw_config_needs_restart(&once, &twice));
		nw_config_swap(&twice, &once);
		check(&twice);
	}
	n = left(&b) < sizeof(option) - 1 ? left(&b) : sizeof(option) - 1;
	memcpy(option, b.at, n);
	option[n] = 0;
	err = nw_config_option(&once, option);
	HOLDS(err == 0 || err == -EINVAL);
	check(&once);
	return 0;
}
