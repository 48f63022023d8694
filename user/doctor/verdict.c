// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a check says. */
#include <stdarg.h>
#include <stdio.h>

#include "doctor.h"

const char *nw_health_name(enum nw_health health)
{
	static const char *const names[] = { "ok", "warn", "fail" };

	return names[health];
}

void nw_verdict(struct nw_verdict *v, enum nw_health health, const char *advice, const char *format, ...)
{
	va_list ap;

	v->health = health;
	snprintf(v->advice, sizeof(v->advice), "%s", advice ? advice : "");
	va_start(ap, format);
	vsnprintf(v->text, sizeof(v->text), format, ap);
	va_end(ap);
}
