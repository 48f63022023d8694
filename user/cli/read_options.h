/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The options of `negwatch read`. */
#ifndef NW_READ_OPTIONS_H
#define NW_READ_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "../engine/engine.h"

#define NW_READ_PORTS_MAX 64

struct nw_read_options {
	bool json;
	bool all;
	bool help;
	enum nw_vantage vantage;
	uint16_t ports[NW_READ_PORTS_MAX];
	unsigned int n_ports;
	int first_file; /* index in argv */
};

/* Returns 0, or -EINVAL having said on stderr why. */
int nw_read_parse(struct nw_read_options *o, int argc, char **argv);
void nw_read_usage(FILE *out);

#endif
