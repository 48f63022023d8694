// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A bulk transfer of SMB2 WRITEs between the two ends of a wire, and what it cost. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "bulk.h"
#include "frames.h"
#include "../util/time.h"
#include "../util/util.h"

#define MESSAGE (1u << 20)
#define GIVE_UP_S 20
#define THREADS_MAX 1024

/* Nanoseconds of CPU time that all ksoftirqd threads had so far: they do the network's work when it is much.
 */
static uint64_t softirqd_ns(void)
{
	static char paths[THREADS_MAX][48];
	static int n_paths = -1;
	char text[64];
	uint64_t sum = 0;

	if (n_paths < 0) {
		DIR *proc = opendir("/proc");
		struct dirent *e;

		n_paths = 0;
		while (proc && n_paths < THREADS_MAX && (e = readdir(proc))) {
			_cleanup_fclose_ FILE *f = NULL;

			if (*e->d_name < '0' || *e->d_name > '9')
				continue;
			snprintf(paths[n_paths], sizeof(paths[0]), "/proc/%.20s/comm", e->d_name);
			f = fopen(paths[n_paths], "re");
			if (!f || !fgets(text, sizeof(text), f) || strncmp(text, "ksoftirqd/", 10) != 0)
				continue;
			snprintf(paths[n_paths++], sizeof(paths[0]), "/proc/%.20s/schedstat", e->d_name);
		}
		if (proc)
			closedir(proc);
	}
	for (int i = 0; i < n_paths; i++) {
		_cleanup_fclose_ FILE *f = fopen(paths[i], "re");

		if (f && fgets(text, sizeof(text), f))
			sum += strtoull(text, NULL, 10);
	}
	return sum;
}

double nw_cost_cpu_s(void)
{
	struct rusage ru = { 0 };

	getrusage(RUSAGE_SELF, &ru);
	return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	       (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6 + (double)softirqd_ns() / 1e9;
}

static struct sockaddr_in address(enum nw_cost_end end)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(NW_COST_PORT) };

	a.sin_addr.s_addr = htonl(NW_COST_ADDR(end));
	return a;
}

/* A socket in that end's namespace that never waits for long. */
static int make_socket(const struct nw_cost_wire *w, enum nw_cost_end end)
{
	struct timeval limit = { .tv_sec = GIVE_UP_S };
	int fd, one = 1, err = nw_cost_wire_enter(w, end);

	fd = err ? -1 : socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err ? err : -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return fd;
}

static int connect_ends(const struct nw_cost_wire *w, int *client, int *server)
{
	struct sockaddr_in a = address(NW_COST_SERVER);
	struct timeval limit = { .tv_sec = GIVE_UP_S };
	_cleanup_close_ int listener = make_socket(w, NW_COST_SERVER);

	if (listener < 0)
		return listener;
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(listener, 1) < 0)
		return -errno;
	*client = make_socket(w, NW_COST_CLIENT);
	if (*client < 0)
		return *client;
	if (connect(*client, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -errno;
	*server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (*server < 0)
		return -errno;
	setsockopt(*server, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return 0;
}

struct receiver {
	int fd;
	uint64_t bytes;
};

static void *receive(void *arg)
{
	static char buf[256 * 1024];
	struct receiver *r = arg;
	ssize_t n;

	while ((n = recv(r->fd, buf, sizeof(buf), 0)) > 0)
		r->bytes += (uint64_t)n;
	return NULL;
}

static int send_all(int fd, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* NEGOTIATE, so that programs follow the connection; then one WRITE after the other. */
static int send_for(int fd, uint64_t ns)
{
	static uint8_t message[MESSAGE];
	uint64_t end = nw_monotonic() + ns;
	int err = send_all(fd, message, nw_cost_negotiate(message));

	nw_cost_write(message, MESSAGE);
	/* One at least: on a busy machine the time may be over before it began. */
	do
		err = err ? err : send_all(fd, message, MESSAGE);
	while (!err && nw_monotonic() < end);
	return err;
}

int nw_cost_bulk(const struct nw_cost_wire *w, uint64_t ns, struct nw_cost_bulk *out)
{
	_cleanup_close_ int client = -1, server = -1;
	struct receiver r = { 0 };
	double cpu;
	uint64_t start;
	pthread_t thread;
	int err = connect_ends(w, &client, &server);

	if (err)
		return err;
	r.fd = server;
	cpu = nw_cost_cpu_s();
	start = nw_monotonic();
	err = -pthread_create(&thread, NULL, receive, &r);
	if (err)
		return err;
	err = send_for(client, ns);
	shutdown(client, SHUT_WR);
	pthread_join(thread, NULL);
	out->cpu_s = nw_cost_cpu_s() - cpu;
	out->wall_s = (double)(nw_monotonic() - start) / 1e9;
	out->gb = (double)r.bytes / 1e9;
	return !err && !r.bytes ? -EIO : err;
}
