/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The memory over connections. Pure; bounded: what was idle longest yields to what is new, and is counted.
 * Not thread-safe. Two tables, because one identity can't serve both uses:
 *
 * Peers, for the audit list: client address, server address and port, and the capabilities and security mode
 * of the client's NEGOTIATE requests. The GUID is no part of it: smbclient has another one in each process,
 * impacket in each connection (11 of 11 in a public capture), Windows 10 several for one server (3 in 6
 * connections), so a list by GUID would raise the same alarm again with every connection. Capabilities and
 * mode stay over processes, reconnects and further channels, and tell the programs of one address apart, be
 * they behind NAT or on one host. The dialects are no part of it either: a reconnecting cifs.ko and a further
 * channel offer only the one that they are on.
 *
 * Instances, for rule 109: client GUID and address, server address and port. One GUID is one mount of cifs.ko
 * (kept over reconnects), one process of smbclient, one server entry of Windows 10 and later, one boot of
 * Windows 7: whoever deliberately uses another dialect has another GUID. The address is part of it because
 * GUIDs of cloned machines and poor implementations repeat, the port because NetBIOS has no 3.1.1.
 */
#ifndef NW_PEERS_H
#define NW_PEERS_H

#include "engine.h"

/* A time of the event clock before which nothing can lie; times of earlier boots are negative. */
#define NW_NEVER INT64_MIN

struct nw_peer {
	union nw_addr client, server;
	uint16_t port;		/* the server's, host byte order */
	uint16_t security_mode; /* capabilities and mode: of the NEGOTIATE request; 0 without one (SMB1 start)
				 */
	uint32_t capabilities;
	uint8_t guid[16]; /* the client's last, wire order */
	uint16_t offered; /* highest dialect of its last NEGOTIATE request; 0: unknown */
	uint16_t dialect; /* negotiated last */
	uint16_t proven;  /* highest that a matching VALIDATE or 3.1.1 has proven; 0: none */
	/* Event clock, ns; NW_NEVER */
	int64_t first, last;
	int64_t last_proven;	  /* a connection validated, or ran on 3.1.1 */
	int64_t last_unvalidated; /* rule 110 was met */
	int64_t alerted;	  /* ... and was told */
	int64_t last_finding;
	uint16_t last_rule;
	const struct nw_family *family; /* of the client; NULL: unknown */
	uint64_t impl;			/* its second fingerprint (impl.h); 0: unknown */
	/* Connections with a session; the others: how many of them were that */
	uint64_t connections, validated, preauth /* 3.1.1 */, unvalidated /* rule 110 */, encrypted, guest;
	uint64_t findings;
};

/* One that runs the protocol under a GUID of its own, and the lowest dialect that it has run on so far. */
struct nw_instance {
	union nw_addr client, server;
	uint16_t port;
	uint8_t client_guid[16], server_guid[16];
	uint16_t dialect;
	int64_t last; /* event clock, ns */
};

struct nw_peers_stats {
	uint32_t peers, instances;
	uint64_t evicted; /* peers and instances */
	uint64_t changes; /* of whatever kind */
	uint64_t news;	  /* peers that came onto the audit list or left it */
};

struct nw_peers;

/*
 * Of one client's address with one server there are at most 16 peers and 32 instances; the one of them that
 * was seen last before the others yields to another. max: of peers, and of instances; a peer takes 192 + 64
 * bytes, an instance 80 + 64: 8192 of both 3.2 MiB. seed: random where strangers choose the keys. 0, -ENOMEM
 * or -EINVAL.
 */
int nw_peers_new(struct nw_peers **out, uint32_t max, uint64_t seed);
void nw_peers_free(struct nw_peers **p);

/* Below 3.1.1, and its last connections that could have validated did not. */
bool nw_peer_is_listed(const struct nw_peer *peer);

/*
 * The i-th, from 1 on; NULL behind the last. They lie in the order in which they came, but for those that
 * took the place of one that yielded. None of the others moves: who looks at some, and later at the rest,
 * misses none.
 */
const struct nw_peer *nw_peers_at(const struct nw_peers *p, uint32_t i);

/* Calls fn for each, oldest first, until it returns non-zero, which is then returned. */
int nw_peers_each(const struct nw_peers *p, int (*fn)(void *arg, const struct nw_peer *peer), void *arg);
int nw_peers_each_instance(const struct nw_peers *p, int (*fn)(void *arg, const struct nw_instance *i),
			   void *arg);

/* What an earlier run remembered; takes the place of the same one. 0 or -ENOMEM. */
int nw_peers_put(struct nw_peers *p, const struct nw_peer *peer);
int nw_peers_put_instance(struct nw_peers *p, const struct nw_instance *i);

void nw_peers_get_stats(const struct nw_peers *p, struct nw_peers_stats *out);

/* The engine's own part: */

/*
 * Enters what the connection has come to since the last call; cheap if that is nothing. over: nothing more
 * will come of it.
 */
void nw_peers_note(struct nw_peers *p, struct nw_conn *c, bool over);

/* Enters the finding. False if it has been told of this peer before and is to be told once only (rule 110).
 */
bool nw_peers_finding(struct nw_peers *p, struct nw_conn *c, const struct nw_finding *f);

/*
 * What the connection's client is known for with this very server (its GUID is the same), or NULL: nothing,
 * or one of the two GUIDs is unknown. Valid until the next call.
 */
const struct nw_instance *nw_peers_instance(struct nw_peers *p, const struct nw_conn *c);

#endif
