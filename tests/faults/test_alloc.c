// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Out of memory, everywhere: each subject runs as often as it allocates, and every time another allocation
 * fails, alone and with all that follow. Held to: no crash, no hang, nothing leaked, and the result is the
 * undisturbed one or there is a message.
 */
#include <errno.h>
#include <execinfo.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "alloc.h"
#include "faults.h"
#include "../../user/util/util.h"

#define OUT_MAX (1 << 20)
#define ARGS_MAX 12
/* No run takes a tenth of a second. */
#define SECONDS 20
/* Of each subject the first failures are told one by one. */
#define TOLD 5
#define MANY 1000

int nw_cli_main(int argc, char **argv);
int nw_daemon_main(int argc, char **argv);

static char captures[512];

const struct faults_subject faults_subjects[] = {
	{ .name = "engine", .prepare = faults_engine_prepare, .run = faults_engine },
	{ .name = "engine_packing", .prepare = faults_engine_prepare, .run = faults_engine_packed },
	{ .name = "engine_deadline", .prepare = faults_engine_prepare, .run = faults_engine_deadline },
	{ .name = "config", .prepare = faults_config_prepare, .run = faults_config },
	{ .name = "check_config",
	  .prepare = faults_config_prepare,
	  .command = "negwatchd --check-config --config f.conf" },
	{ .name = "journal",
	  .prepare = faults_journal_prepare,
	  .run = faults_journal,
	  .check = faults_journal_check },
	{ .name = "daemon",
	  .prepare = faults_straw_prepare,
	  .run = faults_straw,
	  .check = faults_straw_check },
	{ .name = "read",
	  .status = 1,
	  .command = "negwatch read C/request-highest-dialect.srv.pcap C/response-capabilities.cli.pcap" },
	{ .name = "read_json", .status = 1, .command = "negwatch read --json C/request-reset.srv.pcap" },
	{ .name = "locate_json",
	  .status = 1,
	  .command = "negwatch locate --json C/request-guid.cli.pcap C/request-guid.srv.pcap" },
	{ .name = "explain", .command = "negwatch explain 101" },
};

const size_t faults_n_subjects = NW_ARRAY_SIZE(faults_subjects);

struct outcome {
	int status; /* of waitpid() */
	char *out, *err;
};

static int run_command(const char *command)
{
	static char text[1024];
	char *argv[ARGS_MAX + 1], *save = NULL, *arg;
	int argc = 0;

	static char paths[ARGS_MAX][640];

	snprintf(text, sizeof(text), "%s", command);
	for (arg = strtok_r(text, " ", &save); arg && argc < ARGS_MAX; arg = strtok_r(NULL, " ", &save)) {
		char *c = strstr(arg, "C/");

		argv[argc] = arg;
		if (c) {
			snprintf(paths[argc], sizeof(paths[argc]), "%.*s%s/%s", (int)(c - arg), arg, captures,
				 c + 2);
			argv[argc] = paths[argc];
		}
		argc++;
	}
	argv[argc] = NULL;
	alloc_plan->armed = true;
	argc = strcmp(argv[0], "negwatch") ? nw_daemon_main(argc, argv) : nw_cli_main(argc, argv);
	/* As exit() does. */
	if (fflush(stdout))
		argc = argc ? argc : 1;
	return argc;
}

/* The child's part. */
static void run_child(const struct faults_subject *s, int out, int err)
{
	int status;

	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	alarm(SECONDS);
	if (s->prepare)
		s->prepare();
	if (s->command) {
		status = run_command(s->command);
	} else {
		alloc_plan->armed = true;
		status = s->run();
	}
	alloc_plan->at = 0;
	if (s->check)
		status = s->check(status);
	fflush(stdout);
	alloc_plan->armed = false;
	_exit(status);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void slurp(int fd, char *text)
{
	ssize_t n = pread(fd, text, OUT_MAX - 1, 0);

	text[n > 0 ? n : 0] = 0;
	close(fd);
}

static void run(const struct faults_subject *s, uint64_t at, bool rest, struct outcome *o)
{
	char dir[] = "/dev/shm/nw-faults.XXXXXX";
	int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC);
	pid_t pid;

	assert_non_null(mkdtemp(dir));
	*alloc_plan = (struct alloc_plan){ .at = at, .rest = rest };
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (chdir(dir))
			_exit(FAULTS_BROKEN);
		run_child(s, out, err);
	}
	waitpid(pid, &o->status, 0);
	slurp(out, o->out);
	if (s->until && strstr(o->out, s->until))
		*strstr(o->out, s->until) = 0;
	slurp(err, o->err);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Nothing is called altered that is not. */
static bool invents(const char *out, const char *usual)
{
	const char *line, *end;

	for (line = strstr(out, "altered "); line; line = strstr(end, "altered ")) {
		char text[128];

		end = strchrnul(line, '\n');
		snprintf(text, sizeof(text), "%.*s", (int)(end - line), line);
		if ((line == out || line[-1] == '\n') && !strstr(usual, text))
			return true;
	}
	return false;
}

/* NULL, or what is wrong. */
static const char *judge(const struct outcome *o, const struct outcome *usual, int64_t leaked)
{
	if (WIFSIGNALED(o->status))
		return WTERMSIG(o->status) == SIGALRM ? "hangs" : "crashes";
	if (WEXITSTATUS(o->status) == FAULTS_BROKEN)
		return "breaks";
	if (leaked > 0)
		return "leaks";
	if (invents(o->out, usual->out))
		return "invents";
	if (strcmp(o->out, usual->out) == 0 && o->status == usual->status)
		return NULL;
	return strcmp(o->err, usual->err) == 0 ? "is silent" : NULL;
}

/* The last line: what a process says before it ends. */
static void last_line(const char *name, char *text)
{
	size_t n = strlen(text);
	char *line;

	while (n && text[n - 1] == '\n')
		text[--n] = 0;
	line = strrchr(text, '\n');
	print_message("#   %s: %.300s\n", name, line ? line + 1 : text);
}

/* Offsets in this program, for addr2line. */
static void where(void)
{
	char **names = backtrace_symbols(alloc_plan->where, alloc_plan->n_where);
	char line[512] = "";
	size_t n = 0;

	for (int i = 2; names && i < alloc_plan->n_where; i++) {
		const char *at = strstr(names[i], "test_alloc(+");

		if (at && n < sizeof(line))
			n += (size_t)snprintf(line + n, sizeof(line) - n, " %.*s", (int)strcspn(at + 12, ")"),
					      at + 12);
	}
	print_message("#   asked for at%s\n", line);
	free(names);
}

static void test_subject(void **state)
{
	const struct faults_subject *s = *state;
	static char text[4][OUT_MAX];
	struct outcome usual = { 0, text[0], text[1] }, o = { 0, text[2], text[3] };
	unsigned int bad = 0, told = 0, same = 0;
	uint64_t calls, at;
	int64_t kept;

	run(s, 0, false, &usual);
	if (!WIFEXITED(usual.status) || WEXITSTATUS(usual.status) != s->status)
		fail_msg("undisturbed, it ends with status %d: %s", usual.status, usual.err);
	calls = alloc_plan->calls;
	kept = alloc_plan->live;
	assert_true(calls > 0);
	for (at = 1; at <= calls; at++)
		/* Many: each alone or with all behind it, in turns. */
		for (int rest = calls > MANY && at & 1; rest < (calls > MANY ? 1 + (int)(at & 1) : 2);
		     rest++) {
			const char *what;

			run(s, at, rest, &o);
			what = judge(&o, &usual, alloc_plan->live - kept);
			if (!what) {
				*(strcmp(o.out, usual.out) || o.status != usual.status ? &told : &same) += 1;
				continue;
			}
			if (bad++ >= TOLD)
				continue;
			print_message(
				"# %s %s when allocation %llu of %llu fails%s: status %#x, %lld leaked\n",
				s->name, what, (unsigned long long)at, (unsigned long long)calls,
				rest ? " and all behind it" : "", o.status,
				(long long)(alloc_plan->live - kept));
			where();
			last_line("stdout", o.out);
			last_line("stderr", o.err);
		}
	print_message("# %s: %llu allocations failed, alone and with all behind it: %u runs as usual, "
		      "%u with a "
		      "message, %u wrong\n",
		      s->name, (unsigned long long)calls, same, told, bad);
	assert_int_equal(bad, 0);
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[NW_ARRAY_SIZE(faults_subjects)];
	void *loaded;
	size_t n = 0;

	if (!realpath("tests/captures", captures))
		return 1;
	/* Its first call loads what it needs. */
	backtrace(&loaded, 1);
	alloc_plan =
		mmap(NULL, sizeof(*alloc_plan), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (alloc_plan == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < faults_n_subjects; i++)
		/* One alone, by its name, to look into it. */
		if (argc < 2 || strcmp(argv[1], faults_subjects[i].name) == 0)
			tests[n++] = (struct CMUnitTest){ .name = faults_subjects[i].name,
							  .test_func = test_subject,
							  .initial_state = (void *)&faults_subjects[i] };
	return _cmocka_run_group_tests("alloc", tests, n, NULL, NULL);
}
