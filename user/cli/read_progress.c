// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One line on standard error that is written over and over. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "read_progress.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

/* Packets between two looks at the clock: a millisecond or so. */
#define PACKETS 4096
#define FIRST NW_NS_PER_S
#define EVERY (250 * NW_NS_PER_MS)

void nw_progress_begin(struct nw_progress *p, const char *file, const struct nw_capture_info *info)
{
	p->file = file;
	p->info = info;
	p->packets = 0;
	p->begun = nw_monotonic();
	p->next = p->begun + FIRST;
}

static void show(struct nw_progress *p, uint64_t now)
{
	double mb = (double)p->info->bytes_done / 1e6, s = (double)(now - p->begun) / 1e9;
	const char *slash = strrchr(p->file, '/');
	char name[40], line[NW_CLI_WIDTH];
	struct nw_text t;

	nw_text_init(&t, name, sizeof(name));
	nw_text_escape(&t, slash ? slash + 1 : p->file, strlen(slash ? slash + 1 : p->file));
	nw_text_init(&t, line, sizeof(line));
	nw_text_add(&t, "%s: %.0f", strcmp(p->file, "-") ? name : "standard input", mb);
	if (p->info->bytes)
		nw_text_add(&t, " of %.0f MB, %.0f %%", (double)p->info->bytes / 1e6,
			    100.0 * (double)p->info->bytes_done / (double)p->info->bytes);
	else
		nw_text_add(&t, " MB");
	nw_text_add(&t, ", %.0f MB/s", mb / s);
	fprintf(stderr, "\r\033[K%s", line);
	p->shown = true;
}

void nw_progress_step(struct nw_progress *p)
{
	uint64_t now;

	if (!p->on || ++p->packets % PACKETS)
		return;
	now = nw_monotonic();
	if (now < p->next)
		return;
	p->next = now + EVERY;
	show(p, now);
}

void nw_progress_clear(struct nw_progress *p)
{
	if (p->shown)
		fprintf(stderr, "\r\033[K");
	p->shown = false;
}
