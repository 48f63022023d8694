/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The configuration: one table of keys, read from a file of `key = value` lines and from the command line. */
#ifndef NW_CONFIG_H
#define NW_CONFIG_H

#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "attach.h"
#include "wanted.h"
#include "../sink/levels.h"
#include "../sink/syslog_format.h"

#define NW_CONFIG_FILE "/etc/negwatch/negwatchd.conf"
#define NW_PORTS_MAX 32

struct nw_ports {
	unsigned int n;
	uint16_t port[NW_PORTS_MAX]; /* host byte order */
};

struct nw_config {
	struct nw_interfaces interfaces;
	enum nw_hook_how ingress, egress;
	struct nw_ports ports;
	char run_dir[PATH_MAX / 2];
	char state_dir[PATH_MAX / 2];
	char metrics_file[PATH_MAX / 2]; /* empty: none */
	bool record_exchanges;		 /* also those without an alert */
	char syslog_socket[108];	 /* empty: off */
	int syslog_facility;		 /* LOG_AUTHPRIV, ... */
	enum nw_syslog_format syslog_format;
	struct nw_levels syslog_levels;
	uint64_t answer_timeout, outcome_wait, abort_window, idle_timeout; /* ns */
	uint32_t max_flows, max_peers;
	uint32_t ring_bytes;
	uint32_t syslog_queue;			  /* messages */
	uint32_t syslog_rate, syslog_burst;	  /* alerts per second (0: any number), alerts at once */
	uint64_t fold_window;			  /* ns, 0: nothing is folded */
	uint64_t journal_file, journal_total;	  /* bytes */
	uint32_t evidence_files;		  /* 0: none */
	uint64_t evidence_total, evidence_memory; /* bytes */
};

/* The defaults of the table. */
void nw_config_defaults(struct nw_config *cfg);

/*
 * Sets one key. 0, or -EINVAL (the value) or -ENOENT (no such key), with a message for people in why, which
 * has room for why_size bytes.
 */
int nw_config_set(struct nw_config *cfg, const char *key, const char *value, char *why, size_t why_size);

/* "key=value" or "key = value", of the command line. Logs what is wrong. 0 or -EINVAL. */
int nw_config_option(struct nw_config *cfg, const char *text);

/*
 * Reads the file into cfg, and then, in the order of their names, all that is called *.conf in the directory
 * conf.d beside it; later ones win. Logs every error with file and line. 0; -ENOENT: no such file (conf.d is
 * read nevertheless); -EINVAL: errors in them, or conf.d can't be read in full; or -errno of the file.
 */
int nw_config_read(struct nw_config *cfg, const char *path);

/* A row of the table of keys, for manuals. */
struct nw_config_key {
	const char *key, *initial, *help;
	bool restart; /* takes effect at the next start */
};

/* The key at this place of the table, 0 being the first; false behind the last. */
bool nw_config_key_at(size_t i, struct nw_config_key *out);

/* All keys with their defaults and meaning. */
void nw_config_help(FILE *out);

/* Key of what differs and needs a restart to take effect; NULL: all of it can be swapped. */
const char *nw_config_needs_restart(const struct nw_config *old, const struct nw_config *fresh);

/* Takes over the values of all keys that can change while running. */
void nw_config_swap(struct nw_config *cfg, const struct nw_config *fresh);

#endif
