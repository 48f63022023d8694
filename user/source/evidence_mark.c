// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The mark of evidence files, written and found again. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "evidence_mark.h"
#include "../engine/engine.h"

#define FORMAT                                                                                               \
	" evidence: until %" PRIu64 ", answer_timeout %" PRIu64 ", outcome_wait %" PRIu64                    \
	", abort_window %" PRIu64 ", vantage %u, followed %u"
#define SCAN                                                                                                 \
	" evidence: until %" SCNu64 ", answer_timeout %" SCNu64 ", outcome_wait %" SCNu64                    \
	", abort_window %" SCNu64 ", vantage %u, followed %u"
/* pcapng: options of the first block lie behind type, length, magic, version and length of the section. */
#define OPTIONS_AT 24
/* A month: no wait is configured longer. */
#define WAIT_MAX (30ULL * 86400 * NW_NS_PER_S)

const char *nw_evidence_mark_text(char out[NW_EVIDENCE_MARK_MAX], const struct nw_evidence_mark *m)
{
	snprintf(out, NW_EVIDENCE_MARK_MAX, "negwatchd " NW_VERSION FORMAT, m->until, m->waits[0],
		 m->waits[1], m->waits[2], m->vantage, m->followed);
	return out;
}

bool nw_evidence_mark_find(const uint8_t *bytes, size_t n, struct nw_evidence_mark *mark)
{
	static const uint8_t type[] = { 0x0a, 0x0d, 0x0d, 0x0a };
	char text[NW_EVIDENCE_MARK_MAX];
	struct nw_evidence_mark m = { 0 };
	unsigned int vantage, followed;
	const uint8_t *at;
	const char *words;
	size_t len;

	if (n < OPTIONS_AT || memcmp(bytes, type, sizeof(type)) != 0)
		return false;
	at = memmem(bytes + OPTIONS_AT, n - OPTIONS_AT, "negwatchd ", 10);
	if (!at)
		return false;
	len = n - (size_t)(at - bytes);
	snprintf(text, sizeof(text), "%.*s", (int)(len < sizeof(text) ? len : sizeof(text) - 1),
		 (const char *)at);
	words = strstr(text, " evidence: ");
	if (!words ||
	    sscanf(words, SCAN, &m.until, &m.waits[0], &m.waits[1], &m.waits[2], &vantage, &followed) != 6)
		return false;
	for (int i = 0; i < 3; i++)
		if (!m.waits[i] || m.waits[i] > WAIT_MAX)
			return false;
	if (vantage > NW_VANTAGE_BETWEEN || followed > 1 || m.until > INT64_MAX)
		return false;
	m.vantage = (uint8_t)vantage;
	m.followed = followed;
	*mark = m;
	return true;
}
