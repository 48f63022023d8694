/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What happened on a flow, one line each, in order of time. */
#ifndef NW_TIMELINE_H
#define NW_TIMELINE_H

#include <jansson.h>

/* flow: a flow object as in the output contract. Prints nothing for one without messages. */
void nw_timeline_print(const json_t *flow);

#endif
