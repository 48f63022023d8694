// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A syslog client that never blocks, with a bounded queue and growing pauses between attempts. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#define SYSLOG_NAMES
#include <syslog.h>

#include "syslog.h"
#include "../util/log.h"
#include "../util/time.h"
#include "../util/util.h"

#define PAUSE_MIN 100000000ULL /* 0.1 s */
#define PAUSE_MAX 30000000000ULL

struct nw_syslog {
	char *path;
	int fd;
	int facility;
	enum nw_syslog_format format;
	char host[HOST_NAME_MAX + 1];
	char **queue; /* ring of messages; owned */
	unsigned int max, head, count;
	uint64_t sent, dropped;
	uint64_t pause, retry_at;
	int error;
};

int nw_syslog_facility(const char *name)
{
	for (const CODE *c = facilitynames; c->c_name; c++)
		if (strcmp(c->c_name, name) == 0)
			return c->c_val;
	return -1;
}

int nw_syslog_level(const char *name)
{
	for (const CODE *c = prioritynames; c->c_name; c++)
		if (strcmp(c->c_name, name) == 0 && c->c_val <= LOG_DEBUG)
			return c->c_val;
	return -1;
}

int nw_syslog_new(struct nw_syslog **out, const char *path, int facility, unsigned int max_queue)
{
	struct nw_syslog *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->fd = -1;
	s->facility = facility;
	strcpy(s->host, "-");
	s->max = max_queue;
	s->queue = calloc(max_queue, sizeof(*s->queue));
	s->path = path ? strdup(path) : NULL;
	if (!s->queue || (path && !s->path)) {
		nw_syslog_free(&s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void nw_syslog_free(struct nw_syslog **sp)
{
	struct nw_syslog *s = *sp;

	if (!s)
		return;
	for (unsigned int i = 0; s->queue && i < s->max; i++)
		free(s->queue[i]);
	free(s->queue);
	free(s->path);
	nw_closep(&s->fd);
	free(s);
	*sp = NULL;
}

void nw_syslog_set_format(struct nw_syslog *s, enum nw_syslog_format format, const char *host)
{
	s->format = format;
	snprintf(s->host, sizeof(s->host), "%s", host);
}

static int connect_to(struct nw_syslog *s)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;

	if (strlen(s->path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, s->path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	s->fd = TAKE_FD(fd);
	return 0;
}

/* One datagram. A receiver that was restarted needs a new connection: tried once, at once. */
static int send_one(struct nw_syslog *s, const char *msg)
{
	int err = 0;

	for (int attempt = 0; attempt < 2; attempt++) {
		if (s->fd < 0)
			err = connect_to(s);
		if (s->fd < 0)
			return err;
		if (send(s->fd, msg, strlen(msg), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 0;
		err = -errno;
		if (err == -EAGAIN || err == -ENOBUFS || err == -EMSGSIZE)
			return err;
		nw_closep(&s->fd);
	}
	return err;
}

static void note(struct nw_syslog *s, uint64_t now, int err)
{
	int before = s->error;

	/* First: what is logged may come back here as a message. */
	s->error = err;
	if (err && !before)
		nw_warn("Syslog (%s) does not take alerts: %s. They are in the alert journal, and are sent "
			"when "
			"it does.",
			s->path, strerror(-err));
	if (!err && before)
		nw_info("Syslog (%s) takes alerts again", s->path);
	if (err) {
		s->pause = s->pause ? s->pause * 2 : PAUSE_MIN;
		if (s->pause > PAUSE_MAX)
			s->pause = PAUSE_MAX;
		s->retry_at = now + s->pause;
	} else {
		s->pause = 0;
		s->sent++;
	}
}

static void drop_oldest(struct nw_syslog *s)
{
	free(s->queue[s->head]);
	s->queue[s->head] = NULL;
	s->head = (s->head + 1) % s->max;
	s->count--;
}

static void enqueue(struct nw_syslog *s, const char *msg)
{
	char *copy = strdup(msg);

	if (s->count == s->max) {
		drop_oldest(s);
		s->dropped++;
	}
	if (!copy) {
		s->dropped++;
		return;
	}
	s->queue[(s->head + s->count++) % s->max] = copy;
}

/* The form that the receiver reads, as one string. */
static void with_header(const struct nw_syslog *s, char msg[NW_SYSLOG_DATAGRAM], int priority,
			const char *text)
{
	struct nw_syslog_head head = {
		.priority = priority & LOG_FACMASK ? priority : s->facility | priority,
		.wall = nw_wall(),
		.host = s->host,
		.pid = (int)getpid(),
	};

	nw_syslog_datagram(msg, NW_SYSLOG_DATAGRAM, s->format, &head, text);
}

/* After a failure only the clock says when to try again, whoever asks. */
static bool waits(const struct nw_syslog *s, uint64_t now)
{
	return s->error && now < s->retry_at;
}

int nw_syslog_try(struct nw_syslog *s, uint64_t now, int priority, const char *text)
{
	char msg[NW_SYSLOG_DATAGRAM];
	int err;

	if (!s->path)
		return 0;
	if (waits(s, now))
		return -EAGAIN;
	with_header(s, msg, priority, text);
	err = send_one(s, msg);
	if (err != -EMSGSIZE)
		note(s, now, err);
	return err;
}

uint64_t nw_syslog_ready_at(const struct nw_syslog *s)
{
	return s->error ? s->retry_at : 0;
}

void nw_syslog_send(struct nw_syslog *s, uint64_t now, int priority, const char *text)
{
	char msg[NW_SYSLOG_DATAGRAM];

	if (!s->path)
		return;
	with_header(s, msg, priority, text);
	if (!s->count && !waits(s, now)) {
		int err = send_one(s, msg);

		note(s, now, err);
		if (!err)
			return;
	}
	enqueue(s, msg);
}

uint64_t nw_syslog_retry_at(const struct nw_syslog *s)
{
	return s->count ? s->retry_at : 0;
}

void nw_syslog_retry(struct nw_syslog *s, uint64_t now)
{
	while (s->count && now >= s->retry_at) {
		int err = send_one(s, s->queue[s->head]);

		note(s, now, err);
		if (err)
			return;
		drop_oldest(s);
	}
}

void nw_syslog_get_state(const struct nw_syslog *s, struct nw_syslog_state *out)
{
	*out = (struct nw_syslog_state){
		.path = s->path,
		.connected = s->fd >= 0,
		.backlog = s->count,
		.sent = s->sent,
		.dropped = s->dropped,
		.error = s->error,
	};
}
