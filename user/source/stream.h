/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The bytes of a capture file, plain or gzip'ed: in large pieces, and so that who can read them where they
 * lie need not have them copied.
 */
#ifndef NW_STREAM_H
#define NW_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <zlib.h>

#include "capture.h"

/* What the header of a pcap file takes. */
#define NW_STREAM_HEAD 24

struct nw_stream {
	gzFile gz;
	struct nw_capture_info *info;
	uint8_t *buf; /* owned; bytes [at, end) of it are still to be read */
	size_t at, end;
	int failed; /* errno of a read that failed; EPIPE: it ended too early, EBADMSG: damaged gzip data */
	uint64_t bytes; /* that were read so far */
	bool given;	/* the file of nw_stream_file() had its first read */
	char why[160];
};

/* "-": standard input. 0 or -errno. info is kept up to date as long as the stream is open. */
int nw_stream_open(struct nw_stream *s, const char *path, struct nw_capture_info *info);
void nw_stream_close(struct nw_stream *s);

/*
 * The stream as a file for others to read, which closes the stream with itself; NULL without memory. Its
 * first read gives NW_STREAM_HEAD bytes at most, so that what is behind them can be had by nw_stream_peek().
 */
FILE *nw_stream_file(struct nw_stream *s);

/* nw_stream_peek() where they are not there yet. */
const uint8_t *nw_stream_await(struct nw_stream *s, size_t n);

/* What is to be read next, n bytes of it, where it lies; NULL: there are only s->end - s->at. n: 512 KiB at
 * most. It stays until the next call; s->at is the caller's to move. */
static inline const uint8_t *nw_stream_peek(struct nw_stream *s, size_t n)
{
	return s->end - s->at >= n ? s->buf + s->at : nw_stream_await(s, n);
}

#endif
