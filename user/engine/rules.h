/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of rules: everything that is said about a rule is said in its row. */
#ifndef NW_RULES_H
#define NW_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "family.h"

enum nw_severity { NW_SEV_INFO = 0, NW_SEV_NOTICE, NW_SEV_WARNING, NW_SEV_ERROR, NW_SEV_CRITICAL };

/* Fields that can differ, as in `request_differs` and `response_differs` */
#define NW_FIELD_CAPABILITIES 0x01u
#define NW_FIELD_GUID 0x02u
#define NW_FIELD_SECURITY_MODE 0x04u
#define NW_FIELD_DIALECTS 0x08u
#define NW_FIELD_DIALECT 0x10u

struct nw_rule {
	uint16_t number;
	uint8_t severity;	 /* enum nw_severity, unless the finding grades it */
	const char *name;	 /* "request-altered" */
	const char *sentence;	 /* what it means, one plain sentence */
	const char *explanation; /* paragraphs separated by blank lines */
	const char *remedy;	 /* likewise; for known ends nw_remedy() says it closer */
	const char *section;	 /* of MS-SMB2 */
};

#define NW_RULES_MAX 16

extern const struct nw_rule nw_rules[];
extern const size_t nw_n_rules;

/* NULL if there is no such rule. */
const struct nw_rule *nw_rule_by_number(unsigned int number);
/* Its name, or "unknown". */
const char *nw_rule_name(unsigned int number);
/* Index in nw_rules, or -1. */
int nw_rule_index(unsigned int number);

#define NW_REMEDY_MAX 4096

/*
 * Writes the rule's remedy into out and returns it: for a client whose family is known, what can be switched
 * off on that client and not what on others; then where the end that left tells why. Families may be NULL.
 */
const char *nw_remedy(char out[NW_REMEDY_MAX], const struct nw_rule *rule, const struct nw_family *client,
		      const struct nw_family *server);

const char *nw_severity_name(uint8_t severity);

/* Name of the field with that bit index; NULL behind the last. */
const char *nw_field_name(unsigned int bit_index);

#endif
