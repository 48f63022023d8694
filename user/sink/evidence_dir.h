/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The directory of evidence: one file per alert, named by time and number, bounded in count and bytes. The
 * oldest make room; of one client no more than a quarter is kept, its own oldest making room. What is not
 * ours by its name is left alone. A file appears whole, under its name, or not at all; it is not forced to
 * the disk: a power loss may take the last ones (they are then empty, and removed at the start).
 */
#ifndef NW_EVIDENCE_DIR_H
#define NW_EVIDENCE_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../util/text.h"

#define NW_EVIDENCE_DIRECTORY "evidence"
#define NW_EVIDENCE_CLIENT_SHARE 4
/* Bytes of the disk that are left to the alert journal. */
#define NW_EVIDENCE_LEAVES (1u << 20)
/* "2026-11-22T130501Z-17-10.1.2.3.pcapng": a number of up to 20 digits, an address of up to 45. */
#define NW_EVIDENCE_NAME 96

struct nw_evidence_limits {
	uint32_t files;
	uint64_t bytes;
};

struct nw_evidence_file {
	uint64_t id; /* of the alert */
	int64_t wall;
	uint64_t bytes;
	char client[NW_ADDR_TEXT]; /* address, IPv6: network; '-' for ':' */
};

struct nw_evidence_dir {
	int parent_fd;		       /* of the state directory; owned */
	int fd;			       /* -1: it could not be made yet */
	struct nw_evidence_file *list; /* by id */
	size_t n, room;
	uint64_t bytes, removed;
};

/*
 * Takes in what is there. The directory is made as `evidence` in state_dir when it is first needed. 0 or
 * -errno: state_dir can't be opened.
 */
int nw_evidence_dir_open(struct nw_evidence_dir *d, const char *state_dir);
void nw_evidence_dir_close(struct nw_evidence_dir *d);

/* bytes is left to nw_evidence_put(). */
struct nw_evidence_file nw_evidence_file(uint64_t id, int64_t wall, const union nw_addr *client);
const char *nw_evidence_name(char out[NW_EVIDENCE_NAME], const struct nw_evidence_file *f);

/* Writes the alert's file, in the place of one that it may have. 0 or -errno: nothing has changed. */
int nw_evidence_put(struct nw_evidence_dir *d, const struct nw_evidence_limits *max,
		    const struct nw_evidence_file *what, const void *bytes, size_t len);

/* NULL: the alert has none, or not any more. */
const struct nw_evidence_file *nw_evidence_find(const struct nw_evidence_dir *d, uint64_t id);

void nw_evidence_trim(struct nw_evidence_dir *d, const struct nw_evidence_limits *max);

#endif
