/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A syslog client that never blocks: glibc's syslog() waits for ever when the receiver doesn't read, and
 * loses messages silently when there is none. What can't be sent now waits in a bounded queue.
 */
#ifndef NW_SYSLOG_H
#define NW_SYSLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "syslog_format.h"

struct nw_syslog;

struct nw_syslog_state {
	const char *path; /* NULL: switched off */
	bool connected;
	unsigned int backlog; /* messages that wait */
	uint64_t sent;
	uint64_t dropped; /* messages that had to make room in the queue */
	int error;	  /* -errno of the last attempt, 0: it worked */
};

/*
 * path: the socket, NULL: every message is thrown away. facility: LOG_AUTHPRIV, ... 0 or -ENOMEM. A receiver
 * that is not there yet is no failure.
 */
int nw_syslog_new(struct nw_syslog **out, const char *path, int facility, unsigned int max_queue);
void nw_syslog_free(struct nw_syslog **s);

/* The form of what is sent from now on; NW_SYSLOG_TEXT at first. host: of the messages, copied. */
void nw_syslog_set_format(struct nw_syslog *s, enum nw_syslog_format format, const char *host);

/* priority: LOG_CRIT, ..., with a facility if it is not the usual one. text: see nw_syslog_datagram(). now:
 * monotonic. */
void nw_syslog_send(struct nw_syslog *s, uint64_t now, int priority, const char *text);

/*
 * The same for a message that is kept elsewhere: sent at once, or not at all. 0; -EMSGSIZE: it will never be
 * taken; or -errno, and nw_syslog_ready_at() says when to try again.
 */
int nw_syslog_try(struct nw_syslog *s, uint64_t now, int priority, const char *text);

/* When the next attempt may be made (monotonic, ns), after a failed one; 0: at once. */
uint64_t nw_syslog_ready_at(const struct nw_syslog *s);

/* When to call nw_syslog_retry() (monotonic, ns); 0: nothing waits. */
uint64_t nw_syslog_retry_at(const struct nw_syslog *s);
void nw_syslog_retry(struct nw_syslog *s, uint64_t now);

void nw_syslog_get_state(const struct nw_syslog *s, struct nw_syslog_state *out);

/* LOG_AUTHPRIV for "authpriv", ...; -1 if there is no such facility. */
int nw_syslog_facility(const char *name);
/* Likewise LOG_CRIT for "crit", ... */
int nw_syslog_level(const char *name);

#endif
