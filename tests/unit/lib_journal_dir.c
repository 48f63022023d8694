// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the tests of the alert journal share. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "journal_dir.h"
#include "../../user/util/log.h"

char journal_dir[] = "/tmp/nw-test-journal.XXXXXX";
const struct nw_journal_limits journal_large = { 1 << 20, 1 << 30 };

/* Everything below journal_dir, so that each test begins anew. */
void journal_dir_clear(void)
{
	DIR *d = opendir(journal_dir);
	struct dirent *e;

	while ((e = readdir(d)))
		if (*e->d_name != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
}

uint64_t journal_put(struct nw_journal *j)
{
	uint64_t id = nw_journal_take_id(j);
	char line[128];
	int n = snprintf(line, sizeof(line), "{\"negwatch\":{\"alert_id\":%llu,\"pad\":\"%*d\"}}",
			 (unsigned long long)id, 60, 0);

	assert_int_equal(nw_journal_append(j, line, (size_t)n, id), 0);
	return id;
}

void journal_ignore(void *arg, char *line, size_t len)
{
}

struct nw_journal *journal_reopen(const struct nw_journal_limits *limits)
{
	struct nw_journal *j = NULL;

	assert_int_equal(nw_journal_open(&j, journal_dir, limits, 10, journal_ignore, NULL), 0);
	return j;
}

uint64_t journal_read_all(struct nw_journal *j, struct nw_journal_pos pos, uint64_t first)
{
	struct nw_journal_reader r = { .pos = pos };
	uint64_t expected = first;
	char *line;
	size_t len;

	while (nw_journal_next(j, &r, &line, &len) > 0) {
		json_t *o = json_loadb(line, len, 0, NULL);

		assert_int_equal(nw_journal_alert_id(o), expected++);
		json_decref(o);
	}
	assert_int_equal(r.lost, 0);
	assert_int_equal(nw_journal_pos_cmp(r.pos, nw_journal_end(j)), 0);
	nw_journal_reader_close(&r);
	return expected - 1;
}

unsigned int journal_count_files(const char *suffix)
{
	DIR *d = opendir(journal_dir);
	unsigned int n = 0;
	struct dirent *e;

	while ((e = readdir(d))) {
		size_t len = strlen(e->d_name), want = strlen(suffix);

		n += len > want && strcmp(e->d_name + len - want, suffix) == 0;
	}
	closedir(d);
	return n;
}

int journal_dir_make(void **state)
{
	nw_log_init(-1);
	return mkdtemp(journal_dir) ? 0 : -1;
}

int journal_dir_remove(void **state)
{
	journal_dir_clear();
	return rmdir(journal_dir);
}
