// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A capture file's bytes by zlib, through one buffer. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stream.h"

/* What one read of the file asks for: twice zlib's own buffer, past which zlib then reads plain files. No
 * larger: what the kernel has just copied is to be in the cache still. */
#define PIECE (64u << 10)
/* Room for a piece behind what nw_stream_peek() is asked for. */
#define BUFFER ((512u << 10) + PIECE)

/* Reads on behind what is there. False at the end, also at one that should not be there. */
static bool fill(struct nw_stream *s)
{
	const char *text;
	z_off_t offset;
	int n, code;

	if (s->failed)
		return false;
	memmove(s->buf, s->buf + s->at, s->end - s->at);
	s->end -= s->at;
	s->at = 0;
	errno = 0;
	n = gzread(s->gz, s->buf + s->end, PIECE);
	if (n > 0 && !s->bytes)
		s->info->is_evidence = nw_evidence_mark_find(s->buf, (size_t)n, &s->info->evidence);
	if (n > 0) {
		s->bytes += (uint64_t)n;
		s->end += (size_t)n;
	}
	/* A pipe has no offset. */
	offset = gzoffset(s->gz);
	s->info->bytes_done = offset < 0 ? s->bytes : (uint64_t)offset;
	if (n == (int)PIECE)
		return true;
	/* A gzip stream that ends too early shows only here. */
	text = gzerror(s->gz, &code);
	if (code != Z_OK && code != Z_STREAM_END) {
		s->failed = code == Z_ERRNO ? (errno ? errno : EIO) : code == Z_BUF_ERROR ? EPIPE : EBADMSG;
		snprintf(s->why, sizeof(s->why), "%s",
			 code == Z_ERRNO ? strerror(s->failed) :
			 text		 ? text :
					   "");
	}
	return n > 0;
}

const uint8_t *nw_stream_await(struct nw_stream *s, size_t n)
{
	while (s->end - s->at < n)
		if (!fill(s))
			return NULL;
	return s->buf + s->at;
}

static ssize_t file_read(void *cookie, char *buf, size_t size)
{
	struct nw_stream *s = cookie;
	size_t n = s->given ? size : NW_STREAM_HEAD;

	if (s->at == s->end && !fill(s)) {
		errno = s->failed;
		return s->failed && s->failed != EPIPE ? -1 : 0;
	}
	n = n < size ? n : size;
	n = n < s->end - s->at ? n : s->end - s->at;
	memcpy(buf, s->buf + s->at, n);
	s->at += n;
	s->given = true;
	return (ssize_t)n;
}

static int file_close(void *cookie)
{
	nw_stream_close(cookie);
	return 0;
}

int nw_stream_open(struct nw_stream *s, const char *path, struct nw_capture_info *info)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) :
				     fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	struct stat st;

	if (fd < 0)
		return -errno;
	*s = (struct nw_stream){ .info = info, .buf = malloc(BUFFER) };
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		info->bytes = (uint64_t)st.st_size;
	s->gz = s->buf ? gzdopen(fd, "rb") : NULL;
	if (!s->gz) {
		close(fd);
		nw_stream_close(s);
		return -ENOMEM;
	}
	gzbuffer(s->gz, PIECE / 2);
	return 0;
}

void nw_stream_close(struct nw_stream *s)
{
	if (s->gz)
		gzclose(s->gz);
	free(s->buf);
	s->gz = NULL;
	s->buf = NULL;
	s->at = s->end = 0;
}

FILE *nw_stream_file(struct nw_stream *s)
{
	return fopencookie(s, "rb", (cookie_io_functions_t){ .read = file_read, .close = file_close });
}
