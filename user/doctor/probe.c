// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the running kernel can do, found by loading programs; none of them is ever attached. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>

#include "doctor.h"
#include "../source/live.h"
#include "../source/resets.h"
#include "../util/log.h"
#include "../util/time.h"
#include "../util/util.h"

/* <linux/bpf.h> of 5.18 and later. */
#define XDP_HAS_FRAGS (1u << 5)
#define HELPER_LOOP 181

/* A program that says "pass" is 2 in XDP; in tc nobody will ever run it. */
static int load_trivial(enum bpf_prog_type type, uint32_t flags)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 2 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = flags);
	int fd = bpf_prog_load(type, "nw_doctor", "Dual BSD/GPL", insns, NW_ARRAY_SIZE(insns), &opts);

	return fd < 0 ? -errno : fd;
}

static nw_probe_t answer_of(int fd)
{
	return fd >= 0 ? 1 : fd == -EPERM || fd == -EACCES ? fd : 0;
}

static nw_probe_t jitted(int fd)
{
	struct bpf_prog_info info = { 0 };
	unsigned int len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) < 0 ? -errno : info.jited_prog_len > 0;
}

/*
 * No interface has the index 0, so that nothing can come of it: a kernel that knows the attach type looks for
 * the interface (ENODEV), one that doesn't refuses the type before (EINVAL).
 */
static nw_probe_t knows_tcx(int fd)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	_cleanup_close_ int link = bpf_link_create(fd, 0, NW_TCX_INGRESS, &opts);

	if (link >= 0 || errno == ENODEV)
		return 1;
	return errno == EINVAL ? 0 : -errno;
}

static int say_nothing(enum libbpf_print_level level, const char *format, va_list ap)
{
	return 0;
}

void nw_doctor_probe_kernel(struct nw_doctor_host *h)
{
	libbpf_print_fn_t before = libbpf_set_print(say_nothing);
	_cleanup_close_ int tc = load_trivial(BPF_PROG_TYPE_SCHED_CLS, 0);
	_cleanup_close_ int xdp = load_trivial(BPF_PROG_TYPE_XDP, 0);
	_cleanup_close_ int frags = load_trivial(BPF_PROG_TYPE_XDP, XDP_HAS_FRAGS);
	_cleanup_close_ int ring =
		bpf_map_create(BPF_MAP_TYPE_RINGBUF, "nw_doctor", 0, 0, (uint32_t)getpagesize(), NULL);

	h->ring = answer_of(ring < 0 ? -errno : ring);
	h->tc = answer_of(tc);
	h->xdp = answer_of(xdp);
	h->frags = answer_of(frags);
	/* libbpf takes a refusal for lack of privilege for a yes */
	h->loop = xdp >= 0 ? libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, (enum bpf_func_id)HELPER_LOOP, NULL) :
			     h->xdp;
	h->tcx = tc >= 0 ? knows_tcx(tc) : h->tc;
	h->jit = tc >= 0 ? jitted(tc) : h->tc;
	libbpf_set_print(before);
}

/* Keeps the first error, and the line of the verifier's log that says what it dislikes. */
static void overhear(void *arg, int level, const char *text)
{
	struct nw_doctor_host *h = arg;

	if (level == LOG_ERR && !*h->load_text)
		snprintf(h->load_text, sizeof(h->load_text), "%s", text);
	text += strspn(text, " ");
	if (level == LOG_DEBUG && *text && !strstr(text, "PROG LOAD LOG") &&
	    strncmp(text, "processed ", 10) != 0 && strncmp(text, "libbpf: ", 8) != 0)
		snprintf(h->verifier, sizeof(h->verifier), "%s", text);
}

static unsigned int verified(const struct nw_live *live)
{
	unsigned int sum = 0;

	for (enum nw_live_prog p = NW_PROG_XDP; p < NW_PROGS; p++) {
		struct bpf_prog_info info = { 0 };
		unsigned int len = sizeof(info);

		if (bpf_obj_get_info_by_fd(nw_live_prog_fd(live, p), &info, &len) == 0)
			sum += info.verified_insns;
	}
	return sum;
}

static int no_events(void *arg, const struct nw_event *ev)
{
	return 0;
}

static void load_resets(struct nw_doctor_host *h, const struct nw_live *live)
{
	struct nw_resets *r = NULL;

	h->resets_err = nw_resets_new(&r, live, h->resets_why, sizeof(h->resets_why));
	h->resets_complete = r && nw_resets_complete(r);
	nw_resets_free(&r);
}

void nw_doctor_load(struct nw_doctor_host *h)
{
	struct nw_live_config cfg = { .ports = h->cfg.ports.port,
				      .n_ports = h->cfg.ports.n,
				      .max_flows = h->cfg.max_flows,
				      .ring_bytes = h->cfg.ring_bytes };
	struct nw_live *live = NULL;
	uint64_t start = nw_monotonic();

	nw_log_init(LOG_DEBUG);
	nw_log_to(overhear, h);
	h->load_err = nw_live_new(&live, &cfg, no_events, NULL);
	nw_log_to(NULL, NULL);
	nw_log_init(LOG_INFO);
	h->load_ms = (unsigned int)((nw_monotonic() - start) / 1000000);
	if (!h->load_err) {
		*h->verifier = '\0';
		h->insns = verified(live);
		load_resets(h, live);
	}
	nw_live_free(&live);
}
