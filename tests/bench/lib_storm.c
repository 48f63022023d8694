// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A storm of connections over real sockets: a thread for either end. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "bench.h"
#include "storm.h"
#include "../../user/cost/bulk.h"
#include "../../user/cost/frames.h"
#include "../../user/util/time.h"
#include "../../user/util/util.h"

#define GIVE_UP_S 20

struct server {
	int listener;
	atomic_bool stop;
	const struct talk *talk;
};

static struct sockaddr_in server_address(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(NW_COST_PORT) };

	a.sin_addr.s_addr = htonl(NW_COST_ADDR(NW_COST_SERVER));
	return a;
}

/* Returns 0, or -errno when the message did not come whole. */
static int receive(int fd, uint32_t len)
{
	uint8_t buf[TALK_MSG_MAX];
	ssize_t n = recv(fd, buf, len, MSG_WAITALL);

	return n == (ssize_t)len ? 0 : n < 0 ? -errno : -ECONNRESET;
}

static int say(int fd, const struct talk_msg *m)
{
	return send(fd, m->bytes, m->len, MSG_NOSIGNAL) == (ssize_t)m->len ? 0 : -errno;
}

static void *serve(void *arg)
{
	struct server *s = arg;
	const struct talk_msg *m = s->talk->msg;

	while (!atomic_load(&s->stop)) {
		_cleanup_close_ int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 || receive(fd, m[0].len) < 0 || say(fd, &m[1]) < 0)
			continue;
		/* VALIDATE, which is answered by nobody, then the reset */
		while (recv(fd, (uint8_t[512]){ 0 }, 512, 0) > 0)
			;
	}
	return NULL;
}

static int connect_once(const struct talk *t)
{
	static const struct linger reset = { .l_onoff = 1 };
	static const struct timeval limit = { .tv_sec = GIVE_UP_S };
	struct sockaddr_in a = server_address();
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -errno;
	err = say(fd, &t->msg[0]);
	err = err ? err : receive(fd, t->msg[1].len);
	return err ? err : say(fd, &t->msg[2]);
}

static int open_listener(const struct nw_cost_wire *w)
{
	static const struct timeval limit = { .tv_usec = 100000 };
	struct sockaddr_in a = server_address();
	_cleanup_close_ int fd = -1;
	int one = 1, err = nw_cost_wire_enter(w, NW_COST_SERVER);

	if (!err)
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err ? err : -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)); /* accept, too */
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 128) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int run(const struct nw_cost_wire *w, const struct talk *t, uint64_t ns, struct bench_storm *out)
{
	struct server s = { .talk = t };
	_cleanup_close_ int listener = open_listener(w);
	uint64_t start;
	pthread_t thread;
	double cpu;
	int err;

	if (listener < 0)
		return listener;
	s.listener = listener;
	err = nw_cost_wire_enter(w, NW_COST_CLIENT);
	err = err ? err : -pthread_create(&thread, NULL, serve, &s);
	if (err)
		return err;
	*out = (struct bench_storm){ 0 };
	cpu = nw_cost_cpu_s();
	start = nw_monotonic();
	do
		err = connect_once(t);
	while (++out->connections && !err && nw_monotonic() < start + ns);
	out->wall_s = (double)(nw_monotonic() - start) / 1e9;
	atomic_store(&s.stop, true);
	pthread_join(thread, NULL);
	out->cpu_s = nw_cost_cpu_s() - cpu;
	return err;
}

int bench_storm(const struct nw_cost_wire *w, uint64_t ns, struct bench_storm *out)
{
	struct talk t;
	int err;

	talk_init(&t);
	bench_handshake(&t, false);
	err = run(w, &t, ns, out);
	talk_free(&t);
	return err;
}
