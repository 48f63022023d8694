// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which interfaces are watched: at start, after a reload, and when interfaces come and go. */
#include <errno.h>
#include <string.h>

#include "ifaces.h"
#include "../util/log.h"

static bool wanted(const struct nw_interfaces *list, const char *name)
{
	for (unsigned int i = 0; i < list->n; i++)
		if (strcmp(list->name[i], name) == 0)
			return true;
	return false;
}

static const struct nw_iface *find(const struct nw_daemon *d, const char *name)
{
	for (unsigned int i = 0; i < d->n_ifaces; i++)
		if (strcmp(d->iface[i].name, name) == 0)
			return &d->iface[i];
	return NULL;
}

static void let_go(struct nw_daemon *d, unsigned int i)
{
	nw_detach(&d->iface[i]);
	d->iface[i] = d->iface[--d->n_ifaces];
}

/* What is attached otherwise than the configuration now says. */
static bool outdated(const struct nw_daemon *d, const struct nw_iface *iface)
{
	return iface->wanted_ingress != d->cfg.ingress || iface->wanted_egress != d->cfg.egress;
}

/* With "auto" an interface that lost its address is kept: a lease that is renewed must not cost a hook. */
static void drop_unwanted(struct nw_daemon *d, const struct nw_interfaces *list)
{
	for (unsigned int i = d->n_ifaces; i-- > 0;) {
		struct nw_iface *iface = &d->iface[i];
		struct nw_link link = { 0 };
		int err = nw_link_by_name(iface->name, &link);

		if (err == -ENODEV || (!err && link.ifindex != iface->ifindex)) {
			nw_warn("%s is gone: no longer watched", iface->name);
			let_go(d, i);
		} else if (outdated(d, iface) || (d->cfg.interfaces.n && !wanted(list, iface->name))) {
			nw_info("%s: hooks removed, as the configuration says now", iface->name);
			let_go(d, i);
		}
	}
}

static int attach_one(struct nw_daemon *d, const char *name)
{
	struct nw_iface iface;
	int err = nw_attach(&iface, name, d->cfg.ingress, d->cfg.egress, d->live);

	if (err)
		return err;
	d->iface[d->n_ifaces++] = iface;
	return 0;
}

/* The configured interfaces, or those that "auto" finds. */
static int list_wanted(const struct nw_daemon *d, struct nw_interfaces *list)
{
	int err = 0;

	*list = d->cfg.interfaces;
	if (!list->n)
		err = nw_own_interfaces(list);
	return err ? nw_err_r(err, "The interfaces of this host can't be listed: %m") : 0;
}

int nw_ifaces_check(const struct nw_daemon *d)
{
	struct nw_interfaces list;
	struct nw_link link;
	int err = list_wanted(d, &list);

	if (!err && !list.n)
		return nw_err_r(-ENODEV, "No interface is up and carries an address; name one: negwatchd "
					 "--interface NAME");
	for (unsigned int i = 0; !err && i < list.n; i++) {
		err = nw_link_by_name(list.name[i], &link);
		if (err)
			nw_err_r(err,
				 err == -ENODEV ? "There is no interface \"%s\"; `ip link` lists them" :
						  "Interface %s can't be looked up: %m",
				 list.name[i]);
	}
	return err;
}

int nw_ifaces_sync(struct nw_daemon *d, bool strict)
{
	struct nw_interfaces list;
	struct nw_link link;
	int err = list_wanted(d, &list);

	if (err)
		return err;
	drop_unwanted(d, &list);
	for (unsigned int i = 0; i < list.n; i++) {
		if (find(d, list.name[i]) || d->n_ifaces == NW_INTERFACES_MAX)
			continue;
		/* Not there (yet) is only worth a word at the start. */
		if (!strict && nw_link_by_name(list.name[i], &link) == -ENODEV)
			continue;
		err = attach_one(d, list.name[i]);
		if (err && strict)
			return err;
		if (!err && !strict)
			nw_info("%s: now watched", list.name[i]);
	}
	return 0;
}

void nw_ifaces_detach_all(struct nw_daemon *d)
{
	while (d->n_ifaces)
		let_go(d, d->n_ifaces - 1);
}

static void print_hook(FILE *out, const char *direction, const struct nw_attached *a)
{
	fprintf(out, "  %s %s", direction, nw_how_name(a->how));
	if (*a->why)
		fprintf(out, " (%s)", a->why);
}

void nw_ifaces_print(const struct nw_daemon *d, FILE *out)
{
	int width = 0;

	for (unsigned int i = 0; i < d->n_ifaces; i++)
		if ((int)strlen(d->iface[i].name) > width)
			width = (int)strlen(d->iface[i].name);
	for (unsigned int i = 0; i < d->n_ifaces; i++) {
		fprintf(out, "%-*s", width, d->iface[i].name);
		print_hook(out, "ingress", &d->iface[i].ingress);
		print_hook(out, "egress", &d->iface[i].egress);
		fputc('\n', out);
	}
	fflush(out);
}
