// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Syslog's share of the journal: in order, at least once, second copies only with replayed=1. */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../user/engine/engine.h"
#include "../../user/sink/feed.h"
#include "../../user/util/log.h"
#include "../../user/util/time.h"
#include "../../user/util/util.h"

#define S NW_NS_PER_S
#define ALERTS_MAX 4000

static char dir[] = "/tmp/nw-test-feed.XXXXXX";
static char socket_path[80];

/* All that one test has. */
static struct {
	struct nw_journal *j;
	struct nw_syslog *syslog;
	struct nw_feed *feed;
	int receiver;
	uint64_t now;
	unsigned int plain[ALERTS_MAX], replayed[ALERTS_MAX];
	unsigned int late; /* alerts whose order was not that of the journal */
	uint64_t last;
} W;

static void ignore(void *arg, char *line, size_t len)
{
}

static void listen_there(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	strcpy(addr.sun_path, socket_path);
	unlink(socket_path);
	W.receiver = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(W.receiver, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

static void deaf(void)
{
	nw_closep(&W.receiver);
	unlink(socket_path);
}

static void start(const struct nw_journal_limits *limits)
{
	assert_int_equal(nw_journal_open(&W.j, dir, limits, 1, ignore, NULL), 0);
	assert_int_equal(nw_syslog_new(&W.syslog, socket_path, 10 << 3, 16), 0);
	assert_int_equal(nw_feed_new(&W.feed, W.j, W.syslog), 0);
}

static void stop(void)
{
	nw_feed_free(&W.feed);
	nw_syslog_free(&W.syslog);
	nw_journal_free(&W.j);
}

static const struct nw_journal_limits LARGE = { 1 << 20, 1 << 30 }, SMALL = { 3000, 1 << 30 };

static int begin(void **state)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while ((e = readdir(d)))
		if (*e->d_name != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	memset(&W, 0, sizeof(W));
	W.receiver = -1;
	W.now = 1000 * S;
	return 0;
}

static int end(void **state)
{
	stop();
	nw_closep(&W.receiver);
	return 0;
}

/* for_syslog false: for the journal alone. */
static void raise_alert(bool for_syslog, int64_t wall)
{
	uint64_t id = nw_journal_take_id(W.j);
	char text[40], stamp[NW_TIME_TEXT], *line;
	json_t *o = json_pack("{s:s,s:{s:I}}", "timestamp", nw_time_eve(stamp, wall), "negwatch", "alert_id",
			      (json_int_t)id);

	snprintf(text, sizeof(text), "alert; alert_id=%llu", (unsigned long long)id);
	if (for_syslog)
		nw_feed_put(o, 2, text);
	line = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	assert_int_equal(nw_journal_append(W.j, line, strlen(line), id), 0);
	free(line);
	if (for_syslog)
		nw_feed_added(W.feed);
}

static void receive(void)
{
	char msg[2000];
	ssize_t n;

	while (W.receiver >= 0 && (n = recv(W.receiver, msg, sizeof(msg) - 1, 0)) > 0) {
		const char *at;
		uint64_t id;

		msg[n] = '\0';
		at = strstr(msg, "alert_id=");
		assert_non_null(at);
		assert_int_equal(strncmp(msg, "<82>", 4), 0);
		id = strtoull(at + 9, NULL, 10);
		assert_in_range(id, 1, ALERTS_MAX - 1);
		(strstr(msg, " replayed=1") ? W.replayed : W.plain)[id]++;
		W.late += id < W.last;
		W.last = id;
	}
}

/* Lets the clock run until there is nothing more to do; returns the seconds that took. */
static double run(struct nw_feed **f)
{
	uint64_t begun = W.now, due;

	while ((due = nw_feed_run(*f, W.now))) {
		receive();
		if (due > W.now)
			W.now = due;
		while (nw_journal_work(W.j))
			;
	}
	receive();
	return (double)(W.now - begun) / S;
}

static void each_once_and_in_order(void **state)
{
	start(&SMALL);
	listen_there();
	for (int i = 1; i <= 300; i++) {
		raise_alert(i % 3, 0);
		assert_int_equal(nw_feed_backlog(W.feed), i % 3 != 0);
		run(&W.feed);
		assert_int_equal(nw_feed_backlog(W.feed), 0);
		assert_int_equal(W.plain[i], i % 3 != 0);
	}
	assert_int_equal(W.late, 0);
	assert_int_equal(nw_feed_replayed(W.feed), 0);
	/* After a restart there is nothing to do. */
	stop();
	start(&SMALL);
	assert_int_equal(nw_feed_backlog(W.feed), 0);
	run(&W.feed);
	assert_int_equal(W.plain[300] + W.replayed[300] + W.replayed[299], 0);
}

static void no_receiver_for_a_minute(void **state)
{
	uint64_t stop_at = W.now + 60 * S;

	start(&SMALL);
	deaf();
	for (int i = 0; i < 600; i++)
		raise_alert(true, 0);
	/* Attempts with growing pauses, and none in between: nothing is busy. */
	for (int n = 0; W.now < stop_at; n++) {
		W.now = nw_feed_run(W.feed, W.now);
		assert_true(n < 20);
	}
	assert_int_equal(nw_feed_backlog(W.feed), 600);
	while (nw_journal_work(W.j))
		;
	listen_there();
	/* In a socket's queue there is room for eleven. */
	run(&W.feed);
	for (int i = 1; i <= 600; i++) {
		assert_int_equal(W.replayed[i], 1);
		assert_int_equal(W.plain[i], 0);
	}
	assert_int_equal(W.late, 0);
	raise_alert(true, 0);
	run(&W.feed);
	assert_int_equal(W.plain[601], 1);
}

static void receiver_that_does_not_read(void **state)
{
	unsigned int n = 0;

	start(&LARGE);
	listen_there();
	for (int i = 0; i < 50; i++)
		raise_alert(true, 0);
	assert_true(nw_feed_run(W.feed, W.now) > W.now);
	assert_in_range(nw_feed_backlog(W.feed), 1, 49);
	receive();
	for (int i = 1; i <= 50; i++)
		n += W.plain[i];
	assert_int_equal(n + nw_feed_backlog(W.feed), 50);
	run(&W.feed);
	for (int i = 1; i <= 50; i++)
		assert_int_equal(W.plain[i], 1);
	/* It was full for less than a second: no outage. */
	assert_int_equal(nw_feed_replayed(W.feed), 0);
}

/* Killed between sending and remembering: the second copy says so. */
static void sent_again_after_a_crash(void **state)
{
	struct nw_journal_pos before;

	start(&LARGE);
	listen_there();
	raise_alert(true, 0);
	run(&W.feed);
	before = nw_journal_cursor(W.j);
	raise_alert(true, 0);
	run(&W.feed);
	nw_journal_set_cursor(W.j, before);
	stop();
	start(&LARGE);
	assert_int_equal(nw_feed_backlog(W.feed), 1);
	run(&W.feed);
	assert_int_equal(W.plain[1], 1);
	assert_int_equal(W.replayed[1], 0);
	assert_int_equal(W.plain[2], 1);
	assert_int_equal(W.replayed[2], 1);
}

static void replay_sends_what_is_not_older(void **state)
{
	struct nw_feed *again = NULL;
	double took;

	start(&SMALL);
	listen_there();
	for (int i = 1; i <= 1000; i++) {
		raise_alert(true, 1795349101000000000LL + i * (int64_t)S);
		run(&W.feed);
	}
	W.last = 0;
	assert_int_equal(nw_feed_again(&again, W.j, W.syslog, 1795349101000000000LL + 601 * (int64_t)S), 0);
	raise_alert(true, 0);
	took = run(&again);
	for (int i = 1; i <= 1000; i++) {
		assert_int_equal(W.plain[i], 1);
		assert_int_equal(W.replayed[i], i >= 601);
	}
	/* 100 at once, then 100 per second. */
	assert_true(took >= 2.9 && took < 4);
	run(&W.feed);
	assert_int_equal(W.plain[1001], 1);
	assert_int_equal(W.replayed[1001], 0);
	nw_feed_free(&again);
}

static int make_dir(void **state)
{
	nw_log_init(-1);
	if (!mkdtemp(dir))
		return -1;
	snprintf(socket_path, sizeof(socket_path), "%s/log", dir);
	return 0;
}

static int remove_dir(void **state)
{
	begin(state);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_once_and_in_order, begin, end),
		cmocka_unit_test_setup_teardown(no_receiver_for_a_minute, begin, end),
		cmocka_unit_test_setup_teardown(receiver_that_does_not_read, begin, end),
		cmocka_unit_test_setup_teardown(sent_again_after_a_crash, begin, end),
		cmocka_unit_test_setup_teardown(replay_sends_what_is_not_older, begin, end),
	};

	return cmocka_run_group_tests_name("feed", tests, make_dir, remove_dir);
}
