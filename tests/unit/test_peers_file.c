// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The list of peers on disk: what a restart brings back, from whole, torn, foreign and unwritable files. */
#include <stdbool.h>
#include <sys/syscall.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "history.h"
#include "../../user/sink/peers_file.h"
#include "../../user/util/log.h"

#define R nw_history

static char dir[] = "/tmp/nw-test-peers.XXXXXX";

static const char *file(const char *suffix)
{
	static char path[2][80];
	static int at;

	at = !at;
	snprintf(path[at], sizeof(path[at]), "%s/" NW_PEERS_FILE "%s", dir, suffix);
	return path[at];
}

static char *slurp(void)
{
	FILE *f = fopen(file(""), "r");
	char *text = calloc(1, 1 << 20);

	assert_non_null(f);
	assert_true(fread(text, 1, 1 << 20, f) > 0);
	fclose(f);
	return text;
}

static void spill(const char *text, size_t len)
{
	FILE *f = fopen(file(""), "w");

	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
}

/* As a restart does: another engine, whose clock began anew. */
static uint64_t reload(int64_t offset)
{
	struct nw_peer_clock clock = { .offset = offset };
	uint64_t broken;

	history_begin(NW_VANTAGE_SERVER, 100);
	clock.now = (int64_t)R.now;
	assert_int_equal(nw_peers_load(nw_engine_peers(R.engine), dir, &clock, &broken), 0);
	return broken;
}

#define WALL 1800000000LL

static void restart_brings_all_of_it_back(void **state)
{
	const int64_t offset = WALL * (int64_t)NW_NS_PER_S, later = offset + 3 * 24 * (int64_t)HISTORY_HOUR;
	char *first, *second;

	history_begin(NW_VANTAGE_SERVER, 100);
	history_connect(&(struct history_how){ ON(0x311, 0x311), .capabilities = 0x7f });
	history_connect(&(struct history_how){ ON(0x300, 0x300), .capabilities = 0xffffffff, .client = 3,
					       .guid = 254 });
	history_connect(&(struct history_how){ ON(0, 0x202), .smb1 = true, .client = 4 });
	assert_int_equal(nw_peers_save(nw_engine_peers(R.engine), dir, offset), 0);
	first = slurp();
	assert_int_equal(reload(later), 0);
	history_expect(3, 2);
	assert_int_equal(nw_peers_save(nw_engine_peers(R.engine), dir, later), 0);
	second = slurp();
	assert_string_equal(first, second);
	history_connect(&(struct history_how){ ON(0x300, 0x300), .capabilities = 0xffffffff, .client = 3,
					       .guid = 7 });
	assert_int_equal(history_told(110), 0);
	history_connect(&(struct history_how){ ON(0x210, 0x210), .capabilities = 0x7f });
	assert_int_equal(history_told(109), 1);
	assert_non_null(strstr(R.last.text, " d "));
	free(first);
	free(second);
}

/* What was written while the clock was ten years ahead hides nothing of what comes now. */
static void clock_that_was_ahead_blinds_nobody(void **state)
{
	const int64_t offset = WALL * (int64_t)NW_NS_PER_S, ahead = 3650 * 24 * (int64_t)HISTORY_HOUR;

	history_begin(NW_VANTAGE_SERVER, 100);
	history_connect(&(struct history_how){ ON(0x302, 0x302) });
	history_connect(&(struct history_how){ ON(0x302, 0x302), V });
	assert_int_equal(history_told(110), 1);
	history_expect(1, 0);
	assert_int_equal(nw_peers_save(nw_engine_peers(R.engine), dir, offset + ahead), 0);
	assert_int_equal(reload(offset), 0);
	history_expect(1, 0);
	assert_true(history_peer().last <= (int64_t)R.now);
	R.now += 25 * HISTORY_HOUR;
	history_connect(&(struct history_how){ ON(0x302, 0x302) });
	assert_int_equal(history_told(110), 1);
	history_expect(1, 1);
}

static void torn_file_gives_back_what_is_whole(void **state)
{
	char *text, *line;
	size_t len;

	history_begin(NW_VANTAGE_SERVER, 100);
	for (int i = 0; i < 10; i++)
		history_connect(
			&(struct history_how){ ON(0x300, 0x300), .client = (uint8_t)i, .guid = (uint8_t)i });
	assert_int_equal(nw_peers_save(nw_engine_peers(R.engine), dir, 0), 0);
	text = slurp();
	len = strlen(text);
	for (size_t cut = 0; cut <= len; cut += 13) { /* at every place, nearly */
		struct nw_peers_stats st;
		uint64_t broken;

		spill(text, cut);
		broken = reload(0);
		nw_peers_get_stats(nw_engine_peers(R.engine), &st);
		assert_true(broken <= 1);
		unlink(file(".old")); /* of a torn first line */
		assert_true(st.peers <= 10 && st.instances <= 10);
	}
	line = strstr(text, "\"client_ip\":\"::2\"");
	assert_non_null(line);
	memset(line, '#', 10); /* a bad block in the middle */
	spill(text, len);
	assert_int_equal(reload(0), 1);
	history_expect(9, 9);
	assert_int_equal(access(file(".old"), F_OK), -1);
	free(text);
}

static void foreign_files_are_set_aside(void **state)
{
	static const char *const texts[] = {
		"",	   "{}\n", "{\"type\":\"peers\",\"version\":2}\n{\"type\":\"peer\"}\n",
		"garbage", "\n\n", "[1]\n",
		"null"
	};
	static char zeros[100000];

	for (size_t i = 0; i <= sizeof(texts) / sizeof(*texts); i++) {
		if (i < sizeof(texts) / sizeof(*texts))
			spill(texts[i], strlen(texts[i]));
		else
			spill(zeros, sizeof(zeros));
		assert_int_equal(reload(0), 0);
		history_expect(0, 0);
		assert_int_equal(access(file(""), F_OK), -1);
		assert_int_equal(unlink(file(".old")), 0);
	}
	/* Members that make no sense cost their line. */
	static const char bad[] =
		"{\"type\":\"peers\",\"version\":1}\n"
		"{\"type\":\"peer\"}\n{\"type\":\"peer\",\"client_ip\":\"1.2.3\",\"server_ip\":\"::1\","
		"\"server_port\":445}\n"
		"{\"type\":\"other\"}\n[]\n"
		"{\"type\":\"peer\",\"client_ip\":\"1.2.3.4\",\"server_ip\":\"::1\",\"server_port\":70000}\n"
		"{\"type\":\"peer\",\"client_ip\":\"1.2.3.4\",\"server_ip\":\"::1\",\"server_port\":445,"
		"\"connections\":-1,"
		"\"first_seen\":\"2026-11-22T12:00:00Z\",\"last_seen\":\"2026-11-22T12:00:00Z\"}\n"
		"{\"type\":\"instance\",\"client_ip\":\"1.2.3.4\",\"server_ip\":\"::1\",\"server_port\":445,"
		"\"client_guid\":\"xyz\",\"server_guid\":\"\",\"dialect\":\"0x0311\"}\n"
		"{\"type\":\"peer\",\"client_ip\":\"1.2.3.4\",\"server_ip\":\"::1\",\"server_port\":445,"
		"\"first_seen\":\"2026-11-22T12:00:00Z\",\"last_seen\":\"2026-11-22T12:00:00Z\"}\n";

	spill(bad, sizeof(bad) - 1);
	assert_int_equal(reload(0), 7);
	history_expect(1, 0);
}

/* As on a disk that was full when the data came there at last. */
static bool disk_is_full;

int fdatasync(int fd)
{
	if (disk_is_full) {
		errno = ENOSPC;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static void full_disk_keeps_the_file_that_was_there(void **state)
{
	char *before, *after;

	history_begin(NW_VANTAGE_SERVER, 100);
	history_connect(&(struct history_how){ ON(0x300, 0x300) });
	assert_int_equal(nw_peers_save(nw_engine_peers(R.engine), dir, 0), 0);
	before = slurp();
	disk_is_full = true;
	assert_int_equal(nw_peers_save(nw_engine_peers(R.engine), dir, 0), -ENOSPC);
	disk_is_full = false;
	after = slurp();
	assert_string_equal(before, after);
	assert_int_equal(access(file(".new"), F_OK), -1);
	free(before);
	free(after);
}

static int make_dir(void **state)
{
	nw_log_init(-1);
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	history_end();
	unlink(file(""));
	unlink(file(".old"));
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(restart_brings_all_of_it_back),
		cmocka_unit_test(clock_that_was_ahead_blinds_nobody),
		cmocka_unit_test(torn_file_gives_back_what_is_whole),
		cmocka_unit_test(foreign_files_are_set_aside),
		cmocka_unit_test(full_disk_keeps_the_file_that_was_there),
	};

	return cmocka_run_group_tests_name("peers-file", tests, make_dir, remove_dir);
}
