// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatch evidence: the packets behind an alert, as the daemon keeps them, for Wireshark and for a ticket.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "../util/util.h"

/* -1 after having said why. */
static int open_evidence(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fprintf(stderr, "negwatch evidence: %s can't be read: %s%s\n", path, strerror(errno),
			errno == EACCES || errno == EPERM ?
				"\nAsk as root, or as a member of the daemon's group." :
			errno == ENOENT ? "\nIt was removed by somebody else." :
					  "");
	return fd;
}

/* -1 after having said why. What the user has named is written anew, what has its own name is not. */
static int open_output(const char *named, const char *own)
{
	int fd;

	if (named && strcmp(named, "-") == 0) {
		if (!isatty(STDOUT_FILENO))
			return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
		fprintf(stderr,
			"negwatch evidence: these are bytes, and standard output is a terminal: name a file "
			"(-o FILE), or a pipe, as in `negwatch evidence ID -o - | tshark -r -`\n");
		return -1;
	}
	fd = named ? open(named, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640) :
		     open(own, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		fprintf(stderr, "negwatch evidence: %s can't be written: %s%s\n", named ? named : own,
			strerror(errno), errno == EEXIST ? "; name another with -o FILE" : "");
	return fd;
}

/* 0 or -errno. */
static int copy(int from, int to)
{
	char buf[65536];
	ssize_t n, done, m;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		for (done = 0; done < n; done += m) {
			m = write(to, buf + done, (size_t)(n - done));
			if (m < 0)
				return -errno;
		}
	return n < 0 ? -errno : 0;
}

static int write_out(const struct nw_cli *cli, const char *path)
{
	const char *own = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	_cleanup_close_ int from = open_evidence(path), to = -1;
	int err;

	if (from < 0)
		return NW_EXIT_ERROR;
	to = open_output(cli->out_file, own);
	if (to < 0)
		return NW_EXIT_ERROR;
	err = copy(from, to);
	if (err) {
		fprintf(stderr, "negwatch evidence: it could not be copied whole: %s\n", strerror(-err));
		return NW_EXIT_ERROR;
	}
	if (!cli->quiet && !(cli->out_file && strcmp(cli->out_file, "-") == 0))
		printf("%s\n", cli->out_file ? cli->out_file : own);
	return NW_EXIT_OK;
}

int nw_cmd_evidence(const struct nw_cli *cli, int argc, char **argv)
{
	unsigned long long id = nw_alert_number(argv[0], argv[1]);
	json_t *reply = NULL;
	int ret;

	if (!id)
		return NW_EXIT_USAGE;
	ret = nw_ask(cli, json_pack("{s:s,s:I}", "cmd", "evidence", "id", (json_int_t)id), &reply);
	if (!ret && cli->json)
		ret = nw_print_json("path", nw_at(reply, "path"));
	else if (!ret)
		ret = write_out(cli, nw_str(reply, "path"));
	json_decref(reply);
	return ret;
}

void nw_help_evidence(void)
{
	printf("\nWithout -o the file gets its own name, in the current directory, and that is printed.\n"
	       "It opens in Wireshark and tshark; the packets' comments say what negwatch read in\n"
	       "them. `negwatch read FILE` comes to the same finding. --json prints only where the\n"
	       "daemon has it. Root and the members of the daemon's group may read it.\n");
}
