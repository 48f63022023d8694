// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What may lie in the state directory after a crash or a failing disk: the journal's current file, closed
 * ones, compressed ones, the cursor. Opened, read from several places, added to, rotated, opened again. Held
 * to: what was appended is the last that is read afterwards, its number is new, and nothing has to be
 * repaired a second time.
 *
 * Input: files, each with a byte of kind, two bytes of length, and content, see file().
 */
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "fuzz.h"
#include "../../user/sink/journal.h"
#include "../../user/util/util.h"

#include <jansson.h>

#define FILES_MAX 8
#define LINES_MAX 4096

static void ignore(void *arg, char *line, size_t len)
{
	HOLDS(!memchr(line, '\n', len));
}

/* The same as gzip data, into out. */
static size_t gzip(const uint8_t *p, size_t n, uint8_t *out, size_t room)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)p, .avail_in = (uInt)n, .next_out = out };

	z.avail_out = (uInt)room;
	HOLDS(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	deflate(&z, Z_FINISH);
	n = z.total_out;
	deflateEnd(&z);
	return n;
}

static void file(struct bytes *b)
{
	uint8_t kind = take8(b), number = kind >> 4;
	uint8_t zipped[65536 + 1024];
	size_t n = take16(b);
	const uint8_t *p = take_some(b, &n);
	char name[128];

	switch (kind & 7) {
	case 0:
	case 1:
		fuzz_put("alerts.jsonl", p, n);
		return;
	case 2:
		fuzz_put("alerts.cursor", p, n);
		return;
	case 3:
		snprintf(name, sizeof(name), "alerts-%08u-%u-%u.jsonl", 1u + number, number * 10u,
			 number * 10u + 9);
		break;
	case 4:
		n = gzip(p, n, zipped, sizeof(zipped));
		p = zipped;
		/* fall through */
	case 5: /* named so, and no gzip data */
		snprintf(name, sizeof(name), "alerts-%08u-%u-%u.jsonl.gz", 1u + number, number * 10u,
			 number * 10u + 9);
		break;
	case 6:
		snprintf(name, sizeof(name), "alerts.gz.tmp");
		break;
	default: /* a name of the input's */
		snprintf(name, sizeof(name), "alerts-%.*s", n < 60 ? (int)n : 60, (const char *)p);
		for (char *c = name; *c; c++)
			*c = *c == '/' ? '-' : *c;
	}
	fuzz_put(name, p, n);
}

/* From there to the end; returns the last line's alert number. */
static uint64_t read_on(struct nw_journal *j, struct nw_journal_pos pos)
{
	struct nw_journal_reader r = { .pos = pos };
	uint64_t id = 0;
	unsigned int n = 0;
	char *line;
	size_t len;

	while (n++ < LINES_MAX && nw_journal_next(j, &r, &line, &len) > 0) {
		json_t *o = json_loadb(line, len, 0, NULL);

		id = nw_journal_alert_id(o);
		json_decref(o);
	}
	HOLDS(n < LINES_MAX || id);
	nw_journal_reader_close(&r);
	return id;
}

static uint64_t append(struct nw_journal *j)
{
	uint64_t id = nw_journal_take_id(j);
	char line[256];
	int n = snprintf(line, sizeof(line), "{\"negwatch\":{\"alert_id\":%llu}}", (unsigned long long)id);

	HOLDS(nw_journal_append(j, line, (size_t)n, id) == 0);
	nw_journal_sync(j);
	return id;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_quiet();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct nw_journal_limits limits = { .file = 400, .total = 4000 };
	struct bytes b = { data, data + size };
	struct nw_journal_state st;
	struct nw_journal *j = NULL;
	uint64_t id;

	fuzz_clear("");
	for (unsigned int i = 0; i < FILES_MAX && left(&b); i++)
		file(&b);
	HOLDS(nw_journal_open(&j, fuzz_dir(), &limits, 4, ignore, NULL) == 0);
	nw_journal_get_state(j, &st);
	/* Numbers near the end of what they can be come from no daemon. */
	if (st.last_id > INT64_MAX / 2 || nw_journal_end(j).seq > INT64_MAX / 2 || !nw_journal_end(j).seq) {
		nw_journal_free(&j);
		return 0;
	}
	read_on(j, nw_journal_begin(j));
	read_on(j, nw_journal_cursor(j));
	read_on(j, nw_journal_find(j, st.last_id));
	id = append(j);
	HOLDS(id > st.last_id);
	HOLDS(read_on(j, nw_journal_begin(j)) == id);
	nw_journal_set_cursor(j, nw_journal_end(j));
	for (unsigned int i = 0; i < 64 && nw_journal_work(j); i++)
		;
	nw_journal_free(&j);
	HOLDS(nw_journal_open(&j, fuzz_dir(), &limits, 4, ignore, NULL) == 0);
	nw_journal_get_state(j, &st);
	HOLDS(!st.repaired && st.last_id == id);
	HOLDS(nw_journal_pos_cmp(nw_journal_cursor(j), nw_journal_end(j)) <= 0);
	HOLDS(append(j) == id + 1);
	HOLDS(read_on(j, nw_journal_begin(j)) == id + 1);
	nw_journal_free(&j);
	return 0;
}
