// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What VALIDATE shows: rules 101, 102, 103, 106, 109, 111 (design section 4;
 * MS-SMB2 3.3.5.15.12, 3.2.5.14.12). */
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
	{ "altered_messages_are_named_by_field_and_outcome",
	  ROWS({ "nstvF", Q_CAPS, "101/1/server-fin/c|between the client and" },
	       { "nstvR", Q_GUID, "101/2/server-rst/c|GUID" },
	       { "nstvac", Q_MODE, "101/4/tolerated/c|security mode" },
	       { "nstv", Q_CAPS, "101/1/-/c|not seen" }, { "nstvwF", Q_CAPS, "101/1/-/c" },
	       { "nstvF", Q_LOW, "101/8/server-fin/c 109/8/-/c|3.0.2" },
	       { "nstvF", Q_TOP, "101/8/server-fin/c|the same" },
	       { "nstvac", Q_TOP, "101/8/tolerated/c|the same" },
	       { "nstvaf", R_CAPS, "102/1/-/c|capabilities" }, { "nstvac", R_GUID, "102/2/-/c" },
	       { "nstvar", R_MODE, "102/4/-/c" }, { "nstval", R_LOW, "102/10/-/c 109/10/-/c|3.0.2" },
	       { "nstvac", R_HI, "102/10/-/c" }, { "nstvac", OLD, "" }, /* the server is merely old */
	       { "nstvGF", Q_CAPS, "101/1/server-fin/c/gap|lost" }, { "nstvactva", R_CAPS, "102/1/-/c" },
	       { "~n~s~t~v~F", Q_CAPS, "101/1/server-fin/c" }, { "~n~s~t~v~a~l", R_CAPS, "102/1/-/c" },
	       { "nstVF", Q_CAPS, "101/1/server-fin/c|not signed" },
	       { "1MnstvF", Q_CAPS, "101/1/server-fin/c" }, { "1MnDstvF", Q_CAPS, "101/1/server-fin/c" },
	       { "1MnDqstvac", R_CAPS, "102/1/-/c" }) },
	{ "unsigned_answer_to_an_unsigned_request_is_the_way_from_the_client",
	  ROWS({ "nstVu", SAME, "103/0/-/c|not signed when it came here" },
	       { "nstvu", SAME, "103/0/-/c|stripped between the server and" }) },
	{ "client_that_contradicts_itself_is_no_alteration",
	  ROWS({ "nst^vF", SAME, "101/1/server-fin/c" }, /* nothing confirms NEGOTIATE */
	       { "nstvac2st^vF", SAME, "104/0/server-fin/w|contradicts itself" },
	       { "nstvac2st^vac", SAME, "" }, { "nstVac2st^vF", SAME, "101/1/server-fin/c" }) },
	{ "no_answer_that_may_only_have_been_missed_is_not_told",
	  ROWS({ "nstvcW", SAME, "" }, { "nstvxW", SAME, "" }, /* who goes on has got it */
	       { "qvW", SAME, "" },			       /* nothing is seen of the server */
	       { "qstvW", SAME, "106/0/-/w" }, { "tvW", SAME, "106/0/-/w" }, { "nvW", SAME, "106/0/-/w" },
	       { "nstvcv2W", SAME, "106/0/-/w" }, { "nstvtvaW", SAME, "" },
	       { "nstvWtv", SAME, "106/0/-/w" } /* smbclient goes on after 20 s */) },
	{ "no_answer_in_time_is_told_once_and_a_late_one_still_read",
	  ROWS({ "nstvW", SAME, "106/0/-/w|10.0 s" }, { "nstvWWac", SAME, "106/0/-/w" },
	       { "nstvWaf", SAME, "106/0/-/w 105/0/client-fin/w" },
	       { "nstvWa", R_CAPS, "106/0/-/w 102/1/-/c" }, { "nstv!W", SAME, "106/0/-/w/gap" },
	       { "nstvGW", SAME, "106/0/-/w/gap" }, { "nstvwwacW", SAME, "" }, { "nstvfW", SAME, "" },
	       { "nstvrW", SAME, "" }, { "nstv", SAME, "" }) },
};

static void refusals_are_graded_by_status(void **state)
{
	static const uint16_t all[] = { 0x0128, 0x0010, 0x00bb, 0x019c, 0x000d, 0x0022 };
	int bad = 0;

	for (int i = 0; i < 6; i++) {
		const char *want = i == 5 ? "111/0/-/w" : i == 4 ? "111/0/-/i|ksmbd" : "111/0/-/i";

		script.status = 0xc0000000 | all[i];
		bad += script_differs((struct row){ "nstvaf", SAME, want });
		bad += script_differs((struct row){ "nstvu", SAME, "103/0/-/w" });
	}
	/* smbd, to a VALIDATE that was changed after it was signed */
	bad += script_differs((struct row){ "nstvaf", Q_CAPS, "101/1/error/c|VALIDATE may be the one" });
	script.status = 0xc000000d; /* ksmbd */
	assert_int_equal(bad + script_differs((struct row){ "nstvac", Q_CAPS, "101/1/error/c" }), 0);
}

int main(void)
{
	static const struct CMUnitTest more[] = {
		cmocka_unit_test_setup(refusals_are_graded_by_status, script_setup),
	};

	return script_run("altered", groups, sizeof(groups) / sizeof(*groups), more,
			  sizeof(more) / sizeof(*more));
}
