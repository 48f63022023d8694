/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The alert journal: JSON lines in state_dir/alerts.jsonl, append-only. It is the truth. A full file is
 * closed and compressed (segments.h), the oldest make room when all of them grow beyond a limit. If so
 * configured, there are lines about negotiations that were good (exchange.h) between the alerts.
 */
#ifndef NW_JOURNAL_H
#define NW_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zlib.h>

#include "cursor.h"

struct nw_journal;

struct nw_journal_state {
	const char *path;
	uint64_t first_id;  /* of the oldest alert in the files, 0: none */
	uint64_t last_id;   /* of the last alert that was given a number, 0: none */
	uint64_t repaired;  /* lines cut off at start because a crash had torn them */
	uint64_t unwritten; /* alerts that could not be written since the start */
	uint64_t files;	    /* closed ones */
	uint64_t bytes;	    /* of all files, on the disk */
	uint64_t removed;   /* closed files that made room since the start ... */
	uint64_t unsent;    /* ... and the alerts in them that syslog had not got */
	int error;	    /* -errno of the last attempt to write, 0: it worked */
};

struct nw_journal_limits {
	uint64_t file;	/* bytes after which a file is closed */
	uint64_t total; /* bytes of all files, on the disk */
};

/*
 * Opens the journal, creating it and state_dir if needed, and cuts off what a crash has torn. Hands the last
 * `keep` alerts to fn, oldest first, without their newline (fn may change them). 0, or -errno after having
 * logged it; -EBUSY: another negwatchd writes here. A disk that is full or read-only is no failure: what is
 * there can be read, and writing is tried again with each alert. *out is untouched on failure.
 */
int nw_journal_open(struct nw_journal **out, const char *state_dir, const struct nw_journal_limits *limits,
		    unsigned int keep, void (*fn)(void *arg, char *line, size_t len), void *arg);

/* Syncs and closes. */
void nw_journal_free(struct nw_journal **j);

void nw_journal_set_limits(struct nw_journal *j, const struct nw_journal_limits *limits);

/* The number for the next alert; each call gives another one, also after a restart. */
uint64_t nw_journal_take_id(struct nw_journal *j);

/*
 * Numbers up to this one may be told outside: those that the disk has, and so many more that they will be
 * skipped if a power loss makes it forget them.
 */
uint64_t nw_journal_may_tell(const struct nw_journal *j);

/*
 * Writes one line (without its newline); it survives this process, and nw_journal_sync() sees to it that it
 * survives the power, too. id: of the alert that it is, 0:
 * it is something else. 0 or -errno. The first failure in a row is logged, and so is the recovery; nothing
 * torn stays in the file. What could not be written is not written later, but its number stays taken.
 */
int nw_journal_append(struct nw_journal *j, const char *line, size_t len, uint64_t id);
/* Counts an alert of which there is no line, as one that could not be written. */
void nw_journal_miss(struct nw_journal *j);

/*
 * Begins to put on the disk what was appended, and looks how far that has got; never waits. A failure is
 * logged, and in the state.
 */
void nw_journal_sync(struct nw_journal *j);

/* Closes a full file, compresses a piece, keeps the limits; never waits. True: there is more to do. */
bool nw_journal_work(struct nw_journal *j);

/* The disk is at work: nw_journal_sync() and nw_journal_work() are to be called again a little later. */
bool nw_journal_is_busy(const struct nw_journal *j);

/* Behind the last line. */
struct nw_journal_pos nw_journal_end(const struct nw_journal *j);

/* How far syslog has got: kept over restarts. */
struct nw_journal_pos nw_journal_cursor(const struct nw_journal *j);
void nw_journal_set_cursor(struct nw_journal *j, struct nw_journal_pos pos);

void nw_journal_get_state(const struct nw_journal *j, struct nw_journal_state *out);

/* Reads on from a place, over all files. Zeroed but for pos. */
struct nw_journal_reader {
	struct nw_journal_pos pos; /* of the next line */
	uint64_t file_seq;	   /* of the closed file that is open */
	gzFile file;
	char *buf; /* owned; what was read ahead */
	size_t len, size, begin;
	uint64_t lost; /* files that were gone or could not be read to their end */
};

/*
 * The next whole line, without its newline; valid until the next call, may be changed. 1, 0 at the journal's
 * present end, or -errno.
 */
int nw_journal_next(struct nw_journal *j, struct nw_journal_reader *r, char **line, size_t *len);
void nw_journal_reader_close(struct nw_journal_reader *r);

/* Where the oldest line is; where the file begins that may hold that alert. */
struct nw_journal_pos nw_journal_begin(const struct nw_journal *j);
struct nw_journal_pos nw_journal_find(const struct nw_journal *j, uint64_t id);

/* Compares places: below 0, 0, above 0. */
int nw_journal_pos_cmp(struct nw_journal_pos a, struct nw_journal_pos b);

/* The number of the alert that a parsed line is; 0: it is something else. */
struct json_t;
uint64_t nw_journal_alert_id(const struct json_t *line);

#endif
