/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Events from the kernel: loads the programs, drains the ring buffer, proves losses, reads the counters. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "live.h"
#include "record.h"
#include "../../bpf/wire/stream.h"
#include "../util/log.h"
#include "../util/util.h"
#include "negwatch.skel.h"

/* Ends a drain; libbpf has moved the consumer's position before it calls us, so that no record is lost. */
#define BUDGET_SPENT (-ECANCELED)
/* Of an event, a record's header included */
#define RECORD_MAX (sizeof(struct nw_event) + BPF_RINGBUF_HDR_SZ)

struct nw_live {
	struct nw_bpf *skel;
	struct ring_buffer *ring;
	nw_event_fn fn;
	void *arg;
	unsigned int left; /* of the budget */
	unsigned int taken;
	/*
	 * So many events apart the programs are asked what was lost. Nothing is before half of the ring is
	 * taken (bpf/share.h), by this many events at least (31 of 64 KiB): what was lost is known before the
	 * first event behind it is handled.
	 */
	unsigned int look_every;
	unsigned int unlooked; /* taken since */
	int fn_err;
	int n_cpus;
	uint64_t *last_seq; /* by CPU */
	uint64_t *per_cpu;  /* n_cpus rows of NW_C_MAX counters and the number of the last event */
	uint64_t gaps;	    /* events lost, by their numbers */
	uint64_t counted;   /* events lost by the programs' counters */
	uint64_t told;
};

/* Line by line: the verifier's log comes as one text of many. */
static int libbpf_say(enum libbpf_print_level level, const char *format, va_list ap)
{
	_cleanup_free_ char *text = NULL;
	char *save = NULL;

	if (nw_log_max() < LOG_DEBUG || vasprintf(&text, format, ap) < 0)
		return 0;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		nw_debug("  %s", line);
	return 0;
}

static bool has_capability(unsigned int cap)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	return syscall(SYS_capget, &head, data) < 0 || data[cap / 32].effective & 1u << cap % 32;
}

/* Says in our own words why the programs could not be loaded. Returns err, or what it really means. */
static int explain_load(int err)
{
	struct utsname un = { 0 };
	unsigned int major = 0, minor = 0;
	bool admin = has_capability(CAP_SYS_ADMIN);

	if (err == -EPERM || err == -EACCES) {
		const char *missing = !has_capability(CAP_NET_ADMIN)	     ? "CAP_NET_ADMIN" :
				      !admin && !has_capability(CAP_BPF)     ? "CAP_BPF" :
				      !admin && !has_capability(CAP_PERFMON) ? "CAP_PERFMON" :
									       NULL;
		if (missing)
			return nw_err_r(
				-EPERM,
				"The kernel refused the BPF programs: %s is missing. Start negwatchd as "
				"root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON as its unit does.",
				missing);
	}
	if (err == -ENOMEM)
		return nw_err_r(err,
				"The kernel has no memory for the maps of the BPF programs. Set max_flows "
				"lower, or raise the locked-memory limit (LimitMEMLOCK=infinity) before "
				"kernel 5.11.");
	uname(&un);
	if (sscanf(un.release, "%u.%u", &major, &minor) == 2 && (major < 5 || (major == 5 && minor < 18)))
		return nw_err_r(-EOPNOTSUPP,
				"Kernel %s is too old for the BPF programs: 5.18 or later is "
				"needed.",
				un.release);
	return nw_err_r(err,
			"The kernel (%s) refused the BPF programs: %m. Run `negwatchd --foreground "
			"--debug` to see what it says about them.",
			un.release);
}

static void skel_free(struct nw_bpf **skel)
{
	nw_bpf__destroy(*skel);
}

/* Where they can't be read, the gaps remain. */
static void count_lost(struct nw_live *l)
{
	uint64_t count[NW_C_MAX];

	l->unlooked = 0;
	if (nw_live_counters(l, count) == 0)
		l->counted = count[NW_C_LOST_EVENTS];
}

/* Numbers of a CPU's events come in order; one that is left out was lost. */
static void check_sequence(struct nw_live *l, const struct nw_event *ev)
{
	uint64_t *last;

	if (ev->cpu >= (unsigned int)l->n_cpus)
		return;
	last = &l->last_seq[ev->cpu];
	if (ev->seqno > *last) {
		l->gaps += ev->seqno - *last - 1;
		*last = ev->seqno;
	}
}

static int take_record(void *ctx, void *data, size_t size)
{
	struct nw_live *l = ctx;
	const struct nw_event *ev = nw_record_event(data, size);

	if (++l->unlooked >= l->look_every)
		count_lost(l);
	/* A record that contradicts itself is not read, and is a gap in the numbers like a lost one. */
	if (ev) {
		check_sequence(l, ev);
		l->fn_err = l->fn(l->arg, ev);
	}
	l->taken++;
	return l->fn_err || --l->left == 0 ? BUDGET_SPENT : 0;
}

static int set_max_flows(struct nw_bpf *skel, uint32_t max)
{
	uint32_t homes = NW_HOMES(max);
	int err = bpf_map__set_max_entries(skel->maps.nw_flows, max - homes);

	skel->rodata->nw_n_homes = homes;
	skel->rodata->nw_age = max;
	return err ? err : bpf_map__set_max_entries(skel->maps.nw_homes, homes ? homes : 1);
}

static int configure(struct nw_bpf *skel, const struct nw_live_config *cfg)
{
	uint64_t by[NW_HOME_WORDS];
	int err = 0;

	/* Nobody shall know which connections share a home. Without random numbers they are still spread. */
	if (getrandom(by, sizeof(by), GRND_NONBLOCK) == (ssize_t)sizeof(by))
		for (unsigned int i = 0; i < NW_ARRAY_SIZE(by); i++)
			skel->rodata->nw_home_by[i] = by[i] | 1;
	for (unsigned int i = 0; i < cfg->n_ports; i++)
		skel->rodata->nw_ports[cfg->ports[i] >> 6] |= 1ULL << (cfg->ports[i] & 63);
	if (cfg->max_flows)
		err = set_max_flows(skel, cfg->max_flows);
	/* One client's share: a sixteenth of the table at once, which is 4,096 of 65,536, and then 512 a
	 * second. */
	skel->rodata->nw_flow_cost = NW_SHARE_SPAN / (skel->rodata->nw_age / NW_SHARE_PART + 1);
	if (!err && cfg->ring_bytes)
		err = bpf_map__set_max_entries(skel->maps.nw_ring, cfg->ring_bytes);
	return err;
}

static int prepare(struct nw_live *l, const struct nw_live_config *cfg)
{
	_cleanup_(skel_free) struct nw_bpf *skel = nw_bpf__open();
	int err;

	if (!skel)
		return nw_err_r(-errno,
				"The BPF object inside negwatchd can't be read (%m): this build is broken");
	err = configure(skel, cfg);
	if (err)
		return nw_err_r(err, "The maps can't be given the configured size: %m");
	err = nw_bpf__load(skel);
	if (err)
		return explain_load(err);
	l->look_every = bpf_map__max_entries(skel->maps.nw_ring) / 2 / RECORD_MAX;
	l->n_cpus = libbpf_num_possible_cpus();
	if (l->n_cpus < 0)
		return nw_err_r(l->n_cpus, "The number of CPUs can't be read from /sys: %m");
	if (bpf_map__value_size(skel->maps.nw_stats) != (NW_C_MAX + 1) * sizeof(uint64_t))
		return nw_err_r(-EPROTO, "The BPF object and negwatchd were built from different sources");
	l->last_seq = calloc(l->n_cpus, sizeof(*l->last_seq));
	l->per_cpu = calloc(l->n_cpus, (NW_C_MAX + 1) * sizeof(*l->per_cpu));
	if (!l->last_seq || !l->per_cpu)
		return nw_err_r(-ENOMEM, "Out of memory");
	l->ring = ring_buffer__new(bpf_map__fd(skel->maps.nw_ring), take_record, l, NULL);
	if (!l->ring)
		return nw_err_r(-errno, "The ring buffer can't be mapped: %m");
	l->skel = TAKE_PTR(skel);
	return 0;
}

int nw_live_new(struct nw_live **out, const struct nw_live_config *cfg, nw_event_fn fn, void *arg)
{
	struct nw_live *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return nw_err_r(-ENOMEM, "Out of memory");
	l->fn = fn;
	l->arg = arg;
	libbpf_set_print(libbpf_say);
	err = prepare(l, cfg);
	if (err) {
		nw_live_free(&l);
		return err;
	}
	*out = l;
	return 0;
}

void nw_live_free(struct nw_live **live)
{
	struct nw_live *l = *live;

	if (!l)
		return;
	ring_buffer__free(l->ring);
	nw_bpf__destroy(l->skel);
	free(l->last_seq);
	free(l->per_cpu);
	free(l);
	*live = NULL;
}

int nw_live_fd(const struct nw_live *l)
{
	return ring_buffer__epoll_fd(l->ring);
}

int nw_live_prog_fd(const struct nw_live *l, enum nw_live_prog which)
{
	const struct bpf_program *progs[] = { l->skel->progs.nw_xdp, l->skel->progs.nw_tc_in,
					      l->skel->progs.nw_tc_out, l->skel->progs.nw_l3_in,
					      l->skel->progs.nw_l3_out };

	return bpf_program__fd(progs[which]);
}

const char *nw_live_prog_name(enum nw_live_prog which)
{
	static const char *const names[] = { "nw_xdp", "nw_tc_in", "nw_tc_out", "nw_l3_in", "nw_l3_out" };

	return names[which];
}

void nw_live_homes(const struct nw_live *l, uint32_t *homes, __u64 by[NW_HOME_WORDS])
{
	*homes = l->skel->rodata->nw_n_homes;
	memcpy(by, l->skel->rodata->nw_home_by, sizeof(l->skel->rodata->nw_home_by));
}

int nw_live_map_fd(const struct nw_live *l, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(l->skel->obj, name);

	return fd < 0 ? -ENOENT : fd;
}

int nw_live_consume(struct nw_live *l, unsigned int budget)
{
	int err;

	l->left = budget;
	l->taken = 0;
	l->fn_err = 0;
	err = ring_buffer__consume(l->ring);
	if (l->fn_err)
		return l->fn_err;
	return err < 0 && err != BUDGET_SPENT ? err : (int)l->taken;
}

int nw_live_counters(const struct nw_live *l, uint64_t out[NW_C_MAX])
{
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(l->skel->maps.nw_stats), &zero, l->per_cpu) < 0)
		return -errno;
	memset(out, 0, NW_C_MAX * sizeof(*out));
	for (int cpu = 0; cpu < l->n_cpus; cpu++)
		for (int c = 0; c < NW_C_MAX; c++)
			out[c] += l->per_cpu[cpu * (NW_C_MAX + 1) + c];
	for (int c = 0; c < NW_C_OUTCOMES; c++)
		out[NW_C_PACKETS] += out[c];
	return 0;
}

/* Homes that are lived in. 0 or -errno. */
static int count_homes(const struct nw_live *l, uint64_t *n)
{
	uint32_t homes = l->skel->rodata->nw_n_homes;
	size_t size = (size_t)bpf_map__max_entries(l->skel->maps.nw_homes) * sizeof(struct nw_home);
	const struct nw_home *h =
		mmap(NULL, size, PROT_READ, MAP_SHARED, bpf_map__fd(l->skel->maps.nw_homes), 0);

	*n = 0;
	if (h == MAP_FAILED)
		return -errno;
	for (uint32_t i = 0; i < homes; i++)
		*n += h[i].used > NW_HOME_BUSY;
	munmap((void *)h, size);
	return 0;
}

/* Entries of the hash. 0 or -errno. */
static int count_hash(const struct nw_live *l, uint64_t *count)
{
	enum { BATCH = 1024 };
	int fd = bpf_map__fd(l->skel->maps.nw_flows), err = 0;
	_cleanup_free_ void *keys = calloc(BATCH, sizeof(struct nw_key));
	_cleanup_free_ void *values = calloc(BATCH, sizeof(struct nw_flow));
	uint32_t at = 0, n;
	bool first = true;

	if (!keys || !values)
		return -ENOMEM;
	for (*count = 0; !err; first = false) {
		n = BATCH;
		err = bpf_map_lookup_batch(fd, first ? NULL : &at, &at, keys, values, &n, NULL);
		if (!err || err == -ENOENT)
			*count += n;
	}
	return err == -ENOENT ? 0 : err; /* the end */
}

int nw_live_flows(const struct nw_live *l, uint64_t *now, uint64_t *evicted)
{
	uint64_t count[NW_C_MAX], homes, hash, gone;
	int err = count_homes(l, &homes);

	if (!err)
		err = count_hash(l, &hash);
	if (!err)
		err = nw_live_counters(l, count);
	if (err)
		return err;
	*now = homes + hash;
	gone = count[NW_C_FLOWS_ENDED] + *now;
	*evicted = count[NW_C_FLOWS] > gone ? count[NW_C_FLOWS] - gone : 0;
	return 0;
}

uint64_t nw_live_take_lost(struct nw_live *l, bool counters)
{
	uint64_t lost, fresh;

	if (counters)
		count_lost(l);
	lost = l->gaps > l->counted ? l->gaps : l->counted;
	fresh = lost > l->told ? lost - l->told : 0;
	l->told += fresh;
	return fresh;
}
