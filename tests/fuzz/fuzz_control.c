// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The control socket and all that answers behind it: up to three clients that send what they like in pieces,
 * read late or not at all, and leave. Held to: each line that comes back is one JSON object, an answer to a
 * request says whether it is "ok", and nothing is left of who is gone.
 *
 * Input: steps of a byte each and what they need, see step().
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fuzz.h"
#include "../../user/daemon/daemon.h"
#include "../../user/daemon/query.h"
#include "../../user/util/util.h"

#define STEPS_MAX 200

static struct nw_daemon D;
static struct nw_settings settings;
static struct sockaddr_un addr = { .sun_family = AF_UNIX };
static uint64_t now;

struct client {
	int fd;
	char *text; /* of the line that is not whole yet */
	size_t len;
};

static struct client client[3];

static void line(const char *text, size_t len)
{
	json_t *o = json_loadb(text, len, 0, NULL);

	HOLDS(json_is_object(o));
	HOLDS(json_is_boolean(json_object_get(o, "ok")) || json_object_get(o, "lost") ||
	      json_object_get(o, "negwatch"));
	json_decref(o);
}

static void hear(struct client *c)
{
	char buf[65536], *end;
	ssize_t n = c->fd < 0 ? 0 : recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n <= 0)
		return;
	c->text = realloc(c->text, c->len + (size_t)n);
	memcpy(c->text + c->len, buf, (size_t)n);
	c->len += (size_t)n;
	while (c->len && (end = memchr(c->text, '\n', c->len))) {
		size_t one = (size_t)(end - c->text);

		line(c->text, one);
		c->len -= one + 1;
		memmove(c->text, end + 1, c->len);
	}
}

static void leave(struct client *c)
{
	nw_closep(&c->fd);
	free(c->text);
	*c = (struct client){ .fd = -1 };
}

static void come(struct client *c)
{
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	HOLDS(c->fd >= 0 && connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
}

static void say(struct client *c, const void *p, size_t n)
{
	if (c->fd < 0)
		come(c);
	send(c->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* A request that is understood. */
static void ask(struct client *c, struct bytes *b)
{
	static const char *const verbs[] = { "status", "alerts",  "show",      "flows", "peers",
					     "stats",  "metrics", "watch",     "ping",	"verbs",
					     "reload", "replay",  "test-alert" };
	static const char *const times[] = { "2026-11-22T12:00:00Z", "2h", "", "13:05", "9999999999d" };
	uint8_t which = take8(b);
	char text[256];
	int n = snprintf(text, sizeof(text),
			 "{\"cmd\":\"%s\",\"limit\":%d,\"id\":%d,\"since\":%s%s%s,\"not_validated\":%s}\n",
			 verbs[which % NW_ARRAY_SIZE(verbs)], (int16_t)take16(b), (int8_t)take8(b),
			 which & 0x40 ? "\"" : "", which & 0x40 ? times[which >> 4 & 3] : "1",
			 which & 0x40 ? "\"" : "", which & 0x20 ? "true" : "false");

	say(c, text, (size_t)n);
}

static void step(struct bytes *b)
{
	static const char alert[] = "{\"negwatch\":{}}";
	uint8_t op = take8(b);
	struct client *c = &client[(op & 3) % 3];
	const uint8_t *p;
	size_t n;

	switch (op >> 2 & 7) {
	case 0:
	case 1: /* bytes of the input, and the line's end */
		n = take8(b);
		p = take_some(b, &n);
		say(c, p, n);
		if (op & 0x20)
			say(c, "\n", 1);
		break;
	case 2:
	case 3:
		ask(c, b);
		break;
	case 4:
		leave(c);
		break;
	case 5: /* reads no more, or says no more */
		if (c->fd >= 0)
			shutdown(c->fd, op & 0x20 ? SHUT_RD : SHUT_WR);
		break;
	case 6:
		nw_control_publish(D.control, now, alert, sizeof(alert) - 1);
		break;
	case 7:
		now += (uint64_t)take8(b) * 100000000;
		nw_control_tick(D.control, now);
		break;
	}
	nw_control_dispatch(D.control, now);
	if (op & 0x40)
		hear(c);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char state[PATH_MAX], run[PATH_MAX], file[PATH_MAX];
	static const char *options[] = { "syslog_socket=none", state, run, "interfaces=nw-none" };

	fuzz_quiet();
	snprintf(state, sizeof(state), "state_dir=%s", fuzz_dir());
	snprintf(run, sizeof(run), "run_dir=%s", fuzz_dir());
	snprintf(file, sizeof(file), "%s/f.conf", fuzz_dir());
	fuzz_put("f.conf", "", 0);
	settings = (struct nw_settings){ .file = file, .option = options, .n_options = 4 };
	D.settings = &settings;
	HOLDS(nw_settings_read(&settings, &D.cfg) == 0);
	strcpy(D.host, "straw");
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" NW_CONTROL_SOCKET, fuzz_dir());
	for (size_t i = 0; i < NW_ARRAY_SIZE(client); i++)
		client[i].fd = -1;
	return 0;
}

/* A daemon for each input: what the one before asked of it does not count. */
static void start(void)
{
	static const struct nw_engine_ops ops;
	const struct nw_evidence_limits few = { .files = 4, .bytes = 65536 };
	const struct nw_evidence_config evidence = { .state_dir = D.cfg.state_dir, .memory = 65536 };
	struct nw_engine_config cfg;

	nw_engine_defaults(&cfg);
	cfg.max_conns = cfg.max_peers = 8;
	HOLDS(nw_control_new(&D.control, D.cfg.run_dir, nw_query, &D) == 0);
	HOLDS(nw_evidence_new(&D.evidence, &evidence, &few) == 0);
	HOLDS(nw_alerts_start(&D) == 0);
	HOLDS(nw_engine_new(&D.engine, &cfg, &ops, &D) == 0);
	HOLDS(nw_live_new(&D.live, NULL, NULL, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, data + size };
	unsigned int i;

	now = 1000000000;
	start();
	for (i = 0; i < STEPS_MAX && left(&b); i++)
		step(&b);
	for (i = 0; i < NW_ARRAY_SIZE(client); i++) {
		hear(&client[i]);
		leave(&client[i]);
	}
	for (i = 0; i < 8 && nw_control_due(D.control); i++)
		nw_control_dispatch(D.control, now);
	nw_control_tick(D.control, now + 3600 * NW_NS_PER_S);
	HOLDS(!nw_control_due(D.control));
	nw_daemon_stop(&D);
	fuzz_clear("");
	fuzz_put("f.conf", "", 0);
	return 0;
}
