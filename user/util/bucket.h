/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A limit of so many things per second, with a burst: as the generic cell rate algorithm counts it. */
#ifndef NW_BUCKET_H
#define NW_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct nw_bucket {
	uint64_t interval; /* ns between two things in the long run; 0: no limit */
	uint64_t burst;	   /* ns: things at once, times the interval */
	uint64_t full_at;  /* when all of the burst is to be had again */
};

static inline struct nw_bucket nw_bucket(uint32_t per_second, uint32_t burst)
{
	uint64_t interval = per_second ? 1000000000ULL / per_second : 0;

	return (struct nw_bucket){ .interval = interval, .burst = interval * burst };
}

/* When nw_bucket_take() will say yes. */
static inline uint64_t nw_bucket_next(const struct nw_bucket *b)
{
	return b->full_at + b->interval > b->burst ? b->full_at + b->interval - b->burst : 0;
}

/* now: monotonic. True if one more may go now; it is counted then. */
static inline bool nw_bucket_take(struct nw_bucket *b, uint64_t now)
{
	if (now < nw_bucket_next(b))
		return false;
	b->full_at = (b->full_at > now ? b->full_at : now) + b->interval;
	return true;
}

#endif
