// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One packet through everything that reads packets. */
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ways.h"
#include "wire.h"

struct ways {
	struct progs *progs;
	struct wire *wire;
	enum way attached; /* the last that was attached over a device; HOST: none */
};

/* Which program, and how it gets the packet. */
static const struct {
	enum progs_which which;
	enum { HOST_TAP, TEST_RUN, DEVICE } how;
} ways_are[WAYS] = {
	[HOST] = { 0, HOST_TAP },
	[XDP] = { PROGS_XDP, TEST_RUN },
	[TC_IN] = { PROGS_TC_IN, TEST_RUN },
	[TC_OUT] = { PROGS_TC_OUT, TEST_RUN },
	[TC_GSO] = { PROGS_TC_OUT, TEST_RUN },
	[WIRE_IN] = { PROGS_TC_IN, DEVICE },
	[WIRE_OUT] = { PROGS_TC_OUT, DEVICE },
	[L3_HOST] = { 0, HOST_TAP },
	[L3_IN] = { PROGS_L3_IN, TEST_RUN },
	[L3_OUT] = { PROGS_L3_OUT, TEST_RUN },
	[TUN_IN] = { PROGS_L3_IN, DEVICE },
	[TUN_OUT] = { PROGS_L3_OUT, DEVICE },
};

const char *const way_name[WAYS] = {
	"host",	    "xdp",	 "tc-ingress", "tc-egress", "tc gso", "veth in",
	"veth out", "host, raw", "l3-ingress", "l3-egress", "tun in", "tun out"
};

int ways_open(struct ways **out)
{
	struct ways *w = calloc(1, sizeof(*w));
	int err = -ENOMEM;

	if (!w)
		return err;
	err = progs_open(&w->progs);
	if (!err)
		err = wire_open(&w->wire);
	if (err)
		ways_close(&w);
	else
		*out = w;
	return err;
}

void ways_close(struct ways **wp)
{
	struct ways *w = *wp;

	if (!w)
		return;
	wire_close(&w->wire);
	progs_close(&w->progs);
	free(w);
	*wp = NULL;
}

static int take(void *arg, const struct nw_event *ev)
{
	struct seen *s = arg;

	if (s->n < WAYS_EVENTS_MAX)
		s->ev[s->n] = *ev;
	s->n++;
	return 0;
}

static int host(bool raw, const uint8_t *data, uint32_t len, struct seen *s)
{
	static const uint16_t ports[] = { 445, 139 };
	struct nw_tap_config tc = { .ports = ports, .n_ports = 2, .max_flows = 16 };
	struct nw_tap_packet p = { .data = data, .caplen = len, .len = len, .ts = 1, .frame = 1 };
	struct nw_tap *tap;
	int err = nw_tap_new(&tap, &tc, take, s);

	p.raw = raw;
	p.ethertype = *data >> 4 == 4 ? 0x0800 : *data >> 4 == 6 ? 0x86dd : 0;
	if (err)
		return err;
	err = nw_tap_packet(tap, &p);
	memcpy(s->count, nw_tap_counters(tap), sizeof(s->count));
	nw_tap_free(&tap);
	return err;
}

/* Attaching takes the kernel some 20 ms, so a program stays until the other end's turn. */
static int attach(struct ways *w, enum way way)
{
	int err;

	if (w->attached == way)
		return 0;
	err = wire_attach(w->wire, progs_fd(w->progs, ways_are[way].which), way == WIRE_OUT || way == TUN_OUT,
			  way >= WAYS_L2);
	w->attached = err ? HOST : way;
	return err;
}

/* Over devices: the program has run when its counter of packets says so. */
static int through_device(struct ways *w, enum way way, const uint8_t *data, uint32_t len, uint32_t headers)
{
	uint64_t before = progs_count(w->progs, NW_C_PACKETS);
	int err = attach(w, way), i;

	if (err)
		return err;
	if (way == TUN_IN || way == TUN_OUT)
		err = wire_tun(w->wire, data, len, way == TUN_OUT);
	else
		err = wire_send(w->wire, data, len, len > 1600 ? 1448 : 0, headers - 20, false);
	for (i = 0; !err && i < 20000 && progs_count(w->progs, NW_C_PACKETS) == before; i++)
		usleep(1000);
	return err;
}

int ways_see(struct ways *w, enum way way, const uint8_t *data, uint32_t len, uint32_t headers,
	     struct seen *s)
{
	struct __sk_buff gso = { .gso_size = 1448, .gso_segs = 2 };
	uint64_t before[NW_C_MAX];
	int err, i;

	memset(s, 0, sizeof(*s));
	if (ways_are[way].how == HOST_TAP)
		return host(way == L3_HOST, data, len, s);
	progs_reset(w->progs);
	progs_counters(w->progs, before);
	if (ways_are[way].how == DEVICE)
		err = through_device(w, way, data, len, headers);
	else
		err = progs_run(w->progs, ways_are[way].which, data, len, way == TC_GSO ? &gso : NULL,
				way == TC_GSO ? sizeof(gso) : 0);
	if (!err)
		err = progs_drain(w->progs, 1, 1, take, s);
	progs_counters(w->progs, s->count);
	for (i = 0; i < NW_C_MAX; i++)
		s->count[i] -= before[i];
	return err;
}

/* The packet's one outcome, or -1 if it has none or several. */
int ways_outcome(const struct seen *s)
{
	int found = -1, n = 0, i;

	for (i = 0; i < NW_C_OUTCOMES; i++)
		if (s->count[i]) {
			found = i;
			n += (int)s->count[i];
		}
	return n == 1 && s->count[NW_C_PACKETS] == 1 ? found : -1;
}
