/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Messages about the program's own work, to stderr. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "text.h"

static int log_max = LOG_INFO;
static bool log_journal;
static void (*log_fn)(void *arg, int level, const char *text);
static void *log_arg;
static void (*tee_fn)(void *arg, int level, const char *text);
static void *tee_arg;

void nw_log_init(int max_level)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	log_max = max_level;
	log_journal = stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
		      fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void nw_log_to(void (*fn)(void *arg, int level, const char *text), void *arg)
{
	log_fn = fn;
	log_arg = arg;
}

void nw_log_tee(void (*fn)(void *arg, int level, const char *text), void *arg)
{
	tee_fn = fn;
	tee_arg = arg;
}

int nw_log_max(void)
{
	return log_max;
}

/* Control characters would forge lines; quotes and backslashes of our own wording stay as they are. */
static void clean(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

void nw_logv(int level, const char *format, va_list ap)
{
	static const char *const names[] = { "emergency: ", "alert: ", "critical: ", "error: ",
					     "warning: ",   "",	       "",	     "debug: " };
	char line[1024], text[1100];
	int saved = errno, n;

	static bool busy;

	if (level > log_max || busy)
		return;
	vsnprintf(line, sizeof(line), format, ap);
	clean(line);
	if (tee_fn)
		tee_fn(tee_arg, level, line);
	if (log_fn) {
		busy = true;
		log_fn(log_arg, level, line);
		busy = false;
		errno = saved;
		return;
	}
	if (log_journal)
		n = snprintf(text, sizeof(text), "<%d>%s\n", level, line);
	else
		n = snprintf(text, sizeof(text), "%s: %s%s\n", program_invocation_short_name,
			     names[level & 7], line);
	/* one write: lines of several processes don't mix. If stderr is gone there is nobody to tell. */
	if (write(STDERR_FILENO, text, n) < 0)
		errno = saved;
	errno = saved;
}

void nw_log(int level, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	nw_logv(level, format, ap);
	va_end(ap);
}

int nw_log_r(int level, int err, const char *format, ...)
{
	va_list ap;

	errno = -err;
	va_start(ap, format);
	nw_logv(level, format, ap);
	va_end(ap);
	return err;
}
