// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel's own word on resets: asks the kernel's BTF what its tracepoints look like, loads, attaches. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "resets.h"
#include "../util/util.h"
#include "resets.skel.h"

/* Kernel 6.18 has 25. */
#define REASONS_MAX 128
#define REASON_TEXT 48
#define REASON_PREFIX "SK_RST_REASON_"

struct nw_resets {
	struct nw_resets_bpf *skel;
	bool complete;
	char reason[REASONS_MAX][REASON_TEXT]; /* by the kernel's number */
};

static void btf_freep(struct btf **btf)
{
	btf__free(*btf);
}

static int no_because(char *why, size_t size, int err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int no_because(char *why, size_t size, int err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, size, format, ap);
	va_end(ap);
	return err;
}

/* The name of what an argument is or points to; empty if it has none. */
static const char *argument(const struct btf *btf, const struct btf_type *proto, unsigned int i)
{
	const struct btf_type *t;

	if (i >= btf_vlen(proto))
		return "";
	t = btf__type_by_id(btf, btf_params(proto)[i].type);
	while (t && (btf_is_mod(t) || btf_is_ptr(t)))
		t = btf__type_by_id(btf, t->type);
	return t ? btf__name_by_offset(btf, t->name_off) : "";
}

/* The arguments of a tracepoint, behind the one that is the tracer's own; NULL: there is no such tracepoint.
 */
static const struct btf_type *tracepoint(const struct btf *btf, const char *name)
{
	const struct btf_type *t;
	char type[64];
	int id;

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	id = btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF);
	t = id < 0 ? NULL : btf__type_by_id(btf, btf__type_by_id(btf, (__u32)id)->type);
	t = t && btf_is_ptr(t) ? btf__type_by_id(btf, t->type) : NULL;
	return t && btf_is_func_proto(t) ? t : NULL;
}

/* Are the tracepoints as resets.bpf.c takes them to be? Says whether the reason is among the arguments. */
static int check_tracepoints(const struct btf *btf, bool *has_reason, char *why, size_t size)
{
	const struct btf_type *sent = tracepoint(btf, "tcp_send_reset");
	const struct btf_type *accepted = tracepoint(btf, "tcp_receive_reset");

	if (!sent || !accepted)
		return no_because(why, size, -ENOENT, "this kernel has no tracepoint %s",
				  sent ? "tcp_receive_reset" : "tcp_send_reset");
	if (strcmp(argument(btf, sent, 1), "sock") != 0 || strcmp(argument(btf, sent, 2), "sk_buff") != 0 ||
	    strcmp(argument(btf, accepted, 1), "sock") != 0)
		return no_because(why, size, -EPROTO,
				  "the tracepoints of this kernel have arguments of another kind");
	*has_reason = strcmp(argument(btf, sent, 3), "sk_rst_reason") == 0;
	return 0;
}

/* What the kernel calls its reasons; a number that it has no name for stays a number. */
static void learn_reasons(struct nw_resets *r, const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "sk_rst_reason", BTF_KIND_ENUM);
	const struct btf_type *t = id < 0 ? NULL : btf__type_by_id(btf, (__u32)id);

	for (unsigned int i = 0; i < REASONS_MAX; i++)
		snprintf(r->reason[i], REASON_TEXT, "%u", i);
	for (unsigned int i = 0; t && i < btf_vlen(t); i++) {
		const char *name = btf__name_by_offset(btf, btf_enum(t)[i].name_off);
		__s32 v = btf_enum(t)[i].val;

		if (strncmp(name, REASON_PREFIX, strlen(REASON_PREFIX)) == 0)
			name += strlen(REASON_PREFIX);
		if (v >= 0 && v < REASONS_MAX)
			snprintf(r->reason[v], REASON_TEXT, "%s", name);
	}
}

static int load(struct nw_resets *r, const struct nw_live *live, char *why, size_t size)
{
	struct stat netns;
	int err = 0;

	r->skel = nw_resets_bpf__open();
	if (!r->skel)
		return no_because(why, size, -errno, "the BPF object inside negwatchd can't be read: %s",
				  strerror(errno));
	if (stat("/proc/self/ns/net", &netns) < 0)
		return no_because(why, size, -errno, "the network namespace is not known: %s",
				  strerror(errno));
	r->skel->rodata->nw_netns = (__u32)netns.st_ino;
	r->skel->rodata->nw_has_reason = r->complete;
	nw_live_homes(live, &r->skel->rodata->nw_n_rows, r->skel->rodata->nw_home_by);
	struct bpf_map *const shared[] = { r->skel->maps.nw_homes, r->skel->maps.nw_flows,
					   r->skel->maps.nw_ring, r->skel->maps.nw_stats,
					   r->skel->maps.nw_woken };

	for (size_t i = 0; i < NW_ARRAY_SIZE(shared) && !err; i++)
		err = bpf_map__reuse_fd(shared[i], nw_live_map_fd(live, bpf_map__name(shared[i])));
	if (err)
		return no_because(why, size, err, "the maps can't be shared: %s", strerror(-err));
	err = nw_resets_bpf__load(r->skel);
	return err ? no_because(why, size, err, "the kernel refused the programs: %s", strerror(-err)) : 0;
}

int nw_resets_new(struct nw_resets **out, const struct nw_live *live, char *why, size_t size)
{
	_cleanup_(btf_freep) struct btf *btf = btf__load_vmlinux_btf();
	struct nw_resets *r;
	int err;

	if (!btf)
		return no_because(why, size, -errno,
				  "the kernel's description of its types (/sys/kernel/btf/vmlinux) can't be "
				  "read: %s",
				  strerror(errno));
	r = calloc(1, sizeof(*r));
	if (!r)
		return no_because(why, size, -ENOMEM, "out of memory");
	err = check_tracepoints(btf, &r->complete, why, size);
	if (!err) {
		learn_reasons(r, btf);
		err = load(r, live, why, size);
	}
	if (err) {
		nw_resets_free(&r);
		return err;
	}
	*out = r;
	return 0;
}

int nw_resets_attach(struct nw_resets *r, char *why, size_t size)
{
	int err = nw_resets_bpf__attach(r->skel);

	return err ? no_because(why, size, err, "the kernel did not attach the programs: %s",
				strerror(-err)) :
		     0;
}

void nw_resets_free(struct nw_resets **rp)
{
	struct nw_resets *r = *rp;

	if (!r)
		return;
	nw_resets_bpf__destroy(r->skel);
	free(r);
	*rp = NULL;
}

bool nw_resets_complete(const struct nw_resets *r)
{
	return r->complete;
}

const char *nw_resets_reason(const struct nw_resets *r, unsigned int reason)
{
	return reason && reason <= REASONS_MAX ? r->reason[reason - 1] : NULL;
}
