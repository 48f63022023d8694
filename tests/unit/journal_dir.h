/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the tests of the alert journal share: a directory, and alerts that are numbers. */
#ifndef NW_TESTS_JOURNAL_DIR_H
#define NW_TESTS_JOURNAL_DIR_H

#include "../../user/sink/journal.h"

extern char journal_dir[];
extern const struct nw_journal_limits journal_large;

/* Of a group of tests. */
int journal_dir_make(void **state);
int journal_dir_remove(void **state);
/* Removes all files, so that a test begins anew. */
void journal_dir_clear(void);

/* Files whose names end so. */
unsigned int journal_count_files(const char *suffix);

void journal_ignore(void *arg, char *line, size_t len);
struct nw_journal *journal_reopen(const struct nw_journal_limits *limits);

/* Appends an alert of some 100 bytes; returns its number. */
uint64_t journal_put(struct nw_journal *j);

/* Reads on to the end; the numbers have to be first, first + 1, ... Returns the last. */
uint64_t journal_read_all(struct nw_journal *j, struct nw_journal_pos pos, uint64_t first);

#endif
