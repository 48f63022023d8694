/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The datagram that a syslog socket gets, in the form that its receiver reads. All forms are made from the
 * one text, "sentence; key=value ...": they hold the same keys, and a text that was stored can be sent in any
 * form.
 */
#ifndef NW_SYSLOG_FORMAT_H
#define NW_SYSLOG_FORMAT_H

#include <stddef.h>
#include <stdint.h>

enum nw_syslog_format {
	NW_SYSLOG_TEXT,	   /* as glibc's syslog(): what every receiver takes on /dev/log */
	NW_SYSLOG_CEE,	   /* the same header, then @cee: and JSON */
	NW_SYSLOG_RFC5424, /* with structured data; only for a socket that is declared so */
	NW_SYSLOG_JOURNAL, /* systemd-journald's own protocol, with a MESSAGE_ID of its catalog */
};

/* Size of a text datagram, terminator included: RFC 3164 lets receivers cut at 1,024 bytes. */
#define NW_SYSLOG_MAX 1024
/* Of the others: RFC 5424 (6.1) asks receivers to take 2,048 bytes. The journal's repeats the text as keys.
 */
#define NW_SYSLOG_DATAGRAM 4096

/* IANA's enterprise number for examples (RFC 5612): the project has none of its own. */
#define NW_SYSLOG_SD_ID "negwatch@32473"
/* MESSAGE_ID of a rule: this and the rule's number, three digits. */
#define NW_MESSAGE_ID "5d2f0c6ae1974b0ea3c87f41d96b2"

struct nw_syslog_head {
	int priority; /* facility | severity, as in <syslog.h> */
	int64_t wall; /* when it is sent, ns since 1970 */
	const char *host;
	int pid;
};

/*
 * Writes the datagram and its terminator into out (size: at least 256) and returns its length. Control
 * characters that are left in the text become \xNN. What has no room is left out: pairs as a whole, of the
 * sentence its end.
 */
size_t nw_syslog_datagram(char *out, size_t size, enum nw_syslog_format format,
			  const struct nw_syslog_head *head, const char *text);

/* NW_SYSLOG_CEE for "cee", ...; -1 if there is no such format. */
int nw_syslog_format_by_name(const char *name);

#endif
