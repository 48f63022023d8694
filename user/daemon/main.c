// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatchd: the command line, and the order of start and end. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <sys/stat.h>

#include "background.h"
#include "daemon.h"
#include "ifaces.h"
#include "../util/log.h"
#include "../util/util.h"

static const struct {
	char letter;
	const char *name;
	const char *arg; /* NULL: none */
	const char *help;
} options[] = {
	{ 'f', "foreground", NULL, "stay in the foreground; print hooks and alerts as they happen" },
	{ 'c', "config", "FILE", "read this file instead of " NW_CONFIG_FILE },
	{ 'i', "interface", "NAME",
	  "watch this interface (can be given again; as `interfaces` below), whatever the file says" },
	{ 'o', "option", "KEY=VALUE", "set a key of the file (can be given again)" },
	{ 't', "check-config", NULL, "check the configuration and exit" },
	{ 'd', "debug", NULL, "say more, also what the kernel's verifier says" },
	{ 'V', "version", NULL, "print the version and exit" },
	{ 'h', "help", NULL, "print this help and exit" },
};

#define N_OPTIONS NW_ARRAY_SIZE(options)

static void help(void)
{
	printf("usage: negwatchd [OPTION]...\n"
	       "Watches SMB2 NEGOTIATE and VALIDATE_NEGOTIATE_INFO on this host's interfaces, and tells who "
	       "changed "
	       "what.\n\n");
	for (size_t i = 0; i < N_OPTIONS; i++)
		printf("  -%c, --%s%s%-*s %s\n", options[i].letter, options[i].name,
		       options[i].arg ? " " : "",
		       (int)(22 - strlen(options[i].name) - (options[i].arg ? 1 : 0)),
		       options[i].arg ? options[i].arg : "", options[i].help);
	printf("\nKeys of the file, and of --option:\n");
	nw_config_help(stdout);
	printf("\nSignals: TERM and INT end it, HUP reads the configuration again, USR1 logs statistics.\n"
	       "Exit: 0, or 64 usage, 69 unavailable (interface, kernel, or already running), 70 software,\n"
	       "71 system error, 77 permission missing, 78 configuration.\n"
	       "Ask it with negwatch(1): negwatch status, negwatch alerts.\n");
}

struct command_line {
	struct nw_settings settings;
	bool foreground, check, debug;
	int exit; /* -1: go on */
};

static int add_interface(struct nw_settings *s, const char *name)
{
	if (!nw_wanted_add(&s->interfaces, name))
		return nw_err_r(-EINVAL,
				"--interface %s: not the name of an interface, or a pattern (at most 15 "
				"characters, at most 64 of them)",
				name);
	return 0;
}

static int parse(struct command_line *cl, int argc, char **argv)
{
	struct option longs[N_OPTIONS + 1] = { 0 };
	char letters[2 * N_OPTIONS + 1] = "";
	int c, n = 0;

	for (size_t i = 0; i < N_OPTIONS; i++) {
		longs[i] = (struct option){ options[i].name, options[i].arg ? required_argument : no_argument,
					    NULL, options[i].letter };
		letters[n++] = options[i].letter;
		if (options[i].arg)
			letters[n++] = ':';
	}
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		switch (c) {
		case 'f':
			cl->foreground = true;
			break;
		case 'c':
			cl->settings.file = optarg;
			break;
		case 'i':
			if (add_interface(&cl->settings, optarg) < 0)
				return EX_USAGE;
			break;
		case 'o':
			cl->settings.option[cl->settings.n_options++] = optarg;
			break;
		case 't':
			cl->check = true;
			break;
		case 'd':
			cl->debug = true;
			break;
		case 'V':
			printf("negwatchd " NW_VERSION "\n");
			return 0;
		case 'h':
			help();
			return 0;
		default:
			fprintf(stderr, "Try: negwatchd --help\n");
			return EX_USAGE;
		}
	}
	if (optind < argc) {
		nw_err("unexpected argument \"%s\"; interfaces are named with --interface", argv[optind]);
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
	if (!texts)
		return EX_OSERR;
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
