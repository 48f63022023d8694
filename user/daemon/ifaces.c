// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which interfaces are watched: at start, after a reload, and when interfaces come, go, or change their name.
 */
#include <errno.h>
#include <string.h>

#include "ifaces.h"
#include "../util/log.h"
#include "../util/text.h"
#include "../util/util.h"

#define HOOKS_TEXT 400

/* What there is at one moment. */
struct view {
	struct nw_links links;
	struct nw_own_addressed addressed;
};

static void view_free(struct view *v)
{
	nw_links_free(&v->links);
	nw_own_addressed_free(&v->addressed);
}

static int look(struct view *v)
{
	int err = nw_links_read(&v->links);

	if (!err)
		err = nw_own_addressed_read(&v->addressed);
	return err ? nw_err_r(err, "The interfaces of this host can't be listed: %m") : 0;
}

static bool wanted(const struct nw_daemon *d, const struct view *v, const char *name)
{
	return nw_wanted(&d->cfg.interfaces, name, nw_own_is_addressed(&v->addressed, name));
}

static bool is_there(const struct view *v, const char *name)
{
	for (unsigned int i = 0; i < v->links.n; i++)
		if (strcmp(v->links.link[i].name, name) == 0)
			return true;
	return false;
}

static bool known(const struct nw_daemon *d, unsigned int ifindex)
{
	for (unsigned int i = 0; i < d->n_ifaces; i++)
		if (d->iface[i].ifindex == ifindex)
			return true;
	return false;
}

static unsigned int watched(const struct nw_daemon *d)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < d->n_ifaces; i++)
		n += !*d->iface[i].trouble;
	return n;
}

bool nw_ifaces_troubled(const struct nw_daemon *d)
{
	return watched(d) < d->n_ifaces;
}

static void let_go(struct nw_daemon *d, unsigned int i)
{
	nw_detach(&d->iface[i]);
	d->iface[i] = d->iface[--d->n_ifaces];
}

static void add_hook(struct nw_text *t, const char *direction, const struct nw_attached *a)
{
	nw_text_add(t, "  %s %s", direction, nw_how_name(a->how));
	if (*a->why)
		nw_text_add(t, " (%s)", a->why);
}

/* "  ingress tcx (veth: ...)  egress tcx" */
static const char *hooks_text(char out[HOOKS_TEXT], const struct nw_iface *iface)
{
	struct nw_text t;

	nw_text_init(&t, out, HOOKS_TEXT);
	if (*iface->trouble) {
		nw_text_add(&t, "  NOT WATCHED: %s", iface->trouble);
		return out;
	}
	add_hook(&t, "ingress", &iface->ingress);
	add_hook(&t, "egress", &iface->egress);
	return out;
}

/* Attaches in place i. The same trouble again is not told again. */
static int attach(struct nw_daemon *d, unsigned int i, const struct nw_link *link, const char *news)
{
	char before[sizeof(d->iface->trouble)], hooks[HOOKS_TEXT];
	struct nw_iface *iface = &d->iface[i];
	int err;

	memcpy(before, iface->trouble, sizeof(before));
	nw_detach(iface);
	err = nw_attach(iface, link, d->cfg.ingress, d->cfg.egress, d->live);
	if (err && strcmp(before, iface->trouble) != 0)
		nw_err("%s can't be watched: %s", link->name, iface->trouble);
	else if (!err && news)
		nw_info("%s: %s:%s", link->name, news, hooks_text(hooks, iface));
	return err;
}

/* What is attached otherwise than the configuration now says. */
static bool outdated(const struct nw_daemon *d, const struct nw_iface *iface)
{
	return iface->wanted_ingress != d->cfg.ingress || iface->wanted_egress != d->cfg.egress;
}

static void follow_name(struct nw_daemon *d, const struct view *v, struct nw_iface *iface, const char *name)
{
	if (strcmp(iface->name, name) == 0)
		return;
	if (!*iface->trouble)
		nw_info("%s is called %s now, and still watched%s", iface->name, name,
			wanted(d, v, name) ?
				"" :
				"; but the configuration does not name it so: a reload or restart will "
				"let go of it");
	strcpy(iface->name, name);
}

/* An interface that is in the list already. */
static void keep(struct nw_daemon *d, const struct view *v, unsigned int i, enum nw_ifaces_when when)
{
	struct nw_iface *iface = &d->iface[i];
	const struct nw_link *link = nw_links_find(&v->links, iface->ifindex);

	if (!link) {
		nw_warn("%s is gone (deleted, or moved to another network namespace): no longer watched",
			iface->name);
		let_go(d, i);
		return;
	}
	follow_name(d, v, iface, link->name);
	if (!wanted(d, v, link->name) && (when == NW_IFACES_RELOAD || *iface->trouble)) {
		nw_info("%s: no longer watched, as the configuration says now", iface->name);
		let_go(d, i);
	} else if (outdated(d, iface)) {
		attach(d, i, link, "watched otherwise now");
	} else if (*iface->trouble) {
		attach(d, i, link, "now watched");
	} else if (!nw_attach_intact(iface)) {
		nw_warn("%s: somebody took our hooks away; they are attached again", iface->name);
		attach(d, i, link, NULL);
	}
}

/* Interfaces that are not in the list yet. Fails if one that was named can't be watched, or all can't be. */
static int add_new(struct nw_daemon *d, const struct view *v, enum nw_ifaces_when when)
{
	int err, named = 0, any = 0;

	for (unsigned int i = 0; i < v->links.n; i++) {
		const struct nw_link *link = &v->links.link[i];

		if (known(d, link->ifindex))
			continue;
		if (!wanted(d, v, link->name)) {
			if (when == NW_IFACES_START)
				nw_attach_reap(link);
			continue;
		}
		if (d->n_ifaces == NW_INTERFACES_MAX) {
			if (when != NW_IFACES_NEWS)
				nw_warn("%s and what follows is not watched: %u interfaces are the most",
					link->name, NW_INTERFACES_MAX);
			break;
		}
		d->iface[d->n_ifaces] =
			(struct nw_iface){ .ingress.link_fd = -1, .egress.link_fd = -1, .owner_fd = -1 };
		err = attach(d, d->n_ifaces++, link, when == NW_IFACES_START ? NULL : "now watched");
		any = err ? err : any;
		if (err && nw_wanted_names(&d->cfg.interfaces, link->name))
			named = err;
	}
	return named || watched(d) ? named : any;
}

int nw_ifaces_absent(const struct nw_daemon *d, void (*fn)(void *arg, const char *name), void *arg)
{
	_cleanup_(view_free) struct view v = { 0 };
	int err = look(&v);

	for (unsigned int i = 0; !err && i < d->cfg.interfaces.n; i++) {
		const char *name = d->cfg.interfaces.name[i];

		if (nw_wanted_is_name(name) && !is_there(&v, name))
			fn(arg, name);
	}
	return err;
}

static void warn_absent(void *arg, const char *name)
{
	nw_warn("There is no interface \"%s\" yet: it will be watched when it comes. `ip link` lists those "
		"that "
		"are there",
		name);
}

static void complain_absent(void *arg, const char *name)
{
	nw_err("There is no interface \"%s\"; `ip link` lists them", name);
}

/*
 * Names alone, and none of them there, is more likely a slip of the pen than an interface that comes; a
 * pattern or "auto" is made for interfaces that come.
 */
int nw_ifaces_check(const struct nw_daemon *d)
{
	const struct nw_interfaces *list = &d->cfg.interfaces;
	_cleanup_(view_free) struct view v = { 0 };
	bool hope = false, names = false;
	int err = look(&v);

	if (err)
		return err;
	for (unsigned int i = 0; i < list->n; i++) {
		bool name = nw_wanted_is_name(list->name[i]);

		names |= name;
		hope |= name ? is_there(&v, list->name[i]) : *list->name[i] != '!';
	}
	if (!names)
		return 0;
	nw_ifaces_absent(d, hope ? warn_absent : complain_absent, NULL);
	return hope ? 0 : -ENODEV;
}

int nw_ifaces_sync(struct nw_daemon *d, enum nw_ifaces_when when)
{
	_cleanup_(view_free) struct view v = { 0 };
	unsigned int before = watched(d);
	int err = look(&v);

	if (err)
		return err;
	for (unsigned int i = d->n_ifaces; i-- > 0;)
		keep(d, &v, i, when);
	err = add_new(d, &v, when);
	if (err && when == NW_IFACES_START)
		return err;
	if (when == NW_IFACES_RELOAD)
		nw_ifaces_absent(d, warn_absent, NULL);
	if (!watched(d) && (before || when != NW_IFACES_NEWS))
		nw_warn("Nothing is watched: no interface that is there is wanted and can be attached to. "
			"One "
			"that comes will be watched");
	return 0;
}

void nw_ifaces_detach_all(struct nw_daemon *d)
{
	while (d->n_ifaces)
		let_go(d, d->n_ifaces - 1);
}

void nw_ifaces_print(const struct nw_daemon *d, FILE *out)
{
	char hooks[HOOKS_TEXT];
	int width = 0;

	for (unsigned int i = 0; i < d->n_ifaces; i++)
		if ((int)strlen(d->iface[i].name) > width)
			width = (int)strlen(d->iface[i].name);
	for (unsigned int i = 0; i < d->n_ifaces; i++)
		fprintf(out, "%-*s%s\n", width, d->iface[i].name, hooks_text(hooks, &d->iface[i]));
	fflush(out);
}
