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
/*
 * "negw": tells a qdisc that we made, also when its owner was killed before the first filter or behind the
 * last. It comes and goes with the qdisc, so that no other can be taken for it.
 */
#define MARK 0x6e656777u
/* Before everybody else's, because an earlier filter's TC_ACT_OK hides the packet from later ones. */
#define PRIORITY 1u

static enum bpf_tc_attach_point point_of(bool egress)
{
	return egress ? BPF_TC_EGRESS : BPF_TC_INGRESS;
}

/* Behind the reason that is there already, why tc was chosen at all. */
static void add_reason(struct nw_attached *a, const char *reason)
{
	size_t n = strlen(a->why);

	snprintf(a->why + n, sizeof(a->why) - n, "%s%s", n ? "; " : "", reason);
}

static int count_others(void *arg, const struct nw_filter *f)
{
	if (nw_clsact_is_ours(f))
		return -EBUSY;
	++*(unsigned int *)arg;
	return 0;
}

/*
 * Behind the last of our filters: removes the qdisc if we made it, or lets those have it whose filters are
 * there, for good: it may be empty at times. Between the look and the removal somebody else could add a
 * filter; the kernel offers nothing that does both at once. The window is some microseconds. True if it was
 * removed.
 */
static bool leave_qdisc(unsigned int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	struct nw_qdisc qdisc;
	unsigned int others = 0;

	if (nw_ingress_qdisc(ifindex, &qdisc) < 0 || !nw_clsact_made(&qdisc) ||
	    nw_filter_each(ifindex, false, count_others, &others) < 0 ||
	    nw_filter_each(ifindex, true, count_others, &others) < 0)
		return false;
	if (others)
		nw_clsact_unmark(ifindex);
	return !others && bpf_tc_hook_destroy(&hook) == 0;
}

/* One of the two directions is done: is the other, too? */
static void leave(const struct nw_iface *iface)
{
	if (iface->ingress.how != NW_HOW_CLSACT && iface->egress.how != NW_HOW_CLSACT)
		leave_qdisc(iface->ifindex);
}

int nw_clsact_attach(struct nw_iface *iface, bool egress, int prog_fd)
{
	struct nw_attached *a = egress ? &iface->egress : &iface->ingress;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)iface->ifindex, .attach_point = point_of(egress));
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog_fd, .priority = PRIORITY);
	int err = nw_clsact_make(iface->ifindex, MARK);
	struct nw_qdisc qdisc;

	if (err == -EEXIST)
		err = 0;
	/* An "ingress" qdisc takes a filter for egress without a word, and runs it at ingress. */
	if (!err && egress && nw_ingress_qdisc(iface->ifindex, &qdisc) == 0 &&
	    strcmp(qdisc.kind, "ingress") == 0)
		err = -EEXIST;
	if (err)
		return err;
	opts.handle = HANDLE;
	err = bpf_tc_attach(&hook, &opts);
	if (err) {
		/* Another kind of filter holds the priority: behind all others is better than not at all. */
		opts.prog_id = 0;
		opts.priority = 0;
		err = bpf_tc_attach(&hook, &opts);
		if (!err)
			add_reason(a, "filter priority 1 is taken: what is before ours may hide packets");
	}
	if (err) {
		leave(iface);
		return err;
	}
	a->how = NW_HOW_CLSACT;
	a->prog_id = opts.prog_id;
	a->priority = opts.priority;
	a->handle = opts.handle;
	return 0;
}

bool nw_clsact_intact(const struct nw_iface *iface, bool egress)
{
	const struct nw_attached *a = egress ? &iface->egress : &iface->ingress;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)iface->ifindex, .attach_point = point_of(egress));
	LIBBPF_OPTS(bpf_tc_opts, there, .handle = a->handle, .priority = a->priority);

	return bpf_tc_query(&hook, &there) == 0 && there.prog_id == a->prog_id;
}

void nw_clsact_detach(struct nw_iface *iface, bool egress)
{
	struct nw_attached *a = egress ? &iface->egress : &iface->ingress;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)iface->ifindex, .attach_point = point_of(egress));
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = a->handle, .priority = a->priority);

	/* Gone? Then what is there now is somebody else's. */
	if (nw_clsact_intact(iface, egress))
		bpf_tc_detach(&hook, &opts);
	a->how = NW_HOW_NONE;
	leave(iface);
}

bool nw_clsact_is_ours(const struct nw_filter *f)
{
	static const char *const names[] = { "nw_tc_in:", "nw_tc_out:", "nw_l3_in:", "nw_l3_out:" };

	if (f->handle != HANDLE)
		return false;
	for (size_t i = 0; i < NW_ARRAY_SIZE(names); i++)
		if (strncmp(f->name, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

bool nw_clsact_made(const struct nw_qdisc *qdisc)
{
	return qdisc->mark == MARK && strcmp(qdisc->kind, "clsact") == 0;
}

struct reaping {
	struct nw_filter filter[16];
	unsigned int n;
};

static int note_ours(void *arg, const struct nw_filter *f)
{
	struct reaping *r = arg;

	if (nw_clsact_is_ours(f) && r->n < NW_ARRAY_SIZE(r->filter))
		r->filter[r->n++] = *f;
	return 0;
}

int nw_clsact_reap(unsigned int ifindex, bool *qdisc)
{
	int reaped = 0;

	*qdisc = false;
	for (int egress = 0; egress <= 1; egress++) {
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point_of(egress));
		struct reaping r = { .n = 0 };
		int err = nw_filter_each(ifindex, egress, note_ours, &r);

		/* Kernels say EINVAL or ENOENT when there is no qdisc to look at. */
		if (err < 0 && err != -EINVAL && err != -ENOENT)
			return err;
		for (unsigned int i = 0; i < r.n; i++) {
			const struct nw_filter *f = &r.filter[i];
			LIBBPF_OPTS(bpf_tc_opts, opts, .handle = f->handle, .priority = f->priority);

			reaped += bpf_tc_detach(&hook, &opts) == 0;
		}
	}
	*qdisc = leave_qdisc(ifindex);
	return reaped;
}
