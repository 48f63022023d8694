/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is in a file of evidence: the packets of one connection, with the words of one alert. */
#ifndef NW_EVIDENCE_WRITE_H
#define NW_EVIDENCE_WRITE_H

#include <stddef.h>

#include "evidence.h"

/* What is kept of an alert until its file is written for the last time. */
struct nw_told_alert {
	struct nw_told_alert *next;
	struct nw_evidence_file file;
	uint64_t ts;				   /* of the finding, event clock */
	uint64_t request_ts, response_ts;	   /* of the VALIDATE that it is about; 0: none */
	uint8_t request_differs, response_differs; /* NW_FIELD_* */
	uint16_t rule;
	uint8_t severity;
	uint8_t vantage;
	uint16_t ports[2]; /* client's, server's */
	union nw_addr addr[2];
	char text[NW_TEXT_MAX];
};

/* Of an alert about a connection; to be freed. NULL without memory. */
struct nw_told_alert *nw_told_alert_new(const struct nw_alert *a);

/* The file, in memory that is to be freed. 0 or -ENOMEM. */
int nw_evidence_write(char **out, size_t *len, const struct nw_evidence_config *cfg, int64_t wall_offset,
		      const struct nw_kept *kept, const struct nw_told_alert *a);

#endif
