/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The service manager's protocol: one datagram per message. Nothing happens where there is no such manager.
 */
#ifndef NW_NOTIFY_H
#define NW_NOTIFY_H

#include <stdint.h>

/* "READY=1", "STOPPING=1", "STATUS=...". */
void nw_notify(const char *state);

/* How often "WATCHDOG=1" has to be sent, in ns; 0: never. */
uint64_t nw_notify_watchdog(void);

#endif
