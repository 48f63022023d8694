// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * All of the daemon but the kernel's side, without memory: a connection that was altered comes by the source,
 * a client asks for everything, the configuration is read again. What the daemon counts as told is in the
 * journal or complained of, and reaches syslog; what the engine could not take is counted as lost.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "faults.h"
#include "../fuzz/fuzz.h"
#include "../unit/talk.h"
#include "../../user/daemon/daemon.h"
#include "../../user/daemon/peers.h"
#include "../../user/sink/peers_file.h"
#include "../../user/util/log.h"
#include "../../user/util/time.h"
#include "../../user/util/util.h"

#define EVENTS_MAX 32

static struct nw_daemon D;
static struct nw_settings settings;
static struct sockaddr_un receiver = { .sun_family = AF_UNIX, .sun_path = "log" };
static int syslog_fd, client_fd = -1;
static struct nw_event *event[EVENTS_MAX];
static unsigned int n_events;

static int keep_event(void *arg, const struct nw_event *ev)
{
	if (n_events == EVENTS_MAX)
		return -E2BIG;
	event[n_events] = malloc(sizeof(*ev));
	memcpy(event[n_events++], ev, sizeof(*ev));
	return 0;
}

static int to_tap(void *arg, const uint8_t *data, uint32_t len, uint64_t ts, uint64_t frame)
{
	struct nw_tap_packet p = { .data = data, .caplen = len, .len = len, .ts = ts, .frame = frame };

	return nw_tap_packet(arg, &p);
}

static void make_events(void)
{
	static const uint16_t ports[] = { 445 };
	struct nw_tap_config tc = { .ports = ports, .n_ports = 1, .max_flows = 8 };
	struct talk_how how = { .isn = { 1, 9 } };
	struct talk_params low = talk_client;
	struct nw_tap *tap = NULL;
	uint64_t first;
	struct talk t;

	low.n_dialects--;
	talk_usual(&t, &low, &talk_client, &talk_server, &talk_server, TALK_END_SERVER_FIN);
	if (nw_tap_new(&tap, &tc, keep_event, NULL) || talk_frames(&t, &how, to_tap, tap))
		abort();
	nw_tap_free(&tap);
	talk_free(&t);
	/* They happen now. */
	first = event[0]->ts;
	for (unsigned int i = 0; i < n_events; i++) {
		event[i]->ts += nw_monotonic() - first;
		event[i]->start_ts = event[i]->start_ts ? nw_monotonic() : 0;
	}
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(name, "we");

	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

void faults_straw_prepare(void)
{
	static const char *options[1];

	put("f.conf",
	    "run_dir = /proc/self/cwd/run\nstate_dir = /proc/self/cwd/state\nmax_flows = 64\nmax_peers = 32\n"
	    "syslog_socket = /proc/self/cwd/log\nmetrics_file = /proc/self/cwd/metrics\n"
	    "interfaces = nw-fault*\nevidence_memory_kib = 256\n");
	syslog_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(syslog_fd, (struct sockaddr *)&receiver, sizeof(receiver)))
		abort();
	make_events();
	settings = (struct nw_settings){ .file = "f.conf", .option = options };
	D.settings = &settings;
	if (mkdir("state", 0700))
		abort();
	put("state/" NW_PEERS_FILE, "{\"type\":\"peers\",\"version\":1}\n");
}

/* The answer, or NULL with a word on it: none came. */
static char *ask(const char *request)
{
	static char answer[1 << 20];
	ssize_t n;

	if (client_fd < 0) {
		struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "run/" NW_CONTROL_SOCKET };

		client_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(client_fd, (struct sockaddr *)&addr, sizeof(addr)))
			return NULL;
	}
	nw_control_dispatch(D.control, nw_monotonic());
	if (send(client_fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		n = 0;
	else {
		nw_control_dispatch(D.control, nw_monotonic());
		nw_control_dispatch(D.control, nw_monotonic());
		n = recv(client_fd, answer, sizeof(answer) - 1, MSG_DONTWAIT);
	}
	if (n > 0) {
		answer[n] = 0;
		return answer;
	}
	nw_closep(&client_fd);
	fprintf(stderr, "no answer to %s", request);
	return NULL;
}

static const char *const requests[] = {
	"{\"cmd\":\"status\"}\n",  "{\"cmd\":\"stats\"}\n",
	"{\"cmd\":\"metrics\"}\n", "{\"cmd\":\"flows\"}\n",
	"{\"cmd\":\"peers\"}\n",   "{\"cmd\":\"alerts\",\"limit\":9}\n",
	"{\"cmd\":\"verbs\"}\n",   "{\"cmd\":\"show\",\"id\":1}\n",
	"{\"cmd\":\"reload\"}\n",  "{\"cmd\":\"replay\",\"since\":\"2h\"}\n",
	"{\"cmd\":\"none\"}\n",	   "{\"cmd\":\"evidence\",\"id\":1}\n",
};

/* Each answer is one JSON object; those that say no go to stderr. Kept as text: jansson has no memory now. */
static char *answers[NW_ARRAY_SIZE(requests)];

static void ticks(void)
{
	uint64_t now = nw_monotonic();

	nw_engine_tick(D.engine, now);
	nw_alerts_tick(&D, now, true);
	nw_evidence_tick(D.evidence, now, nw_wall_offset());
	nw_daemon_peers_tick(&D, now + 3600 * NW_NS_PER_S);
	nw_metrics_tick(&D, now);
}

static bool started;

int faults_straw(void)
{
	static char kept[NW_ARRAY_SIZE(requests)][65536];
	char *text;

	if (nw_settings_read(&settings, &D.cfg))
		return 1;
	if (nw_daemon_start(&D)) {
		nw_daemon_stop(&D);
		return 1;
	}
	started = true;
	for (unsigned int i = 0; i < n_events; i++)
		fuzz_live_event(event[i]);
	ticks();
	for (size_t i = 0; i < NW_ARRAY_SIZE(requests); i++) {
		text = ask(requests[i]);
		if (text && strlen(text) < sizeof(kept[i]))
			answers[i] = strcpy(kept[i], text);
	}
	ticks();
	return 0;
}

static unsigned int drain_syslog(char *all, size_t size)
{
	unsigned int n = 0;
	size_t used = strlen(all);
	ssize_t len;

	while (used < size && (len = recv(syslog_fd, all + used, size - used - 1, MSG_DONTWAIT)) > 0) {
		used += (size_t)len;
		all[used] = 0;
		n++;
	}
	return n;
}

static int check_answers(void)
{
	for (size_t i = 0; i < NW_ARRAY_SIZE(requests); i++) {
		json_error_t why = { 0 };
		json_t *o = answers[i] ? json_loads(answers[i], 0, &why) : NULL;

		if (answers[i] && !json_is_object(o))
			return faults_broken("answer %zu is no object: %s (%d): ...%.80s", i, why.text,
					     why.position,
					     answers[i] + (why.position > 60 ? why.position - 60 : 0));
		if (o && !json_is_boolean(json_object_get(o, "ok")))
			return faults_broken("answer to %s without \"ok\": %s", requests[i], answers[i]);
		if (o)
			printf("%zu %s\n", i, json_is_true(json_object_get(o, "ok")) ? "ok" : "no");
		if (o && json_is_false(json_object_get(o, "ok")))
			fprintf(stderr, "%s", answers[i]);
		json_decref(o);
	}
	return 0;
}

int faults_straw_check(int status)
{
	static char told[1 << 18];
	unsigned int seen[8] = { 0 };
	int broken;

	if (!started)
		return status;
	broken = check_answers();
	/* All is well again: what waited goes on. */
	for (int i = 0; i < 8; i++) {
		ticks();
		drain_syslog(told, sizeof(told));
		nw_syslog_retry(D.alerts.syslog, UINT64_MAX);
	}
	if (!broken && !ask("{\"cmd\":\"ping\"}\n"))
		broken = faults_broken("no answer when memory is there again");
	for (unsigned int id = 1; id < NW_ARRAY_SIZE(seen) && id <= D.alerts.told; id++) {
		char mark[32];

		snprintf(mark, sizeof(mark), "alert_id=%u ", id);
		seen[id] = strstr(told, mark) != NULL;
		if (!seen[id] && !broken)
			broken = faults_broken("alert %u never reached syslog; the backlog is %u", id,
					       (unsigned int)nw_feed_backlog(D.alerts.feed));
		else
			printf("alert %u\n", id);
	}
	if (D.lost)
		fprintf(stderr, "%u events lost\n", (unsigned int)D.lost);
	if (access("state/" NW_PEERS_FILE ".old", F_OK) == 0)
		broken = faults_broken("the list of peers was set aside");
	nw_daemon_stop(&D);
	nw_closep(&client_fd);
	return broken ? broken : status;
}
