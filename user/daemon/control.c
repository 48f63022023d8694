// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The control socket: clients, their lines, and the limits that keep them from harming the daemon. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "control.h"
#include "../util/file.h"
#include "../util/log.h"
#include "../util/peer.h"
#include "../util/util.h"

#define CLIENTS_MAX 32
/* The last of them are root's: who fills the others can't keep the administrator out. */
#define CLIENTS_ROOT 4
#define REQUEST_MAX 65536
/* Beyond this a watcher misses lines. Answers to requests may be larger: there is one per client at a time.
 */
#define WATCH_MAX (1u << 20)
#define IDLE_NS 5000000000ULL	/* from connecting, or the last answer, to a complete request */
#define STUCK_NS 30000000000ULL /* without a byte of the answer being read */

struct client {
	int fd;
	uid_t uid;
	bool used, watching, closing;
	char *in; /* REQUEST_MAX bytes, owned */
	size_t in_len;
	char *out; /* owned */
	size_t out_len, out_done;
	uint64_t lost;
	uint64_t deadline; /* 0: none */
};

struct nw_control {
	int epoll_fd, listen_fd;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	bool bound;
	nw_answer_fn answer;
	void *arg;
	struct client client[CLIENTS_MAX];
};

static int watch_fd(struct nw_control *c, int op, int fd, uint32_t events, uint32_t index)
{
	struct epoll_event ev = { .events = events, .data.u32 = index };

	return epoll_ctl(c->epoll_fd, op, fd, &ev) < 0 ? -errno : 0;
}

/* -EBUSY: somebody listens there; pid is his, if it can be told. */
static int bind_socket(struct nw_control *c, const struct sockaddr_un *addr, pid_t *pid)
{
	int ret = nw_listener(addr, sizeof(*addr), pid);
	struct stat st;
	mode_t before;

	if (ret == 0 || ret == -EAGAIN)
		return -EBUSY;
	/* What nobody listens at was left by a dead daemon. Other kinds of files are not ours to remove. */
	if (lstat(c->path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(c->path);
	before = umask(0117);
	ret = bind(c->listen_fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? -errno : 0;
	umask(before);
	c->bound = !ret;
	if (!ret && listen(c->listen_fd, CLIENTS_MAX) < 0)
		ret = -errno;
	return ret;
}

int nw_control_new(struct nw_control **out, const char *run_dir, nw_answer_fn answer, void *arg)
{
	struct nw_control *c = calloc(1, sizeof(*c));
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char path[PATH_MAX], who[32] = "";
	pid_t pid = 0;
	int err = 0;

	if (!c)
		return nw_err_r(-ENOMEM, "Out of memory");
	c->answer = answer;
	c->arg = arg;
	c->listen_fd = c->epoll_fd = -1;
	snprintf(path, sizeof(path), "%s/" NW_CONTROL_SOCKET, run_dir);
	if (strlen(path) >= sizeof(addr.sun_path)) {
		free(c);
		return nw_err_r(-ENAMETOOLONG, "run_dir is too long for a socket in it (107 bytes in all)");
	}
	strcpy(addr.sun_path, path);
	strcpy(c->path, path);
	if (mkdir(run_dir, 0755) < 0 && errno != EEXIST)
		err = -errno;
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	c->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (!err)
		err = c->epoll_fd < 0 || c->listen_fd < 0 ? -errno : bind_socket(c, &addr, &pid);
	if (!err)
		err = watch_fd(c, EPOLL_CTL_ADD, c->listen_fd, EPOLLIN, CLIENTS_MAX);
	if (err) {
		nw_control_free(&c);
		if (pid)
			snprintf(who, sizeof(who), " (pid %d)", (int)pid);
		return nw_err_r(
			err,
			err == -EBUSY ?
				"Another negwatchd%s listens at %s; stop it, or set another run_dir" :
				"The control socket%s %s can't be made: %m. Check run_dir and its rights.",
			who, path);
	}
	*out = c;
	return 0;
}

static void drop(struct client *cl)
{
	nw_closep(&cl->fd);
	free(cl->in);
	free(cl->out);
	*cl = (struct client){ .fd = -1 };
}

void nw_control_free(struct nw_control **cp)
{
	struct nw_control *c = *cp;

	if (!c)
		return;
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (c->client[i].used)
			drop(&c->client[i]);
	if (c->bound)
		unlink(c->path);
	nw_closep(&c->listen_fd);
	nw_closep(&c->epoll_fd);
	free(c);
	*cp = NULL;
}

int nw_control_fd(const struct nw_control *c)
{
	return c->epoll_fd;
}

/* Appends to what the client will get. False if that is not possible; it is dropped then. */
static bool append(struct client *cl, const char *text, size_t len)
{
	char *grown;

	if (cl->out_done) {
		memmove(cl->out, cl->out + cl->out_done, cl->out_len - cl->out_done);
		cl->out_len -= cl->out_done;
		cl->out_done = 0;
	}
	grown = realloc(cl->out, cl->out_len + len + 1);
	if (!grown) {
		drop(cl);
		return false;
	}
	cl->out = grown;
	memcpy(grown + cl->out_len, text, len);
	grown[cl->out_len + len] = '\n';
	cl->out_len += len + 1;
	return true;
}

/* Sends what can be sent. False if the client is gone. */
static bool flush(struct nw_control *c, struct client *cl, uint64_t now)
{
	while (cl->out_done < cl->out_len) {
		ssize_t n = send(cl->fd, cl->out + cl->out_done, cl->out_len - cl->out_done,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			drop(cl);
			return false;
		}
		cl->out_done += (size_t)n;
		cl->deadline = now + STUCK_NS;
	}
	if (cl->out_done == cl->out_len) {
		free(cl->out);
		cl->out = NULL;
		cl->out_len = cl->out_done = 0;
		cl->deadline = cl->watching ? 0 : now + IDLE_NS;
		if (cl->closing) {
			drop(cl);
			return false;
		}
	}
	/* While an answer waits nothing more is read: the client's requests wait in its own socket. */
	watch_fd(c, EPOLL_CTL_MOD, cl->fd, cl->out_len ? EPOLLOUT : EPOLLIN, (uint32_t)(cl - c->client));
	return true;
}

/* One request. False if the client is gone. */
static bool serve(struct nw_control *c, struct client *cl, const char *line, size_t len, uint64_t now)
{
	json_t *request = json_loadb(line, len, 0, NULL);
	_cleanup_free_ char *text = NULL;
	size_t text_len = 0;
	FILE *out = open_memstream(&text, &text_len);
	bool watch = out && c->answer(c->arg, json_is_object(request) ? request : NULL, cl->uid, out);

	json_decref(request);
	if (nw_file_memory_end(out, &text) < 0) {
		drop(cl);
		return false;
	}
	cl->watching |= watch;
	cl->deadline = now + STUCK_NS;
	return append(cl, text, text_len) && flush(c, cl, now);
}

/* Whole lines out of what has come. An answer that waits to be read holds up the next request. */
static void take_lines(struct nw_control *c, struct client *cl, uint64_t now)
{
	char *end;

	while (cl->used && !cl->out_len && (end = memchr(cl->in, '\n', cl->in_len))) {
		size_t len = (size_t)(end - cl->in);
		_cleanup_free_ char *line = strndup(cl->in, len);

		cl->in_len -= len + 1;
		memmove(cl->in, end + 1, cl->in_len);
		if (!line || !serve(c, cl, line, strlen(line), now))
			return;
	}
	if (cl->used && !cl->out_len && cl->in_len == REQUEST_MAX) {
		static const char message[] =
			"{\"ok\":false,\"error\":\"the request is larger than 64 KiB\"}";

		cl->closing = true;
		if (append(cl, message, sizeof(message) - 1))
			flush(c, cl, now);
	}
}

static void receive(struct nw_control *c, struct client *cl, uint64_t now)
{
	ssize_t n;

	n = recv(cl->fd, cl->in + cl->in_len, REQUEST_MAX - cl->in_len, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(cl);
		return;
	}
	cl->in_len += (size_t)n;
	take_lines(c, cl, now);
}

static void welcome(struct nw_control *c, uint64_t now)
{
	static const char full[] = "{\"ok\":false,\"error\":\"too many clients (32); try again\"}\n";
	int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred who = { 0 };
	socklen_t len = sizeof(who);
	int i = 0, max = CLIENTS_MAX;

	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
		who.uid = (uid_t)-1;
	if (who.uid)
		max -= CLIENTS_ROOT;
	while (i < max && c->client[i].used)
		i++;
	if (i < max) {
		c->client[i] =
			(struct client){ .fd = fd, .uid = who.uid, .used = true, .deadline = now + IDLE_NS };
		c->client[i].in = malloc(REQUEST_MAX);
		if (!c->client[i].in || watch_fd(c, EPOLL_CTL_ADD, fd, EPOLLIN, (uint32_t)i) < 0)
			drop(&c->client[i]);
		return;
	}
	/* Best effort: who comes too late learns it if the socket takes it. */
	send(fd, full, sizeof(full) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

void nw_control_dispatch(struct nw_control *c, uint64_t now)
{
	struct epoll_event ready[CLIENTS_MAX + 1];
	int n = epoll_wait(c->epoll_fd, ready, CLIENTS_MAX + 1, 0);
	bool knocked = false;

	for (int i = 0; i < n; i++) {
		struct client *cl;

		knocked |= ready[i].data.u32 == CLIENTS_MAX;
		if (ready[i].data.u32 == CLIENTS_MAX)
			continue;
		cl = &c->client[ready[i].data.u32];
		/* An answer to another one may have dropped it meanwhile: it watched, and was gone. */
		if (!cl->used)
			continue;
		if (ready[i].events & EPOLLIN)
			receive(c, cl, now);
		else if (ready[i].events & EPOLLOUT && flush(c, cl, now))
			take_lines(c, cl, now);
		else if (cl->used && ready[i].events & (EPOLLHUP | EPOLLERR))
			drop(cl);
	}
	/* Last, so that no event of a client that was dropped is taken for one of who gets its place. */
	if (knocked)
		welcome(c, now);
}

uint64_t nw_control_due(const struct nw_control *c)
{
	uint64_t due = 0;

	for (int i = 0; i < CLIENTS_MAX; i++) {
		uint64_t d = c->client[i].used ? c->client[i].deadline : 0;

		if (d && (!due || d < due))
			due = d;
	}
	return due;
}

void nw_control_tick(struct nw_control *c, uint64_t now)
{
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (c->client[i].used && c->client[i].deadline && now >= c->client[i].deadline)
			drop(&c->client[i]);
}

void nw_control_publish(struct nw_control *c, uint64_t now, const char *line, size_t len)
{
	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct client *cl = &c->client[i];
		char lost[40];

		if (!cl->used || !cl->watching)
			continue;
		if (cl->out_len - cl->out_done + len > WATCH_MAX) {
			cl->lost++;
			continue;
		}
		if (!cl->out_len)
			cl->deadline = now + STUCK_NS;
		if (cl->lost) {
			int n = snprintf(lost, sizeof(lost), "{\"lost\":%llu}", (unsigned long long)cl->lost);

			cl->lost = 0;
			if (!append(cl, lost, (size_t)n))
				continue;
		}
		if (append(cl, line, len))
			flush(c, cl, now);
	}
}
