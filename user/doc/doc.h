/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Manuals, completion and journal catalog, made at build time from the programs' own tables: what a page says
 * of a command, option, key or rule is what the program says. A writer fills the place of its name in a
 * template.
 */
#ifndef NW_DOC_H
#define NW_DOC_H

#include <stdio.h>

/* man.c: pieces of man(7) source. */
void nw_doc_commands(FILE *out);       /* of negwatch, each with its options */
void nw_doc_options(FILE *out);	       /* of negwatch, that all commands have */
void nw_doc_daemon_options(FILE *out); /* of negwatchd */
void nw_doc_keys(FILE *out);	       /* of the configuration */
void nw_doc_rules(FILE *out);

/* shell.c: pieces of a bash completion. */
void nw_doc_bash_commands(FILE *out); /* the names */
void nw_doc_bash_options(FILE *out);  /* case branches: command -> options */
void nw_doc_bash_values(FILE *out);   /* case branches: option -> what kind of value */
void nw_doc_bash_daemon_options(FILE *out);
void nw_doc_bash_keys(FILE *out);
void nw_doc_bash_rules(FILE *out);

/* catalog.c: entries of journalctl's catalog, one for each rule. */
void nw_doc_catalog(FILE *out);

#endif
