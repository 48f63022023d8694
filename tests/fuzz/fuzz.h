/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the fuzz targets share: bytes taken one by one, what has to hold of events, findings and counters, and
 * places for the files that a reader is given. A target is one fuzz_NAME.c with LLVMFuzzerTestOneInput().
 */
#ifndef NW_TESTS_FUZZ_H
#define NW_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../user/engine/engine.h"

/* Called by libFuzzer. The second before the first input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* The input. Behind its end all bytes are 0. */
struct bytes {
	const uint8_t *at, *end;
};

static inline size_t left(const struct bytes *b)
{
	return (size_t)(b->end - b->at);
}

static inline uint8_t take8(struct bytes *b)
{
	return b->at < b->end ? *b->at++ : 0;
}

static inline uint16_t take16(struct bytes *b)
{
	uint16_t low = take8(b);

	return (uint16_t)(low | take8(b) << 8);
}

static inline uint32_t take32(struct bytes *b)
{
	uint32_t low = take16(b);

	return low | (uint32_t)take16(b) << 16;
}

static inline uint64_t take64(struct bytes *b)
{
	uint64_t low = take32(b);

	return low | (uint64_t)take32(b) << 32;
}

/* At most n of what is left, as they lie in the input; *n becomes how many. */
static inline const uint8_t *take_some(struct bytes *b, size_t *n)
{
	const uint8_t *p = b->at;

	*n = *n < left(b) ? *n : left(b);
	b->at += *n;
	return p;
}

/* What does not hold is a crash to libFuzzer. */
_Noreturn void fuzz_broken(const char *what, const char *file, int line);
#define HOLDS(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			fuzz_broken(#condition, __FILE__, __LINE__);                                         \
	} while (0)

/* The event is one that the engine may be given. */
void fuzz_check_event(const struct nw_event *ev);
/* The finding can be shown to people, and does not say "altered" where nothing differs. */
void fuzz_check_finding(const struct nw_conn *c, const struct nw_finding *f);
/* All of the connection, by the JSON that is made of it. */
void fuzz_check_conn(const struct nw_conn *c);
/* The sum of outcomes is that of the packets. */
void fuzz_check_counters(const uint64_t count[NW_C_MAX]);

/* A file in memory that is these bytes, until the next call. Returns its path. */
const char *fuzz_file(const void *data, size_t size);

/*
 * A directory of the process's own below $TMPDIR, made at the first call. fuzz_put() writes a file there;
 * fuzz_clear() removes all files of it, or of a directory in it.
 */
const char *fuzz_dir(void);
void fuzz_put(const char *name, const void *data, size_t size);
void fuzz_clear(const char *below);

/* Hands an event to who called nw_live_new() last, as the ring buffer would (lib_live.c). */
int fuzz_live_event(const struct nw_event *ev);

/* What the code under test has to say to people goes nowhere. */
void fuzz_quiet(void);

#endif
