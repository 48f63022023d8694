// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What does not hold. Apart from the rest, as the parsers alone are to be linked with nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz.h"

void fuzz_broken(const char *what, const char *file, int line)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%s:%d: does not hold: %s\n", file, line, what);

	/* Not through stderr, which a target may have silenced. */
	if (write(STDERR_FILENO, text, (size_t)n) < 0)
		_exit(3);
	abort();
}
