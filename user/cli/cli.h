/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the commands of negwatch(1) share: options, exit codes, the talk with the daemon. */
#ifndef NW_CLI_H
#define NW_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "../engine/engine.h"
#include "../util/options.h"

#define NW_CLI_SOCKET "/run/negwatch/control.sock"
/* Version of the objects that --json prints. */
#define NW_CLI_VERSION 1
#define NW_CLI_WIDTH 80
#define NW_CLI_PORTS_MAX 64

enum nw_cli_exit {
	NW_EXIT_OK = 0,
	NW_EXIT_ERROR = 1, /* the daemon said no, or nothing was found */
	NW_EXIT_USAGE = 2,
	NW_EXIT_UNREACHABLE = 3, /* no daemon to talk to */
};

struct nw_cli_ports {
	unsigned int n;
	uint16_t port[NW_CLI_PORTS_MAX]; /* host byte order */
};

/* An address, or all of a network. */
struct nw_cli_net {
	uint8_t addr[16];  /* v4-mapped, network byte order */
	unsigned int bits; /* of these; 0: any address */
};

enum nw_cli_color { NW_COLOR_AUTO = 0, NW_COLOR_ALWAYS, NW_COLOR_NEVER };
enum nw_cli_paint { NW_PAINT_BAD, NW_PAINT_WARN, NW_PAINT_DIM };

/* What the options set (options.c). */
struct nw_cli {
	const char *socket;
	bool json, no_headings, utc, quiet, help, version;
	bool not_validated;		  /* peers: only those */
	bool cost;			  /* doctor: measure instead */
	bool all;			  /* read: also flows without findings */
	const char *config;		  /* doctor: negwatchd's file; NULL: the usual one */
	struct nw_cli_net client, server; /* only these addresses */
	const char *since;		  /* a time as nw_time_since() reads it; NULL: not given */
	int64_t since_wall;		  /* ... and as it was read; INT64_MIN: not given */
	uint64_t after;			  /* alert number; 0: not given */
	uint64_t limit;			  /* 0: not given */
	unsigned int rule;		  /* only this one; 0: all */
	const char *columns;		  /* of a table, separated by commas; NULL: the usual ones */
	const char *out_file; /* report, evidence: where to, "-" is standard output; NULL: the command's own
				 place */
	enum nw_cli_color color;
	bool colored;		    /* what that comes to */
	uint64_t warning, critical; /* check: alerts from which on it warns; 0: not given */
	enum nw_vantage vantage;
	struct nw_cli_ports ports;
	/* Not an option */
	int answer_ms; /* how long to wait for an answer; 0: as long as is usual */
};

extern const struct nw_option nw_cli_options[];
extern const size_t nw_n_cli_options;

struct nw_command {
	const char *name;
	const char *args; /* as usage shows them */
	int min_args, max_args;
	int (*run)(const struct nw_cli *cli, int argc, char **argv);
	const char *help;
	void (*more_help)(void); /* NULL: the options are all */
};

/* main.c */
extern const struct nw_command nw_commands[];
extern const size_t nw_n_commands;

/* Each returns an enum nw_cli_exit; argv[0] is the command's name, the rest its arguments. */
int nw_cmd_status(const struct nw_cli *cli, int argc, char **argv);
int nw_cmd_alerts(const struct nw_cli *cli, int argc, char **argv);
int nw_cmd_show(const struct nw_cli *cli, int argc, char **argv);
int nw_cmd_evidence(const struct nw_cli *cli, int argc, char **argv);
int nw_cmd_flows(const struct nw_cli *cli, int argc, char **argv);
int nw_cmd_peers(const struct nw_cli *cli, int argc, char **argv);
int nw_cmd_watch(const struct nw_cli *cli, int argc, char **argv);
int nw_cmd_check(const struct nw_cli *cli, int argc, char **argv);
int nw_cmd_metrics(const struct nw_cli *cli, int argc, char **argv);
int nw_cmd_reload(const struct nw_cli *cli, int argc, char **argv);
int nw_cmd_explain(const struct nw_cli *cli, int argc, char **argv);
int nw_cmd_stats(const struct nw_cli *cli, int argc, char **argv);
int nw_cmd_read(const struct nw_cli *cli, int argc, char **argv);
int nw_cmd_replay(const struct nw_cli *cli, int argc, char **argv);
int nw_cmd_test_alert(const struct nw_cli *cli, int argc, char **argv);
int nw_cmd_doctor(const struct nw_cli *cli, int argc, char **argv);
/* The same with --cost. */
int nw_doctor_cost(const struct nw_cli *cli, int argc, char **argv);
/* What `negwatch COMMAND --help` says beyond the options. */
void nw_help_doctor(void);
void nw_help_read(void);
int nw_cmd_report(const struct nw_cli *cli, int argc, char **argv);
void nw_help_report(void);
int nw_cmd_locate(const struct nw_cli *cli, int argc, char **argv);
void nw_help_locate(void);
void nw_help_check(void);
void nw_help_alerts(void);
void nw_help_flows(void);
void nw_help_evidence(void);
void nw_help_peers(void);

/* filter.c */

/* Paths of an object's members that the filters look at; NULL: it has no such member. */
struct nw_filter_keys {
	const char *time, *client, *server;
	const char *rule;  /* a number ... */
	const char *rules; /* ... or an array of objects with a number "rule" */
	bool unordered;	   /* the list is not in order of `time` */
};

bool nw_filter_match(const struct nw_cli *cli, const struct nw_filter_keys *keys, const json_t *o);
/* Whether any filter but the limit is set. */
bool nw_filter_any(const struct nw_cli *cli);
extern const struct nw_filter_keys nw_alert_keys;

/* fetch.c */

/* Asked for at once by who wants all: what the daemon has in memory of alerts, a bit more than it sends of
 * others. */
#define NW_FETCH_PAGE 1000

/*
 * Appends what matches of the list `what` ("alerts", "flows", "peers") to the empty array `all`, oldest
 * first: as many as cli->limit says, or with a filter all there are. As nw_ask_quietly().
 */
int nw_fetch(const struct nw_cli *cli, const char *what, const struct nw_filter_keys *keys, json_t *all,
	     char *why, size_t size);

/* color.c */

/* Settles cli->colored: by the option, the terminal, NO_COLOR and TERM. */
void nw_color_settle(struct nw_cli *cli);
/* What begins and ends a colour; "" without colours. */
const char *nw_paint(const struct nw_cli *cli, enum nw_cli_paint paint);
const char *nw_paint_end(const struct nw_cli *cli);

/* client.c */

#define NW_WHY_MAX 4608 /* what a reload complains of can be long */

/*
 * Sends the request (stolen) and waits for the answer. Returns NW_EXIT_OK with *reply to be released, or
 * another code after having said why on stderr.
 */
int nw_ask(const struct nw_cli *cli, json_t *request, json_t **reply);

/* The same without a word on stderr; why not is then in why. */
int nw_ask_quietly(const struct nw_cli *cli, json_t *request, json_t **reply, char *why, size_t size);

/*
 * As nw_ask(), and then hands each further line to fn until it returns other than 0, which is returned
 * (NW_EXIT_OK for what is negative), or the daemon ends (NW_EXIT_ERROR). every_ms: calls fn with NULL when so
 * long no line came; 0: never.
 */
int nw_follow(const struct nw_cli *cli, json_t *request, unsigned int every_ms,
	      int (*fn)(void *arg, const json_t *line), void *arg);

/* Prints {"version":1, key: value}. */
int nw_print_json(const char *key, const json_t *value);

/* json.c: members by a path such as "negwatch.flow.end"; NULL, "" or 0 if there is none. */
const json_t *nw_at(const json_t *o, const char *path);
const char *nw_str(const json_t *o, const char *path);
uint64_t nw_num(const json_t *o, const char *path);

/* The number of an alert as people write it; 0 after having said that it is none. */
unsigned long long nw_alert_number(const char *command, const char *text);

/* Texts about alerts and flows. All write into out and return it. */
/* "capabilities, guid" of an array of names; "" if it is empty. */
const char *nw_names(char *out, size_t size, const json_t *array);
/* "server FIN"; "" while the flow lives. */
const char *nw_end_text(char *out, size_t size, const json_t *flow);
/* "10.0.0.10", with the port unless it is the usual one: "10.0.0.10:139", "[fe80::1]:139". */
const char *nw_server_text(char *out, size_t size, const char *ip, uint64_t port);
/* "11-22 13:05:01", or "2025-11-22" if it was in another year. text: a time as in JSON. */
const char *nw_when_text(const struct nw_cli *cli, char *out, size_t size, const char *text);

#endif
