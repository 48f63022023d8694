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
 * The same on a qdisc that was made by us. A filter does not outlive its qdisc: one that is found with this
 * handle proves, even when its owner was killed, that the qdisc is still the one that we made.
 */
#define HANDLE_MADE 0x6e78u
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

/* Behind the reason that is there already, why tc was chosen at all. */
static void add_reason(struct nw_attached *a, const char *reason)
{
	size_t n = strlen(a->why);

	snprintf(a->why + n, sizeof(a->why) - n, "%s%s", n ? "; " : "", reason);
}

static int count_filter(void *arg, const struct nw_filter *f)
{
	++*(unsigned int *)arg;
	return 0;
}

/*
 * Removes a qdisc of ours without filters. Between the look and the removal somebody else could add a filter;
 * the kernel offers nothing that does both at once. The window is some microseconds.
 */
static bool remove_if_empty(unsigned int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	unsigned int filters = 0;

	return nw_filter_each(ifindex, false, count_filter, &filters) == 0 &&
	       nw_filter_each(ifindex, true, count_filter, &filters) == 0 && !filters &&
	       bpf_tc_hook_destroy(&hook) == 0;
}

static void remove_qdisc(struct nw_iface *iface)
{
	if (iface->made_clsact && iface->ingress.how != NW_HOW_CLSACT && iface->egress.how != NW_HOW_CLSACT &&
	    remove_if_empty(iface->ifindex))
		iface->made_clsact = false;
}

int nw_clsact_attach(struct nw_iface *iface, bool egress, int prog_fd)
{
	struct nw_attached *a = egress ? &iface->egress : &iface->ingress;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)iface->ifindex, .attach_point = point_of(egress));
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog_fd, .priority = PRIORITY);
	int err = make_qdisc(iface);
	char kind[16];

	/* An "ingress" qdisc takes a filter for egress without a word, and runs it at ingress. */
	if (!err && egress && nw_ingress_qdisc(iface->ifindex, kind, sizeof(kind)) == 0 &&
	    strcmp(kind, "ingress") == 0)
		err = -EEXIST;
	if (err)
		return err;
	opts.handle = iface->made_clsact ? HANDLE_MADE : HANDLE;
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
		remove_qdisc(iface);
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

	/* Gone with its qdisc? Then what is there now is somebody else's. */
	if (!nw_clsact_intact(iface, egress))
		iface->made_clsact = false;
	else
		bpf_tc_detach(&hook, &opts);
	a->how = NW_HOW_NONE;
	remove_qdisc(iface);
}

bool nw_clsact_is_ours(const struct nw_filter *f)
{
	static const char *const names[] = { "nw_tc_in:", "nw_tc_out:", "nw_l3_in:", "nw_l3_out:" };

	if (f->handle != HANDLE && f->handle != HANDLE_MADE)
		return false;
	for (size_t i = 0; i < NW_ARRAY_SIZE(names); i++)
		if (strncmp(f->name, names[i], strlen(names[i])) == 0)
			return true;
	return false;
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
	bool made = false;
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

			made |= f->handle == HANDLE_MADE;
			reaped += bpf_tc_detach(&hook, &opts) == 0;
		}
	}
	*qdisc = made && remove_if_empty(ifindex);
	return reaped;
}
