// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Captures go through the engine and come out as the flows that a journal has: one way leads on from there. A
 * journal may hold many hosts' records, each behind what a syslog daemon has put in front of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "capture_flows.h"
#include "locate_read.h"
#include "../sink/flow_json.h"
#include "../util/text.h"
#include "../util/util.h"

/* An alert with all VALIDATEs that a flow keeps has about 30 KiB. */
#define LINE_MAX_BYTES (1u << 20)

struct file {
	struct nw_locate_files *in;
	const char *path, *name; /* name: of a capture's place */
	uint8_t vantage;
	char *line;
	size_t size;
	struct nw_scan scan;
	int err;
};

static int unreadable(struct file *f, const char *what)
{
	f->in->unreadable++;
	nw_capture_complain("locate", f->path, what);
	return 0;
}

/* The number of a place, a new one if need be; < 0 if there are too many. */
static int place_of(struct nw_locate_files *in, const char *name, uint8_t vantage)
{
	struct nw_place *grown;
	char safe[256];
	struct nw_text t;

	nw_text_init(&t, safe, sizeof(safe));
	nw_text_escape(&t, name, strlen(name));
	for (size_t i = 0; i < in->n_places; i++) {
		size_t at = (in->last + i) % in->n_places;

		if (in->place[at].vantage == vantage && strcmp(in->place[at].name, safe) == 0) {
			in->last = at;
			return (int)at;
		}
	}
	if (in->n_places == NW_PLACES_MAX)
		return -ENOSPC;
	grown = realloc(in->place, (in->n_places + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	in->place = grown;
	grown[in->n_places] = (struct nw_place){ .name = strdup(safe), .vantage = vantage };
	if (!grown[in->n_places].name)
		return -ENOMEM;
	return (int)in->n_places++;
}

static int add_sight(void *arg, const struct nw_sight *s)
{
	return nw_pile_add(arg, s);
}

/* The record's own word of where it was made: a host, or a file. */
static const char *name_of(char out[256], const struct nw_json *record, const char *otherwise)
{
	const struct nw_json *v = nw_json_get(record, "host");

	if (!v)
		v = nw_json_get(record, "file");
	snprintf(out, 256, "%.*s", v ? (int)v->len : 255, v ? v->text : otherwise);
	return out;
}

/* One object that may tell of a connection. -EBADMSG: it is not whole. */
static int add_record(struct file *f, const char *text, size_t len)
{
	struct nw_sight blank = { .vantage = f->vantage };
	enum nw_sight_yield yield;
	int err, place;
	char name[256];

	err = nw_scan(&f->scan, text, len);
	if (err)
		return err;
	place = place_of(f->in, name_of(name, f->scan.list, f->name), f->vantage);
	if (place < 0) {
		nw_capture_complain("locate", f->path,
				    place == -ENOSPC ? "there are more than 65535 hosts" : strerror(-place));
		return place;
	}
	blank.place = (uint16_t)place;
	yield = nw_sights_read(f->scan.list, &blank, add_sight, f->in->pile, &err);
	f->in->flows += yield != NW_YIELD_NO_FLOW;
	f->in->unknown += yield == NW_YIELD_NONE;
	return err;
}

static int on_flow(void *arg, const struct nw_conn *c, int64_t wall_offset)
{
	struct file *f = arg;
	json_t *o = nw_flow_json(c, f->name, wall_offset);
	_cleanup_free_ char *text = o ? json_dumps(o, NW_JSON_LINE) : NULL;

	f->err = text ? add_record(f, text, strlen(text)) : -ENOMEM;
	json_decref(o);
	return f->err;
}

static int read_capture(struct file *f)
{
	static const uint16_t ports[] = { 445, 139 };
	struct nw_tap_config tap = { .ports = ports, .n_ports = NW_ARRAY_SIZE(ports) };
	struct nw_capture_info info;
	int err;

	place_of(f->in, f->name, f->vantage); /* a place, even if it saw nothing */
	err = nw_capture_flows(f->path, &tap, (enum nw_vantage)f->vantage, on_flow, f, &info, NULL);
	if (f->err || !err)
		return f->err;
	return unreadable(f, info.error[0] ? info.error : strerror(-err));
}

/* The next line into f->line, without its newline; what exceeds the bound is left out. 0: there is none. */
static size_t next_line(struct file *f, gzFile gz, bool *whole)
{
	size_t n = 0;

	*whole = false;
	while (!*whole) {
		if (f->size - n < 4096 && f->size < LINE_MAX_BYTES) {
			char *grown = realloc(f->line, f->size + 65536);

			f->err = grown ? 0 : -ENOMEM;
			if (!grown)
				return 0;
			f->line = grown;
			f->size += 65536;
		}
		if (f->size - n < 2)
			n = 0; /* too long: it is no record of ours, and its end won't be one either */
		if (!gzgets(gz, f->line + n, (int)(f->size - n)))
			break;
		n += strlen(f->line + n);
		*whole = n && f->line[n - 1] == '\n';
	}
	return n;
}

/* A line without a flow in it is none of ours, whatever it is. */
static int read_line(struct file *f, size_t n, uint64_t *records)
{
	const char *from = memchr(f->line, '{', n);
	int err;

	if (!from || !memmem(f->line, n, "\"negotiate\"", 11))
		return 0;
	++*records;
	err = add_record(f, from, n - (size_t)(from - f->line));
	if (err != -EBADMSG && err != -E2BIG)
		return err;
	f->in->broken++;
	return 0;
}

static int read_journal(struct file *f, gzFile gz)
{
	uint64_t records = 0;
	int code = Z_OK;
	bool whole;
	size_t n;

	while (!f->err && (n = next_line(f, gz, &whole)))
		f->err = read_line(f, n, &records);
	gzerror(gz, &code);
	if (!f->err && code != Z_OK && code != Z_STREAM_END)
		unreadable(f, code == Z_BUF_ERROR ? "is cut short: what comes before the cut was read" :
						    "can't be read to its end");
	else if (!f->err && !records)
		unreadable(
			f,
			"has no record of a connection: expected is a capture (pcap, pcapng), a journal of "
			"negwatchd (alerts.jsonl), or a log with its lines; plain or gzip'ed");
	return f->err;
}

static bool is_capture(const unsigned char *magic, int n)
{
	static const unsigned char magics[][4] = {
		{ 0xa1, 0xb2, 0xc3, 0xd4 }, { 0xd4, 0xc3, 0xb2, 0xa1 }, { 0xa1, 0xb2, 0x3c, 0x4d },
		{ 0x4d, 0x3c, 0xb2, 0xa1 }, { 0x0a, 0x0d, 0x0d, 0x0a }, { 0xa1, 0xb2, 0xcd, 0x34 },
		{ 0x34, 0xcd, 0xb2, 0xa1 },
	};

	for (size_t i = 0; n == 4 && i < NW_ARRAY_SIZE(magics); i++)
		if (!memcmp(magic, magics[i], 4))
			return true;
	return false;
}

static int read_file(struct file *f)
{
	bool input = strcmp(f->path, "-") == 0;
	unsigned char magic[4];
	gzFile gz = input ? gzdopen(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0), "rb") : gzopen(f->path, "rbe");
	int n, err;

	if (!gz)
		return unreadable(f, errno ? strerror(errno) : "out of memory");
	gzbuffer(gz, 256u << 10);
	if (!input) {
		n = gzread(gz, magic, sizeof(magic));
		if (is_capture(magic, n)) {
			gzclose(gz);
			return read_capture(f);
		}
		gzrewind(gz);
	}
	err = read_journal(f, gz);
	gzclose(gz);
	return err;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* What stands in front of the path. */
static const char *strip_vantage(const char *arg, uint8_t *vantage)
{
	*vantage = NW_VANTAGE_UNKNOWN;
	for (uint8_t v = NW_VANTAGE_SERVER; v <= NW_VANTAGE_BETWEEN; v++) {
		size_t n = strlen(nw_vantage_name(v));

		if (strncmp(arg, nw_vantage_name(v), n) == 0 && arg[n] == ':') {
			*vantage = v;
			return arg + n + 1;
		}
	}
	return arg;
}

int nw_locate_read(struct nw_locate_files *in, const char *arg, char *const *others, int n_others)
{
	struct file f = { .in = in };
	int alike = 0, err;
	uint8_t v;

	f.path = strip_vantage(arg, &f.vantage);
	for (int i = 0; i < n_others; i++)
		alike += !strcmp(base_name(strip_vantage(others[i], &v)), base_name(f.path));
	f.name = alike > 1 ? f.path : base_name(f.path);
	in->files++;
	err = read_file(&f);
	free(f.line);
	nw_scan_release(&f.scan);
	return err;
}

void nw_locate_files_release(struct nw_locate_files *in)
{
	for (size_t i = 0; i < in->n_places; i++)
		free(in->place[i].name);
	free(in->place);
}
