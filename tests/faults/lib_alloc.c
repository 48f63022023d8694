// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * malloc() and its kin in the place of the C library's own, which do the work. An executable's definitions
 * are those that every library uses, so that getline(), open_memstream(), jansson, zlib and libpcap fail,
 * too. Threads are not to be had: with them the number of allocations would differ from run to run.
 */
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

#include "alloc.h"

/* glibc's names for its own. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

struct alloc_plan *alloc_plan;

static bool fails(void)
{
	struct alloc_plan *p = alloc_plan;

	if (!p || !p->armed)
		return false;
	p->calls++;
	if (!p->at || p->calls < p->at || (p->calls > p->at && !p->rest))
		return false;
	if (!p->n_where)
		p->n_where = backtrace(p->where, sizeof(p->where) / sizeof(*p->where));
	errno = ENOMEM;
	return true;
}

static void *held(void *p, int n)
{
	if (alloc_plan && alloc_plan->armed)
		alloc_plan->live += n;
	return p;
}

void *malloc(size_t size)
{
	return fails() ? NULL : held(__libc_malloc(size), 1);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : held(__libc_calloc(n, size), 1);
}

void *realloc(void *old, size_t size)
{
	if (old && !size) {
		free(old);
		return NULL;
	}
	return fails() ? NULL : held(__libc_realloc(old, size), old ? 0 : 1);
}

void free(void *p)
{
	int saved = errno;

	if (p)
		held(p, -1);
	__libc_free(p);
	errno = saved;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
	return EAGAIN;
}
