/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Clocks, and times as text. Times are nanoseconds: int64_t since 1970 (wall), uint64_t since boot
 * (monotonic). */
#ifndef NW_TIME_H
#define NW_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* Size of the texts below, terminator included: "2026-11-22T13:05:01.120334123+01:00". */
#define NW_TIME_TEXT 40

uint64_t nw_monotonic(void);
int64_t nw_wall(void);
/* What has to be added to a monotonic time to get the wall time, as of now. */
int64_t nw_wall_offset(void);

/* RFC 3339 in UTC, "2026-11-22T12:05:01.120334Z"; digits: of the fraction, 0 to 9 (0: no point). Returns out.
 */
const char *nw_time_utc(char out[NW_TIME_TEXT], int64_t wall, int digits);
/* RFC 3339 in the local zone, "2026-11-22T13:05:01.120334+01:00". Returns out. */
const char *nw_time_local(char out[NW_TIME_TEXT], int64_t wall, int digits);
/* As Suricata's EVE has it: "2026-11-22T12:05:01.120334+0000". Returns out. */
const char *nw_time_eve(char out[NW_TIME_TEXT], int64_t wall);
/* For tables: "2026-11-22 13:05:01", local or UTC. Returns out. */
const char *nw_time_short(char out[NW_TIME_TEXT], int64_t wall, bool utc);

/* Reads RFC 3339 or the EVE form, from 1970 to 2261. 0, or -EINVAL with *wall untouched. */
int nw_time_parse(const char *text, int64_t *wall);

/*
 * A moment in the past as people write it: "2h" before now (s, m or min, h, d, w), "13:05" (today),
 * "2026-11-22", "2026-11-22 13:05", with seconds, or what nw_time_parse() reads; local time unless utc. 0, or
 * -EINVAL with *wall untouched.
 */
int nw_time_since(const char *text, int64_t now, bool utc, int64_t *wall);

/* "3 ms", "0.17 ms", "2.4 s", "5 h 4 min": a length of time for people. Returns out. */
const char *nw_duration_text(char out[NW_TIME_TEXT], uint64_t ns);

#endif
