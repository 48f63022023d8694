// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Files that are read at the same time and written about in turn: order, what is held back, and what stops
 * all. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "../../user/cli/read_turns.h"

#define PIECE ((size_t)1 << 20)
/* Six more than are held back. */
#define PIECES 70

static char *names[] = { "a", "b", "c" };

static struct {
	struct nw_turns turns;
	FILE *out;
	char *text;
	size_t len;
} W;

static int setup(void **state)
{
	W.out = open_memstream(&W.text, &W.len);
	return nw_turns_init(&W.turns, 3, names, W.out, NULL);
}

static int teardown(void **state)
{
	nw_turns_free(&W.turns);
	fclose(W.out);
	free(W.text);
	return 0;
}

static void write_about(size_t file, const char *text)
{
	FILE *f = nw_turn_open(&W.turns, file);

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	fclose(f);
}

static const char *written(void)
{
	fflush(W.out);
	return W.text;
}

static void each_waits_for_those_in_front(void **state)
{
	write_about(2, "third ");
	nw_turn_end(&W.turns, 2);
	write_about(1, "second ");
	assert_string_equal(written(), "");
	write_about(0, "first ");
	assert_string_equal(written(), "first ");
	nw_turn_end(&W.turns, 0);
	/* Its turn has come: what it still says is written at once. */
	assert_string_equal(written(), "first second ");
	write_about(1, "more ");
	assert_string_equal(written(), "first second more ");
	nw_turn_end(&W.turns, 1);
	assert_string_equal(written(), "first second more third ");
	assert_int_equal(W.turns.now, 3);
	assert_int_equal(W.turns.held, 0);
}

static void *write_much(void *arg)
{
	static char piece[PIECE];
	FILE *f = nw_turn_open(&W.turns, 1);
	size_t n = 0;

	memset(piece, 'x', sizeof(piece));
	while (n < PIECES && fwrite(piece, 1, PIECE, f) == PIECE)
		n++;
	fclose(f);
	nw_turn_end(&W.turns, 1);
	*(size_t *)arg = n;
	return NULL;
}

/* Until as much is held back as may be. */
static void wait_until_full(void)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	size_t held = 0;

	for (int i = 0; i < 60000 && held < (size_t)64 << 20; i++) {
		nanosleep(&moment, NULL);
		pthread_mutex_lock(&W.turns.lock);
		held = W.turns.held;
		pthread_mutex_unlock(&W.turns.lock);
	}
	assert_int_equal(held, (size_t)64 << 20);
}

static void no_more_is_held_back_than_there_is_room_for(void **state)
{
	pthread_t writer;
	size_t n;

	assert_int_equal(pthread_create(&writer, NULL, write_much, &n), 0);
	wait_until_full();
	nw_turn_end(&W.turns, 0);
	pthread_join(writer, NULL);
	assert_int_equal(n, PIECES);
	assert_int_equal(strlen(written()), PIECES * PIECE);
}

static void who_waits_is_told_that_nobody_goes_on(void **state)
{
	pthread_t writer;
	size_t n;

	assert_int_equal(pthread_create(&writer, NULL, write_much, &n), 0);
	wait_until_full();
	nw_turns_stop(&W.turns, -5);
	nw_turns_stop(&W.turns, -12);
	pthread_join(writer, NULL);
	assert_int_equal(n, 64);
	assert_int_equal(nw_turns_error(&W.turns), -5);
	nw_turn_wait(&W.turns, 2); /* not for ever */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_waits_for_those_in_front, setup, teardown),
		cmocka_unit_test_setup_teardown(no_more_is_held_back_than_there_is_room_for, setup, teardown),
		cmocka_unit_test_setup_teardown(who_waits_is_told_that_nobody_goes_on, setup, teardown),
	};

	return cmocka_run_group_tests_name("turns", tests, NULL, NULL);
}
