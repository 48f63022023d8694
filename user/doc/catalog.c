// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The journal's catalog: what `journalctl -x` adds to an alert that came with `syslog_format = journal`. */
#include "doc.h"
#include "../cli/cli.h"
#include "../cli/wrap.h"
#include "../engine/rules.h"
#include "../sink/syslog_format.h"

void nw_doc_catalog(FILE *out)
{
	for (size_t i = 0; i < nw_n_rules; i++) {
		const struct nw_rule *r = &nw_rules[i];

		fprintf(out,
			"-- " NW_MESSAGE_ID "%03u\n"
			"Subject: SMB2 negotiation: %s (rule %u), client @NEGWATCH_SRC_IP@, server "
			"@NEGWATCH_DEST_IP@\n"
			"Defined-By: negwatch\n"
			"Documentation: man:negwatch(1)\n"
			"\n",
			r->number, r->name, r->number);
		nw_wrap(out, "", 0, NW_CLI_WIDTH, r->sentence);
		putc('\n', out);
		nw_wrap(out, "", 0, NW_CLI_WIDTH, r->explanation);
		putc('\n', out);
		nw_wrap(out, "", 0, NW_CLI_WIDTH, r->remedy);
		fputs("\nAll of it: negwatch show @NEGWATCH_ALERT_ID@\n\n", out);
	}
}
