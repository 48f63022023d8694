/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The control socket: JSON lines over a Unix stream, one line of answer for each line of request. Nothing
 * that a client does can block or grow the daemon: clients, requests, answers and waiting times are bounded.
 */
#ifndef NW_CONTROL_H
#define NW_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#define NW_CONTROL_SOCKET "control.sock"

struct nw_control;

/*
 * Writes the answer (one line, without its newline) to a request; request is NULL if it was no JSON object.
 * root: who asks is root.
 * Returns true if the client wants all alerts from now on.
 */
typedef bool (*nw_answer_fn)(void *arg, bool root, const json_t *request, FILE *out);

/*
 * Listens at run_dir/control.sock (mode 0660), making run_dir if needed; takes the place of a dead daemon's
 * socket. 0, or -errno after having logged it; -EBUSY: a living daemon listens there. *out is untouched on
 * failure.
 */
int nw_control_new(struct nw_control **out, const char *run_dir, nw_answer_fn answer, void *arg);

/* Closes all clients and removes the socket. */
void nw_control_free(struct nw_control **c);

/* Readable when there is work for nw_control_dispatch(). Owned by control. */
int nw_control_fd(const struct nw_control *c);

/* now: monotonic. */
void nw_control_dispatch(struct nw_control *c, uint64_t now);

/* When to call nw_control_tick(), which drops clients that keep us waiting; 0: no need. */
uint64_t nw_control_due(const struct nw_control *c);
void nw_control_tick(struct nw_control *c, uint64_t now);

/*
 * Hands a line (without newline) to all who watch. One that reads too slowly misses lines, and is told how
 * many:
 * {"lost":N}.
 */
void nw_control_publish(struct nw_control *c, uint64_t now, const char *line, size_t len);

#endif
