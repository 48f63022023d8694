/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The daemon's capabilities: what the start needs and the rest of its life does not is given up. */
#ifndef NW_CAPS_H
#define NW_CAPS_H

#include <stdint.h>

#include <jansson.h>

/*
 * Called when programs are loaded and hooks attached: CAP_BPF and CAP_PERFMON are given up for good (loading
 * alone needs them), CAP_NET_ADMIN stays: interfaces come, hooks are taken away by others, a reload wants
 * other ones, and clsact filters have to be removed at the end. Root keeps CAP_DAC_OVERRIDE besides, for a
 * state directory of another user. No exec gives any of it back. 0 or -errno.
 */
int nw_caps_drop(void);

/* A bit for each capability, by the kernel's numbers; 0 if that can't be told. */
uint64_t nw_caps_now(void);

/* {"uid":..,"capabilities":["net_admin"]}; other capabilities by number. A new reference. */
json_t *nw_caps_json(void);

#endif
