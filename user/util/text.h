/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Text for people and logs: a bounded string builder, and how addresses, GUIDs and SMB values are written. */
#ifndef NW_TEXT_H
#define NW_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../bpf/abi.h"

/*
 * A string in the caller's memory that never overflows: what doesn't fit is left out, and `cut` says so.
 * Always terminated.
 */
struct nw_text {
	char *buf;
	size_t size; /* of buf, at least 1 */
	size_t len;
	bool cut;
};

void nw_text_init(struct nw_text *t, char *buf, size_t size);
void nw_text_add(struct nw_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Bytes of the UTF-8 character at s, of which len (at least 1) are there; 0: not valid. */
size_t nw_utf8_len(const unsigned char *s, size_t len);

/*
 * Adds len bytes that were made by others: backslash and double quote get a backslash, control characters
 * and bytes that are not valid UTF-8 become \xNN. An escape or a character is added as a whole or not at all.
 */
void nw_text_escape(struct nw_text *t, const char *bytes, size_t len);

/* As nw_text_escape(), in double quotes if the value has a space, comma, '=' or '"', or is empty. */
void nw_text_value(struct nw_text *t, const char *value);

/* Sizes of the texts below, terminator included. */
#define NW_ADDR_TEXT 46
#define NW_GUID_TEXT 37
#define NW_DIALECT_TEXT 8
#define NW_STATUS_TEXT 40
#define NW_FLAGS_TEXT 160

/* Each of these writes into `out` and returns it. */

/* IPv4 (v4-mapped) dotted, IPv6 as in RFC 5952. */
const char *nw_addr_text(char out[NW_ADDR_TEXT], const union nw_addr *addr);
/* The 16 wire bytes in the form of Windows and Wireshark: 6b29fc40-ca47-1067-b31d-00dd010662da. */
const char *nw_guid_text(char out[NW_GUID_TEXT], const uint8_t guid[16]);
/* "3.0.2"; "2.???" for the wildcard 0x02ff; "0x1234" for one that MS-SMB2 doesn't know. */
const char *nw_dialect_text(char out[NW_DIALECT_TEXT], uint16_t dialect);
/* As Suricata writes it, for the EVE shape: "3.02". */
const char *nw_dialect_eve(char out[NW_DIALECT_TEXT], uint16_t dialect);
/* "DFS LEASING 0x100": known names, the rest as a number; "none". */
const char *nw_capabilities_text(char out[NW_FLAGS_TEXT], uint32_t capabilities);
/* "signing enabled", "signing required", ... */
const char *nw_security_mode_text(char out[NW_FLAGS_TEXT], uint16_t mode);
/* "STATUS_ACCESS_DENIED" or "0xc0000001". */
const char *nw_status_text(char out[NW_STATUS_TEXT], uint32_t status);

/* True if the address is v4-mapped: bytes 12 to 15 are the IPv4 address. */
bool nw_addr_is_v4(const union nw_addr *addr);

#endif
