// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How a connection ends, and what that may mean: rules 104, 105, 107, 108. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "script.h"
#include "../../bpf/wire/smb.h"

static const struct group groups[] = {
	{ "server_that_leaves_unanswered_is_told_unless_the_client_left_first",
	  ROWS({ "nstvF", SAME, "104/0/server-fin/w|may" },
	       { "nstvR", SHORT, "104/0/server-rst/w|MaxOutputResponse" },
	       { "nstvFf", V311, "104/0/server-fin/w|3.1.1" }, { "nstvvFR", OLD, "104/0/server-fin/w" },
	       { "nstvGF", SAME, "104/0/server-fin/w/gap" }, { "nstv!F", SAME, "104/0/server-fin/w/gap" },
	       { "nst!vF", SAME, "104/0/server-fin/w/gap" }, { "nstvfF", SAME, "" }, { "nstvfR", SAME, "" },
	       { "nstvrF", SAME, "" }, { "nstvacF", SAME, "" },
	       { "nstVF", SAME, "104/0/server-fin/w|not signed" },
	       { "~n~s~t~v~F", SAME, "104/0/server-fin/w" }) },
	{ "client_that_leaves_before_use_is_told_unless_the_server_left_first",
	  ROWS({ "nstvaf", SAME, "105/0/client-fin/w|or the client was stopped" },
	       { "nstvar", SAME, "105/0/client-rst/w" }, { "nstvalFf", SAME, "105/0/logoff/w" },
	       { "nstvactvaf", SAME, "105/0/client-fin/w" }, /* the second share */
	       { "nstva!f", SAME, "105/0/client-fin/w/gap" }, { "nstvagf", SAME, "105/0/client-fin/w/gap" },
	       { "nstvacf", SAME, "" }, { "nstvadl", SAME, "" }, { "nstvaxf", SAME, "" },
	       { "nstvaFf", SAME, "" }, { "nstvaFr", SAME, "" }, { "nstvaRf", SAME, "" },
	       { "nstvuf", SAME, "103/0/-/c" }, { "nstva", SAME, "" },
	       { "~n~s~t~v~a~f", SAME, "105/0/client-fin/w|200 ms" },
	       { "nstvaWWf", SAME, "105/0/client-fin/w" },
	       { "nstvaWWWf", SAME, "" }, /* idle for longer than the window, then stopped */
	       { "nstvcaf", SAME, "" } /* used while the answer is on its way */) },
	{ "client_that_leaves_in_order_is_not_told",
	  ROWS({ "nskvadkvadf", SAME, "" },				   /* smbclient -c quit */
	       { "nsktvadktvadf", SAME, "" }, { "nsktvackTdf", SAME, "" }, /* -L; a share that is denied */
	       { "nsktvadkNdf", SAME, "" },
	       { "nsktvaktvacdldlf", SAME, "" }, /* no such share; mount, umount */
	       { "nSf", SAME, "" }, { "nslf", SAME, "" }, { "nsktvactvac2stvac2lclf", SAME, "" }) },
	{ "client_of_3_1_1_that_leaves_after_its_login_is_told",
	  ROWS({ "nsf", V311, "108/0/client-fin/w|may have been altered" },
	       { "nsr", V311, "108/0/client-rst/w" }, { "~n~s~f", V311, "108/0/client-fin/w|200 ms" },
	       { "nsWWf", V311, "108/0/client-fin/w" },
	       { "nsf@nsf", V311, "108/0/client-fin/w 108/0/client-fin/w" }, { "nsWWWf", V311, "" },
	       { "nslf", V311, "" }, { "nSf", V311, "" }, { "nof", V311, "" },
	       { "nhf", V311, "" }, /* no key */
	       { "nskf", V311, "" }, { "nsxf", V311, "" }, { "nsFf", V311, "" }, { "nsRf", V311, "" },
	       { "nsgf", V311, "" }, { "ns!f", V311, "" }, { "nsktcd2sf", V311, "" }, { "nsf", SAME, "" },
	       { "nsz", V311, "107/0/client-rst/w" }) },
	{ "client_of_3_1_1_that_is_refused_everywhere_is_told",
	  ROWS({ "nskTkTf", V311, "108/0/client-fin/w|ACCESS_DENIED" },
	       { "nskTkTlf", V311, "108/0/logoff/w" },
	       { "~n~s~k~T~k~T~l~f", V311, "108/0/logoff/w" }, /* cifs.ko, twice */
	       { "nskTkTlf@nskTkTlf", V311, "108/0/logoff/w 108/0/logoff/w" }, { "nskTdf", V311, "" },
	       { "nsktdkTdkTdf", V311, "" }, /* valid users: IPC$ is allowed */
	       { "nskNkNf", V311, "" }, { "nskTkNf", V311, "" }, { "nskTkTktcf", V311, "" },
	       { "nskTkTWWWf", V311, "" }, { "nskTkTFf", V311, "" }, { "nskTkTf", SAME, "" }) },
	{ "forged_reset_is_told_and_blames_nobody_else",
	  ROWS({ "nstvZ", SAME, "107/0/server-rst/w|server" },
	       { "nstvaz", SAME, "107/0/client-rst/w|client" },
	       { "nstvzR", SAME, "107/0/client-rst/w" },       /* genuine: answers what is repeated */
	       { "?nstvZac", SAME, "107/0/server-rst/wnone" }, /* lost the race */
	       { "?nstvacZF", SAME, "107/0/server-rst/wfin" }, { "nstvacR", SAME, "" },
	       { "nstvacr", SAME, "" }) },
	{ "what_follows_a_reset_can_show_it_to_be_forged",
	  ROWS({ "nstvacYK", SAME, "107/0/server-rst/w|talks_on" },
	       { "nstvacOK", SAME, "107/0/server-rst/w|talks_on" },
	       { "nstvacYR", SAME, "107/0/server-rst/w|second_rst" },
	       { "nstvYK", SAME, "107/0/server-rst/w" }, { "nstvYR", SAME, "107/0/server-rst/w" },
	       { "nstvYac", SAME, "107/0/server-rst/w" }) },
	/* mercury_emix.pcap: FIN, data on the way to it, RST with the FIN's own number and a foreign IP id */
	{ "reset_behind_a_fin_may_answer_what_the_fin_crossed",
	  ROWS({ "nstvacFBw", SAME, "" }, { "nstvFBw", SAME, "104/0/server-fin/w" },
	       { "nstvacBw", SAME, "107/0/server-rst/w|ip_id, sequence" },
	       { "nstvacFZw", SAME, "107/0/server-rst/w" } /* looks still count */) },
	{ "what_only_looks_forged_is_told_alone",
	  ROWS({ "nstvY", SAME, "107/0/server-rst/w|may not have been sent by it (signs: ttl 33" },
	       { "nstvYw", SAME, "107/0/server-rst/w|may not" }, { "nstvYwR", SAME, "107/0/server-rst/w" },
	       { "nstvYwF", SAME, "107/0/server-rst/w|was not sent" } /* told once, the surer word kept */,
	       { "nstvay", SAME, "107/0/client-rst/w" }, { "nstvayf", SAME, "107/0/client-rst/w" },
	       { "nstvacY", SAME, "107/0/server-rst/w" },
	       { "nstvY", Q_CAPS, "107/0/server-rst/w 101/1/-/c|not seen" },
	       { "nsy", V311, "107/0/client-rst/w" }, { "nsyf", V311, "107/0/client-rst/w" },
	       { "nsyr", V311, "107/0/client-rst/w" }, { "nskTkTyf", V311, "107/0/client-rst/w" }) },
	{ "reset_is_believed_once_its_moment_is_over",
	  ROWS({ "nstvRw", SAME, "104/0/server-rst/w" }, { "nstvarw", SAME, "105/0/client-rst/w" },
	       { "nsrw", V311, "108/0/client-rst/w" }, { "nsrK", V311, "108/0/client-rst/w" },
	       { "nskTkTrw", V311, "108/0/client-rst/w" }, { "nskTkTr", V311, "108/0/client-rst/w" },
	       { "nrs", V311, "" }, { "nstvra", SAME, "" }) }, /* the answer crossed it */
};

int main(void)
{
	return script_run("left", groups, sizeof(groups) / sizeof(*groups), NULL, 0);
}
