// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Loads the programs and feeds them frames by BPF_PROG_TEST_RUN. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/mman.h>

#include "negwatch.skel.h"
#include "progs.h"
#include "../../bpf/wire/l4.h"
#include "../../bpf/wire/stream.h"

const char *const progs_name[PROGS_N] = { "xdp", "tc-ingress", "tc-egress" };

struct progs {
	struct nw_bpf *skel;
	struct ring_buffer *ring;
	struct nw_home *homes;
	uint32_t n_homes;
	nw_event_fn fn;
	void *arg;
	uint64_t ts, frame;
	int err;
	uint8_t out[131072];
};

static int on_event(void *ctx, void *data, size_t size)
{
	struct progs *p = ctx;
	struct nw_event ev;

	if (size != NW_EVENT_SMALL && size != NW_EVENT_USUAL && size != NW_EVENT_FULL)
		return -EBADMSG;
	memset(&ev, 0, sizeof(ev));
	memcpy(&ev, data, size);
	ev.ts = p->ts;
	ev.frame = p->frame;
	if (!p->err)
		p->err = p->fn(p->arg, &ev);
	return 0;
}

int progs_open(struct progs **out)
{
	return progs_open_sized(out, 1024);
}

/* NW_ROWS in the environment: so many rows of homes, 0 for none; 1: all flows want the same. */
static void set_table(struct progs *p, uint32_t max_flows)
{
	const char *set = getenv("NW_ROWS");
	uint32_t rows = set ? (uint32_t)strtoul(set, NULL, 10) : NW_ROWS(max_flows);

	p->n_homes = rows * NW_ROW;
	p->skel->rodata->nw_n_rows = rows;
	p->skel->rodata->nw_age = max_flows;
	bpf_map__set_max_entries(p->skel->maps.nw_homes, rows ? rows : 1);
	bpf_map__set_max_entries(p->skel->maps.nw_flows, max_flows - p->n_homes);
}

static int map_homes(struct progs *p)
{
	void *at = mmap(NULL, bpf_map__max_entries(p->skel->maps.nw_homes) * sizeof(struct nw_row),
			PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(p->skel->maps.nw_homes), 0);

	p->homes = at == MAP_FAILED ? NULL : at;
	return p->homes ? 0 : -errno;
}

static int open_all(struct progs **out, uint32_t max_flows, uint64_t flow_cost)
{
	struct progs *p = calloc(1, sizeof(*p));
	int err = -ENOMEM;

	if (!p)
		return err;
	p->skel = nw_bpf__open();
	if (!p->skel)
		goto fail;
	nw_port_add(p->skel->rodata->nw_ports, 445);
	nw_port_add(p->skel->rodata->nw_ports, 139);
	p->skel->rodata->nw_flow_cost = flow_cost;
	set_table(p, max_flows);
	err = nw_bpf__load(p->skel);
	if (!err)
		err = map_homes(p);
	if (err)
		goto fail;
	err = -ENOMEM;
	p->ring = ring_buffer__new(bpf_map__fd(p->skel->maps.nw_ring), on_event, p, NULL);
	if (!p->ring)
		goto fail;
	*out = p;
	return 0;
fail:
	progs_close(&p);
	return err;
}

int progs_open_sized(struct progs **out, uint32_t max_flows)
{
	return open_all(out, max_flows, 0);
}

int progs_open_fair(struct progs **out, uint32_t max_flows)
{
	return open_all(out, max_flows, NW_SHARE_SPAN / (max_flows / NW_SHARE_PART + 1));
}

int progs_bail_out(int err)
{
	printf("Bail out! the programs do not load: %s (root and kernel 6.1 are needed)\n", strerror(-err));
	return 1;
}

int progs_try(void)
{
	struct progs *p = NULL;
	int err = progs_open(&p);

	if (err < 0)
		progs_bail_out(err);
	progs_close(&p);
	return err;
}

void progs_close(struct progs **pp)
{
	struct progs *p = *pp;

	if (!p)
		return;
	if (p->homes)
		munmap(p->homes, bpf_map__max_entries(p->skel->maps.nw_homes) * sizeof(struct nw_row));
	ring_buffer__free(p->ring);
	nw_bpf__destroy(p->skel);
	free(p);
	*pp = NULL;
}

int progs_fd(const struct progs *p, enum progs_which which)
{
	const struct bpf_program *prog = which == PROGS_XDP    ? p->skel->progs.nw_xdp :
					 which == PROGS_TC_IN  ? p->skel->progs.nw_tc_in :
					 which == PROGS_L3_IN  ? p->skel->progs.nw_l3_in :
					 which == PROGS_L3_OUT ? p->skel->progs.nw_l3_out :
								 p->skel->progs.nw_tc_out;

	return bpf_program__fd(prog);
}

int progs_ring_fd(const struct progs *p)
{
	return ring_buffer__epoll_fd(p->ring);
}

uint64_t progs_woken(const struct progs *p)
{
	uint64_t at = 0;
	uint32_t zero = 0;

	bpf_map_lookup_elem(bpf_map__fd(p->skel->maps.nw_woken), &zero, &at);
	return at;
}

int progs_drain(struct progs *p, uint64_t ts, uint64_t frame, nw_event_fn fn, void *arg)
{
	int err;

	p->fn = fn;
	p->arg = arg;
	p->ts = ts;
	p->frame = frame;
	p->err = 0;
	err = ring_buffer__consume(p->ring);
	return err < 0 ? err : p->err;
}

int progs_run(struct progs *p, enum progs_which which, const uint8_t *data, uint32_t len, const void *ctx,
	      uint32_t ctx_len)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = data, .data_size_in = len, .data_out = p->out,
		    .data_size_out = sizeof(p->out), .ctx_in = ctx, .ctx_size_in = ctx_len, .repeat = 1);
	int err = bpf_prog_test_run_opts(progs_fd(p, which), &o);

	if (err)
		return err;
	if (o.retval != (which == PROGS_XDP ? (__u32)XDP_PASS : (__u32)-1) || o.data_size_out != len ||
	    memcmp(p->out, data, len))
		return -EIO;
	return 0;
}

int progs_frame(struct progs *p, enum progs_which which, const uint8_t *data, uint32_t len, uint64_t ts,
		uint64_t frame, nw_event_fn fn, void *arg)
{
	int err = progs_run(p, which, data, len, NULL, 0);

	return err ? err : progs_drain(p, ts, frame, fn, arg);
}

int progs_forsake(struct progs *p)
{
	const __u32 first = 0;
	int err = bpf_map_delete_elem(bpf_map__fd(p->skel->maps.nw_next_xdp), &first);

	return err ? err : bpf_map_delete_elem(bpf_map__fd(p->skel->maps.nw_next_skb), &first);
}

static int clear_map(const struct bpf_map *map)
{
	struct nw_key key, next;
	int fd = bpf_map__fd(map), have = bpf_map_get_next_key(fd, NULL, &next) == 0;

	while (have) {
		key = next;
		have = bpf_map_get_next_key(fd, &key, &next) == 0;
		bpf_map_delete_elem(fd, &key);
	}
	return 0;
}

int progs_reset(struct progs *p)
{
	uint32_t i;

	for (i = 0; i < p->n_homes; i++)
		p->homes[i].used = NW_HOME_FREE;
	clear_map(p->skel->maps.nw_flows);
	clear_map(p->skel->maps.nw_syns);
	clear_map(p->skel->maps.nw_shares);
	return clear_map(p->skel->maps.nw_carries);
}

uint32_t progs_flows(const struct progs *p)
{
	int fd = bpf_map__fd(p->skel->maps.nw_flows), err;
	uint32_t n = 0, i;
	struct nw_key key;

	for (i = 0; i < p->n_homes; i++)
		n += p->homes[i].used != NW_HOME_FREE;
	for (err = bpf_map_get_next_key(fd, NULL, &key); !err; err = bpf_map_get_next_key(fd, &key, &key))
		n++;
	return n;
}

bool progs_is_home(const struct progs *p, const struct nw_key *key)
{
	const struct nw_ident id = nw_ident_of(key);
	const struct nw_home *row =
		p->homes + nw_row_at(p->skel->rodata->nw_home_by, p->n_homes / NW_ROW, &id) * NW_ROW;

	for (uint32_t i = 0; i < NW_ROW && p->n_homes; i++)
		if (nw_is_home(&row[i], &id))
			return true;
	return false;
}

bool progs_has_flow(const struct progs *p, const struct nw_key *key)
{
	struct nw_flow f;

	if (progs_is_home(p, key))
		return true;
	/* A system call's look-up does not count as use (kernel 4.20 and later,
	 * htab_lru_map_lookup_elem_sys). */
	return bpf_map_lookup_elem(bpf_map__fd(p->skel->maps.nw_flows), key, &f) == 0;
}

int progs_counters(struct progs *p, uint64_t out[NW_C_MAX])
{
	struct stats {
		uint64_t count[NW_C_MAX];
		uint64_t seqno;
	} * st;
	int n = libbpf_num_possible_cpus(), i, c, err;
	__u32 zero = 0;

	memset(out, 0, NW_C_MAX * sizeof(*out));
	st = calloc(n > 0 ? (size_t)n : 1, sizeof(*st));
	err = st ? bpf_map_lookup_elem(bpf_map__fd(p->skel->maps.nw_stats), &zero, st) : -ENOMEM;
	for (i = 0; !err && i < n; i++)
		for (c = 0; c < NW_C_MAX; c++)
			out[c] += st[i].count[c];
	for (c = 0; c < NW_C_OUTCOMES; c++)
		out[NW_C_PACKETS] += out[c];
	free(st);
	return err;
}

uint64_t progs_count(struct progs *p, enum nw_counter c)
{
	uint64_t count[NW_C_MAX];

	progs_counters(p, count);
	return count[c];
}
