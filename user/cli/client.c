// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The talk with the daemon: one line of JSON there, one or many back. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli.h"
#include "../util/util.h"

/* A daemon that runs answers in milliseconds. */
#define ANSWER_S 15

static int unreachable(const struct nw_cli *cli, int err)
{
	fprintf(stderr, "negwatch: negwatchd can't be reached at %s: %s\n", cli->socket, strerror(err));
	if (err == EACCES || err == EPERM)
		fprintf(stderr, "Ask as root, or as a member of the group that the socket belongs to.\n");
	else
		fprintf(stderr,
			"Start it with `systemctl start negwatchd`, or as root: negwatchd --foreground "
			"--interface NAME\n");
	return NW_EXIT_UNREACHABLE;
}

static int connect_to(const struct nw_cli *cli, int *out)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval wait = { .tv_sec = ANSWER_S };
	_cleanup_close_ int fd = -1;

	if (strlen(cli->socket) >= sizeof(addr.sun_path))
		return unreachable(cli, ENAMETOOLONG);
	strcpy(addr.sun_path, cli->socket);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return unreachable(cli, errno);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	*out = TAKE_FD(fd);
	return NW_EXIT_OK;
}

static int send_request(const struct nw_cli *cli, int fd, json_t *request)
{
	_cleanup_free_ char *text = json_dumps(request, JSON_COMPACT);
	size_t len = text ? strlen(text) : 0, done = 0;

	json_decref(request);
	if (!text)
		return NW_EXIT_ERROR;
	text[len++] = '\n'; /* in the terminator's place */
	while (done < len) {
		ssize_t n = send(fd, text + done, len - done, MSG_NOSIGNAL);

		if (n < 0)
			return unreachable(cli, errno);
		done += (size_t)n;
	}
	return NW_EXIT_OK;
}

/* The next line as JSON; NULL at the end (*err 0) or on an error. */
static json_t *next_line(FILE *in, int *err)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	json_t *o;

	errno = 0;
	if (getline(&line, &size, in) < 0) {
		*err = ferror(in) ? (errno ? errno : EIO) : 0;
		return NULL;
	}
	o = json_loads(line, 0, NULL);
	*err = o ? 0 : EPROTO;
	return o;
}

static int refused(const json_t *reply)
{
	const char *error = json_string_value(json_object_get(reply, "error"));

	fprintf(stderr, "negwatch: %s\n", error ? error : "the daemon's answer can't be understood");
	return NW_EXIT_ERROR;
}

static int open_talk(const struct nw_cli *cli, json_t *request, FILE **in, json_t **reply)
{
	_cleanup_close_ int fd = -1;
	int ret = connect_to(cli, &fd), err;

	if (ret) {
		json_decref(request);
		return ret;
	}
	ret = send_request(cli, fd, request);
	if (ret)
		return ret;
	*in = fdopen(fd, "r");
	if (!*in)
		return unreachable(cli, errno);
	(void)TAKE_FD(fd);
	*reply = next_line(*in, &err);
	if (!*reply)
		return unreachable(cli, err == EAGAIN ? ETIMEDOUT : err ? err : ECONNRESET);
	if (!json_is_true(json_object_get(*reply, "ok"))) {
		ret = refused(*reply);
		json_decref(*reply);
		*reply = NULL;
	}
	return ret;
}

int nw_ask(const struct nw_cli *cli, json_t *request, json_t **reply)
{
	_cleanup_fclose_ FILE *in = NULL;

	return open_talk(cli, request, &in, reply);
}

int nw_follow(const struct nw_cli *cli, json_t *request, int (*fn)(void *arg, const json_t *line), void *arg)
{
	_cleanup_fclose_ FILE *in = NULL;
	struct timeval for_ever = { 0 };
	json_t *line = NULL;
	int ret = open_talk(cli, request, &in, &line), err = 0;

	json_decref(line);
	if (ret)
		return ret;
	setsockopt(fileno(in), SOL_SOCKET, SO_RCVTIMEO, &for_ever, sizeof(for_ever));
	while (!ret && (line = next_line(in, &err))) {
		ret = fn(arg, line);
		json_decref(line);
	}
	if (!line) {
		fprintf(stderr, "negwatch: negwatchd has ended%s%s\n", err ? ": " : "",
			err ? strerror(err) : "");
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
