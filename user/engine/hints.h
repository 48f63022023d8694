/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the options of a SYN hint at: accelerators on the path mark the SYN for their like. The appliance next
 * to a host takes its mark off, as a rule, so that the absence of all of them says nothing. MSS, window scale
 * and time to live are left out: none of them is a fact about an appliance.
 */
#ifndef NW_HINTS_H
#define NW_HINTS_H

/* The bits of syn_opts (NW_OPT_*), of those that share a name only the lowest. */
unsigned int nw_path_hints(unsigned int syn_opts);

/* The name of the bit with that index, NULL behind the last. */
const char *nw_path_hint_name(unsigned int bit_index);

/* What is behind a name, with how sure it is; NULL if there is no such name. */
const char *nw_path_hint_text(const char *name);

#endif
