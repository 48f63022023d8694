/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The second fingerprint: what a NEGOTIATE message says of the software that wrote it, and nothing of the
 * machine (GUID, salts, names, times) or of the moment (message ids, credits). It is read from the bytes that
 * an event takes along, which are the same whether a program of the kernel, the host's tap or the joiner made
 * the event; so it is computed here, once, and costs the programs nothing.
 */
#ifndef NW_IMPL_H
#define NW_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "../../bpf/abi.h"

/* The field behind CreditRequest's flags that SMB2 clients fill in each their own way (MS-SMB2 2.2.1.2) */
enum nw_impl_process {
	NW_PROCESS_ZERO = 1,
	NW_PROCESS_FEFF,  /* 0xfeff */
	NW_PROCESS_SMALL, /* another number of 16 bits: a process id */
	NW_PROCESS_OTHER,
};

enum nw_impl_guid {
	NW_GUID_OTHER = 1,
	NW_GUID_ZERO,
	NW_GUID_NAME,	 /* a host name, padded with zeros */
	NW_GUID_LETTERS, /* sixteen ASCII letters */
};

/*
 * Lists are written as hexadecimal digits in their order, of which the last eight are kept: context types
 * 1-8 (MS-SMB2 2.2.3.1), 9 for 0x0100 and f for others; algorithms by value plus one; SPNEGO mechanisms as
 * NW_MECH_*.
 */
#define NW_MECH_NEGOEX 1
#define NW_MECH_MS_KRB5 2
#define NW_MECH_KRB5 3
#define NW_MECH_U2U 4
#define NW_MECH_NTLM 5
#define NW_MECH_OTHER 15

struct nw_traits {
	uint64_t fingerprint; /* 0: unknown, because a part of the message is not among the bytes kept */
	uint32_t contexts, ciphers, compression, mechs;
	uint16_t credits, credit_charge;
	uint8_t process;     /* request: enum nw_impl_process */
	uint8_t guid;	     /* enum nw_impl_guid */
	bool contexts_known; /* all of them, be it none */
	bool start_time;     /* response: ServerStartTime is not zero */
};

/*
 * Of a NEGOTIATE event whose fields could be read; all zero for every other one. salt: the first half of its
 * pre-authentication salt (MS-SMB2 2.2.3.1.1), left alone where there is none.
 */
void nw_traits_read(struct nw_traits *t, uint8_t salt[16], const struct nw_event *ev);

uint8_t nw_guid_kind(const uint8_t guid[16]);

#endif
