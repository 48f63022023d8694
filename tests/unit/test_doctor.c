// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The doctor's judgement and the choice of hooks: facts in, verdicts out. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/doctor/doctor.h"
#include "../../user/util/util.h"

static struct nw_doctor_host host;
static struct nw_doctor_if iface;

/* A host and an interface on which all is well. */
static int healthy(void **state)
{
	host = (struct nw_doctor_host){
		.root = true,
		.bpf = true,
		.net_admin = true,
		.perfmon = true,
		.release = "6.12.1",
		.major = 6,
		.minor = 12,
		.xdp = 1,
		.tc = 1,
		.ring = 1,
		.loop = 1,
		.frags = 1,
		.tcx = 1,
		.jit = 1,
		.insns = 60000,
		.load_ms = 90,
		.cfg_err = -ENOENT,
		.state = { .free_bytes = 1ULL << 30 },
		.run = { .free_bytes = 1ULL << 30 },
		.clock_synced = true,
		.wall = 1795349101120334000LL,
		.n_interfaces = 1,
	};
	strcpy(host.cfg.syslog_socket, "/dev/log");
	strcpy(host.cfg.state_dir, "/var/lib/negwatch");
	strcpy(host.cfg.run_dir, "/run/negwatch");
	iface = (struct nw_doctor_if){
		.name = "eth0",
		.link = { .name = "eth0", .ifindex = 2, .mtu = 1500, .up = true },
		.xdp = { .known = true, .native = true, .frags = true },
		.driver = "ixgbe",
	};
	return 0;
}

static struct nw_verdict judge(const char *name)
{
	struct nw_verdict v = { 0 };

	for (unsigned int i = 0; i < nw_n_host_checks; i++)
		if (strcmp(nw_host_checks[i].name, name) == 0) {
			nw_host_checks[i].host(&host, &v);
			return v;
		}
	for (unsigned int i = 0; i < nw_n_if_checks; i++)
		if (strcmp(nw_if_checks[i].name, name) == 0) {
			nw_if_checks[i].interface(&host, &iface, &v);
			return v;
		}
	fail_msg("there is no check \"%s\"", name);
	return v;
}

static void expect(const char *name, enum nw_health health, const char *text)
{
	struct nw_verdict v = judge(name);

	if (v.health != health || !strstr(v.text, text))
		fail_msg("%s: %s - %s; wanted %s with \"%s\"", name, nw_health_name(v.health), v.text,
			 nw_health_name(health), text);
	if (health != NW_HEALTH_OK && !*v.advice)
		fail_msg("%s: %s without an advice", name, nw_health_name(health));
}

static void test_healthy(void **state)
{
	for (unsigned int i = 0; i < nw_n_host_checks; i++)
		expect(nw_host_checks[i].name, NW_HEALTH_OK, "");
	for (unsigned int i = 0; i < nw_n_if_checks; i++)
		expect(nw_if_checks[i].name, NW_HEALTH_OK, "");
	expect("ingress", NW_HEALTH_OK, "auto takes xdp");
	expect("egress", NW_HEALTH_OK, "auto takes tc by tcx");
}

static void test_table(void **state)
{
	for (unsigned int i = 0; i < nw_n_host_checks; i++)
		assert_true(nw_host_checks[i].host && !nw_host_checks[i].interface &&
			    *nw_host_checks[i].purpose);
	for (unsigned int i = 0; i < nw_n_if_checks; i++)
		assert_true(!nw_if_checks[i].host && nw_if_checks[i].interface && *nw_if_checks[i].purpose);
}

static void test_privileges(void **state)
{
	host.perfmon = false;
	expect("privileges", NW_HEALTH_FAIL, "missing: CAP_PERFMON;");
	host.bpf = host.net_admin = false;
	expect("privileges", NW_HEALTH_FAIL, "missing: CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON;");
	host.bpf = host.net_admin = host.perfmon = host.user_namespace = true;
	expect("privileges", NW_HEALTH_WARN, "user namespace");
}

static void test_kernel(void **state)
{
	host.major = 5, host.minor = 17;
	expect("kernel", NW_HEALTH_FAIL, "too old");
	host.minor = 18;
	expect("kernel", NW_HEALTH_WARN, "older than 6.1");
	host.major = 6, host.minor = 1;
	expect("kernel", NW_HEALTH_OK, "");
	host.loop = 0;
	expect("features", NW_HEALTH_FAIL, "bpf_loop NO");
	host.xdp = -EPERM;
	expect("features", NW_HEALTH_WARN, "not known");
	host.jit = 0;
	expect("jit", NW_HEALTH_WARN, "interpreter");
	assert_string_equal(judge("jit").command, "sysctl -w net.core.bpf_jit_enable=1");
	host.memlock = 65536;
	expect("memlock", NW_HEALTH_OK, "no matter");
	host.major = 5, host.minor = 10;
	expect("memlock", NW_HEALTH_WARN, "64 KiB");
	host.memlock = UINT64_MAX;
	expect("memlock", NW_HEALTH_OK, "");
}

static void test_programs(void **state)
{
	host.load_err = -EACCES;
	strcpy(host.load_text, "The kernel refused the BPF programs.");
	strcpy(host.verifier, "R1 type=inv expected=ctx");
	expect("programs", NW_HEALTH_FAIL,
	       "refused the BPF programs. Verifier: \"R1 type=inv expected=ctx\"");
	*host.load_text = *host.verifier = '\0';
	expect("programs", NW_HEALTH_FAIL, strerror(EACCES));
	expect("resets", NW_HEALTH_WARN, "not tried");
	host.load_err = 0;
	expect("resets", NW_HEALTH_OK, "yes; this kernel tells neither reasons");
	host.resets_complete = true;
	expect("resets", NW_HEALTH_OK, "yes, with reasons");
	host.resets_err = -ENOENT;
	strcpy(host.resets_why, "this kernel has no tracepoint tcp_send_reset");
	expect("resets", NW_HEALTH_WARN, "no, because this kernel has no tracepoint tcp_send_reset");
}

static void test_surroundings(void **state)
{
	host.syslog.err = -ECONNREFUSED;
	expect("syslog", NW_HEALTH_WARN, "/dev/log: Connection refused");
	*host.cfg.syslog_socket = '\0';
	expect("syslog", NW_HEALTH_OK, "switched off");
	host.clock_synced = false;
	expect("clock", NW_HEALTH_WARN, "not synchronised");
	host.wall = 86400LL * 1000000000;
	expect("clock", NW_HEALTH_WARN, "1970-01-02");
	host.state.err = -EROFS;
	expect("state-dir", NW_HEALTH_FAIL, "can't be written (Read-only file system)");
	host.run = (struct nw_place){ .absent = true, .err = -EACCES };
	expect("run-dir", NW_HEALTH_FAIL, "can't be made (Permission denied)");
	host.run = (struct nw_place){ .free_bytes = 4096 };
	expect("run-dir", NW_HEALTH_WARN, "only 4 KiB");
	host.daemon_runs = true;
	host.daemon_pid = 77;
	expect("daemon", NW_HEALTH_OK, "pid 77");
	host.n_interfaces = 0;
	expect("interfaces", NW_HEALTH_WARN, "none is there");
	host.cfg_err = -EINVAL;
	strcpy(host.cfg_text, "x.conf:3: expected");
	expect("config", NW_HEALTH_FAIL, "x.conf:3");
	host.cfg_err = -EACCES;
	expect("config", NW_HEALTH_WARN, "can't be read");
}

static void test_choice(void **state)
{
	static const struct {
		const char *kind;
		const char *why; /* NULL: XDP */
		struct nw_xdp_state x;
		unsigned int mtu;
	} rows[] = {
		{ "", NULL, { .known = true, .native = true }, 1500 },
		{ "", NULL, { 0 }, 9000 }, /* can't be told: has to be tried */
		{ "", NULL, { .known = true, .native = true, .frags = true }, 9000 },
		{ "", "MTU 9000", { .known = true, .native = true }, 9000 },
		{ "", "no native XDP", { .known = true }, 1500 },
		{ "bond", NULL, { .known = true, .native = true }, 1500 },
		{ "",
		  "program \"lb\" id 7",
		  { .known = true, .native = true, .holder_id = 7, .holder = "lb" },
		  1500 },
		{ "", "xdp busy: program id 7", { .holder_id = 7 }, 1500 },
		{ "veth", "veth: native XDP costs more", { .known = true, .native = true }, 1500 },
		{ "bridge", "bridge: no native XDP", { 0 }, 1500 },
		{ "vlan", "VLAN: no native XDP", { 0 }, 1500 },
		{ "tun", "tun/tap", { 0 }, 1500 },
		{ "wireguard", "wireguard: virtual", { 0 }, 1420 },
	};
	char why[160];

	for (size_t i = 0; i < NW_ARRAY_SIZE(rows); i++) {
		struct nw_link link = { .mtu = rows[i].mtu };
		enum nw_hook_how how;

		strcpy(link.kind, rows[i].kind);
		how = nw_choose_ingress(&link, &rows[i].x, NW_HOW_AUTO, why, sizeof(why));
		if (how != (rows[i].why ? NW_HOW_TC : NW_HOW_XDP) ||
		    !strstr(why, rows[i].why ? rows[i].why : "") || (!rows[i].why && *why))
			fail_msg("row %zu: %s \"%s\"", i, nw_how_name(how), why);
		/* what was asked for is not second-guessed */
		assert_int_equal(nw_choose_ingress(&link, &rows[i].x, NW_HOW_XDP, why, sizeof(why)),
				 NW_HOW_XDP);
		assert_string_equal(why, "");
	}
	iface.link.loopback = true;
	assert_int_equal(nw_choose_egress(&iface.link, NW_HOW_AUTO, why, sizeof(why)), NW_HOW_NONE);
	assert_int_equal(nw_choose_egress(&iface.link, NW_HOW_TCX, why, sizeof(why)), NW_HOW_TCX);
	expect("ingress", NW_HEALTH_OK, "auto takes tc by tcx (loopback");
	expect("egress", NW_HEALTH_OK, "auto takes none (loopback");
}

static void test_interface(void **state)
{
	iface.gro_hw = iface.lro = true;
	expect("offloads", NW_HEALTH_WARN, "LRO and GRO_HW are on");
	assert_string_equal(judge("offloads").command, "ethtool -K eth0 lro off rx-gro-hw off");
	expect("ingress", NW_HEALTH_OK, "auto takes xdp (or tc");
	host.cfg.ingress = NW_HOW_TC;
	expect("offloads", NW_HEALTH_OK, "no matter");
	host.cfg.ingress = NW_HOW_AUTO;
	iface.vlan_strip = true;
	expect("vlan", NW_HEALTH_OK, "not its VLAN number");
	iface.link.mtu = 9000;
	expect("mtu", NW_HEALTH_OK, "has XDP fragments");
	iface.xdp.frags = iface.xdp.known = false;
	expect("mtu", NW_HEALTH_WARN, "the driver refuses");
	iface.link.up = false;
	expect("device", NW_HEALTH_WARN, "down");
	iface.err = -ENODEV;
	expect("device", NW_HEALTH_FAIL, "no interface");
}

static void test_holder(void **state)
{
	iface.xdp.holder_id = 12;
	strcpy(iface.xdp.holder, "balancer");
	expect("xdp", NW_HEALTH_OK, "program \"balancer\" id 12");
	expect("ingress", NW_HEALTH_OK, "auto takes tc by tcx (xdp busy: program \"balancer\" id 12)");
	host.cfg.ingress = NW_HOW_XDP;
	expect("xdp", NW_HEALTH_FAIL, "never replaced");
	host.cfg.ingress = NW_HOW_AUTO;
	strcpy(iface.xdp.holder, "nw_xdp");
	iface.watched = true;
	expect("xdp", NW_HEALTH_OK, "of the negwatchd that runs");
	expect("ingress", NW_HEALTH_OK, "watched");
}

static void test_qdisc(void **state)
{
	host.tcx = 0;
	expect("tc", NW_HEALTH_OK, "will be made");
	expect("egress", NW_HEALTH_OK, "auto takes tc by clsact");
	strcpy(iface.qdisc, "clsact");
	iface.qdisc_made = true;
	expect("tc", NW_HEALTH_OK, "the clsact qdisc of a killed negwatchd: removed at the next start");
	iface.watched = true;
	expect("tc", NW_HEALTH_OK, "a qdisc (clsact) is there");
	iface.watched = false;
	iface.filters[0] = 2, iface.filters[1] = 1;
	expect("tc", NW_HEALTH_OK, "3 filters of others (ingress 2, egress 1) are left alone");
	iface.ours[0] = 1;
	expect("tc", NW_HEALTH_OK, "1 filter of a killed negwatchd");
	strcpy(iface.qdisc, "ingress");
	expect("tc", NW_HEALTH_FAIL, "in the place of clsact");
	host.tcx = 1;
	iface.ours[0] = 0;
	expect("tc", NW_HEALTH_OK, "qdisc (ingress) is there");
	host.tcx = 0;
	host.cfg.egress = NW_HOW_TCX;
	expect("tcx", NW_HEALTH_FAIL, "6.6");
}

#define TEST(fn) cmocka_unit_test_setup(fn, healthy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_healthy),  TEST(test_table),	      TEST(test_privileges), TEST(test_kernel),
		TEST(test_programs), TEST(test_surroundings), TEST(test_choice),     TEST(test_interface),
		TEST(test_holder),   TEST(test_qdisc),
	};

	return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
