/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An alert as the text of a syslog message: one sentence, then key=value pairs in a fixed order. */
#ifndef NW_SYSLOG_TEXT_H
#define NW_SYSLOG_TEXT_H

#include <stddef.h>

#include "alert.h"

/*
 * At most size - 1 bytes. What does not fit costs the least important pairs first, then the end of the
 * sentence; never the identity of the alert. No control characters, whatever the packets held.
 */
void nw_syslog_text(char *out, size_t size, const struct nw_alert *a);

#endif
