// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Loads BPF objects into the running kernel, one after the other, and prints as TAP how many instructions the
 * verifier walked for each program. More than the bound is a failure: kernels stop at a million, and what
 * grows unseen on one kernel is refused by the next.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define LOG_SIZE (1u << 22)
#define LOG_TAIL 1500u

/* libbpf repeats the whole log of the verifier; its end is printed below. */
static int say_nothing(enum libbpf_print_level level, const char *format, va_list ap)
{
	return 0;
}

/* The end of what the verifier says, as TAP comments. */
static void print_log(const char *log)
{
	size_t len = strlen(log);
	char *tail = strdup(len > LOG_TAIL ? log + len - LOG_TAIL : log), *save = NULL;

	for (char *line = tail ? strtok_r(tail, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save))
		printf("#   %s\n", line);
	free(tail);
}

static int count(const char *name, const struct bpf_program *prog, unsigned int bound)
{
	struct bpf_prog_info info = { 0 };
	unsigned int len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len) < 0) {
		printf("not ok - load %s %s: loaded, but the kernel tells nothing about it: %s\n", name,
		       bpf_program__name(prog), strerror(errno));
		return 1;
	}
	if (info.verified_insns > bound) {
		printf("not ok - load %s %s %u instructions, more than %u\n", name, bpf_program__name(prog),
		       info.verified_insns, bound);
		return 1;
	}
	printf("ok - load %s %s %u instructions\n", name, bpf_program__name(prog), info.verified_insns);
	return 0;
}

static int load(const char *name, const char *file, unsigned int bound, char *log)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .kernel_log_buf = log, .kernel_log_size = LOG_SIZE);
	struct bpf_object *obj = bpf_object__open_file(file, &opts);
	struct bpf_program *prog;
	int err, bad = 0;

	if (!obj) {
		printf("not ok - load %s: %s can't be opened: %s\n", name, file, strerror(errno));
		return 1;
	}
	log[0] = '\0';
	err = bpf_object__load(obj);
	if (err) {
		printf("not ok - load %s: the kernel refuses it: %s\n", name, strerror(-err));
		print_log(log);
		bad = 1;
	} else {
		bpf_object__for_each_program(prog, obj) bad |= count(name, prog, bound);
	}
	bpf_object__close(obj);
	return bad;
}

int main(int argc, char **argv)
{
	char *log = calloc(1, LOG_SIZE);
	unsigned int bound;
	int bad = 0;

	if (argc < 3 || !log || sscanf(argv[1], "%u", &bound) != 1) {
		fprintf(stderr, "usage: loads MAX-INSTRUCTIONS NAME=OBJECT...\n");
		return 2;
	}
	libbpf_set_print(say_nothing);
	for (int i = 2; i < argc; i++) {
		char *file = strchr(argv[i], '=');

		if (!file)
			return 2;
		*file++ = '\0';
		bad |= load(argv[i], file, bound, log);
	}
	free(log);
	return bad;
}
