/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ownership by attribute: what a function holds is released on every way out of it. */
#ifndef NW_UTIL_H
#define NW_UTIL_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

static inline void nw_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void nw_freep(void *p)
{
	void **where = p;

	free(*where);
	*where = NULL;
}

static inline void nw_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
	*f = NULL;
}

#define _cleanup_close_ _cleanup_(nw_closep)
#define _cleanup_free_ _cleanup_(nw_freep)
#define _cleanup_fclose_ _cleanup_(nw_fclosep)

/* Hands the value over: the variable owns nothing afterwards. */
#define TAKE_PTR(p)                                                                                          \
	({                                                                                                   \
		__typeof__(p) take_ = (p);                                                                   \
		(p) = NULL;                                                                                  \
		take_;                                                                                       \
	})
#define TAKE_FD(fd)                                                                                          \
	({                                                                                                   \
		int take_ = (fd);                                                                            \
		(fd) = -1;                                                                                   \
		take_;                                                                                       \
	})

#define NW_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
