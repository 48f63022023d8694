/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Files in directories that others may be able to write to: what was put in a file's place beforehand (a link
 * to another file, a pipe that nobody writes to) is neither followed, nor written to, nor waited for.
 */
#ifndef NW_FILE_H
#define NW_FILE_H

#include <dirent.h>
#include <stdio.h>

/* As openat(); -ELOOP: a symbolic link, -EMLINK: a file with other names, -EINVAL: no file; these are logged.
 */
int nw_file_open(int dir_fd, const char *name, int flags, unsigned int mode);

/* A new file, for writing, with that mode whatever the umask; what has its name loses it. -errno if it can't
 * be had. */
int nw_file_create(int dir_fd, const char *name, unsigned int mode);

/* What is in a directory, from its beginning, with a position of its own; closedir() it. NULL and errno. */
DIR *nw_dir_open(int dir_fd);

/*
 * Ends an open_memstream() whose text is *text: 0, or -ENOMEM if that is not all that was written, which the
 * C library's fclose() does not tell. stream NULL: -ENOMEM. What *text holds is freed by the caller.
 */
int nw_file_memory_end(FILE *stream, char **text);

#endif
