// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of checks about the host: facts in, verdicts out. Pure. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "doctor.h"
#include "../util/text.h"
#include "../util/time.h"
#include "../util/util.h"

#define MIB (1024ULL * 1024)
#define MEMLOCK_NEEDED (32 * MIB)	 /* maps and ring with 64 Ki flows */
#define DISK_NEEDED (16 * MIB)		 /* some days of alerts, and evidence */
#define NOT_BEFORE 1735689600000000000LL /* 2025: earlier than this program */

/* The kernel was not asked because we may not. */
static bool not_asked(const char *what, nw_probe_t p, struct nw_verdict *v)
{
	if (p >= 0)
		return false;
	nw_verdict(v, NW_HEALTH_WARN, "Run it again with the privileges that negwatchd will have.",
		   "not known: the kernel doesn't let us ask for %s (%s)", what, strerror(-p));
	return true;
}

static bool at_least(const struct nw_doctor_host *h, unsigned int major, unsigned int minor)
{
	return h->major > major || (h->major == major && h->minor >= minor);
}

static void c_privileges(const struct nw_doctor_host *h, struct nw_verdict *v)
{
	char missing[64];
	struct nw_text t;

	nw_text_init(&t, missing, sizeof(missing));
	if (!h->bpf)
		nw_text_add(&t, "CAP_BPF");
	if (!h->net_admin)
		nw_text_add(&t, "%sCAP_NET_ADMIN", t.len ? ", " : "");
	if (!h->perfmon)
		nw_text_add(&t, "%sCAP_PERFMON", t.len ? ", " : "");
	if (t.len)
		nw_verdict(v, NW_HEALTH_FAIL,
			   "Run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, as "
			   "negwatchd.service does.",
			   "missing: %s; without it the kernel takes no packet program", missing);
	else if (h->user_namespace)
		nw_verdict(
			v, NW_HEALTH_WARN, "Run it on the host itself, or in a privileged container.",
			"all there, but in a user namespace, where the kernel may not honour them for BPF");
	else
		nw_verdict(v, NW_HEALTH_OK, NULL, "CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON are there%s",
			   h->root ? " (root)" : "");
}

static void c_kernel(const struct nw_doctor_host *h, struct nw_verdict *v)
{
	if (!at_least(h, 5, 18))
		nw_verdict(v, NW_HEALTH_FAIL, "Boot a newer kernel; 6.1, that of Debian 12, is tested.",
			   "%s: too old, 5.18 brought what the programs need", h->release);
	else if (!at_least(h, 6, 1))
		nw_verdict(v, NW_HEALTH_WARN, "If the programs load (see below), it can be tried.",
			   "%s: older than 6.1, the oldest that is tested", h->release);
	else
		nw_verdict(v, NW_HEALTH_OK, NULL, "%s (6.1 or later)", h->release);
}

static void c_programs(const struct nw_doctor_host *h, struct nw_verdict *v)
{
	if (!h->load_err && h->insns)
		nw_verdict(v, NW_HEALTH_OK, NULL,
			   "the verifier took them, with exactly these privileges: %u instructions, %u ms",
			   h->insns, h->load_ms);
	else if (!h->load_err)
		nw_verdict(v, NW_HEALTH_OK, NULL,
			   "the verifier took them, with exactly these privileges (%u ms)", h->load_ms);
	else
		nw_verdict(v, NW_HEALTH_FAIL,
			   h->load_err == -EPERM ? "See \"privileges\" above." :
						   "Report it with this line and the kernel's version.",
			   "%s%s%s%s", *h->load_text ? h->load_text : strerror(-h->load_err),
			   *h->verifier ? " Verifier: \"" : "", h->verifier, *h->verifier ? "\"" : "");
}

static void c_resets(const struct nw_doctor_host *h, struct nw_verdict *v)
{
	if (h->load_err)
		nw_verdict(v, NW_HEALTH_WARN, "See \"programs\" above.", "not tried");
	else if (h->resets_err)
		nw_verdict(v, NW_HEALTH_WARN,
			   "Nothing need be done: who sent a reset is then judged by its looks alone.",
			   "kernel's word on resets: no, because %s", h->resets_why);
	else if (h->resets_complete)
		nw_verdict(v, NW_HEALTH_OK, NULL, "kernel's word on resets: yes, with reasons");
	else
		nw_verdict(v, NW_HEALTH_OK, NULL,
			   "kernel's word on resets: yes; this kernel tells neither reasons nor all that it "
			   "sends (6.10 does)");
}

static const char *yes_no(nw_probe_t p)
{
	return p > 0 ? "yes" : "NO";
}

static void c_features(const struct nw_doctor_host *h, struct nw_verdict *v)
{
	if (not_asked("program types", h->xdp < 0 ? h->xdp : h->tc < 0 ? h->tc : h->ring, v))
		return;
	if (h->xdp > 0 && h->tc > 0 && h->ring > 0 && h->loop > 0 && h->frags > 0)
		nw_verdict(v, NW_HEALTH_OK, NULL,
			   "XDP, tc, ring buffer, bpf_loop and xdp.frags: all probed and there");
	else
		nw_verdict(v, NW_HEALTH_FAIL,
			   "Boot a kernel from 5.18 on with CONFIG_BPF_SYSCALL, CONFIG_NET_CLS_BPF and "
			   "CONFIG_NET_CLS_ACT.",
			   "XDP %s, tc %s, ring buffer %s, bpf_loop %s, xdp.frags %s: the programs need all "
			   "of them",
			   yes_no(h->xdp), yes_no(h->tc), yes_no(h->ring), yes_no(h->loop), yes_no(h->frags));
}

static void c_tcx(const struct nw_doctor_host *h, struct nw_verdict *v)
{
	if (not_asked("tcx", h->tcx, v))
		return;
	if (h->tcx)
		nw_verdict(v, NW_HEALTH_OK, NULL,
			   "there: hooks end with the daemon, and come before other programs");
	else if (h->cfg.ingress == NW_HOW_TCX || h->cfg.egress == NW_HOW_TCX)
		nw_verdict(v, NW_HEALTH_FAIL, "Set it to auto or clsact in the configuration.",
			   "the configuration asks for it, and this kernel has none (6.6 and later have)");
	else
		nw_verdict(v, NW_HEALTH_OK, NULL,
			   "not there (6.6 and later have it): clsact filters take its place");
}

static void c_jit(const struct nw_doctor_host *h, struct nw_verdict *v)
{
	if (not_asked("the JIT compiler", h->jit, v))
		return;
	if (h->jit) {
		nw_verdict(v, NW_HEALTH_OK, NULL, "on: programs run as machine code");
		return;
	}
	nw_verdict(v, NW_HEALTH_WARN,
		   "Switch it on:", "off: every packet costs many times more in the interpreter");
	snprintf(v->command, sizeof(v->command), "sysctl -w net.core.bpf_jit_enable=1");
}

static void c_memlock(const struct nw_doctor_host *h, struct nw_verdict *v)
{
	if (at_least(h, 5, 11))
		nw_verdict(v, NW_HEALTH_OK, NULL,
			   "no matter: from kernel 5.11 on maps don't count against the limit");
	else if (h->memlock >= MEMLOCK_NEEDED)
		nw_verdict(v, NW_HEALTH_OK, NULL, "the limit is high enough for the maps");
	else
		nw_verdict(v, NW_HEALTH_WARN,
			   "Set LimitMEMLOCK=infinity in the unit, or `ulimit -l unlimited`.",
			   "the limit is %llu KiB, and before kernel 5.11 the maps count against it",
			   (unsigned long long)h->memlock / 1024);
}

static void c_config(const struct nw_doctor_host *h, struct nw_verdict *v)
{
	if (!h->cfg_err)
		nw_verdict(v, NW_HEALTH_OK, NULL, "read, without an error");
	else if (h->cfg_err == -ENOENT && !*h->cfg_text)
		nw_verdict(v, NW_HEALTH_OK, NULL, "no " NW_CONFIG_FILE ": the defaults are used");
	else if (h->cfg_err == -EACCES)
		nw_verdict(v, NW_HEALTH_WARN, "Run it again as root.",
			   "can't be read (%s): the rest is judged by the defaults", strerror(EACCES));
	else
		nw_verdict(v, NW_HEALTH_FAIL, "Correct it; `negwatchd --check-config` shows every error.",
			   "%s", *h->cfg_text ? h->cfg_text : strerror(-h->cfg_err));
}

static void c_syslog(const struct nw_doctor_host *h, struct nw_verdict *v)
{
	if (!*h->cfg.syslog_socket)
		nw_verdict(v, NW_HEALTH_OK, NULL, "switched off: alerts go to the journal file alone");
	else if (!h->syslog.err)
		nw_verdict(v, NW_HEALTH_OK, NULL, "%s takes messages", h->cfg.syslog_socket);
	else
		nw_verdict(v, NW_HEALTH_WARN,
			   h->syslog.err == -EACCES ?
				   "Run it again with the rights that negwatchd will have." :
				   "Start rsyslog, syslog-ng or systemd-journald; or set syslog_socket.",
			   "%s: %s; alerts would wait in a bounded queue, and stay in the journal file",
			   h->cfg.syslog_socket,
			   h->syslog.err == -EAGAIN ? "its receiver doesn't read" : strerror(-h->syslog.err));
}

static void c_clock(const struct nw_doctor_host *h, struct nw_verdict *v)
{
	char now[NW_TIME_TEXT];

	if (h->wall < NOT_BEFORE)
		nw_verdict(v, NW_HEALTH_WARN,
			   "Set the clock, then keep it by NTP (chrony, systemd-timesyncd).",
			   "it says %s, which can't be: alerts would carry wrong times",
			   nw_time_utc(now, h->wall, 0));
	else if (!h->clock_synced)
		nw_verdict(v, NW_HEALTH_WARN, "Keep it by NTP (chrony, systemd-timesyncd).",
			   "not synchronised: times of this host can't be compared with those of others");
	else
		nw_verdict(v, NW_HEALTH_OK, NULL, "synchronised");
}

/* The unit makes its directories itself and hands them to the user negwatch. */
#define MAKE_DIR "Make it, or correct its owner and mode; or start negwatchd by its unit, which does both."

static void directory(const struct nw_place *p, const char *path, const char *use, struct nw_verdict *v)
{
	if (p->err)
		nw_verdict(v, NW_HEALTH_FAIL, MAKE_DIR, "%s %s (%s): no place for %s", path,
			   p->absent ? "can't be made" : "can't be written", strerror(-p->err), use);
	else if (p->free_bytes < DISK_NEEDED)
		nw_verdict(v, NW_HEALTH_WARN, "Make room on that file system.",
			   "%s: only %llu KiB are free for %s", path,
			   (unsigned long long)p->free_bytes / 1024, use);
	else
		nw_verdict(v, NW_HEALTH_OK, NULL, "%s %s, %llu MiB free", path,
			   p->absent ? "can be made" : "can be written",
			   (unsigned long long)(p->free_bytes / MIB));
}

static void c_state_dir(const struct nw_doctor_host *h, struct nw_verdict *v)
{
	directory(&h->state, h->cfg.state_dir, "the alert journal", v);
}

static void c_run_dir(const struct nw_doctor_host *h, struct nw_verdict *v)
{
	directory(&h->run, h->cfg.run_dir, "the control socket", v);
}

static void c_daemon(const struct nw_doctor_host *h, struct nw_verdict *v)
{
	const char *second = "a second one with this run_dir is refused";

	if (!h->daemon_runs)
		nw_verdict(v, NW_HEALTH_OK, NULL, "no other negwatchd answers in %s", h->cfg.run_dir);
	else if (h->daemon_pid)
		nw_verdict(v, NW_HEALTH_OK, "Ask it: negwatch status.", "negwatchd runs, pid %d; %s",
			   (int)h->daemon_pid, second);
	else
		nw_verdict(v, NW_HEALTH_OK, "Ask it as root: negwatch status.",
			   "a negwatchd seems to run; %s", second);
}

static void c_interfaces(const struct nw_doctor_host *h, struct nw_verdict *v)
{
	if (h->n_interfaces)
		nw_verdict(v, NW_HEALTH_OK, NULL, "%u to be watched, judged below", h->n_interfaces);
	else
		nw_verdict(v, NW_HEALTH_WARN,
			   "Name one: negwatch doctor NAME, and `interfaces` in the configuration.",
			   "none is there that is wanted (auto: is up and carries an address that is not "
			   "link-local); negwatchd waits for one");
}

const struct nw_check nw_host_checks[] = {
	{ "privileges", "the capabilities that loading and attaching need", c_privileges, NULL },
	{ "kernel", "its version", c_kernel, NULL },
	{ "features", "program and map types, helpers: probed, not guessed by version", c_features, NULL },
	{ "programs", "loads the very programs of negwatchd, and drops them again", c_programs, NULL },
	{ "resets", "whether the kernel tells of resets that it sends and accepts", c_resets, NULL },
	{ "tcx", "hooks that end with their owner (kernel 6.6), or clsact", c_tcx, NULL },
	{ "jit", "whether programs run as machine code", c_jit, NULL },
	{ "memlock", "the limit on locked memory, for kernels before 5.11", c_memlock, NULL },
	{ "config", "the configuration file", c_config, NULL },
	{ "syslog", "whether the syslog socket takes messages", c_syslog, NULL },
	{ "clock", "whether times can be compared with other hosts'", c_clock, NULL },
	{ "state-dir", "a place for alerts", c_state_dir, NULL },
	{ "run-dir", "a place for the control socket", c_run_dir, NULL },
	{ "daemon", "another negwatchd that runs", c_daemon, NULL },
	{ "interfaces", "something to watch", c_interfaces, NULL },
};
const unsigned int nw_n_host_checks = NW_ARRAY_SIZE(nw_host_checks);
