/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Filters on the clsact qdisc, for kernels without TCX (before 6.6). */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clsact.h"
#include "../util/log.h"
#include "../util/util.h"

/* "nw": with the program's name it tells our filters from others'. */
#define HANDLE 0x6e77u
/* Before everybody else's, because an earlier filter's TC_ACT_OK hides the packet from later ones. */
#define PRIORITY 1u

static enum bpf_tc_attach_point point_of(bool egress)
{
	return egress ? BPF_TC_EGRESS : BPF_TC_INGRESS;
}

/* libbpf prints the kernel's complaint about a qdisc that exists already, which is no news. */
static int say_nothing(enum libbpf_print_level level, const char *format, va_list ap)
{
	return 0;
}

static int make_qdisc(struct nw_iface *iface)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)iface->ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	libbpf_print_fn_t before = libbpf_set_print(say_nothing);
	int err = bpf_tc_hook_create(&hook);

	libbpf_set_print(before);
	if (err == 0)
		iface->made_clsact = true;
	return err == -EEXIST ? 0 : err;
}

static int count_filter(void *arg, const struct nw_filter *f)
{
	++*(unsigned int *)arg;
	return 0;
}

/*
 * Between the look and the removal somebody else could add a filter; the kernel offers nothing that does both
 * at once. The window is some microseconds, and only open for a qdisc that we made.
 */
static void remove_qdisc(struct nw_iface *iface)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)iface->ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	unsigned int others = 0;

	if (!iface->made_clsact || iface->ingress.how == NW_HOW_CLSACT || iface->egress.how == NW_HOW_CLSACT)
		return;
	if (nw_filter_each(iface->ifindex, false, count_filter, &others) < 0 ||
	    nw_filter_each(iface->ifindex, true, count_filter, &others) < 0 || others)
		return;
	iface->made_clsact = false;
	bpf_tc_hook_destroy(&hook);
}

int nw_clsact_attach(struct nw_iface *iface, bool egress, int prog_fd)
{
	struct nw_attached *a = egress ? &iface->egress : &iface->ingress;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)iface->ifindex, .attach_point = point_of(egress));
	struct bpf_tc_opts opts = {
		.sz = sizeof(opts), .prog_fd = prog_fd, .handle = HANDLE, .priority = PRIORITY
	};
	int err = make_qdisc(iface);
	char kind[16];

	/* An "ingress" qdisc takes a filter for egress without a word, and runs it at ingress. */
	if (!err && egress && nw_ingress_qdisc(iface->ifindex, kind, sizeof(kind)) == 0 &&
	    strcmp(kind, "ingress") == 0)
		err = -EEXIST;
	if (err)
		return err;
	err = bpf_tc_attach(&hook, &opts);
	if (err) {
		/* Another kind of filter holds the priority: behind all others is better than not at all. */
		opts.prog_id = 0;
		opts.priority = 0;
		err = bpf_tc_attach(&hook, &opts);
		if (!err)
			snprintf(a->why, sizeof(a->why),
				 "priority %u is taken: filters before ours may hide packets from it",
				 PRIORITY);
	}
	if (err) {
		remove_qdisc(iface);
		return err;
	}
	a->how = NW_HOW_CLSACT;
	a->prog_id = opts.prog_id;
	a->priority = opts.priority;
	return 0;
}

void nw_clsact_detach(struct nw_iface *iface, bool egress)
{
	struct nw_attached *a = egress ? &iface->egress : &iface->ingress;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)iface->ifindex, .attach_point = point_of(egress));
	LIBBPF_OPTS(bpf_tc_opts, there, .handle = HANDLE, .priority = a->priority);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = a->priority);

	if (bpf_tc_query(&hook, &there) == 0 && there.prog_id == a->prog_id)
		bpf_tc_detach(&hook, &opts);
	a->how = NW_HOW_NONE;
	remove_qdisc(iface);
}

struct reaping {
	uint32_t priority[16];
	unsigned int n;
};

static int note_ours(void *arg, const struct nw_filter *f)
{
	struct reaping *r = arg;
	static const char *const names[] = { "nw_tc_in:", "nw_tc_out:", "nw_l3_in:", "nw_l3_out:" };
	bool ours = false;

	for (size_t i = 0; i < NW_ARRAY_SIZE(names); i++)
		ours |= f->handle == HANDLE && strncmp(f->name, names[i], strlen(names[i])) == 0;
	if (ours && r->n < sizeof(r->priority) / sizeof(r->priority[0]))
		r->priority[r->n++] = f->priority;
	return 0;
}

int nw_clsact_reap(unsigned int ifindex)
{
	int reaped = 0;

	for (int egress = 0; egress <= 1; egress++) {
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point_of(egress));
		struct reaping r = { .n = 0 };
		int err = nw_filter_each(ifindex, egress, note_ours, &r);

		/* Kernels say EINVAL or ENOENT when there is no qdisc to look at. */
		if (err < 0 && err != -EINVAL && err != -ENOENT)
			return err;
		for (unsigned int i = 0; i < r.n; i++) {
			LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = r.priority[i]);

			reaped += bpf_tc_detach(&hook, &opts) == 0;
		}
	}
	return reaped;
}
