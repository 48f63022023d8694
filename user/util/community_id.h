/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Community ID v1: the key by which Suricata, Zeek and others name the same TCP connection. */
#ifndef NW_COMMUNITY_ID_H
#define NW_COMMUNITY_ID_H

#include <stdint.h>

/*
 * Both ends in either order. Addresses are raw bytes in network order, addr_len is 4 or 16 (a v4-mapped
 * address has to be given as its 4 bytes); ports are in host byte order. Seed 0. Writes "1:" and 28
 * characters, terminated.
 */
void nw_community_id(char out[40], const void *addr_a, const void *addr_b, unsigned int addr_len,
		     uint16_t port_a_host, uint16_t port_b_host);

#endif
