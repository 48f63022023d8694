/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether one end of a connection is a socket of this network namespace: asked of the kernel's sock_diag. */
#ifndef NW_OWN_SOCKET_H
#define NW_OWN_SOCKET_H

#include <stdbool.h>

#include "../../bpf/abi.h"

/*
 * Is there a TCP socket with exactly these ends, `local` being the endpoint of the key that it has itself? An
 * own address is not enough: behind it may be a container, a virtual machine or another port, by NAT. False
 * also where the kernel can't be asked. Takes some microseconds.
 */
bool nw_own_socket(const struct nw_key *key, unsigned int local);

#endif
