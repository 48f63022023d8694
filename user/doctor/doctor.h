/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Examines a host for what negwatchd needs, without attaching anything. Facts are gathered first
 * (nw_doctor_look, nw_doctor_look_at); the table of checks judges them, and is pure.
 */
#ifndef NW_DOCTOR_H
#define NW_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../daemon/choose.h"
#include "../daemon/config.h"

/* FAIL: negwatchd would not start, or could not do its work. WARN: it would, but something is lost. */
enum nw_health { NW_HEALTH_OK = 0, NW_HEALTH_WARN, NW_HEALTH_FAIL };

struct nw_verdict {
	enum nw_health health;
	char text[400];	   /* what is, and why it matters */
	char advice[300];  /* what to do; empty if there is nothing to be done */
	char command[128]; /* a line to be copied, or empty */
};

/* An answer of the kernel: 1, 0, or a negative errno when it could not be asked. */
typedef int nw_probe_t;

/* What was found out about a directory or a socket. */
struct nw_place {
	int err;     /* -errno of what was tried, 0: fine */
	bool absent; /* directory: it is still to be made */
	uint64_t free_bytes;
};

struct nw_doctor_host {
	/* privileges */
	bool root, bpf, net_admin, perfmon;
	bool user_namespace; /* not the first one: capabilities in it don't count for BPF */
	/* kernel */
	char release[65];
	unsigned int major, minor;
	nw_probe_t xdp, tc, ring, loop, frags, tcx, jit;
	uint64_t memlock; /* bytes, UINT64_MAX: no limit */
	/* the programs themselves */
	int load_err;
	char load_text[400]; /* why, in a sentence */
	char verifier[200];  /* the verifier's last word, if there is one */
	unsigned int insns;  /* that it looked at; 0: the kernel doesn't tell */
	unsigned int load_ms;
	/* the kernel's word on resets */
	int resets_err;
	bool resets_complete;
	char resets_why[160];
	/* the daemon and its surroundings */
	struct nw_config cfg;
	int cfg_err;	    /* -ENOENT: no file, the defaults are in cfg */
	char cfg_text[300]; /* the first error */
	struct nw_place state, run, syslog;
	bool clock_synced;
	int64_t wall; /* ns */
	bool daemon_runs;
	pid_t daemon_pid; /* 0: can't be told */
	unsigned int n_interfaces;
};

struct nw_doctor_if {
	char name[IF_NAMESIZE];
	int err; /* of looking it up */
	struct nw_link link;
	struct nw_xdp_state xdp;
	char driver[32]; /* empty: unknown */
	bool lro, gro_hw, vlan_strip;
	char qdisc[16];			  /* "clsact", "ingress", or empty */
	bool qdisc_made;		  /* by a negwatchd */
	unsigned int filters[2], ours[2]; /* at ingress and egress: others', and leftovers of ours */
	bool watched;			  /* by a negwatchd in this network namespace */
};

/* One row per check. */
struct nw_check {
	const char *name;
	const char *purpose; /* for the help */
	/* One of the two: about the host, or about an interface of it. They fill a zeroed verdict. */
	void (*host)(const struct nw_doctor_host *h, struct nw_verdict *v);
	void (*interface)(const struct nw_doctor_host *h, const struct nw_doctor_if *i, struct nw_verdict *v);
};

extern const struct nw_check nw_host_checks[], nw_if_checks[];
extern const unsigned int nw_n_host_checks, nw_n_if_checks;

/* "ok", "warn", "fail". */
const char *nw_health_name(enum nw_health health);

/* Fills what a check says; advice may be NULL. */
void nw_verdict(struct nw_verdict *v, enum nw_health health, const char *advice, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Gathers what is to be known about the host. config: the file, NULL: the usual one. Loads the programs for a
 * moment. */
void nw_doctor_look(struct nw_doctor_host *h, const char *config);
/* The same for one interface. */
void nw_doctor_look_at(struct nw_doctor_if *i, const char *name);

/* Parts of nw_doctor_look(). */
void nw_doctor_probe_kernel(struct nw_doctor_host *h);
void nw_doctor_load(struct nw_doctor_host *h);
/* Driver and offloads, by the ethtool ioctl; what can't be asked stays as it is. */
void nw_doctor_ethtool(struct nw_doctor_if *i);

#endif
