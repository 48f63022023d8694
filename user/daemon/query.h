/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the verbs of the control socket share: query.c has the table, query_alerts.c those about alerts,
 * query_lists.c those that list connections and clients.
 */
#ifndef NW_QUERY_H
#define NW_QUERY_H

#include "daemon.h"

/* Writes the answer and takes the object over; NULL, or no memory for its text: that this failed. */
void nw_query_put(FILE *out, json_t *o);

/* Writes {"ok":false,"error":message}. */
void nw_query_fail(FILE *out, const char *message);

/* A member of the request that has to be a number from 0 on; `otherwise` if it is not there. */
uint64_t nw_query_number(const json_t *request, const char *key, uint64_t otherwise);

/* Each writes its answer; true: the client wants all alerts from now on. */
bool nw_query_alerts(struct nw_daemon *d, const json_t *request, FILE *out);
bool nw_query_show(struct nw_daemon *d, const json_t *request, FILE *out);
bool nw_query_evidence(struct nw_daemon *d, const json_t *request, FILE *out);
bool nw_query_replay(struct nw_daemon *d, const json_t *request, FILE *out);
bool nw_query_test_alert(struct nw_daemon *d, const json_t *request, FILE *out);
bool nw_query_flows(struct nw_daemon *d, const json_t *request, FILE *out);
bool nw_query_peers(struct nw_daemon *d, const json_t *request, FILE *out);

#endif
