// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatchd: the command line, and the order of start and end. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <sys/stat.h>

#include "background.h"
#include "caps.h"
#include "daemon.h"
#include "ifaces.h"
#include "../util/log.h"
#include "../util/options.h"
#include "../util/util.h"

struct command_line {
	struct nw_settings settings;
	bool foreground, check, debug, help, version;
};

static const char *add_interface(void *member, const char *name)
{
	struct nw_interfaces *list = member;

	return nw_wanted_add(list, name) ?
		       NULL :
		       "not the name of an interface, or a pattern (at most 15 characters, at "
		       "most 64 of them)";
}

/* option[] has room for all of argv. */
static const char *add_option(void *member, const char *text)
{
	struct nw_settings *s = member;

	s->option[s->n_options++] = text;
	return NULL;
}

#define FLAG(member) offsetof(struct command_line, member), nw_option_flag

/* clang-format off */
const struct nw_option nw_daemon_options[] = {
	{ 'f', "foreground", NULL, NULL, "stay in the foreground; print hooks and alerts as they happen",
	  FLAG(foreground) },
	{ 'c', "config", "FILE", NULL, "read this file instead of " NW_CONFIG_FILE,
	  offsetof(struct command_line, settings.file), nw_option_text },
	{ 'i', "interface", "NAME", NULL, "watch this interface (can be given again; as `interfaces` below), whatever the file says",
	  offsetof(struct command_line, settings.interfaces), add_interface },
	{ 'o', "option", "KEY=VALUE", NULL, "set a key of the file (can be given again)",
	  offsetof(struct command_line, settings), add_option },
	{ 't', "check-config", NULL, NULL, "check the configuration and exit", FLAG(check) },
	{ 'd', "debug", NULL, NULL, "say more, also what the kernel's verifier says", FLAG(debug) },
	{ 'V', "version", NULL, NULL, "print the version and exit", FLAG(version) },
	{ 'h', "help", NULL, NULL, "print this help and exit", FLAG(help) },
};
/* clang-format on */

const size_t nw_n_daemon_options = NW_ARRAY_SIZE(nw_daemon_options);

static void help(void)
{
	printf("usage: negwatchd [OPTION]...\n"
	       "Watches SMB2 NEGOTIATE and VALIDATE_NEGOTIATE_INFO on this host's interfaces, and tells who "
	       "changed "
	       "what.\n\n");
	for (size_t i = 0; i < nw_n_daemon_options; i++) {
		char left[40];

		printf("%-29s %s\n", nw_option_left(left, &nw_daemon_options[i]), nw_daemon_options[i].help);
	}
	printf("\nKeys of the file, and of --option:\n");
	nw_config_help(stdout);
	printf("\nSignals: TERM and INT end it, HUP reads the configuration again, USR1 logs statistics.\n"
	       "Exit: 0, or 64 usage, 69 unavailable (interface, kernel, or already running), 70 software,\n"
	       "71 system error, 77 permission missing, 78 configuration.\n"
	       "Ask it with negwatch(1): negwatch status, negwatch alerts.\n");
}

/* What to end with, or -1. */
static int parse(struct command_line *cl, int argc, char **argv)
{
	int at = nw_options_parse(nw_daemon_options, nw_n_daemon_options, "negwatchd", NULL, false, cl, argc,
				  argv);

	if (at < 0)
		return EX_USAGE;
	if (cl->help || cl->version) {
		if (cl->help)
			help();
		else
			printf("negwatchd " NW_VERSION "\n");
		return 0;
	}
	if (at < argc) {
		nw_err("unexpected argument \"%s\"; interfaces are named with --interface", argv[at]);
		return EX_USAGE;
	}
	return -1;
}

static int exit_code(int err)
{
	switch (-err) {
	case 0:
		return 0;
	case EPERM:
	case EACCES:
		return EX_NOPERM;
	case ENODEV:
	case EBUSY:
	case EOPNOTSUPP:
		return EX_UNAVAILABLE;
	case EPROTO:
		return EX_SOFTWARE;
	default:
		return EX_OSERR;
	}
}

/* Under systemd the alerts come into the journal by syslog; a second copy from standard output helps nobody.
 */
static bool stdout_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 && fstat(STDOUT_FILENO, &st) == 0 &&
	       st.st_dev == dev && st.st_ino == ino;
}

/* The loop reads them; until it runs they wait, so that a start is never cut off half way. */
static void block_signals(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < NW_ARRAY_SIZE(signals); i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/*
 * An answer of the control socket can take megabytes for a moment (1,000 alerts of 5 KiB). By itself glibc
 * raises the size from which such blocks are mapped, and given back, to that of the first that it freed.
 */
static void give_back_large_blocks(void)
{
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
}

static int run(const struct command_line *cl)
{
	/* Large, and there is only one. */
	static struct nw_daemon d;
	_cleanup_close_ int ready = -1;
	int status = 0, err = nw_settings_read(&cl->settings, &d.cfg);

	if (err)
		return err == -EACCES ? EX_NOPERM : EX_CONFIG;
	if (cl->check) {
		printf("The configuration is fine.\n");
		return 0;
	}
	if (!cl->foreground) {
		err = nw_background_begin(&ready, &status);
		if (err)
			return err < 0 ? exit_code(err) : status;
	}
	block_signals();
	d.settings = &cl->settings;
	d.print = cl->foreground && !stdout_is_journal();
	err = nw_daemon_start(&d);
	if (!err) {
		if (nw_caps_drop() < 0)
			nw_warn("Capabilities that are no longer needed can't be given up: %m");
		if (d.print)
			nw_ifaces_print(&d, stdout);
		if (!cl->foreground) {
			nw_daemon_log_to_syslog(&d);
			nw_background_ready(&ready);
		}
		err = nw_loop_run(&d);
	}
	nw_daemon_stop(&d);
	return exit_code(err);
}

int main(int argc, char **argv)
{
	_cleanup_free_ const char **texts = calloc((size_t)argc + 1, sizeof(*texts));
	_cleanup_free_ char *file = NULL;
	struct command_line cl = { .settings.option = texts };
	int status;

	nw_log_init(LOG_INFO);
	give_back_large_blocks();
	if (!texts) {
		nw_err("Out of memory");
		return EX_OSERR;
	}
	status = parse(&cl, argc, argv);
	if (status >= 0)
		return status;
	/* A daemon in the background has another working directory when it reads the file again. */
	file = cl.settings.file ? realpath(cl.settings.file, NULL) : NULL;
	if (file)
		cl.settings.file = file;
	if (cl.debug)
		nw_log_init(LOG_DEBUG);
	return run(&cl);
}
