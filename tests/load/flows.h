/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Flows by the dice: conversations of all kinds, and all that networks and captures do to their packets. */
#ifndef NW_TESTS_FLOWS_H
#define NW_TESTS_FLOWS_H

#include "../unit/talk.h"

/* xorshift64: the same seed gives the same flows everywhere. As long as there are bytes of a fuzzer, these
 * are what is rolled. */
struct dice {
	uint64_t state;
	const uint8_t *at, *end;
};

/* Nobody chooses this one: the content of what is of no interest. */
static inline uint32_t roll_blind(struct dice *d, uint32_t n)
{
	d->state ^= d->state << 13;
	d->state ^= d->state >> 7;
	d->state ^= d->state << 17;
	return (uint32_t)((d->state >> 32) * n >> 32);
}

static inline uint32_t roll(struct dice *d, uint32_t n)
{
	uint32_t v = 0;

	if (d->at == d->end)
		return roll_blind(d, n);
	for (uint32_t span = 1; span < n && d->at<d->end; span = span> n >> 8 ? n : span << 8)
		v = v << 8 | *d->at++;
	return v % n;
}

/* What was changed on the way, and so has to be found. */
enum tampered { UNTAMPERED, REQUEST_TAMPERED, RESPONSE_TAMPERED, ANSWER_UNSIGNED, N_TAMPERED };

/* The conversation into an empty t (talk_init(), or emptied by flows_clear()). */
void flows_talk(struct dice *d, struct talk *t, enum tampered tampered);
void flows_clear(struct talk *t);

/* How badly the packets are treated. */
struct mangle {
	bool reorder, repeat, drop;
	bool wild; /* order is lost between the directions, too; packets cut short; the beginning missing */
};

/* Splits t into packets, mangles them, and gives them to the tap; port tells one flow from the next. */
int flows_frames(struct dice *d, const struct talk *t, const struct mangle *m, uint16_t port,
		 struct nw_tap *tap, uint64_t *clock);

#endif
