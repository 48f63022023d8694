// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The talk with the daemon: one line of JSON there, one or many back. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli.h"
#include "../util/util.h"

/* A daemon that runs answers in milliseconds. */
#define ANSWER_MS 15000

/* One conversation. */
struct talk {
	const struct nw_cli *cli;
	int fd;
	char *buf; /* owned */
	size_t len, size;
	char *why; /* what went wrong, for people */
	size_t why_size;
};

static void talk_close(struct talk *t)
{
	nw_closep(&t->fd);
	free(t->buf);
}

static int unreachable(struct talk *t, int err)
{
	snprintf(t->why, t->why_size, "negwatchd can't be reached at %s: %s\n%s", t->cli->socket,
		 strerror(err),
		 err == EACCES || err == EPERM ?
			 "Ask as root, or as a member of the group that the socket belongs to." :
		 err == ETIMEDOUT ?
			 "It is there, but does not answer: see `systemctl status negwatchd`, then "
			 "`systemctl restart "
			 "negwatchd`." :
			 "Start it with `systemctl start negwatchd`, or as root: negwatchd --foreground "
			 "--interface NAME");
	return NW_EXIT_UNREACHABLE;
}

static int connect_to(struct talk *t)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (strlen(t->cli->socket) >= sizeof(addr.sun_path))
		return unreachable(t, ENAMETOOLONG);
	strcpy(addr.sun_path, t->cli->socket);
	t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->fd < 0 || connect(t->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return unreachable(t, errno);
	return NW_EXIT_OK;
}

/* Takes the request over. */
static int send_request(struct talk *t, json_t *request)
{
	_cleanup_free_ char *text = json_dumps(request, JSON_COMPACT);
	size_t len = text ? strlen(text) : 0, done = 0;

	json_decref(request);
	if (!text)
		return unreachable(t, ENOMEM);
	text[len++] = '\n'; /* in the terminator's place */
	while (done < len) {
		ssize_t n = send(t->fd, text + done, len - done, MSG_NOSIGNAL);

		if (n < 0)
			return unreachable(t, errno);
		done += (size_t)n;
	}
	return NW_EXIT_OK;
}

/* More of what the daemon says. 0; -ETIMEDOUT; -ECONNRESET: it has closed; or -errno. */
static int receive(struct talk *t, int wait_ms)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN };
	int ready = poll(&p, 1, wait_ms);
	ssize_t n;

	if (ready <= 0)
		return ready ? (errno == EINTR ? 0 : -errno) : -ETIMEDOUT;
	if (t->size - t->len < 65536) {
		char *grown = realloc(t->buf, t->size * 2 + 65536);

		if (!grown)
			return -ENOMEM;
		t->buf = grown;
		t->size = t->size * 2 + 65536;
	}
	n = recv(t->fd, t->buf + t->len, t->size - t->len, 0);
	t->len += n > 0 ? (size_t)n : 0;
	return n > 0 ? 0 : n == 0 ? -ECONNRESET : -errno;
}

/* The next line as JSON, the caller's; wait_ms: for each piece of it, -1: for ever. 0 or as receive(),
 * -EPROTO. */
static int next_line(struct talk *t, int wait_ms, json_t **out)
{
	size_t looked = 0;
	char *end;
	int err;

	while (!(end = t->len > looked ? memchr(t->buf + looked, '\n', t->len - looked) : NULL)) {
		looked = t->len;
		err = receive(t, wait_ms);
		if (err)
			return err;
	}
	*out = json_loadb(t->buf, (size_t)(end - t->buf), 0, NULL);
	t->len -= (size_t)(end + 1 - t->buf);
	memmove(t->buf, end + 1, t->len);
	return *out ? 0 : -EPROTO;
}

static int begin(struct talk *t, json_t *request, json_t **reply)
{
	int ret = connect_to(t), err;
	const char *error;

	if (ret) {
		json_decref(request);
		return ret;
	}
	ret = send_request(t, request);
	if (ret)
		return ret;
	err = next_line(t, t->cli->answer_ms ? t->cli->answer_ms : ANSWER_MS, reply);
	if (err)
		return unreachable(t, -err);
	if (json_is_true(json_object_get(*reply, "ok")))
		return NW_EXIT_OK;
	error = json_string_value(json_object_get(*reply, "error"));
	snprintf(t->why, t->why_size, "%s", error ? error : "the daemon's answer can't be understood");
	json_decref(*reply);
	*reply = NULL;
	return NW_EXIT_ERROR;
}

int nw_ask_quietly(const struct nw_cli *cli, json_t *request, json_t **reply, char *why, size_t size)
{
	_cleanup_(talk_close) struct talk t = { .cli = cli, .fd = -1, .why = why, .why_size = size };

	return begin(&t, request, reply);
}

int nw_ask(const struct nw_cli *cli, json_t *request, json_t **reply)
{
	char why[NW_WHY_MAX];
	int ret = nw_ask_quietly(cli, request, reply, why, sizeof(why));

	if (ret)
		fprintf(stderr, "negwatch: %s\n", why);
	return ret;
}

int nw_follow(const struct nw_cli *cli, json_t *request, unsigned int every_ms,
	      int (*fn)(void *arg, const json_t *line), void *arg)
{
	char why[NW_WHY_MAX];
	_cleanup_(talk_close) struct talk t = { .cli = cli, .fd = -1, .why = why, .why_size = sizeof(why) };
	json_t *line = NULL;
	int ret = begin(&t, request, &line), err = 0;

	json_decref(line);
	if (ret) {
		fprintf(stderr, "negwatch: %s\n", why);
		return ret;
	}
	if (every_ms)
		ret = fn(arg, NULL);
	while (!ret) {
		line = NULL;
		err = next_line(&t, every_ms ? (int)every_ms : -1, &line);
		if (err && err != -ETIMEDOUT)
			break;
		ret = fn(arg, line);
		json_decref(line);
	}
	if (!ret) {
		fprintf(stderr, "negwatch: negwatchd has ended%s%s\n", err == -ECONNRESET ? "" : ": ",
			err == -ECONNRESET ? "" : strerror(-err));
		return NW_EXIT_ERROR;
	}
	return ret < 0 ? NW_EXIT_OK : ret;
}

int nw_print_json(const char *key, const json_t *value)
{
	json_t *o = json_pack("{s:i,s:O}", "version", NW_CLI_VERSION, key, value);
	int bad = !o || json_dumpf(o, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) < 0 ||
		  putchar('\n') == EOF;

	json_decref(o);
	if (bad)
		fprintf(stderr, "negwatch: the output can't be written\n");
	return bad ? NW_EXIT_ERROR : NW_EXIT_OK;
}
