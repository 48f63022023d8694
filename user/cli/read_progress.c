// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One line on standard error that is written over and over. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "read_progress.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

/* Packets between two looks at the clock: a millisecond or so. */
#define PACKETS 4096
#define FIRST NW_NS_PER_S
#define EVERY (250 * NW_NS_PER_MS)

static void restart(struct nw_progress_line *line)
{
	line->done = 0;
	line->begun = nw_monotonic();
	line->next = line->begun + FIRST;
}

void nw_progress_line_begin(struct nw_progress_line *line, unsigned int n, char **files)
{
	struct stat st;
	bool known = true;

	restart(line);
	if (n < 2)
		return;
	line->files = n;
	for (unsigned int i = 0; i < n; i++) {
		if (stat(files[i], &st) < 0)
			continue; /* will be complained of */
		known &= S_ISREG(st.st_mode);
		line->bytes += (uint64_t)st.st_size;
	}
	if (!known)
		line->bytes = 0;
}

void nw_progress_begin(struct nw_progress *p, const char *file, const struct nw_capture_info *info)
{
	p->file = file;
	p->info = info;
	p->packets = 0;
	p->counted = 0;
	if (p->line && !p->line->files)
		restart(p->line);
}

static void show(struct nw_progress_line *line, const struct nw_progress *p, uint64_t now)
{
	double mb = (double)line->done / 1e6, s = (double)(now - line->begun) / 1e9;
	uint64_t bytes = line->files ? line->bytes : p->info->bytes;
	const char *slash = strrchr(p->file, '/');
	char name[40], text[NW_CLI_WIDTH];
	struct nw_text t;

	nw_text_init(&t, name, sizeof(name));
	nw_text_escape(&t, slash ? slash + 1 : p->file, strlen(slash ? slash + 1 : p->file));
	nw_text_init(&t, text, sizeof(text));
	if (line->files)
		nw_text_add(&t, "%u of %u files: %.0f", line->over, line->files, mb);
	else
		nw_text_add(&t, "%s: %.0f", strcmp(p->file, "-") ? name : "standard input", mb);
	if (bytes)
		nw_text_add(&t, " of %.0f MB, %.0f %%", (double)bytes / 1e6,
			    100.0 * (double)line->done / (double)bytes);
	else
		nw_text_add(&t, " MB");
	nw_text_add(&t, ", %.0f MB/s", mb / s);
	fprintf(stderr, "\r\033[K%s", text);
	line->shown = true;
}

static void count(struct nw_progress *p)
{
	p->line->done += p->info->bytes_done - p->counted;
	p->counted = p->info->bytes_done;
}

void nw_progress_step(struct nw_progress *p)
{
	struct nw_progress_line *line = p->line;
	uint64_t now;

	if (!line || ++p->packets % PACKETS)
		return;
	pthread_mutex_lock(&line->lock);
	count(p);
	now = nw_monotonic();
	if (now >= line->next) {
		line->next = now + EVERY;
		show(line, p, now);
	}
	pthread_mutex_unlock(&line->lock);
}

static void take_away(struct nw_progress_line *line)
{
	if (line->shown)
		fprintf(stderr, "\r\033[K");
	line->shown = false;
}

void nw_progress_end(struct nw_progress *p)
{
	if (!p->line)
		return;
	pthread_mutex_lock(&p->line->lock);
	count(p);
	p->line->over++;
	if (p->line->over >= p->line->files)
		take_away(p->line);
	pthread_mutex_unlock(&p->line->lock);
}

void nw_progress_hold(struct nw_progress_line *line)
{
	if (!line)
		return;
	pthread_mutex_lock(&line->lock);
	take_away(line);
}

void nw_progress_release(struct nw_progress_line *line)
{
	if (line)
		pthread_mutex_unlock(&line->lock);
}
