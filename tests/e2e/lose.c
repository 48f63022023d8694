// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Preloaded into negwatchd: loses memory at its start, for what has to notice that. */
#include <stdlib.h>

static void *volatile last;

__attribute__((constructor)) static void lose(void)
{
	for (int i = 0; i < 100; i++)
		last = malloc(64);
	last = NULL;
}
