/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which interfaces a configuration means: names, patterns, "auto", and what is left out of these. Pure. */
#ifndef NW_WANTED_H
#define NW_WANTED_H

#include <net/if.h>
#include <stdbool.h>

#define NW_INTERFACES_MAX 64

/*
 * Each is a name, a pattern as in the shell (eth*, ens[0-9]*), or "auto"; with "!" in front it leaves out,
 * wherever it stands. With none, or nothing but "!", "auto" is meant. "auto" is every interface that is up
 * and carries an address, but loopback.
 */
struct nw_interfaces {
	unsigned int n;
	char name[NW_INTERFACES_MAX][IF_NAMESIZE + 1];
};

/* Adds one of them. False: no name of an interface (too long, empty, with a "/" or ":"), or no room. */
bool nw_wanted_add(struct nw_interfaces *list, const char *text);

/* Whether an interface is meant; has_address as "auto" wants it. */
bool nw_wanted(const struct nw_interfaces *list, const char *name, bool has_address);

/* Whether an entry of the list is a plain name, so that it can be said to be absent. */
bool nw_wanted_is_name(const char *entry);

/* Whether the name is among the plain ones. */
bool nw_wanted_names(const struct nw_interfaces *list, const char *name);

#endif
