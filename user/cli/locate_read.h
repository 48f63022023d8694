/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `negwatch locate` reads: captures and journals, and the places that these tell of. */
#ifndef NW_LOCATE_READ_H
#define NW_LOCATE_READ_H

#include "locate_pile.h"

/* As many as a sight's number of it can tell apart */
#define NW_PLACES_MAX 65535u

struct nw_place {
	char *name;	 /* a journal's host, or a capture's file */
	uint8_t vantage; /* as given on the command line, NW_VANTAGE_UNKNOWN: not given */
};

struct nw_locate_files {
	struct nw_pile *pile;
	struct nw_place *place;
	size_t n_places;
	size_t last; /* place of the last record: usually the next one's, too */
	uint64_t files, unreadable;
	uint64_t flows;	  /* records of connections */
	uint64_t unknown; /* of these: nothing to join them by */
	uint64_t broken;  /* lines that are not whole */
};

/*
 * Reads a file: [client:|server:|between:]PATH; PATH "-" is a journal on standard input. others: all
 * arguments, to name captures apart. 0; < 0: nothing more can be kept (said why). A file that can't be read
 * is reported on stderr and counted.
 */
int nw_locate_read(struct nw_locate_files *in, const char *arg, char *const *others, int n_others);
void nw_locate_files_release(struct nw_locate_files *in);

#endif
