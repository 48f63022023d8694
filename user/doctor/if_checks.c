// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of checks about one interface: facts in, verdicts out. Pure. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "../util/text.h"
#include "../util/util.h"

/* What attaching would try first, as attaching itself decides it. */
static enum nw_hook_how ingress_of(const struct nw_doctor_host *h, const struct nw_doctor_if *i, char *why,
				   size_t size)
{
	return nw_choose_ingress(&i->link, &i->xdp, h->cfg.ingress, why, size);
}

static bool wants_xdp(const struct nw_doctor_host *h, const struct nw_doctor_if *i)
{
	char why[160];
	enum nw_hook_how how = ingress_of(h, i, why, sizeof(why));

	return how == NW_HOW_XDP || how == NW_HOW_XDP_GENERIC;
}

static void c_device(const struct nw_doctor_host *h, const struct nw_doctor_if *i, struct nw_verdict *v)
{
	if (i->err == -ENODEV)
		nw_verdict(v, NW_HEALTH_FAIL, "`ip link` lists the interfaces.",
			   "there is no interface of this name");
	else if (i->err)
		nw_verdict(v, NW_HEALTH_FAIL, NULL, "can't be looked up: %s", strerror(-i->err));
	else if (!i->link.up)
		nw_verdict(v, NW_HEALTH_WARN, "Set it up; hooks can be attached before.",
			   "down: there will be nothing to see");
	else
		nw_verdict(v, NW_HEALTH_OK, NULL, "%s, driver %s, MTU %u, up",
			   *i->link.kind    ? i->link.kind :
			   i->link.loopback ? "loopback" :
					      "hardware",
			   *i->driver ? i->driver : "unknown", i->link.mtu);
}

static void c_xdp(const struct nw_doctor_host *h, const struct nw_doctor_if *i, struct nw_verdict *v)
{
	char busy[80];

	if (i->xdp.holder_id && i->watched && (!*i->xdp.holder || strcmp(i->xdp.holder, "nw_xdp") == 0))
		nw_verdict(v, NW_HEALTH_OK, NULL,
			   "held by program \"nw_xdp\" id %u, of the negwatchd that runs", i->xdp.holder_id);
	else if (i->xdp.holder_id && wants_xdp(h, i))
		nw_verdict(v, NW_HEALTH_FAIL,
			   "Set ingress = auto or tc in the configuration, or end that program.",
			   "%s; the configuration insists on XDP, and it is never replaced",
			   nw_xdp_busy_text(busy, sizeof(busy), &i->xdp));
	else if (i->xdp.holder_id)
		nw_verdict(v, NW_HEALTH_OK, NULL, "%s%s; it is left alone, tc sees what it lets pass",
			   nw_xdp_busy_text(busy, sizeof(busy), &i->xdp),
			   i->xdp.generic ? ", generic mode" : "");
	else if (!i->xdp.known)
		nw_verdict(v, NW_HEALTH_OK, NULL,
			   "nobody holds it; before kernel 6.3 only trying shows what the driver can do");
	else
		nw_verdict(v, NW_HEALTH_OK, NULL, "nobody holds it; the driver has %s%s",
			   i->xdp.native ? "native XDP" : "no native XDP",
			   i->xdp.native && i->xdp.frags ? " with fragments" : "");
}

static void c_mtu(const struct nw_doctor_host *h, const struct nw_doctor_if *i, struct nw_verdict *v)
{
	unsigned int limit = nw_xdp_mtu_limit((unsigned int)getpagesize());

	if (i->link.mtu <= limit)
		nw_verdict(v, NW_HEALTH_OK, NULL, "%u: a packet fits into a page (%u)", i->link.mtu, limit);
	else if (!wants_xdp(h, i))
		nw_verdict(v, NW_HEALTH_OK, NULL, "%u: no matter, tc takes any", i->link.mtu);
	else if (i->xdp.known && i->xdp.frags)
		nw_verdict(v, NW_HEALTH_OK, NULL,
			   "%u: more than a page (%u), and the driver has XDP fragments", i->link.mtu, limit);
	else
		nw_verdict(v, NW_HEALTH_WARN, "Set ingress = tc, or an MTU below the limit.",
			   "%u: more than a page takes (%u); without XDP fragments the driver refuses",
			   i->link.mtu, limit);
}

static void c_offloads(const struct nw_doctor_host *h, const struct nw_doctor_if *i, struct nw_verdict *v)
{
	const char *on = i->lro && i->gro_hw ? "LRO and GRO_HW are" : i->lro ? "LRO is" : "GRO_HW is";

	if (!i->lro && !i->gro_hw) {
		nw_verdict(v, NW_HEALTH_OK, NULL, "LRO and GRO_HW are off");
	} else if (!wants_xdp(h, i)) {
		nw_verdict(v, NW_HEALTH_OK, NULL, "%s on: no matter, tc reads merged packets", on);
	} else {
		nw_verdict(v, NW_HEALTH_WARN, "If ingress falls back to tc, and XDP is wanted:",
			   "%s on: many drivers refuse XDP then; negwatchd never changes it", on);
		snprintf(v->command, sizeof(v->command), "ethtool -K %s%s%s", i->name,
			 i->lro ? " lro off" : "", i->gro_hw ? " rx-gro-hw off" : "");
	}
}

static void c_vlan(const struct nw_doctor_host *h, const struct nw_doctor_if *i, struct nw_verdict *v)
{
	if (strcmp(i->link.kind, "vlan") == 0)
		nw_verdict(v, NW_HEALTH_OK, NULL, "a VLAN device: its packets come without the tag");
	else if (!i->vlan_strip)
		nw_verdict(v, NW_HEALTH_OK, NULL,
			   "the driver leaves tags in the packet: every hook reads them");
	else if (!wants_xdp(h, i))
		nw_verdict(v, NW_HEALTH_OK, NULL,
			   "the driver takes tags out of the packet: tc still tells them");
	else {
		nw_verdict(
			v, NW_HEALTH_OK, "Only if VLAN numbers are wanted in alerts:",
			"the driver takes tags out of the packet: XDP sees the packet, not its VLAN number");
		snprintf(v->command, sizeof(v->command), "ethtool -K %s rxvlan off", i->name);
	}
}

/* Whether a hook that was chosen comes to a clsact filter. */
static bool by_clsact(const struct nw_doctor_host *h, enum nw_hook_how how)
{
	return how == NW_HOW_CLSACT || (how == NW_HOW_TC && h->tcx == 0);
}

static void c_tc(const struct nw_doctor_host *h, const struct nw_doctor_if *i, struct nw_verdict *v)
{
	char why[160];
	bool egress = by_clsact(h, nw_choose_egress(&i->link, h->cfg.egress, why, sizeof(why)));
	bool clsact = egress || by_clsact(h, ingress_of(h, i, why, sizeof(why)));
	unsigned int others = i->filters[0] + i->filters[1], ours = i->ours[0] + i->ours[1];
	char foreign[120] = "";

	if (others)
		snprintf(foreign, sizeof(foreign),
			 "; %u filter%s of others (ingress %u, egress %u) %s left alone", others,
			 others > 1 ? "s" : "", i->filters[0], i->filters[1], others > 1 ? "are" : "is");
	if (egress && strcmp(i->qdisc, "ingress") == 0)
		nw_verdict(v, NW_HEALTH_FAIL,
			   "Let its owner use clsact, which has all of ingress and egress.",
			   "somebody's \"ingress\" qdisc is in the place of clsact, so that egress can't be "
			   "seen%s",
			   foreign);
	else if (ours && !i->watched)
		nw_verdict(v, NW_HEALTH_OK, NULL,
			   "%u filter%s of a killed negwatchd: removed at the next start%s", ours,
			   ours > 1 ? "s" : "", foreign);
	else if (i->qdisc_made && !others && !i->watched)
		nw_verdict(v, NW_HEALTH_OK, NULL,
			   "the clsact qdisc of a killed negwatchd: removed at the next start");
	else if (*i->qdisc)
		nw_verdict(v, NW_HEALTH_OK, NULL, "a qdisc (%s) is there%s, and is kept%s", i->qdisc,
			   ours ? " with our filters" : "", foreign);
	else
		nw_verdict(v, NW_HEALTH_OK, NULL,
			   clsact ? "no clsact qdisc: it will be made, and removed at the end" :
				    "no clsact qdisc, and none is needed");
}

/* tcx or clsact, whichever tc comes to here. */
static const char *final_name(const struct nw_doctor_host *h, enum nw_hook_how how)
{
	if (how == NW_HOW_TC && h->tcx >= 0)
		how = h->tcx ? NW_HOW_TCX : NW_HOW_CLSACT;
	return nw_how_name(how);
}

static void say_hook(const struct nw_doctor_host *h, const struct nw_doctor_if *i, enum nw_hook_how wanted,
		     enum nw_hook_how how, const char *why, struct nw_verdict *v)
{
	char via[40] = "";

	if (how == NW_HOW_TC)
		snprintf(via, sizeof(via), " by %s", h->tcx < 0 ? "tcx or clsact" : final_name(h, how));
	nw_verdict(v, NW_HEALTH_OK, NULL, "%s takes %s%s%s%s%s", nw_how_name(wanted), nw_how_name(how), via,
		   *why ? " (" : "", why, *why ? ")" : "");
}

static void c_ingress(const struct nw_doctor_host *h, const struct nw_doctor_if *i, struct nw_verdict *v)
{
	char why[160];
	enum nw_hook_how how = ingress_of(h, i, why, sizeof(why));

	/* its own program holds the hook: that is not a reason for tc */
	if (i->watched) {
		nw_verdict(v, NW_HEALTH_OK, "negwatch status tells its hooks.",
			   "watched by the negwatchd that runs");
		return;
	}
	if (how == NW_HOW_XDP && h->cfg.ingress == NW_HOW_AUTO && (i->lro || i->gro_hw))
		snprintf(why, sizeof(why), "or tc, if the driver refuses it with these offloads");
	else if (how == NW_HOW_XDP && h->cfg.ingress == NW_HOW_AUTO && !i->xdp.known)
		snprintf(why, sizeof(why), "or tc, if the driver refuses");
	say_hook(h, i, h->cfg.ingress, how, why, v);
	if (how == NW_HOW_XDP && h->cfg.ingress == NW_HOW_XDP && i->xdp.known && !i->xdp.native)
		nw_verdict(v, NW_HEALTH_FAIL, "Set ingress = auto or tc in the configuration.",
			   "the configuration insists on XDP, and the driver has no native XDP");
}

static void c_egress(const struct nw_doctor_host *h, const struct nw_doctor_if *i, struct nw_verdict *v)
{
	char why[160];
	enum nw_hook_how how = nw_choose_egress(&i->link, h->cfg.egress, why, sizeof(why));

	say_hook(h, i, h->cfg.egress, how, why, v);
}

const struct nw_check nw_if_checks[] = {
	{ "device", "kind, driver and MTU", NULL, c_device },
	{ "xdp", "who holds the XDP hook, and what the driver can do", NULL, c_xdp },
	{ "mtu", "whether XDP can take packets of that size", NULL, c_mtu },
	{ "offloads", "LRO and GRO_HW, with which many drivers refuse XDP", NULL, c_offloads },
	{ "vlan", "whether hooks see VLAN tags", NULL, c_vlan },
	{ "tc", "qdisc and filters of others, which are left alone", NULL, c_tc },
	{ "ingress", "the hook that negwatchd would take, and why", NULL, c_ingress },
	{ "egress", "the same for packets that leave", NULL, c_egress },
};
const unsigned int nw_n_if_checks = NW_ARRAY_SIZE(nw_if_checks);
