// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The alert journal against crashes, second writers and full disks. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../user/sink/journal.h"
#include "../../user/util/log.h"
#include "../../user/util/util.h"
static char dir[] = "/tmp/nw-test-journal.XXXXXX";

struct seen {
	unsigned int n;
	char first[100], last[100];
};

static void see(void *arg, char *line, size_t len)
{
	struct seen *s = arg;

	snprintf(s->n++ ? s->last : s->first, 100, "%.*s", (int)len, line);
}

static void put_file(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, len), (ssize_t)len);
	close(fd);
}

#define LINE(id) "{\"negwatch\":{\"alert_id\":" #id "}}\n"

static void journal_repairs_and_counts_on(void **state)
{
	/* What a crash may leave; how many lines are cut, and the number of the next alert */
	static const struct {
		const char *text;
		size_t len;
		unsigned int cut, kept;
		uint64_t next;
	} rows[] = {
#define ROW(text, cut, kept, next) { text, sizeof(text) - 1, cut, kept, next }
		ROW("", 0, 0, 1),
		ROW(LINE(7), 0, 1, 8),
		ROW(LINE(7) "{\"negwatch\":{\"ale", 1, 1, 8),
		ROW(LINE(7) LINE(8) "\0\0\0\0\0\0", 1, 2, 9),
		ROW(LINE(7) "{\"negwatch\":{\"alert_id\":9}}", 1, 1, 8),
		ROW(LINE(7) "{\"other\":1}\n", 0, 2, 8),
		ROW("garbage", 1, 0, 1),
		ROW(LINE(3) "torn\n{\"a\":\n", 2, 1, 4),
		ROW("\n\n", 2, 0, 1),
#undef ROW
	};
	char path[80];

	snprintf(path, sizeof(path), "%s/alerts.jsonl", dir);
	for (size_t i = 0; i < NW_ARRAY_SIZE(rows); i++) {
		struct nw_journal_state st;
		struct seen seen = { 0 };
		struct nw_journal *j;

		put_file(path, rows[i].text, rows[i].len);
		assert_int_equal(nw_journal_open(&j, dir, 1000, see, &seen), 0);
		nw_journal_get_state(j, &st);
		assert_int_equal(st.repaired, rows[i].cut);
		assert_int_equal(seen.n, rows[i].kept);
		assert_int_equal(nw_journal_take_id(j), rows[i].next);
		assert_int_equal(nw_journal_append(j, "{\"negwatch\":{\"alert_id\":99}}", 28), 0);
		assert_int_equal(nw_journal_sync(j), 0);
		nw_journal_free(&j);
		seen.n = 0;
		assert_int_equal(nw_journal_open(&j, dir, 1, see, &seen), 0);
		assert_int_equal(seen.n, 1);
		assert_string_equal(seen.first, "{\"negwatch\":{\"alert_id\":99}}");
		assert_int_equal(nw_journal_take_id(j), 100);
		nw_journal_free(&j);
	}
}

static void journal_has_one_writer(void **state)
{
	struct seen seen = { 0 };
	struct nw_journal *j, *second = NULL;

	assert_int_equal(nw_journal_open(&j, dir, 1, see, &seen), 0);
	assert_int_equal(nw_journal_open(&second, dir, 1, see, &seen), -EBUSY);
	assert_null(second);
	nw_journal_free(&j);
}

static void full_disk_is_told_once(void **state)
{
	char full[80], path[100];
	struct nw_journal_state st;
	struct seen seen = { 0 };
	struct nw_journal *j;

	snprintf(full, sizeof(full), "%s/full", dir);
	snprintf(path, sizeof(path), "%s/alerts.jsonl", full);
	mkdir(full, 0700);
	assert_int_equal(symlink("/dev/full", path), 0);
	assert_int_equal(nw_journal_open(&j, full, 1, see, &seen), 0);
	assert_int_equal(nw_journal_append(j, "{}", 2), -ENOSPC);
	assert_int_equal(nw_journal_append(j, "{}", 2), -ENOSPC);
	nw_journal_get_state(j, &st);
	assert_int_equal(st.error, -ENOSPC);
	assert_int_equal(st.unwritten, 2);
	nw_journal_free(&j);
	unlink(path);
	rmdir(full);
}

/* Records of good negotiations are no alerts: they are not handed out, don't push alerts out of those that
 * are, and leave their numbers alone, however many there are. */
static void exchanges_are_no_alerts(void **state)
{
#define EXCHANGE(after)                                                                                      \
	"{\"event_type\":\"exchange\",\"negwatch\":{\"after_alert\":" #after ",\"flow\":{}}}\n"
#define ALERT(id) "{\"event_type\":\"alert\",\"negwatch\":{\"alert_id\":" #id "}}\n"
	static const char text[] = ALERT(5) ALERT(6) EXCHANGE(6) EXCHANGE(6) ALERT(7) EXCHANGE(7) EXCHANGE(7);
	static const char after[] = EXCHANGE(41) EXCHANGE(41);
	struct seen seen = { 0 };
	struct nw_journal *j;
	char path[80];

	snprintf(path, sizeof(path), "%s/alerts.jsonl", dir);
	put_file(path, text, sizeof(text) - 1);
	assert_int_equal(nw_journal_open(&j, dir, 2, see, &seen), 0);
	assert_int_equal(seen.n, 2);
	assert_non_null(strstr(seen.first, "\"alert_id\":6"));
	assert_non_null(strstr(seen.last, "\"alert_id\":7"));
	assert_int_equal(nw_journal_take_id(j), 8);
	nw_journal_free(&j);
	/* as if the alerts were further back than is read */
	seen = (struct seen){ 0 };
	put_file(path, after, sizeof(after) - 1);
	assert_int_equal(nw_journal_open(&j, dir, 2, see, &seen), 0);
	assert_int_equal(seen.n, 0);
	assert_int_equal(nw_journal_take_id(j), 42);
	nw_journal_free(&j);
}

static int make_dir(void **state)
{
	nw_log_init(-1);
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/alerts.jsonl", dir);
	unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(journal_repairs_and_counts_on),
		cmocka_unit_test(journal_has_one_writer),
		cmocka_unit_test(full_disk_is_told_once),
		cmocka_unit_test(exchanges_are_no_alerts),
	};

	return cmocka_run_group_tests_name("journal", tests, make_dir, remove_dir);
}
