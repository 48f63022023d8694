// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The file of evidence: what it is, where it was seen, and on each packet what negwatch read in it. */
#include <errno.h>
#include <stdlib.h>

#include "alert.h"
#include "evidence_write.h"
#include "pcapng.h"
#include "../source/evidence_mark.h"
#include "../util/file.h"
#include "../util/util.h"

/* One for each interface, and kind of link, that packets of the connection came by. */
#define INTERFACES_MAX 8u
#define COMMENT_MAX 1536

struct interfaces {
	unsigned int n;
	uint32_t ifindex[INTERFACES_MAX];
	uint16_t link_type[INTERFACES_MAX];
};

struct nw_told_alert *nw_told_alert_new(const struct nw_alert *a)
{
	const struct nw_conn *c = a->conn;
	const struct nw_exchange *x = a->finding->validate >= 0 ? &c->validate[a->finding->validate] : NULL;
	struct nw_told_alert *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->file = nw_evidence_file(a->id, a->wall, nw_conn_addr(c, NW_C2S));
	t->ts = a->finding->ts;
	t->rule = a->rule;
	t->severity = a->severity;
	t->vantage = c->vantage;
	for (int side = NW_C2S; side <= NW_S2C; side++) {
		t->addr[side] = *nw_conn_addr(c, side);
		t->ports[side] = nw_conn_port(c, side);
	}
	if (x) {
		t->request_ts = x->request.ts;
		t->response_ts = x->response.ts;
		t->request_differs = x->request_differs;
		t->response_differs = x->response_differs;
	}
	snprintf(t->text, sizeof(t->text), "%s", a->text);
	return t;
}

static void add_alert(struct nw_text *t, const struct nw_told_alert *a)
{
	nw_alert_head(t, a->file.id, a->text, a->rule, a->severity);
}

static void put_section(FILE *f, const struct nw_evidence_config *cfg, int64_t wall_offset,
			const struct nw_kept *kept, const struct nw_told_alert *a)
{
	struct nw_evidence_mark mark = {
		.until = a->ts + (uint64_t)wall_offset,
		.vantage = a->vantage,
		.followed = kept->followed,
		.waits = { cfg->waits[0], cfg->waits[1], cfg->waits[2] },
	};
	char application[NW_EVIDENCE_MARK_MAX], comment[COMMENT_MAX], client[NW_ADDR_TEXT],
		server[NW_ADDR_TEXT];
	struct nw_text t;

	nw_text_init(&t, comment, sizeof(comment));
	nw_text_add(&t, "evidence for ");
	add_alert(&t, a);
	nw_text_add(&t, "; client %s port %u, server %s port %u", nw_addr_text(client, &a->addr[NW_C2S]),
		    a->ports[NW_C2S], nw_addr_text(server, &a->addr[NW_S2C]), a->ports[NW_S2C]);
	nw_text_add(
		&t,
		". These are the packets with the messages that negwatch judged; others lie between them, "
		"and no file's contents are kept");
	if (kept->partial)
		nw_text_add(&t, ". Some of these had to make room");
	nw_pcapng_section(f, nw_evidence_mark_text(application, &mark), comment);
}

/* Its number; the last one for what there is no room for. */
static uint32_t interface_of(const struct interfaces *all, uint32_t ifindex, uint16_t link_type)
{
	uint32_t i = 0;

	while (i + 1 < all->n && (all->ifindex[i] != ifindex || all->link_type[i] != link_type))
		i++;
	return i;
}

static void put_interfaces(FILE *f, struct interfaces *all, const struct nw_evidence_config *cfg,
			   const struct nw_kept *kept)
{
	for (const struct nw_snapshot *p = kept->first; p && all->n < INTERFACES_MAX; p = p->next) {
		uint16_t link_type = p->l3_off ? NW_LINK_ETHERNET : NW_LINK_RAW;
		uint32_t i = interface_of(all, p->ifindex, link_type);

		if (all->n && all->ifindex[i] == p->ifindex && all->link_type[i] == link_type)
			continue;
		all->ifindex[all->n] = p->ifindex;
		all->link_type[all->n++] = link_type;
		nw_pcapng_interface(f, link_type, cfg->if_name ? cfg->if_name(cfg->arg, p->ifindex) : NULL);
	}
}

static void add_differs(struct nw_text *t, const char *than, uint8_t fields)
{
	const char *name, *sep = "";

	if (!fields)
		return;
	nw_text_add(t, "; DIFFERS from the NEGOTIATE %s: ", than);
	for (unsigned int i = 0; (name = nw_field_name(i)); i++)
		if (fields & 1u << i) {
			nw_text_add(t, "%s%s", sep, name);
			sep = ", ";
		}
}

/* What the file has instead of the packet as it was. */
static void add_honesty(struct nw_text *t, const struct nw_frame *frame)
{
	if (frame->pieced)
		nw_text_add(t, "; put together from several segments: the headers are those of the last one, "
			       "with the "
			       "message's own sequence number and length; checksums are not made anew");
	else if (frame->part)
		nw_text_add(
			t,
			"; cut out of a segment that has more: its headers, with the message's own sequence "
			"number and length; checksums are not made anew");
	if (frame->retagged)
		nw_text_add(t, "; the VLAN tag that the host had taken off is put back");
}

/* The packet on which the alert itself is told: the one that settled it, or the last before it. */
static bool settles(const struct nw_snapshot *p, const struct nw_told_alert *a)
{
	return p->ts <= a->ts && (!p->next || p->next->ts > a->ts);
}

static void put_packet(FILE *f, const struct interfaces *all, const struct nw_snapshot *p,
		       const struct nw_told_alert *a, int64_t wall_offset)
{
	char comment[COMMENT_MAX];
	struct nw_frame frame;
	struct nw_text t;

	nw_snapshot_frame(&frame, p);
	nw_text_init(&t, comment, sizeof(comment));
	nw_snapshot_words(&t, p);
	if (p->type == NW_EV_VALIDATE_REQ && p->ts == a->request_ts)
		add_differs(&t, "request", a->request_differs);
	if (p->type == NW_EV_VALIDATE_RSP && p->ts == a->response_ts)
		add_differs(&t, "response", a->response_differs);
	if (settles(p, a)) {
		nw_text_add(&t, "; ");
		add_alert(&t, a);
	}
	add_honesty(&t, &frame);
	nw_pcapng_packet(f, &(struct nw_pcapng_packet){
				    .interface = interface_of(all, p->ifindex, frame.link_type),
				    .wall = (int64_t)p->ts + wall_offset,
				    .data = frame.bytes,
				    .captured = frame.captured,
				    .len = frame.len,
				    .direction = p->hook == NW_HOOK_TC_EGRESS ? NW_PCAPNG_OUT : NW_PCAPNG_IN,
				    .comment = comment,
			    });
}

int nw_evidence_write(char **out, size_t *len, const struct nw_evidence_config *cfg, int64_t wall_offset,
		      const struct nw_kept *kept, const struct nw_told_alert *a)
{
	struct interfaces all = { 0 };
	FILE *f = open_memstream(out, len);

	if (!f)
		return -ENOMEM;
	put_section(f, cfg, wall_offset, kept, a);
	put_interfaces(f, &all, cfg, kept);
	for (const struct nw_snapshot *p = kept->first; p; p = p->next)
		put_packet(f, &all, p, a, wall_offset);
	return nw_file_memory_end(f, out);
}
