/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Clocks, and times as text. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "time.h"

#define NS 1000000000LL
/* Year 2261: int64_t holds no later times in ns */
#define SECONDS_MAX 9200000000LL

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * NS + ts.tv_nsec;
}

uint64_t nw_monotonic(void)
{
	return (uint64_t)clock_ns(CLOCK_MONOTONIC);
}

int64_t nw_wall(void)
{
	return clock_ns(CLOCK_REALTIME);
}

/* The two clocks can't be read at once: the closest of three readings counts. */
int64_t nw_wall_offset(void)
{
	int64_t best = INT64_MAX, offset = 0;

	for (int i = 0; i < 3; i++) {
		int64_t before = clock_ns(CLOCK_MONOTONIC);
		int64_t wall = clock_ns(CLOCK_REALTIME);
		int64_t after = clock_ns(CLOCK_MONOTONIC);

		if (after - before < best) {
			best = after - before;
			offset = wall - before - best / 2;
		}
	}
	return offset;
}

/* Date and time with the fraction; returns the number of characters. */
static int stamp(char out[NW_TIME_TEXT], int64_t wall, int digits, bool utc, struct tm *tm)
{
	int64_t frac = wall % NS;
	time_t sec = wall / NS;
	int n;

	if (frac < 0) {
		frac += NS;
		sec--;
	}
	if (utc)
		gmtime_r(&sec, tm);
	else
		localtime_r(&sec, tm);
	n = (int)strftime(out, NW_TIME_TEXT, "%Y-%m-%dT%H:%M:%S", tm);
	if (digits > 0)
		n += snprintf(out + n, NW_TIME_TEXT - n, ".%09lld", (long long)frac) - (9 - digits);
	out[n] = '\0';
	return n;
}

const char *nw_time_utc(char out[NW_TIME_TEXT], int64_t wall, int digits)
{
	struct tm tm;
	int n = stamp(out, wall, digits, true, &tm);

	snprintf(out + n, NW_TIME_TEXT - n, "Z");
	return out;
}

const char *nw_time_local(char out[NW_TIME_TEXT], int64_t wall, int digits)
{
	struct tm tm;
	int n = stamp(out, wall, digits, false, &tm);
	long minutes = labs(tm.tm_gmtoff / 60);

	snprintf(out + n, NW_TIME_TEXT - n, "%c%02d:%02d", tm.tm_gmtoff < 0 ? '-' : '+',
		 (int)(minutes / 60 % 100), (int)(minutes % 60));
	return out;
}

const char *nw_time_eve(char out[NW_TIME_TEXT], int64_t wall)
{
	struct tm tm;
	int n = stamp(out, wall, 6, true, &tm);

	snprintf(out + n, NW_TIME_TEXT - n, "+0000");
	return out;
}

const char *nw_time_short(char out[NW_TIME_TEXT], int64_t wall, bool utc)
{
	struct tm tm;

	stamp(out, wall, 0, utc, &tm);
	out[10] = ' ';
	return out;
}

/* 0, or -EINVAL with *wall untouched: beyond what the nanoseconds of a wall clock hold. */
static int to_wall(time_t seconds, long ns, int64_t *wall)
{
	if (seconds < 0 || seconds > SECONDS_MAX)
		return -EINVAL;
	*wall = seconds * NS + ns;
	return 0;
}

/* The fraction behind the seconds, in ns; *p goes behind it. */
static long fraction(const char **p)
{
	long ns = 0, unit = NS / 10;

	if (**p != '.')
		return 0;
	for (++*p; **p >= '0' && **p <= '9'; ++*p, unit /= 10)
		ns += (**p - '0') * unit;
	return ns;
}

int nw_time_parse(const char *text, int64_t *wall)
{
	struct tm tm = { 0 };
	const char *p = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int hours = 0, minutes = 0, end = 0;
	long ns, offset = 0;

	if (!p)
		return -EINVAL;
	ns = fraction(&p);
	if (*p == 'Z') {
		p++;
	} else if (*p == '+' || *p == '-') {
		const char *format = strchr(p, ':') ? "%2d:%2d%n" : "%2d%2d%n";

		if (sscanf(p + 1, format, &hours, &minutes, &end) != 2 || !end)
			return -EINVAL;
		offset = (*p == '-' ? -1 : 1) * (hours * 3600L + minutes * 60L);
		p += 1 + end;
	} else {
		return -EINVAL;
	}
	if (*p)
		return -EINVAL;
	return to_wall(timegm(&tm) - offset, ns, wall);
}

/* "90min": a number and a unit. */
static int relative(const char *text, int64_t now, int64_t *wall)
{
	static const struct {
		const char *name;
		long seconds;
	} units[] = {
		{ "s", 1 }, { "m", 60 }, { "min", 60 }, { "h", 3600 }, { "d", 86400 }, { "w", 604800 }
	};
	long n;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	n = strtol(text, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (strcmp(end, units[i].name) == 0 && n <= 3650L * 86400 / units[i].seconds) {
			*wall = now - n * units[i].seconds * NS;
			return 0;
		}
	return -EINVAL;
}

int nw_time_since(const char *text, int64_t now, bool utc, int64_t *wall)
{
	static const char *const formats[] = { "%Y-%m-%d",	 "%Y-%m-%d %H:%M",    "%Y-%m-%d %H:%M:%S",
					       "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%H:%M",
					       "%H:%M:%S" };
	time_t today = now / NS;

	if (relative(text, now, wall) == 0 || nw_time_parse(text, wall) == 0)
		return 0;
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		struct tm tm;
		const char *end;

		if (utc)
			gmtime_r(&today, &tm);
		else
			localtime_r(&today, &tm);
		tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
		tm.tm_isdst = -1;
		end = strptime(text, formats[i], &tm);
		if (end && !*end)
			return to_wall(utc ? timegm(&tm) : mktime(&tm), 0, wall);
	}
	return -EINVAL;
}

const char *nw_duration_text(char out[NW_TIME_TEXT], uint64_t ns)
{
	uint64_t s = ns / NS;

	if (ns < 10 * 1000000ULL)
		snprintf(out, NW_TIME_TEXT, "%.2f ms", (double)ns / 1e6);
	else if (s < 1)
		snprintf(out, NW_TIME_TEXT, "%.0f ms", (double)ns / 1e6);
	else if (s < 60)
		snprintf(out, NW_TIME_TEXT, "%.1f s", (double)ns / 1e9);
	else if (s < 3600)
		snprintf(out, NW_TIME_TEXT, "%d min %d s", (int)(s / 60), (int)(s % 60));
	else if (s < 48 * 3600)
		snprintf(out, NW_TIME_TEXT, "%d h %d min", (int)(s / 3600), (int)(s / 60 % 60));
	else
		snprintf(out, NW_TIME_TEXT, "%llu d %d h", (unsigned long long)(s / 86400),
			 (int)(s / 3600 % 24));
	return out;
}
