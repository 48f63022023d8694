/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The pages of `negwatch report`, and the pieces that they are put together from. */
#ifndef NW_REPORT_H
#define NW_REPORT_H

#include <stdbool.h>

#include <jansson.h>

#include "cli.h"
#include "html.h"
#include "../engine/rules.h"

/* One flow, or an alert that has none, and what was found. All owned by the case. */
struct nw_report_case {
	json_t *flow;	  /* NULL: the alert is about none */
	json_t *findings; /* an array with at least one, the gravest first */
	json_t *alert;	  /* NULL: from a capture */
	bool nested;	  /* one of several on the page: its headings are a level lower */
};

/* A file to be handed on with the page. */
struct nw_report_file {
	char *name;	    /* what it is called when it is saved; owned */
	const char *type;   /* media type */
	uint8_t *bytes;	    /* owned; NULL: it is only named */
	size_t size;	    /* 0: not known */
	const char *reason; /* why it is only named, a clause; NULL: it is not */
};

/* The pages. Each writes a whole document and returns an enum nw_cli_exit; why not is said on stderr. */
int nw_report_alert(const struct nw_cli *cli, uint64_t id);
int nw_report_since(const struct nw_cli *cli);
int nw_report_captures(const struct nw_cli *cli, int n, char **files);

/*
 * Begins a page on cli->out_file or standard output, with its title and a line above it. NULL, having said
 * why; otherwise nw_report_end() has to follow, which says so if the page is not complete.
 */
FILE *nw_report_begin(struct nw_html *h, const struct nw_cli *cli, const char *above, const char *title);
int nw_report_end(struct nw_html *h, const struct nw_cli *cli);
extern const char nw_report_css[];

/* report_case.c */
/* Begins a section of a case, with its heading. */
void nw_report_section(struct nw_html *h, const struct nw_report_case *c, const char *heading);
void nw_report_verdict(struct nw_html *h, const struct nw_report_case *c);
void nw_report_case(struct nw_html *h, const struct nw_cli *cli, const struct nw_report_case *c);
void nw_report_case_free(struct nw_report_case *c);
/* "critical" and the like as a badge. */
void nw_report_severity(struct nw_html *h, const char *name);
/* A term and its description in a list of facts. */
void nw_report_fact(struct nw_html *h, const char *term, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Where on the path: client, this place, server, and the leg that the gravest finding with a leg names. */
void nw_report_path(struct nw_html *h, const struct nw_report_case *c);
/* The flow's messages between two lifelines. */
void nw_report_ladder(struct nw_html *h, const struct nw_cli *cli, const struct nw_report_case *c);
/* NEGOTIATE and VALIDATE side by side. */
void nw_report_fields(struct nw_html *h, const struct nw_report_case *c);
/* What the rules of all cases mean and what to do, each thing once. */
void nw_report_advice(struct nw_html *h, const struct nw_report_case *cases, size_t n);

/* report_evidence.c */

/*
 * The packets of an alert, as the daemon keeps them; only named where they can't be had. *file is to be
 * freed. 0; -ENOENT: the alert never had any; -ENOMEM.
 */
int nw_report_evidence(const struct nw_cli *cli, const json_t *alert, uint64_t id,
		       struct nw_report_file *file);
/* What a path ends with; "standard input" for "-". */
const char *nw_report_base_name(const char *path);
/* The file at that path; what is too large, or standard input, is only named. 0, or -ENOMEM. */
int nw_report_attach(const char *path, struct nw_report_file *file);
void nw_report_files(struct nw_html *h, const struct nw_report_file *files, size_t n);
void nw_report_file_free(struct nw_report_file *file);

/* report_bars.c */

/* Counts by name, the highest first; what they are counts of is in the heading. counts: {name: number}. */
void nw_report_bars(struct nw_html *h, const char *heading, const json_t *counts);
/* Counts over time. alerts: as the daemon gives them. */
void nw_report_times(struct nw_html *h, const struct nw_cli *cli, const json_t *alerts, int64_t from,
		     int64_t to);
/* How often an alert stands for something that happened, repeats included; 0: others stand for it. */
uint64_t nw_report_weight(const json_t *alert);
/* Whether that was critical; of repeats by their rule. */
bool nw_report_critical(const json_t *alert);

#endif
