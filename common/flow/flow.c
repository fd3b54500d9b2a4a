#include "flow/flow.h"

#include <stdio.h>
#include <string.h>

#include "http/path_segment.h"
#include "util/secret.h"

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

static const char *const kind_names[KIND_COUNT] = {
    [KIND_PROVIDER] = "provider",
    [KIND_MCP] = "mcp",
    [KIND_INTEGRATION] = "integration",
    [KIND_TERMINAL] = "terminal",
};

static const char *const response_type_names[RESPONSE_TYPE_COUNT] = {
    [RESPONSE_TYPE_CODE] = "code",
    [RESPONSE_TYPE_TOKEN] = "token",
};

void
flow_id(const char *state, size_t state_len, char id[FLOW_ID_LEN + 1])
{
	char hash[SECRET_HASH_LEN + 1];

	secret_hash(state, state_len, hash);
	memcpy(id, hash, FLOW_ID_LEN);
	id[FLOW_ID_LEN] = '\0';
}

bool
flow_relayed(const struct flow *flow)
{
	return flow->direct && flow->redirect_path[0] == '\0';
}

uint64_t
flow_group(const char *opencode, enum flow_kind kind, const char *provider)
{
	return secret_key(opencode, kind_names[kind], provider, NULL);
}

uint64_t
flow_slot(const struct flow *flow)
{
	char port[16];

	if (flow->typed && flow->attempt[0] != '\0')
		return secret_key(flow->opencode, "attempt", flow->attempt, NULL);
	/* MCP servers share a listener, which tells their sign-ins apart by state */
	if (flow->kind == KIND_MCP || flow->typed)
		return flow_group(flow->opencode, flow->kind, flow->provider);
	snprintf(port, sizeof(port), "%d", flow->redirect_port);
	return secret_key(flow->opencode, "redirect", port, flow->redirect_path, NULL);
}

void
flow_label(const struct flow *flow, char label[FLOW_NAME_MAX + 1])
{
	if (flow->label[0] != '\0')
		memcpy(label, flow->label, sizeof(flow->label));
	else if (flow->kind != KIND_MCP ||
		 !path_segment_decode(flow->provider, label, FLOW_NAME_MAX + 1))
		memcpy(label, flow->provider, sizeof(flow->provider));
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

const char *
flow_kind_name(enum flow_kind k)
{
	return kind_names[k];
}

const char *
flow_response_type_name(enum flow_response_type a)
{
	return response_type_names[a];
}

/* Returns the index of a word in a list of names, or -1. */
static int
find_name(const char *word, const char *const names[], int count)
{
	for (int i = 0; i < count; i++)
		if (strcmp(word, names[i]) == 0)
			return i;
	return -1;
}

bool
flow_kind_parse(const char *word, enum flow_kind *out)
{
	int i = find_name(word, kind_names, KIND_COUNT);

	*out = i < 0 ? KIND_PROVIDER : (enum flow_kind)i;
	return i >= 0;
}

bool
flow_response_type_parse(const char *word, enum flow_response_type *out)
{
	int i = find_name(word, response_type_names, RESPONSE_TYPE_COUNT);

	*out = i < 0 ? RESPONSE_TYPE_CODE : (enum flow_response_type)i;
	return i >= 0;
}

bool
flow_state_parse(const char *word, enum flow_state *out)
{
	int i = find_name(word, state_names, FLOW_STATE_COUNT);

	*out = i < 0 ? FLOW_WAITING : (enum flow_state)i;
	return i >= 0;
}

bool
flow_reason_parse(const char *word, enum flow_reason *out)
{
	int i = find_name(word, reason_names, REASON_COUNT);

	*out = i < 0 ? REASON_NONE : (enum flow_reason)i;
	return i >= 0;
}

bool
flow_can_begin_again(const struct flow *flow)
{
	switch (flow->kind) {
	case KIND_TERMINAL:
		return false;
	case KIND_INTEGRATION:
		return !flow->with_inputs;
	default:
		return true;
	}
}
