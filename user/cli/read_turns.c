// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Whose turn it is to be written about, and what the others hold back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture_flows.h"
#include "read_turns.h"

/* What all that wait hold back together: some 20,000 flows. */
#define HELD_MAX ((size_t)64 << 20)

int nw_turns_init(struct nw_turns *t, size_t n, char **files, struct nw_progress_line *line)
{
	*t = (struct nw_turns){ .lock = PTHREAD_MUTEX_INITIALIZER,
				.moved = PTHREAD_COND_INITIALIZER,
				.turn = calloc(n, sizeof(*t->turn)),
				.files = files,
				.n = n,
				.line = line };
	if (!t->turn)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		t->turn[i].turns = t;
	return 0;
}

void nw_turns_free(struct nw_turns *t)
{
	for (size_t i = 0; t->turn && i < t->n; i++) {
		free(t->turn[i].held);
		free(t->turn[i].said[0]);
		free(t->turn[i].said[1]);
	}
	free(t->turn);
	t->turn = NULL;
}

static void stop(struct nw_turns *t, int err)
{
	if (!t->err)
		t->err = err;
	pthread_cond_broadcast(&t->moved);
}

static void write_out(struct nw_turns *t, const char *bytes, size_t len)
{
	nw_progress_hold(t->line);
	if (fwrite(bytes, 1, len, stdout) != len)
		stop(t, -EIO);
	nw_progress_release(t->line);
}

static void hold(struct nw_turn *w, const char *bytes, size_t len)
{
	size_t room = w->room ? w->room : 4096;
	char *grown;

	while (room - w->len < len)
		room *= 2;
	if (room > w->room) {
		grown = realloc(w->held, room);
		if (!grown) {
			stop(w->turns, -ENOMEM);
			return;
		}
		w->held = grown;
		w->room = room;
	}
	memcpy(w->held + w->len, bytes, len);
	w->len += len;
	w->turns->held += len;
}

/* The turn goes to the first file that is not over; what was held back for it is written. */
static void go_on(struct nw_turns *t)
{
	for (; t->now < t->n; t->now++) {
		struct nw_turn *w = &t->turn[t->now];

		if (w->len)
			write_out(t, w->held, w->len);
		t->held -= w->len;
		free(w->held);
		w->held = NULL;
		w->len = w->room = 0;
		if (!w->over)
			break;
		nw_progress_hold(t->line);
		for (int i = 0; i < 2 && w->said[i]; i++)
			nw_capture_complain("read", t->files[t->now], w->said[i]);
		nw_progress_release(t->line);
	}
	pthread_cond_broadcast(&t->moved);
}

static ssize_t turn_write(void *cookie, const char *bytes, size_t len)
{
	struct nw_turn *w = cookie;
	struct nw_turns *t = w->turns;
	int err;

	pthread_mutex_lock(&t->lock);
	while (!t->err && w != &t->turn[t->now] && t->held + len > HELD_MAX)
		pthread_cond_wait(&t->moved, &t->lock);
	if (!t->err && w == &t->turn[t->now])
		write_out(t, bytes, len);
	else if (!t->err)
		hold(w, bytes, len);
	err = t->err;
	pthread_mutex_unlock(&t->lock);
	errno = -err;
	return err ? 0 : (ssize_t)len;
}

FILE *nw_turn_open(struct nw_turns *t, size_t i)
{
	FILE *f = fopencookie(&t->turn[i], "w", (cookie_io_functions_t){ .write = turn_write });

	/* Flows come whole; what is written is to be seen at once where stdout is a terminal. */
	if (f)
		setvbuf(f, NULL, _IONBF, 0);
	return f;
}

void nw_turn_wait(struct nw_turns *t, size_t i)
{
	pthread_mutex_lock(&t->lock);
	while (!t->err && t->now != i)
		pthread_cond_wait(&t->moved, &t->lock);
	pthread_mutex_unlock(&t->lock);
}

void nw_turn_complain(struct nw_turns *t, size_t i, const char *what)
{
	char **said = t->turn[i].said, *text = strdup(what);

	said[said[0] ? 1 : 0] = text;
	if (!text)
		nw_turns_stop(t, -ENOMEM);
}

void nw_turn_end(struct nw_turns *t, size_t i)
{
	pthread_mutex_lock(&t->lock);
	t->turn[i].over = true;
	if (t->now == i)
		go_on(t);
	pthread_mutex_unlock(&t->lock);
}

void nw_turns_stop(struct nw_turns *t, int err)
{
	pthread_mutex_lock(&t->lock);
	stop(t, err);
	pthread_mutex_unlock(&t->lock);
}

int nw_turns_error(struct nw_turns *t)
{
	int err;

	pthread_mutex_lock(&t->lock);
	err = t->err;
	pthread_mutex_unlock(&t->lock);
	return err;
}
