/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is run with failing allocations: a table of subjects, each of which runs in a process of its own. */
#ifndef NW_TESTS_FAULTS_H
#define NW_TESTS_FAULTS_H

#include <stddef.h>

/* Exit status: what has to hold whatever fails does not; stderr says what. */
#define FAULTS_BROKEN 99

/*
 * prepare() is run before allocations fail, run() while they do; it returns an exit status. check() is run
 * when they don't fail any more: FAULTS_BROKEN, or what run() returned. All run in an empty directory. What
 * goes to stdout is the result: it is either that of an undisturbed run, or a message on stderr says why not.
 */
struct faults_subject {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);
	int (*check)(int status);
	const char *command; /* instead of run: a command line of negwatch or negwatchd */
	const char *until;   /* the result ends where this is: behind it there is the time of day */
	int status;	     /* what it ends with when nothing fails */
};

extern const struct faults_subject faults_subjects[];
extern const size_t faults_n_subjects;

/* Says what is broken; returns FAULTS_BROKEN. */
int faults_broken(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The subjects that are no command: lib_engine.c, lib_store.c, lib_straw.c. */
void faults_engine_prepare(void);
int faults_engine(void);
int faults_engine_packed(void);
int faults_engine_deadline(void);
void faults_config_prepare(void);
int faults_config(void);
void faults_journal_prepare(void);
int faults_journal(void);
int faults_journal_check(int status);
void faults_straw_prepare(void);
int faults_straw(void);
int faults_straw_check(int status);

#endif
