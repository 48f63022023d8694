// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Tables of a size for one input. `read` and `locate` begin with room for 65,536 connections: to map, poison
 * and unmap 20 MB took ten times as long as all that an input does. The linker's --wrap lets calls come here.
 */
#include "fuzz.h"
#include "../../user/engine/table.h"

#define ENTRIES_MAX 256u

/* The names are the linker's. */
int __real_nw_table_new(struct nw_table **out, uint32_t max, size_t value_size, uint64_t seed,
			nw_table_evict_fn evict, void *arg);
int __wrap_nw_table_new(struct nw_table **out, uint32_t max, size_t value_size, uint64_t seed,
			nw_table_evict_fn evict, void *arg);

int __wrap_nw_table_new(struct nw_table **out, uint32_t max, size_t value_size, uint64_t seed,
			nw_table_evict_fn evict, void *arg)
{
	return __real_nw_table_new(out, max < ENTRIES_MAX ? max : ENTRIES_MAX, value_size, seed, evict, arg);
}
