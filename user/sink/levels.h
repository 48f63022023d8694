/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The syslog severity of an alert: the rule's own, unless the administrator wants another one. */
#ifndef NW_LEVELS_H
#define NW_LEVELS_H

#include <stdbool.h>
#include <stdint.h>

#include "../engine/rules.h"

/* Compared as a whole: unused rows are zero. */
struct nw_levels {
	struct {
		uint16_t rule; /* 0: unused */
		uint16_t level;
	} other[NW_RULES_MAX];
};

/* "auto", or "101=alert, 110=notice". False, with *l untouched, if it is neither. */
bool nw_levels_parse(struct nw_levels *l, const char *text);

/* LOG_CRIT, ... of <syslog.h>. severity: enum nw_severity. */
int nw_levels_of(const struct nw_levels *l, unsigned int rule, uint8_t severity);

#endif
