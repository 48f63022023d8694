// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What our programs cost per packet over empty ones, by BPF_PROG_TEST_RUN. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

#include "test_run.h"
#include "empty.skel.h"
#include "negwatch.skel.h"
#include "../../bpf/wire/l4.h"
#include "../util/util.h"

#define ROUNDS 9

int nw_cost_load(struct nw_cost_progs *p)
{
	int err;

	*p = (struct nw_cost_progs){ .ours = nw_bpf__open() };
	if (!p->ours)
		return -errno;
	nw_port_add(p->ours->rodata->nw_ports, NW_COST_PORT);
	err = nw_bpf__load(p->ours);
	if (!err) {
		p->empty = empty_bpf__open_and_load();
		err = p->empty ? 0 : -errno;
	}
	if (err)
		nw_cost_free(p);
	return err;
}

void nw_cost_free(struct nw_cost_progs *p)
{
	nw_bpf__destroy(p->ours);
	empty_bpf__destroy(p->empty);
	*p = (struct nw_cost_progs){ 0 };
}

int nw_cost_prog_fd(const struct nw_cost_progs *p, enum nw_cost_prog which, bool ours)
{
	const struct bpf_program *progs[] = { p->ours->progs.nw_xdp, p->ours->progs.nw_tc_in,
					      p->ours->progs.nw_tc_out };

	if (ours)
		return bpf_program__fd(progs[which]);
	return bpf_program__fd(which == NW_COST_XDP ? p->empty->progs.empty_xdp : p->empty->progs.empty_tc);
}

uint64_t nw_cost_outcomes(const struct nw_cost_progs *p, unsigned int outcome)
{
	int n_cpus = libbpf_num_possible_cpus();
	size_t row = bpf_map__value_size(p->ours->maps.nw_stats) / sizeof(uint64_t);
	_cleanup_free_ uint64_t *v = n_cpus > 0 ? calloc((size_t)n_cpus * row, sizeof(*v)) : NULL;
	uint32_t zero = 0;
	uint64_t sum = 0;

	if (!v || bpf_map_lookup_elem(bpf_map__fd(p->ours->maps.nw_stats), &zero, v) < 0)
		return 0;
	for (int cpu = 0; cpu < n_cpus; cpu++)
		sum += v[(size_t)cpu * row + outcome];
	return sum;
}

static int run(int fd, const struct nw_cost_frame *f, unsigned int repeat, double *ns)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f->data, .data_size_in = f->len, .repeat = (int)repeat);

	if (bpf_prog_test_run_opts(fd, &o))
		return -errno;
	*ns = o.duration;
	return 0;
}

/* Once, with a look at what our program made of it. */
static int try(const struct nw_cost_progs *p, enum nw_cost_prog which, const struct nw_cost_frame *f)
{
	uint64_t before = nw_cost_outcomes(p, f->outcome);
	double ns;
	int err = run(nw_cost_prog_fd(p, which, true), f, 1, &ns);

	if (err)
		return err;
	return nw_cost_outcomes(p, f->outcome) == before + 1 ? 0 : -EPROTO;
}

int nw_cost_open(const struct nw_cost_progs *p, enum nw_cost_prog which)
{
	struct nw_cost_frame f;
	int err = 0;

	for (unsigned int i = 0; i < 2 && !err; i++) {
		double ns;

		nw_cost_opening(&f, i);
		err = run(nw_cost_prog_fd(p, which, true), &f, 1, &ns);
	}
	return err;
}

static int by_over(const void *a, const void *b)
{
	const struct nw_cost_ns *x = a, *y = b;
	double d = (x->ours - x->empty) - (y->ours - y->empty);

	return d < 0 ? -1 : d > 0;
}

int nw_cost_measure(const struct nw_cost_progs *p, enum nw_cost_prog which, const struct nw_cost_frame *f,
		    unsigned int repeat, struct nw_cost_ns *out)
{
	struct nw_cost_ns pair[ROUNDS];
	int err = try(p, which, f);

	for (unsigned int i = 0; i < ROUNDS && !err; i++) {
		err = run(nw_cost_prog_fd(p, which, false), f, repeat, &pair[i].empty);
		if (!err)
			err = run(nw_cost_prog_fd(p, which, true), f, repeat, &pair[i].ours);
	}
	if (err)
		return err;
	/* The machine's pace changes by half from one moment to the next: what was measured together goes
	 * together. */
	qsort(pair, ROUNDS, sizeof(*pair), by_over);
	*out = pair[ROUNDS / 2];
	return 0;
}

static int by_value(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return d < 0 ? -1 : d > 0;
}

double nw_cost_median(double *v, unsigned int n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}
