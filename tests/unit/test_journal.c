// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The alert journal against crashes, second writers and full disks. */
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/uio.h>
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

#include "journal_dir.h"
#include "../../user/util/util.h"

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

	snprintf(path, sizeof(path), "%s/alerts.jsonl", journal_dir);
	for (size_t i = 0; i < NW_ARRAY_SIZE(rows); i++) {
		struct nw_journal_state st;
		struct seen seen = { 0 };
		struct nw_journal *j;

		journal_dir_clear();
		put_file(path, rows[i].text, rows[i].len);
		assert_int_equal(nw_journal_open(&j, journal_dir, &journal_large, 1000, see, &seen), 0);
		nw_journal_get_state(j, &st);
		assert_int_equal(st.repaired, rows[i].cut);
		assert_int_equal(seen.n, rows[i].kept);
		assert_int_equal(nw_journal_take_id(j), rows[i].next);
		assert_int_equal(nw_journal_append(j, "{\"negwatch\":{\"alert_id\":99}}", 28, 99), 0);
		nw_journal_sync(j);
		nw_journal_free(&j);
		seen.n = 0;
		assert_int_equal(nw_journal_open(&j, journal_dir, &journal_large, 1, see, &seen), 0);
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

	assert_int_equal(nw_journal_open(&j, journal_dir, &journal_large, 1, see, &seen), 0);
	assert_int_equal(nw_journal_open(&second, journal_dir, &journal_large, 1, see, &seen), -EBUSY);
	assert_null(second);
	nw_journal_free(&j);
}

/* As on a full disk: the journal's lines alone go by writev(). */
static bool disk_is_full;

ssize_t writev(int fd, const struct iovec *parts, int n)
{
	if (disk_is_full) {
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_writev, fd, parts, n);
}

static void full_disk_is_told_once(void **state)
{
	char full[80], path[100];
	struct nw_journal_state st;
	struct seen seen = { 0 };
	struct nw_journal *j;

	snprintf(full, sizeof(full), "%s/full", journal_dir);
	snprintf(path, sizeof(path), "%s/alerts.jsonl", full);
	mkdir(full, 0700);
	assert_int_equal(nw_journal_open(&j, full, &journal_large, 1, see, &seen), 0);
	disk_is_full = true;
	assert_int_equal(nw_journal_append(j, "{}", 2, nw_journal_take_id(j)), -ENOSPC);
	assert_int_equal(nw_journal_append(j, "{}", 2, nw_journal_take_id(j)), -ENOSPC);
	nw_journal_get_state(j, &st);
	assert_int_equal(st.error, -ENOSPC);
	assert_int_equal(st.unwritten, 2);
	nw_journal_free(&j);
	disk_is_full = false;
	/* The numbers were told: they are not given again. */
	unlink(path);
	assert_int_equal(nw_journal_open(&j, full, &journal_large, 1, see, &seen), 0);
	assert_int_equal(nw_journal_take_id(j), 3);
	nw_journal_free(&j);
	unlink(path);
	snprintf(path, sizeof(path), "%s/alerts.cursor", full);
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

	journal_dir_clear();
	snprintf(path, sizeof(path), "%s/alerts.jsonl", journal_dir);
	put_file(path, text, sizeof(text) - 1);
	assert_int_equal(nw_journal_open(&j, journal_dir, &journal_large, 2, see, &seen), 0);
	assert_int_equal(seen.n, 2);
	assert_non_null(strstr(seen.first, "\"alert_id\":6"));
	assert_non_null(strstr(seen.last, "\"alert_id\":7"));
	assert_int_equal(nw_journal_take_id(j), 8);
	nw_journal_free(&j);
	/* as if the alerts' file and the cursor had been removed */
	journal_dir_clear();
	seen = (struct seen){ 0 };
	put_file(path, after, sizeof(after) - 1);
	assert_int_equal(nw_journal_open(&j, journal_dir, &journal_large, 2, see, &seen), 0);
	assert_int_equal(seen.n, 0);
	assert_int_equal(nw_journal_take_id(j), 42);
	nw_journal_free(&j);
}

static void any_truncation_recovers(void **state)
{
	struct nw_journal_state st;
	struct nw_journal *j;
	char path[80], *text;
	struct stat before;
	size_t whole, end[6] = { 0 };
	int fd;

	journal_dir_clear();
	j = journal_reopen(&journal_large);
	for (int i = 1; i <= 5; i++) {
		journal_put(j);
		end[i] = nw_journal_end(j).offset;
	}
	nw_journal_free(&j);
	snprintf(path, sizeof(path), "%s/alerts.jsonl", journal_dir);
	fd = open(path, O_RDONLY);
	fstat(fd, &before);
	whole = (size_t)before.st_size;
	assert_int_equal(whole, end[5]);
	text = malloc(whole);
	assert_int_equal(read(fd, text, whole), (ssize_t)whole);
	close(fd);
	for (size_t cut = 0; cut <= whole; cut++) {
		unsigned int kept = 0;

		while (kept < 5 && end[kept + 1] <= cut)
			kept++;
		journal_dir_clear();
		put_file(path, text, cut);
		j = journal_reopen(&journal_large);
		nw_journal_get_state(j, &st);
		assert_int_equal(st.repaired, cut != end[kept]);
		assert_int_equal(journal_read_all(j, nw_journal_begin(j), 1), kept);
		assert_int_equal(journal_put(j), kept + 1);
		assert_int_equal(journal_read_all(j, nw_journal_begin(j), 1), kept + 1);
		nw_journal_free(&j);
	}
	print_message("# cut at each of %zu bytes\n", whole);
	free(text);
}

/* What was cut off had been told: the cursor's memory keeps its number. */
static void told_numbers_are_not_given_again(void **state)
{
	struct nw_journal *j;
	char path[80];

	journal_dir_clear();
	j = journal_reopen(&journal_large);
	for (int i = 0; i < 5; i++)
		journal_put(j);
	nw_journal_set_cursor(j, nw_journal_end(j));
	nw_journal_free(&j);
	snprintf(path, sizeof(path), "%s/alerts.jsonl", journal_dir);
	assert_int_equal(truncate(path, 150), 0);
	j = journal_reopen(&journal_large);
	assert_int_equal(journal_put(j), 6);
	assert_int_equal(journal_read_all(j, nw_journal_cursor(j), 6), 6);
	nw_journal_free(&j);
}

/* Either slot of the memory may be torn: the other one counts. */
static void torn_cursor_is_the_one_before(void **state)
{
	struct nw_journal_pos end[2];
	struct nw_journal *j;
	char path[80];

	snprintf(path, sizeof(path), "%s/alerts.cursor", journal_dir);
	for (int tear = 0; tear < 3; tear++) {
		struct nw_journal_pos at;
		int fd;

		journal_dir_clear();
		j = journal_reopen(&journal_large);
		for (int i = 0; i < 2; i++) {
			journal_put(j);
			end[i] = nw_journal_end(j);
			nw_journal_set_cursor(j, end[i]);
		}
		nw_journal_free(&j);
		fd = open(path, O_WRONLY);
		for (int slot = 0; slot < 2; slot++)
			if (tear == 2 || tear == slot)
				assert_int_equal(pwrite(fd, "?", 1, slot * 128), 1);
		close(fd);
		j = journal_reopen(&journal_large);
		at = nw_journal_cursor(j);
		if (tear == 2)
			assert_int_equal(at.offset, 0);
		else
			assert_true(at.offset == end[0].offset || at.offset == end[1].offset);
		assert_int_equal(journal_put(j), 3);
		nw_journal_free(&j);
	}
}

/* What a lost power made us forget may have been told: only then numbers are skipped, and only once. */
static void numbers_are_skipped_after_a_power_loss(void **state)
{
	struct nw_cursor c;
	struct nw_journal *j;
	bool stale;
	int fd;

	journal_dir_clear();
	j = journal_reopen(&journal_large);
	assert_int_equal(journal_put(j), 1);
	assert_int_equal(nw_journal_may_tell(j), 1000);
	while (nw_journal_work(j) || nw_journal_is_busy(j))
		;
	assert_int_equal(nw_journal_may_tell(j), 1001);
	nw_journal_free(&j);
	/* As a run of the kernel before this one would have left it, had it not been closed well. */
	fd = open(journal_dir, O_RDONLY | O_DIRECTORY);
	assert_true(nw_cursor_open(&c, fd, &stale));
	assert_false(stale);
	c.boot ^= 2;
	assert_int_equal(nw_cursor_store(&c), 0);
	nw_cursor_close(&c);
	close(fd);
	for (uint64_t wanted = 1002; wanted < 1005; wanted++) {
		j = journal_reopen(&journal_large);
		assert_int_equal(journal_put(j), wanted);
		nw_journal_free(&j);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(journal_repairs_and_counts_on),
		cmocka_unit_test(journal_has_one_writer),
		cmocka_unit_test(full_disk_is_told_once),
		cmocka_unit_test(exchanges_are_no_alerts),
		cmocka_unit_test(any_truncation_recovers),
		cmocka_unit_test(told_numbers_are_not_given_again),
		cmocka_unit_test(torn_cursor_is_the_one_before),
		cmocka_unit_test(numbers_are_skipped_after_a_power_loss),
	};

	return cmocka_run_group_tests_name("journal", tests, journal_dir_make, journal_dir_remove);
}
