// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Loads the mutating programs, puts programs behind them and runs them. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include "bench.h"
#include "mutate.skel.h"

struct bench_mutate {
	struct mutate_bpf *skel;
	struct mutate_how *how;
	bool xdp;
};

int bench_mutate_open(struct bench_mutate **out, bool xdp, int ours_fd, int empty_fd)
{
	const int fds[MUTATE_SLOTS] = { [MUTATE_EMPTY] = empty_fd, [MUTATE_OURS] = ours_fd };
	struct bench_mutate *m = calloc(1, sizeof(*m));
	int err = 0, map;

	if (!m)
		return -ENOMEM;
	m->skel = mutate_bpf__open_and_load();
	if (!m->skel)
		err = -errno;
	if (!err) {
		map = bpf_map__fd(xdp ? m->skel->maps.next_xdp : m->skel->maps.next_tc);
		for (__u32 slot = 0; slot < MUTATE_SLOTS && !err; slot++)
			if (fds[slot] >= 0 && bpf_map_update_elem(map, &slot, &fds[slot], BPF_ANY) < 0)
				err = -errno;
		m->how = &m->skel->bss->how;
		m->xdp = xdp;
	}
	if (err)
		bench_mutate_close(&m);
	else
		*out = m;
	return err;
}

void bench_mutate_close(struct bench_mutate **m)
{
	if (!*m)
		return;
	mutate_bpf__destroy((*m)->skel);
	free(*m);
	*m = NULL;
}

struct mutate_how *bench_mutate_how(struct bench_mutate *m)
{
	return m->how;
}

int bench_mutate_run(struct bench_mutate *m, const uint8_t *data, uint32_t len, uint32_t repeat, double *ns)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = data, .data_size_in = len, .repeat = (int)repeat);
	const struct bpf_program *prog = m->xdp ? m->skel->progs.mutate_xdp : m->skel->progs.mutate_tc;

	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &o))
		return -errno;
	/* XDP_PASS and TC_ACT_UNSPEC are what our programs say; without one behind it says otherwise. */
	if ((int)o.retval != (m->xdp ? 2 : -1))
		return -ENOEXEC;
	if (ns)
		*ns = o.duration;
	return 0;
}
