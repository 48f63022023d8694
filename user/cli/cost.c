// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* negwatch doctor --cost: what our programs cost on this host, against empty ones, and XDP against tc. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "table.h"
#include "wrap.h"
#include "../cost/transfer.h"
#include "../daemon/choose.h"
#include "../util/util.h"

#define REPEAT 100000
#define ROUNDS 5

static const char *const hook_names[] = { "xdp", "tc" };

struct cost {
	struct nw_cost_frame frame[NW_COST_KINDS];
	struct nw_cost_ns ns[2][NW_COST_KINDS]; /* by hook_names */
	bool transferred;
	struct nw_cost_transfer transfer;
};

static int load_failed(int err)
{
	fprintf(stderr,
		"negwatch doctor: the programs can't be loaded (%s); run it as root. `negwatch doctor` says "
		"what is "
		"missing.\n",
		strerror(-err));
	return NW_EXIT_ERROR;
}

static int packets(const struct nw_cost_progs *p, struct cost *c)
{
	int err = 0;

	for (enum nw_cost_prog which = NW_COST_XDP; which <= NW_COST_TC_IN && !err; which++) {
		err = nw_cost_open(p, which);
		for (enum nw_cost_kind kind = 0; kind < NW_COST_KINDS && !err; kind++) {
			nw_cost_frame(&c->frame[kind], kind);
			err = nw_cost_measure(p, which, &c->frame[kind], REPEAT, &c->ns[which][kind]);
		}
	}
	if (err)
		fprintf(stderr, "negwatch doctor: packets can't be run through the programs: %s\n",
			err == -EPROTO ? "they don't take them for what they are; report it" :
					 strerror(-err));
	return err;
}

static int print_packets(const struct nw_cli *cli, const struct cost *c)
{
	static const struct nw_column columns[] = { { "HOOK", 0 },
						    { "PACKET", 0 },
						    { "EMPTY", NW_COL_RIGHT },
						    { "OURS", NW_COL_RIGHT },
						    { "OVER", NW_COL_RIGHT } };
	struct nw_cli_table *t = nw_cli_table_new(cli, columns, NW_ARRAY_SIZE(columns));

	if (!t)
		return -ENOMEM;
	for (int hook = 0; hook < 2; hook++)
		for (int kind = 0; kind < NW_COST_KINDS; kind++) {
			const struct nw_cost_ns *ns = &c->ns[hook][kind];
			char empty[24], ours[24], over[24];

			snprintf(empty, sizeof(empty), "%.0f ns", ns->empty);
			snprintf(ours, sizeof(ours), "%.0f ns", ns->ours);
			snprintf(over, sizeof(over), "%+.0f ns", ns->ours - ns->empty);
			nw_cli_table_row(t, (const char *const[]){ hook_names[hook], c->frame[kind].name,
								   empty, ours, over });
		}
	return nw_cli_table_print(t);
}

static int print_transfer(const struct nw_cli *cli, const struct nw_cost_transfer *r)
{
	static const struct nw_column columns[] = { { "ON THE WAY", 0 },
						    { "CPU PER GB", NW_COL_RIGHT },
						    { "TO NOTHING", NW_COL_RIGHT },
						    { "TO EMPTY", NW_COL_RIGHT } };
	struct nw_cli_table *t = nw_cli_table_new(cli, columns, NW_ARRAY_SIZE(columns));

	if (!t)
		return -ENOMEM;
	for (enum nw_cost_setup s = 0; s < NW_COST_SETUPS; s++) {
		char cpu[24], nothing[24], empty[24] = "";

		snprintf(cpu, sizeof(cpu), "%.3f s", r->cpu_per_gb[s]);
		snprintf(nothing, sizeof(nothing), "%.2f", r->over_nothing[s]);
		if (s == NW_COST_OUR_TC || s == NW_COST_OUR_XDP)
			snprintf(empty, sizeof(empty), "%.2f", r->over_empty[s]);
		nw_cli_table_row(t, (const char *const[]){ nw_cost_setup_name(s), cpu, nothing, empty });
	}
	return nw_cli_table_print(t);
}

static json_t *to_json(const struct cost *c)
{
	json_t *list = json_array(), *rows = json_array();

	for (int hook = 0; hook < 2; hook++)
		for (int kind = 0; kind < NW_COST_KINDS; kind++)
			json_array_append_new(list, json_pack("{s:s,s:s,s:f,s:f}", "hook", hook_names[hook],
							      "packet", c->frame[kind].name, "empty_ns",
							      c->ns[hook][kind].empty, "ours_ns",
							      c->ns[hook][kind].ours));
	for (enum nw_cost_setup s = 0; c->transferred && s < NW_COST_SETUPS; s++)
		json_array_append_new(rows, json_pack("{s:s,s:f,s:f,s:f}", "setup", nw_cost_setup_name(s),
						      "cpu_s_per_gb", c->transfer.cpu_per_gb[s], "to_nothing",
						      c->transfer.over_nothing[s], "gb_per_s",
						      c->transfer.gb_per_s[s]));
	return json_pack("{s:o,s:o}", "packets", list, "transfer", rows);
}

static int transfer(const struct nw_cost_progs *p, struct cost *c)
{
	int err = nw_cost_transfer(p, ROUNDS, &c->transfer);

	c->transferred = !err;
	if (err)
		fprintf(stderr, "negwatch doctor: no bulk transfer could be measured: %s%s\n", strerror(-err),
			err == -EPERM ? "; a network namespace needs CAP_SYS_ADMIN: run it as root" : "");
	return err;
}

/* Which of the figures count for an interface. */
static int say_choice(const char *name)
{
	struct nw_xdp_state x;
	struct nw_link link;
	char why[160], line[400];
	enum nw_hook_how how;

	if (nw_link_by_name(name, &link) < 0)
		return NW_EXIT_ERROR;
	nw_xdp_look(link.ifindex, &x);
	how = nw_choose_ingress(&link, &x, NW_HOW_AUTO, why, sizeof(why));
	snprintf(line, sizeof(line),
		 "%s: auto takes %s%s%s%s for packets that arrive, so that the rows of %s count, and those "
		 "of tc for "
		 "packets that leave. Nothing was attached to it.",
		 name, nw_how_name(how), *why ? " (" : "", why, *why ? ")" : "",
		 how == NW_HOW_XDP ? "xdp" : "tc");
	nw_wrap(stdout, "", 0, NW_CLI_WIDTH, line);
	return NW_EXIT_OK;
}

static void print_transfer_with_notes(const struct nw_cli *cli, const struct cost *c)
{
	printf("\nCPU time for a bulk transfer of SMB2 WRITEs over a veth pair in a namespace of\n"
	       "its own; medians of %u interleaved rounds:\n\n",
	       c->transfer.rounds);
	print_transfer(cli, &c->transfer);
	printf("\nOn a veth any native XDP program, even an empty one, ends the peer's\n"
	       "segmentation offload: the rows of XDP are an upper bound, a network card with\n"
	       "native XDP costs less. The ratio of ours to empty holds for both. Other work on\n"
	       "this host makes single figures vary; ratios less.\n");
}

int nw_doctor_cost(const struct nw_cli *cli, int argc, char **argv)
{
	struct nw_cost_progs progs;
	/* Large, and there is only one. */
	static struct cost c;
	json_t *o;
	int err, transfer_err = 0, ret = NW_EXIT_OK;

	for (int a = 1; a < argc; a++)
		if (!if_nametoindex(argv[a])) {
			fprintf(stderr,
				"negwatch doctor: there is no interface \"%s\"; `ip link` lists them\n",
				argv[a]);
			return NW_EXIT_ERROR;
		}
	libbpf_set_print(NULL);
	err = nw_cost_load(&progs);
	if (err)
		return load_failed(err);
	err = packets(&progs, &c);
	if (!err && argc < 2)
		transfer_err = transfer(&progs, &c);
	nw_cost_free(&progs);
	if (err)
		return NW_EXIT_ERROR;
	if (cli->json) {
		o = to_json(&c);
		ret = nw_print_json("cost", o);
		json_decref(o);
		return transfer_err ? NW_EXIT_ERROR : ret;
	}
	printf("Time per packet by BPF_PROG_TEST_RUN, the median of interleaved rounds; nothing\n"
	       "is attached. EMPTY is a program that does nothing, OVER is what ours adds:\n\n");
	print_packets(cli, &c);
	if (c.transferred)
		print_transfer_with_notes(cli, &c);
	for (int a = 1; a < argc && ret == NW_EXIT_OK; a++) {
		putchar('\n');
		ret = say_choice(argv[a]);
	}
	return transfer_err ? NW_EXIT_ERROR : ret;
}
