/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The alert journal: one JSON line per alert in state_dir/alerts.jsonl, append-only. It is the truth. If so
 * configured, there are lines about negotiations that were good (exchange.h) between them. */
#ifndef NW_JOURNAL_H
#define NW_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

struct nw_journal;

struct nw_journal_state {
	const char *path;
	uint64_t last_id;   /* of the last alert that was given a number, 0: none */
	uint64_t repaired;  /* lines cut off at start because a crash had torn them */
	uint64_t unwritten; /* alerts that could not be written since the start */
	int error;	    /* -errno of the last attempt to write, 0: it worked */
};

/*
 * Opens the journal, creating it and state_dir if needed, and cuts off what a crash has torn. Hands the last
 * `keep` alerts to fn, oldest first, without their newline (fn may change them). 0, or -errno after having
 * logged it; -EBUSY: another negwatchd writes here. *out is untouched on failure.
 */
int nw_journal_open(struct nw_journal **out, const char *state_dir, unsigned int keep,
		    void (*fn)(void *arg, char *line, size_t len), void *arg);

/* Syncs and closes. */
void nw_journal_free(struct nw_journal **j);

/* The number for the next alert; each call gives another one. */
uint64_t nw_journal_take_id(struct nw_journal *j);

/*
 * Writes one line (without its newline); on the disk after nw_journal_sync(). 0 or -errno. The first failure
 * in a row is logged, and so is the recovery; nothing torn stays in the file.
 */
int nw_journal_append(struct nw_journal *j, const char *line, size_t len);

/* Puts on the disk what was appended; cheap if that was nothing. 0 or -errno. */
int nw_journal_sync(struct nw_journal *j);

void nw_journal_get_state(const struct nw_journal *j, struct nw_journal_state *out);

#endif
