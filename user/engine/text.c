// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The wording: one plain sentence for a finding, and the names of the output contract. */
#include "internal.h"
#include "../util/time.h"

#define NAME_AT(names, i) ((i) < sizeof(names) / sizeof(*(names)) ? (names)[i] : NULL)

const char *nw_leg_name(uint8_t leg)
{
	static const char *const names[] = { "none", "client-here", "here-server" };

	return NAME_AT(names, leg);
}

const char *nw_vantage_name(uint8_t vantage)
{
	static const char *const names[] = {
		[NW_VANTAGE_SERVER] = "server",
		[NW_VANTAGE_CLIENT] = "client",
		[NW_VANTAGE_BETWEEN] = "between",
	};

	return vantage <= NW_VANTAGE_BETWEEN ? names[vantage] : NULL;
}

const char *nw_end_name(uint8_t how)
{
	static const char *const names[] = { "none", "fin", "rst" };

	return NAME_AT(names, how);
}

const char *nw_forged_name(uint8_t forged)
{
	static const char *const names[] = { "no", "likely", "certain" };

	return NAME_AT(names, forged);
}

const char *nw_sign_name(unsigned int bit)
{
	static const char *const names[] = { "ttl",	 "window",     "ip_id",		  "sequence",
					     "talks_on", "second_rst", "acknowledgement", "options",
					     "not_sent" };

	return NAME_AT(names, bit);
}

const char *nw_outcome_name(uint8_t outcome)
{
	static const char *const names[] = { "unknown",	   "server-fin", "server-rst", "client-fin",
					     "client-rst", "logoff",	 "error",      "tolerated" };

	return NAME_AT(names, outcome);
}

const char *nw_observed_name(enum nw_observed o)
{
	static const char *const names[] = { "none", "partial", "full" };

	return NAME_AT(names, (unsigned int)o);
}

const char *nw_unseen_name(unsigned int bit)
{
	static const char *const names[] = { "encrypted", "gap", "truncated", "fragment", "start" };

	return NAME_AT(names, bit);
}

enum nw_vantage nw_conn_vantage(const struct nw_engine *e, const struct nw_conn *c)
{
	if (e->cfg.vantage != NW_VANTAGE_UNKNOWN)
		return e->cfg.vantage;
	if (!e->cfg.is_own)
		return NW_VANTAGE_UNKNOWN;
	if (e->cfg.is_own(e->arg, nw_conn_addr(c, NW_S2C)))
		return NW_VANTAGE_SERVER;
	if (e->cfg.is_own(e->arg, nw_conn_addr(c, NW_C2S)))
		return NW_VANTAGE_CLIENT;
	return NW_VANTAGE_BETWEEN;
}

static void say_fields(struct nw_text *s, uint8_t fields)
{
	static const char *const words[] = { "capabilities", "GUID", "security mode", "dialects", "dialect" };
	const char *sep = "";
	unsigned int i;

	for (i = 0; i < 5; i++) {
		if (!(fields & 1u << i))
			continue;
		nw_text_add(s, "%s%s", sep, words[i]);
		sep = ", ";
	}
	nw_text_add(s, " %s",
		    fields & (fields - 1) || fields == NW_FIELD_DIALECTS || fields == NW_FIELD_CAPABILITIES ?
			    "differ" :
			    "differs");
}

static void say_delay(struct nw_text *s, uint64_t ns)
{
	if (ns >= NW_NS_PER_S)
		nw_text_add(s, "%.1f s", (double)ns / NW_NS_PER_S);
	else
		nw_text_add(s, "%.*f ms", ns < 10 * NW_NS_PER_MS ? 2 : 0, (double)ns / NW_NS_PER_MS);
}

/* "this server", "this client", "this point": where the tap is */
static const char *here(enum nw_vantage v)
{
	return v == NW_VANTAGE_SERVER ? "this server" : v == NW_VANTAGE_CLIENT ? "this client" : "this point";
}

static void say_outcome(struct nw_text *s, const struct nw_finding *f)
{
	static const char *const acts[] = {
		[NW_OUT_UNKNOWN] = NULL,
		[NW_OUT_SERVER_FIN] = "server closed the connection (FIN)",
		[NW_OUT_SERVER_RST] = "server reset the connection (RST)",
		[NW_OUT_CLIENT_FIN] = "client closed the connection (FIN)",
		[NW_OUT_CLIENT_RST] = "client reset the connection (RST)",
		[NW_OUT_LOGOFF] = "client logged off",
		[NW_OUT_ERROR] = "server answered with an error and kept the connection",
		[NW_OUT_TOLERATED] = "server tolerated it and answered",
	};
	const char *act = NAME_AT(acts, f->outcome);

	if (!act) {
		nw_text_add(s, "; what the server did about it was not seen in time");
		return;
	}
	nw_text_add(s, "; %s ", act);
	say_delay(s, f->delay_ns);
	nw_text_add(s, " after VALIDATE_NEGOTIATE_INFO");
}

static void say_101(struct nw_text *s, const struct nw_conn *c, const struct nw_finding *f, enum nw_vantage v)
{
	const struct nw_exchange *x = &c->validate[f->validate];

	if (f->leg == NW_LEG_NONE)
		nw_text_add(s, "SMB2 NEGOTIATE request differs from VALIDATE within this client, it was "
			       "altered or contradicts itself: ");
	else
		nw_text_add(s, "SMB2 NEGOTIATE request was altered between the client and %s: ", here(v));
	say_fields(s, f->fields);
	if (f->fields & NW_FIELD_DIALECTS)
		nw_text_add(s, x->highest_same ? ", the highest offered is the same" :
						 ", the highest offered was changed");
	if (!x->request.is_signed)
		nw_text_add(s, " (VALIDATE is not signed: it may be the one that was altered)");
	else if (x->response.ts && x->response.status == NW_STATUS_ACCESS_DENIED)
		nw_text_add(s, " (the server denied VALIDATE, as it does where the signature is wrong: "
			       "VALIDATE may be "
			       "the one that was altered)");
	say_outcome(s, f);
}

static void say_104(struct nw_text *s, const struct nw_conn *c, const struct nw_finding *f, enum nw_vantage v)
{
	const struct nw_exchange *x = &c->validate[f->validate];

	nw_text_add(s, "Server %s the connection ",
		    f->outcome == NW_OUT_SERVER_RST ? "reset (RST)" : "closed (FIN)");
	say_delay(s, f->delay_ns);
	nw_text_add(s, " after a VALIDATE_NEGOTIATE_INFO request that %s NEGOTIATE here, without an answer: ",
		    x->contradicts ? "differs from" : "matches");
	if (x->contradicts)
		nw_text_add(s,
			    "another one of this connection matched, so that the client contradicts itself");
	else if (x->request.max_output < 24)
		nw_text_add(s, "MaxOutputResponse is %u, below the 24 that the server has to insist on",
			    x->request.max_output);
	else if (c->dialect == 0x0311)
		nw_text_add(s, "on 3.1.1 the server has to refuse it");
	else if (!x->request.is_signed)
		nw_text_add(s, "the request is not signed, which a server may refuse");
	else if (v == NW_VANTAGE_SERVER)
		nw_text_add(s, "nothing was changed on the way here, look at the server's own log");
	else
		nw_text_add(s, "the NEGOTIATE request may have been altered between %s and the server",
			    here(v));
}

static void say_fall(struct nw_text *s, const struct nw_engine *e, const struct nw_conn *c,
		     const struct nw_finding *f, enum nw_vantage v)
{
	const struct nw_instance *known = nw_peers_instance(e->peers, c);
	char a[NW_DIALECT_TEXT], b[NW_DIALECT_TEXT], ago[NW_TIME_TEXT];
	int64_t age = known ? (int64_t)f->ts - known->last : 0;

	nw_text_add(s, "SMB dialect %s may be a downgrade: ", nw_dialect_text(a, c->dialect));
	if (known)
		nw_text_add(s, "with this server, %s ago, the same client (by GUID) never ran below %s; ",
			    nw_duration_text(ago, age > 0 ? (uint64_t)age : 0),
			    nw_dialect_text(b, known->dialect));
	nw_text_add(s, "now it does not validate, and %s may have been altered between %s",
		    f->fields == NW_FIELD_DIALECTS ? "the list it offers" : "the server's choice",
		    f->fields == NW_FIELD_DIALECTS ? "the client and " : "the server and ");
	nw_text_add(s, "%s", here(v));
}

static void say_leaving(struct nw_text *s, const struct nw_finding *f)
{
	nw_text_add(s, "Client %s ",
		    f->outcome == NW_OUT_LOGOFF	    ? "logged off" :
		    f->outcome == NW_OUT_CLIENT_RST ? "reset the connection (RST)" :
						      "closed the connection (FIN)");
	say_delay(s, f->delay_ns);
}

static void say_108(struct nw_text *s, const struct nw_finding *f)
{
	say_leaving(s, f);
	nw_text_add(s, f->refused ?
			       " after TREE_CONNECT was refused again with ACCESS_DENIED, also for the first "
			       "share, on 3.1.1: " :
			       " after its login succeeded on 3.1.1, without connecting a share: ");
	nw_text_add(s, "NEGOTIATE may have been altered between client and server, or %s",
		    f->refused ? "the user has no right to any share" : "the client only tried the login");
}

static void say_109(struct nw_text *s, const struct nw_conn *c, const struct nw_finding *f, enum nw_vantage v)
{
	const struct nw_exchange *x = &c->validate[f->validate];
	bool request = f->fields == NW_FIELD_DIALECTS;
	char a[NW_DIALECT_TEXT], b[NW_DIALECT_TEXT];

	nw_text_add(s, "SMB dialect was downgraded to %s: ",
		    c->dialect ? nw_dialect_text(a, c->dialect) : "an unknown one");
	if (request)
		nw_text_add(
			s, "VALIDATE_NEGOTIATE_INFO shows that the client offered %s, which did not reach %s",
			nw_dialect_text(b, nw_highest_dialect(&x->request)), here(v));
	else
		nw_text_add(s,
			    "VALIDATE_NEGOTIATE_INFO shows that the server chose %s, which did not reach %s",
			    nw_dialect_text(b, x->response.dialect), here(v));
}

static void say_107(struct nw_text *s, const struct nw_conn *c, const struct nw_finding *f)
{
	const struct nw_reset *r = nw_conn_reset_at(c, f->ts, f->frame);
	unsigned int i, any = 0;

	if (!r)
		return;
	nw_text_add(s, "A TCP reset in the name of the %s %s it (signs: ",
		    f->outcome == NW_OUT_SERVER_RST ? "server" : "client",
		    r->forged == NW_FORGED_CERTAIN ? "was not sent by" : "may not have been sent by");
	for (i = 0; nw_sign_name(i); i++) {
		if (!(r->signs & 1u << i))
			continue;
		nw_text_add(s, "%s%s", any++ ? ", " : "", nw_sign_name(i));
		if (1u << i == NW_SIGN_TTL)
			nw_text_add(s, " %u instead of %u", r->ttl, r->usual_ttl);
	}
	nw_text_add(s, ")%s", nw_reset_survived(r) ? "; the connection survived it" : "");
}

static void say_rest(struct nw_text *s, const struct nw_conn *c, const struct nw_finding *f,
		     enum nw_vantage v)
{
	const struct nw_exchange *x = f->validate >= 0 ? &c->validate[f->validate] : NULL;
	char buf[NW_DIALECT_TEXT];

	switch (f->rule) {
	case 102:
		if (f->leg == NW_LEG_NONE)
			nw_text_add(s, "SMB2 NEGOTIATE response differs from VALIDATE within this server, it "
				       "was altered or contradicts itself: ");
		else
			nw_text_add(s, "SMB2 NEGOTIATE response was altered between the server and %s: ",
				    here(v));
		say_fields(s, f->fields);
		break;
	case 103:
		nw_text_add(s,
			    "VALIDATE_NEGOTIATE_INFO was answered (status 0x%08x) neither signed nor "
			    "encrypted: it proves nothing, ",
			    x ? x->response.status : 0);
		if (x && x->request.ts && !x->request.is_signed)
			nw_text_add(s, "and the request was not signed when it came here either");
		else if (f->leg == NW_LEG_NONE)
			nw_text_add(s, "and it left this server like that");
		else
			nw_text_add(s, "and may be forged or stripped between the server and %s", here(v));
		break;
	case 105:
		say_leaving(s, f);
		nw_text_add(s, " after VALIDATE_NEGOTIATE_INFO was answered well, without using the tree: ");
		if (f->leg == NW_LEG_NONE)
			nw_text_add(s, "it may have found a signature wrong, or was told to stop");
		else
			nw_text_add(
				s,
				"the NEGOTIATE response may have been altered between %s and the client, or "
				"the client was stopped",
				here(v));
		break;
	case 106:
		nw_text_add(s, "VALIDATE_NEGOTIATE_INFO was not answered within ");
		say_delay(s, f->delay_ns);
		nw_text_add(s, " and the connection stays open: ");
		if (f->leg == NW_LEG_NONE)
			nw_text_add(s, "no answer left this server, which may hang");
		else
			nw_text_add(s, "the answer may have been dropped between the server and %s", here(v));
		break;
	case 110:
		nw_text_add(s,
			    "Client uses a share on dialect %s without ever sending VALIDATE_NEGOTIATE_INFO: "
			    "tampering with NEGOTIATE would go unnoticed",
			    nw_dialect_text(buf, c->dialect));
		break;
	case 111:
		nw_text_add(s, "Server refused VALIDATE_NEGOTIATE_INFO with signed status 0x%08x: ",
			    x ? x->response.status : 0);
		if (f->severity >= NW_SEV_WARNING)
			nw_text_add(s, "the request may have been altered after it was signed");
		else
			nw_text_add(s, "clients accept that, and NEGOTIATE stays unprotected");
		/* ksmbd's answer to a request that does not match, where others close the connection */
		if (x && x->response.status == NW_STATUS_INVALID_PARAMETER && v != NW_VANTAGE_SERVER)
			nw_text_add(s,
				    "; ksmbd answers so if NEGOTIATE was altered: it may have been between "
				    "%s and the server",
				    here(v));
		break;
	default:
		nw_text_add(s, "%s", nw_rule_by_number(f->rule)->sentence);
	}
}

void nw_finding_text(const struct nw_engine *e, const struct nw_conn *c, struct nw_finding *f)
{
	enum nw_vantage v = nw_conn_vantage(e, c);
	struct nw_text s;

	nw_text_init(&s, f->text, sizeof(f->text));
	switch (f->rule) {
	case 101:
		say_101(&s, c, f, v);
		break;
	case 104:
		say_104(&s, c, f, v);
		break;
	case 107:
		say_107(&s, c, f);
		break;
	case 108:
		say_108(&s, f);
		break;
	case 109:
		if (f->validate < 0)
			say_fall(&s, e, c, f, v);
		else
			say_109(&s, c, f, v);
		break;
	default:
		say_rest(&s, c, f, v);
	}
	nw_kernel_text(&s, c, f);
	if (f->near_gap)
		nw_text_add(&s, " (packets were lost close by)");
}
