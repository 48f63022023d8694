// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of rules, in order of number. Texts are plain ASCII; paragraphs end with an empty line. */
#include <string.h>

#include "rules.h"
#include "../util/text.h"

/* Texts are wrapped by hand. */
/* clang-format off */
#define ADVICE_EXEMPT                                                                                         \
	"Exempt TCP port 445 (and 139) from SMB optimisation on every WAN accelerator, proxy and firewall "   \
	"between client and server, or update it to a version that leaves NEGOTIATE alone or signs what it "  \
	"changes.\n\n"
#define ADVICE_WINDOWS                                                                                        \
	"Old Windows clients (Windows 8, 8.1, Server 2012, 2012 R2) can be told not to validate, which "      \
	"hides the symptom and gives up the protection:\n"                                                     \
	"  Set-ItemProperty -Path \"HKLM:\\SYSTEM\\CurrentControlSet\\Services\\LanmanWorkstation\\"           \
	"Parameters\" RequireSecureNegotiate -Value 0 -Force\n"                                                \
	"Windows 10, Server 2016 and later ignore and remove that value (event 30912): there validation "      \
	"can't be switched off.\n\n"
#define ADVICE_SIGNING                                                                                        \
	"Alternatively require SMB signing on client and server: then no device can change what is "          \
	"signed. It costs processor time for every byte, more on 2.x (HMAC-SHA256) than on 3.x (AES), and "   \
	"accelerators that are not part of the domain can no longer optimise. The NEGOTIATE exchange itself " \
	"stays unsigned, so an appliance that rewrites it still breaks the connection."

const struct nw_rule nw_rules[] = {
	{
		.number = 101,
		.severity = NW_SEV_CRITICAL,
		.name = "request-altered",
		.sentence = "The client's signed VALIDATE request differs from the NEGOTIATE request that arrived.",
		.explanation =
			"A client sends its capabilities, GUID, security mode and dialects twice: in the clear in "
			"NEGOTIATE, and signed in FSCTL_VALIDATE_NEGOTIATE_INFO after the first TREE_CONNECT. Here "
			"the two differ. The signed one is the truth, so something between the client and the "
			"place of this observation rewrote the NEGOTIATE request: typically a WAN accelerator that "
			"removes dialects or capabilities which it can't optimise, seldom an attacker.\n\n"
			"A server that notices has to drop the connection without an answer. Windows resets it, "
			"Samba closes it (FIN; RST when more data were waiting), ksmbd answers "
			"STATUS_INVALID_PARAMETER and goes on, which smbclient accepts: the session then works, "
			"weakened. Samba and ksmbd compare only the highest common dialect of the list, servers "
			"with 3.1.1 compare the whole list.",
		.remedy = ADVICE_EXEMPT ADVICE_WINDOWS ADVICE_SIGNING,
		.section = "3.3.5.15.12",
	},
	{
		.number = 102,
		.severity = NW_SEV_CRITICAL,
		.name = "response-altered",
		.sentence = "The server's VALIDATE response differs from the NEGOTIATE response that arrived.",
		.explanation =
			"The server repeats its capabilities, GUID, security mode and the dialect it chose in the "
			"signed VALIDATE response. Here they are not what the NEGOTIATE response said, so that "
			"response was rewritten between the server and the place of this observation.\n\n"
			"A client that notices has to close all sessions and drop the connection: smbclient says "
			"NT_STATUS_ACCESS_DENIED, Linux cifs \"protocol revalidation - security settings "
			"mismatch\" and EIO, Windows logs SMBClient 31012. Linux does not check the server's GUID.",
		.remedy = ADVICE_EXEMPT ADVICE_WINDOWS ADVICE_SIGNING,
		.section = "3.2.5.14.12",
	},
	{
		.number = 103,
		.severity = NW_SEV_CRITICAL,
		.name = "response-unsigned",
		.sentence = "The VALIDATE response was neither signed nor encrypted.",
		.explanation =
			"Only a signed or encrypted answer proves anything. Clients have to drop the connection "
			"when it is neither; Linux cifs (6.12) accepts it all the same. Either "
			"something on the way removed the signature or wrote an answer of its own, or the server "
			"has a defect. With a success status this is critical, with an error a warning: an error "
			"makes clients believe that the server can't validate.",
		.remedy = ADVICE_EXEMPT "If the server itself sends it unsigned (look from the server's host), update "
					"it: early versions of ksmbd did so.",
		.section = "3.2.5.14.12",
	},
	{
		.number = 104,
		.severity = NW_SEV_WARNING,
		.name = "server-aborted",
		.sentence = "The server closed the connection instead of answering a VALIDATE request that matches.",
		.explanation =
			"VALIDATE and NEGOTIATE requests are equal at this place, and yet the server dropped the "
			"connection without an answer. So the NEGOTIATE request may have been changed further on, "
			"between this place and the server. Other reasons: MaxOutputResponse below 24, or a VALIDATE "
			"on a 3.1.1 connection, both of which a server has to refuse like this; the finding says if "
			"one of them is seen. On the server's own host there is no further on: read the server's log "
			"(Windows: SMBServer 1005; Samba: level 3, \"Server exit (NT_STATUS_ACCESS_DENIED)\").",
		.remedy = "Run negwatch on the server's host, or take a capture there, and compare both places with "
			  "negwatch locate.\n\n" ADVICE_EXEMPT ADVICE_WINDOWS ADVICE_SIGNING,
		.section = "3.3.5.15.12",
	},
	{
		.number = 105,
		.severity = NW_SEV_WARNING,
		.name = "client-aborted",
		.sentence = "The client left right after a VALIDATE response that matches, before using the tree.",
		.explanation =
			"The server's two answers are equal at this place, signed and successful, and the client "
			"closed, reset or logged off instead of using the share. That is what a client does whose "
			"NEGOTIATE response said something else: it may have been altered between this place and the "
			"client. Nothing visible here proves it; a user who cancels looks the same. A client that leaves in "
			"order (TREE_DISCONNECT first), or later than abort_window (30 s), is not told of.",
		.remedy = "Look from the client's side: SMBClient event 31012 on Windows prints both versions, "
			  "dmesg on Linux; or run negwatch (or a capture) on the client's host.\n\n" ADVICE_EXEMPT
				  ADVICE_SIGNING,
		.section = "3.2.5.14.12",
	},
	{
		.number = 106,
		.severity = NW_SEV_WARNING,
		.name = "unanswered",
		.sentence = "A VALIDATE request was not answered, and the connection stays open.",
		.explanation =
			"The server answers within a millisecond or closes. Neither happened in time: the answer was "
			"dropped on the way, or the server hangs. Clients wait: smbclient 20 seconds per share, Linux "
			"cifs for minutes (the mount hangs), and then give up.",
		.remedy = "Look whether the answer leaves the server (negwatch on its host). If it does, the loss is "
			  "on the way: an inspecting firewall or accelerator.\n\n" ADVICE_EXEMPT,
		.section = "3.2.5.14.12",
	},
	{
		.number = 107,
		.severity = NW_SEV_WARNING,
		.name = "reset-forged",
		.sentence = "A TCP reset was not, or may not have been, sent by its supposed sender.",
		.explanation =
			"Some device on the way ended the connection (or tried to) in the name of one end. Each RST "
			"is held against the packets that the same end sent before, and for half a second "
			"(outcome_wait) against what both ends do next. The signs:\n"
			"  ttl              neither of the last two TTLs (hop limits) of that end\n"
			"  ip_id            not of its count of IP ids (0 is genuine)\n"
			"  window           a bare RST with one, a RST/ACK with another one\n"
			"  options          TCP options, which that end does not use\n"
			"  sequence         neither its next one nor what the peer acknowledged\n"
			"  acknowledgement  of what was never sent, or a step back\n"
			"  talks_on         it sent new data, or sent data again\n"
			"  second_rst       a second RST followed that has all its looks\n"
			"  not_sent         that end is this host, whose own TCP did not send it\n\n"
			"Certain is what a dead endpoint can't do: acknowledge in new data what the peer sent after the "
			"RST, send new data much later, or anything later when there is a sign of looks, too; and what "
			"this host's own kernel denies. Likely: ttl or talks_on alone (paths change, and the TTL with "
			"them; a genuine RST may overtake data), or two other signs. One other sign alone is no: some "
			"systems send their own resets like that. What this host's kernel says it sent is never called "
			"forged. A forger who copies all looks is found only by what follows.\n\n"
			"Nothing is concluded of an end from a RST that is likely or certain to be forged: 104, 105 "
			"and 108 are not told then, and 101 says that the outcome was not seen. Load balancers and "
			"firewalls that reset in the name of a server are forgers in this sense.",
		.remedy = "Look for inspecting firewalls, intrusion prevention and accelerators that reset "
			  "connections on port 445; the TTL tells how many hops away it is (most senders begin at 64, 128 "
			  "or 255).",
		.section = "none (RFC 9293 3.5.3)",
	},
	{
		.number = 108,
		.severity = NW_SEV_WARNING,
		.name = "preauth-aborted",
		.sentence = "On 3.1.1 the client left right after its login, or all its TREE_CONNECTs were refused.",
		.explanation =
			"SMB 3.1.1 has no VALIDATE: the session's keys are derived from a hash over every byte of "
			"NEGOTIATE and SESSION_SETUP. If the two ends saw different bytes, the signature of the last "
			"SESSION_SETUP response is wrong for the client: smbclient closes at once. Linux cifs goes on "
			"and signs TREE_CONNECT with a key that the server doesn't have: STATUS_ACCESS_DENIED, for IPC$ "
			"and for the share, and \"Permission denied\" for the user.\n\n"
			"Nothing visible proves it, and only at an end of the path it is clear on which leg. A program that only tries a login "
			"and closes without LOGOFF looks the same, and so does a user who may not use any share. Users "
			"without right to one share do not: they are let into IPC$.",
		.remedy = "Compare NEGOTIATE as both ends saw it: negwatch locate client:A.pcap server:B.pcap. On Windows "
			  "look for SMBServer event 1005, SMBClient 31013; with smbclient for \"session setup failed: "
			  "NT_STATUS_ACCESS_DENIED\".\n\n" ADVICE_EXEMPT,
		.section = "3.2.5.3.1, 3.3.5.2.4",
	},
	{
		.number = 109,
		.severity = NW_SEV_CRITICAL,
		.name = "downgraded",
		.sentence = "The connection runs on a lower dialect than the two ends had agreed to.",
		.explanation =
			"VALIDATE proves that the client offered, or the server chose, a higher dialect than what "
			"arrived. 3.1.1 protects the whole NEGOTIATE exchange by its pre-authentication hash, 3.x "
			"brings encryption and better signing: removing the highest dialects is the very attack that "
			"VALIDATE is there to reveal, and what old accelerators do to stay in the conversation. Linux "
			"cifs does not validate on 2.1, so a downgrade to it succeeds there.\n\n"
			"As a warning the alert rests on memory alone: the same client (same GUID and address) has "
			"never run on so low a dialect with this very server, and this time it did not validate. "
			"That may be a downgrade, or a setting that was changed on the other host; it is said once, "
			"and from then on the lower dialect is what the client is known for.",
		.remedy = ADVICE_EXEMPT
		"Set a minimum dialect on both ends, so that a downgrade fails instead of succeeding: server min "
		"protocol = SMB3_11 in smb.conf (client min protocol for smbclient), vers=3.1.1 for mount.cifs.",
		.section = "3.3.5.15.12",
	},
	{
		.number = 110,
		.severity = NW_SEV_INFO,
		.name = "not-validated",
		.sentence = "An authenticated client below 3.1.1 uses a share and has never validated.",
		.explanation =
			"Clients that implement SMB 3 validate after the first TREE_CONNECT. This one did not: "
			"validation is switched off there (RequireSecureNegotiate=0 on old Windows, validate_neg_off "
			"on macOS), or it never had it (impacket, Linux cifs on 2.1, Windows 7). Tampering with its "
			"NEGOTIATE goes unnoticed by anyone. The alert comes once per client; negwatch peers "
			"--not-validated lists all of them, until they validate or move to 3.1.1.",
		.remedy = "Remove RequireSecureNegotiate=0 where it is set; move the client to 3.1.1, which needs no "
			  "VALIDATE; or require signing for it.",
		.section = "3.2.5.5",
	},
	{
		.number = 111,
		.severity = NW_SEV_INFO,
		.name = "validate-refused",
		.sentence = "The server answered VALIDATE with a signed error, as those do that don't implement it.",
		.explanation =
			"Servers that do not know the FSCTL answer with a signed error such as STATUS_FILE_CLOSED, "
			"STATUS_NOT_SUPPORTED or STATUS_INVALID_DEVICE_REQUEST, and clients accept that. So there is no "
			"protection against a changed NEGOTIATE on this connection. Two are different. "
			"STATUS_ACCESS_DENIED: the signature of the request did not verify, and clients have to give "
			"up. STATUS_INVALID_PARAMETER from ksmbd: the request does not match the NEGOTIATE that it got, "
			"which was altered between here and the server if both look the same here; smbclient goes on "
			"all the same, weakened. (Old NetApp servers mean by it that they don't implement it.)",
		.remedy = "Update the server or raise its highest dialect (server max protocol in smb.conf). With "
			  "STATUS_INVALID_PARAMETER look from the server's host first, as for rule 101.",
		.section = "3.2.5.14.12",
	},
	{
		.number = 190,
		.severity = NW_SEV_ERROR,
		.name = "events-lost",
		.sentence = "Events were lost between the kernel and negwatchd: alerts may be missing.",
		.explanation =
			"Each event of the kernel carries a number, and numbers are missing: the ring buffer was full "
			"because the daemon got too little time, or there was a storm of negotiations. What happened "
			"in that moment may have gone unseen; findings close by say so.",
		.remedy = "Look at negwatch status and negwatch stats for what was lost and when; enlarge ring_buffer_kib in "
			  "negwatchd.conf, give the daemon more processor time, and find the client that reconnects "
			  "without end.",
		.section = "none",
	},
	{
		.number = 191,
		.severity = NW_SEV_NOTICE,
		.name = "suppressed",
		.sentence = "Alerts that said the same again were counted instead of being told one by one.",
		.explanation =
			"An alert of the same rule, client address, server and differing fields is told at once the first "
			"time; its repeats within fold_window are counted, and this is the count. A client that is cut off "
			"reconnects, often many times a second, and each of its connections meets the same rule.\n\n"
			"It also stands for alerts beyond syslog_rate: those are in the alert journal one by one "
			"(negwatch alerts lists them), and only syslog was spared.",
		.remedy = "Act on the alert that it repeats. fold_window in negwatchd.conf says how often the count comes; 0 "
			  "tells each alert.",
		.section = "none",
	},
	{
		.number = 199,
		.severity = NW_SEV_INFO,
		.name = "test",
		.sentence = "A test alert: somebody asked for it, to see where alerts arrive.",
		.explanation =
			"negwatch test-alert makes one. It takes the way of all alerts: journal, syslog, those who watch. "
			"Nothing was seen on the network.",
		.remedy = "Nothing is to be done. If it did not arrive where alerts should, look at negwatch status (Syslog) "
			  "and at what the receiver does with the configured facility.",
		.section = "none",
	},
};

/* clang-format on */

const size_t nw_n_rules = sizeof(nw_rules) / sizeof(*nw_rules);
_Static_assert(sizeof(nw_rules) / sizeof(*nw_rules) <= NW_RULES_MAX, "struct nw_engine_stats has the room");

int nw_rule_index(unsigned int number)
{
	size_t i;

	for (i = 0; i < nw_n_rules; i++)
		if (nw_rules[i].number == number)
			return (int)i;
	return -1;
}

const struct nw_rule *nw_rule_by_number(unsigned int number)
{
	int i = nw_rule_index(number);

	return i < 0 ? NULL : &nw_rules[i];
}

const char *nw_rule_name(unsigned int number)
{
	const struct nw_rule *rule = nw_rule_by_number(number);

	return rule ? rule->name : "unknown";
}

/* Whose log tells why the connection ended? */
static const char *log_of(unsigned int rule, const struct nw_family *client, const struct nw_family *server)
{
	const struct nw_family *who = rule == 101 || rule == 104 ? server :
				      rule == 102 || rule == 105 ? client :
								   NULL;

	return who ? who->log : NULL;
}

const char *nw_remedy(char out[NW_REMEDY_MAX], const struct nw_rule *rule, const struct nw_family *client,
		      const struct nw_family *server)
{
	const char *general = strstr(rule->remedy, ADVICE_WINDOWS), *log;
	struct nw_text t;

	nw_text_init(&t, out, NW_REMEDY_MAX);
	if (general && client && client->advice)
		nw_text_add(&t, "%.*s%s\n\n%s", (int)(general - rule->remedy), rule->remedy, client->advice,
			    general + strlen(ADVICE_WINDOWS));
	else
		nw_text_add(&t, "%s", rule->remedy);
	log = log_of(rule->number, client, server);
	if (log)
		nw_text_add(&t, "\n\n%s", log);
	return out;
}

const char *nw_severity_name(uint8_t severity)
{
	static const char *const names[] = { "info", "notice", "warning", "error", "critical" };

	return severity < sizeof(names) / sizeof(*names) ? names[severity] : "unknown";
}

const char *nw_field_name(unsigned int bit)
{
	static const char *const names[] = { "capabilities", "guid", "security_mode", "dialects", "dialect" };

	return bit < sizeof(names) / sizeof(*names) ? names[bit] : NULL;
}
