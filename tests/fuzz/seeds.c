// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * First inputs for the targets, from captures: DIRECTORY/TARGET/NAME-NUMBER for each frame, message, event,
 * capture, and what `negwatch read` says of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "../../bpf/wire/smb.h"
#include "../../user/cli/capture_flows.h"
#include "../../user/sink/flow_json.h"
#include "../../user/util/util.h"

/* Of what one capture gives one target; and bytes of the captures that are taken whole. */
#define EACH_MAX 64
#define CAPTURE_MAX 9000

static const char *directory, *name;
static unsigned int number;

/* head and body, one behind the other. */
static void put(const char *target, const void *head, size_t head_len, const void *body, size_t len)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", directory, target);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		perror(path);
	snprintf(path, sizeof(path), "%s/%s/%s-%u", directory, target, name, number++);
	f = fopen(path, "we");
	if (!f || fwrite(head, 1, head_len, f) != head_len || fwrite(body, 1, len, f) != len)
		perror(path);
}

struct events {
	uint8_t bytes[EACH_MAX * (NW_EVENT_FULL + 2)];
	size_t len;
};

static int on_event(void *arg, const struct nw_event *ev)
{
	struct events *e = arg;
	uint16_t size = ev->data_len ? NW_EVENT_FULL : NW_EVENT_SMALL;
	const uint8_t extract[2] = { 4, (uint8_t)(ev->type - NW_EV_NEGOTIATE_REQ) };
	const uint8_t judge[9] = { 3, 0, 0, 0, 0, 0, 0, ev->msg_len & 0xff, (ev->msg_len >> 8) & 0xff };

	if (ev->data_len > 4 && ev->type >= NW_EV_NEGOTIATE_REQ && ev->type <= NW_EV_VALIDATE_RSP)
		put("wire", extract, sizeof(extract), ev->data + 4, ev->data_len - 4u);
	if (ev->data_len > 4)
		put("wire", judge, sizeof(judge), ev->data + 4, nw_min(ev->data_len - 4u, NW_JUDGE_MAX));
	if (e->len + size + 2 > sizeof(e->bytes))
		return 0;
	memcpy(e->bytes + e->len, &size, 2);
	memcpy(e->bytes + e->len + 2, ev, size);
	e->len += 2u + size;
	return 0;
}

static int on_packet(void *arg, struct nw_tap_packet *p)
{
	static const uint8_t as_frame = 0;

	if (p->frame <= EACH_MAX)
		put("wire", &as_frame, 1, p->data, nw_min(p->caplen, 400));
	return nw_tap_packet(arg, p);
}

static int on_flow(void *arg, const struct nw_conn *c, int64_t wall_offset)
{
	static const uint8_t twice = 1;
	json_t *j = nw_flow_json(c, name, wall_offset);
	char *text = j ? json_dumps(j, NW_JSON_LINE) : NULL;

	if (text)
		put("locate", &twice, 1, text, strlen(text));
	free(text);
	json_decref(j);
	return 0;
}

static void from(const char *path)
{
	static const uint16_t ports[] = { 445, 139 };
	static const struct nw_tap_config cfg = { .ports = ports, .n_ports = 2 };
	static struct events events;
	static uint8_t whole[CAPTURE_MAX];
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	struct nw_capture_info info;
	struct nw_tap *tap = NULL;
	uint8_t how = 1;
	size_t n;

	events.len = 0;
	if (!f || nw_tap_new(&tap, &cfg, on_event, &events) || nw_capture_read(path, on_packet, tap, &info))
		fprintf(stderr, "%s is left out\n", path);
	nw_tap_free(&tap);
	put("event", "", 0, events.bytes, events.len);
	n = f ? fread(whole, 1, sizeof(whole), f) : 0;
	put("read", &how, 1, whole, n);
	how = 2 | 4;
	put("read", &how, 1, whole, n);
	nw_capture_flows(path, &cfg, NW_VANTAGE_SERVER, on_flow, NULL, &info, NULL);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: seeds DIRECTORY CAPTURE...\n", stderr);
		return 2;
	}
	directory = argv[1];
	for (int i = 2; i < argc; i++) {
		name = strrchr(argv[i], '/') ? strrchr(argv[i], '/') + 1 : argv[i];
		from(argv[i]);
	}
	return 0;
}
