/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Negotiate contexts (MS-SMB2 2.2.3.1), one behind the other; nothing is read past what is there. */
#ifndef NW_CONTEXTS_H
#define NW_CONTEXTS_H

#include <stdbool.h>
#include <stdint.h>

#include "../../bpf/wire/smb.h"

/* Real messages have two to seven. */
#define NW_CONTEXTS_MAX 16

#define NW_CTX_PREAUTH 0x0001
#define NW_CTX_ENCRYPTION 0x0002
#define NW_CTX_COMPRESSION 0x0003
#define NW_CTX_TRANSPORT 0x0006
#define NW_CTX_RDMA 0x0007
#define NW_CTX_SIGNING 0x0008
#define NW_CTX_POSIX 0x0100

/* Bytes that are there. */
struct nw_bytes {
	const uint8_t *p;
	uint32_t n;
};

/* Contexts, and what lies in them, need not be aligned. */
static inline uint16_t nw_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t nw_get32(const uint8_t *p)
{
	return nw_get16(p) | (uint32_t)nw_get16(p + 2) << 16;
}

struct nw_contexts {
	struct nw_bytes msg; /* from the SMB header on */
	uint32_t at;	     /* of the next one */
	uint32_t left;	     /* how many there have to be */
};

/* Those that the NEGOTIATE says it has; msg holds all of its fixed part. */
static inline struct nw_contexts nw_contexts_of(struct nw_bytes msg, bool request)
{
	return request ? (struct nw_contexts){ msg, nw_get32(msg.p + 92), nw_get16(msg.p + 96) } :
			 (struct nw_contexts){ msg, nw_get32(msg.p + 124), nw_get16(msg.p + 70) };
}

/* The next one's type and data; false behind the last, and (left is not 0 then) where it is not all there. */
static inline bool nw_context_next(struct nw_contexts *c, uint32_t *type, struct nw_bytes *data)
{
	uint32_t len;

	if (!c->left || c->left > NW_CONTEXTS_MAX || c->at > c->msg.n || c->msg.n - c->at < 8)
		return false;
	len = nw_get16(c->msg.p + c->at + 2);
	if (len > c->msg.n - c->at - 8)
		return false;
	*type = nw_get16(c->msg.p + c->at);
	*data = (struct nw_bytes){ c->msg.p + c->at + 8, len };
	c->at += 8 + ((len + 7) & ~7u);
	c->left--;
	return true;
}

#endif
