#include "flow.h"

#include <string.h>

#include "secret.h"

static const char *const state_names[FLOW_STATE_COUNT] = {
    [FLOW_WAITING] = "waiting", [FLOW_DELIVERING] = "delivering", [FLOW_DONE] = "done",
    [FLOW_FAILED] = "failed",	[FLOW_DECLINED] = "declined",	  [FLOW_SUPERSEDED] = "superseded",
    [FLOW_EXPIRED] = "expired",
};

static const char *const reason_names[REASON_COUNT] = {
    [REASON_NONE] = "",
    [REASON_UNCONFIRMED] = "unconfirmed",
    [REASON_REFUSED_BY_PROVIDER] = "refused-by-provider",
    [REASON_LISTENER_GONE] = "listener-gone",
    [REASON_OPENCODE_GONE] = "opencode-gone",
    [REASON_OPENCODE_AUTH] = "opencode-auth",
    [REASON_TIMEOUT] = "timeout",
    [REASON_INTERRUPTED] = "interrupted",
    [REASON_ISSUER] = "issuer",
};

void
flow_id(const char *state, size_t state_len, char id[FLOW_ID_LEN + 1])
{
	char hash[SECRET_HASH_LEN + 1];

	secret_hash(state, state_len, hash);
	memcpy(id, hash, FLOW_ID_LEN);
	id[FLOW_ID_LEN] = '\0';
}

uint64_t
flow_group(const char *opencode, const char *provider)
{
	return secret_key(opencode, "provider", provider, NULL);
}

uint64_t
flow_slot(const struct flow *flow)
{
	return secret_key(flow->opencode, "redirect", flow->redirect_host, flow->redirect_path,
			  NULL);
}

bool
flow_id_valid(const char *text)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789-_";

	return strspn(text, alphabet) == FLOW_ID_LEN && text[FLOW_ID_LEN] == '\0';
}

const char *
flow_state_name(enum flow_state s)
{
	return state_names[s];
}

const char *
flow_reason_name(enum flow_reason r)
{
	return reason_names[r];
}

bool
flow_state_parse(const char *word, enum flow_state *out)
{
	for (int i = 0; i < FLOW_STATE_COUNT; i++)
		if (strcmp(word, state_names[i]) == 0) {
			*out = (enum flow_state)i;
			return true;
		}
	return false;
}

bool
flow_reason_parse(const char *word, enum flow_reason *out)
{
	for (int i = 0; i < REASON_COUNT; i++)
		if (strcmp(word, reason_names[i]) == 0) {
			*out = (enum flow_reason)i;
			return true;
		}
	return false;
}
