// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What reads and writes files, without memory: configuration and journal. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "faults.h"
#include "../../user/daemon/config.h"
#include "../../user/sink/journal.h"

int faults_broken(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputs("\n", stderr);
	return FAULTS_BROKEN;
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

/* --- configuration: all of it, or an error ------------------------------------------------------------- */

static struct nw_config config;

void faults_config_prepare(void)
{
	put("f.conf", "[negwatchd]\ninterfaces = eth*, !eth9\nports = 445, 1445\nmax_flows = 99\n");
	mkdir("conf.d", 0700);
	put("conf.d/a.conf", "fold_window = 7 s\nsyslog_severity = 101=alert, 110=notice\n");
	put("conf.d/b.conf", "max_peers = 32\njournal_kib = 4096\n");
}

int faults_config(void)
{
	const unsigned char *p = (const unsigned char *)&config;
	unsigned long long sum = 0xcbf29ce484222325;
	int err;

	memset(&config, 0, sizeof(config));
	nw_config_defaults(&config);
	err = nw_config_read(&config, "./f.conf");
	if (!err)
		err = nw_config_option(&config, "answer_timeout = 3 s");
	if (err) {
		fprintf(stderr, "status %d\n", err);
		return 1;
	}
	for (size_t i = 0; i < sizeof(config); i++)
		sum = (sum ^ p[i]) * 0x100000001b3;
	printf("%llx\n", sum);
	return 0;
}

/* --- journal: what was said to be written is there afterwards ---------------------------------------------
 */

#define LINES 12

static const struct nw_journal_limits limits = { .file = 1500, .total = 1 << 20 };
static uint64_t written[LINES];
static unsigned int n_written;

static void ignore(void *arg, char *line, size_t len)
{
}

static void append(struct nw_journal *j)
{
	uint64_t id = nw_journal_take_id(j);
	char line[512];
	int n = snprintf(line, sizeof(line), "{\"negwatch\":{\"alert_id\":%llu,\"pad\":\"%0300d\"}}",
			 (unsigned long long)id, 0);

	if (nw_journal_append(j, line, (size_t)n, id) == 0)
		written[n_written++] = id;
}

static unsigned int read_on(struct nw_journal *j, uint64_t *ids, unsigned int max, int *err)
{
	struct nw_journal_reader r = { .pos = nw_journal_begin(j) };
	unsigned int n = 0;
	char *line;
	size_t len;

	while (n < max && (*err = nw_journal_next(j, &r, &line, &len)) > 0) {
		json_t *o = json_loadb(line, len, 0, NULL);

		ids[n++] = nw_journal_alert_id(o);
		json_decref(o);
	}
	*err = r.lost ? -1 : *err < 0 ? *err : 0;
	nw_journal_reader_close(&r);
	return n;
}

void faults_journal_prepare(void)
{
	struct nw_journal *j = NULL;

	if (nw_journal_open(&j, ".", &limits, 4, ignore, NULL))
		abort();
	for (int i = 0; i < LINES / 2; i++) {
		append(j);
		while (nw_journal_work(j))
			;
	}
	nw_journal_free(&j);
}

int faults_journal(void)
{
	struct nw_journal *j = NULL;
	uint64_t ids[LINES];
	unsigned int n;
	int err = nw_journal_open(&j, ".", &limits, 4, ignore, NULL);

	if (err)
		return 1;
	for (int i = 0; i < LINES / 2; i++) {
		append(j);
		nw_journal_sync(j);
		for (int tries = 0; nw_journal_work(j) && tries < 1000; tries++)
			;
	}
	n = read_on(j, ids, LINES, &err);
	printf("%u read\n", n);
	if (err)
		fprintf(stderr, "status %d\n", err);
	nw_journal_free(&j);
	return !!err;
}

int faults_journal_check(int status)
{
	struct nw_journal *j = NULL;
	uint64_t ids[LINES + 1];
	unsigned int n, found = 0;
	int err;

	if (nw_journal_open(&j, ".", &limits, 4, ignore, NULL))
		return faults_broken("the journal can't be opened afterwards");
	n = read_on(j, ids, LINES + 1, &err);
	for (unsigned int i = 0; i < n; i++) {
		if (i && ids[i] <= ids[i - 1])
			return faults_broken("number %d behind %d", (int)ids[i], (int)ids[i - 1]);
		found += found < n_written && ids[i] == written[found];
	}
	nw_journal_free(&j);
	if (err || found != n_written)
		return faults_broken("%u of %u lines are there, status %d", found, n_written, err);
	return status;
}
