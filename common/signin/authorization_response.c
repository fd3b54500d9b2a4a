#include "signin/authorization_response.h"

#include <string.h>

/* Returns whether there is a parameter of another response type than this flow's (RFC 6749
 * section 3.1.1, JARM). */
static bool
is_other_kind(const struct query *q, bool token)
{
	return query_get(q, "response") != NULL || query_get(q, "id_token") != NULL ||
	       query_get(q, token ? "code" : "access_token") != NULL;
}

enum err
authorization_response_read(struct authorization_response *response, const char *raw,
			    const struct flow *flow)
{
	bool token = flow != NULL && flow->response_type == RESPONSE_TYPE_TOKEN;
	bool stateless = flow != NULL && flow->stateless;
	const char *state, *answer, *error;
	enum err err;

	*response = (struct authorization_response){.raw = raw};
	if (strlen(raw) > QUERY_MAX)
		return ERR_QUERY_LONG;
	if ((err = query_parse(&response->query, raw, strlen(raw), QUERY_STRING)) != ERR_OK)
		return err;
	if (is_other_kind(&response->query, token))
		return ERR_RESPONSE_MODE;
	state = query_get(&response->query, "state");
	answer = query_get(&response->query, token ? "access_token" : "code");
	error = query_get(&response->query, "error");
	if (!stateless && (state == NULL || state[0] == '\0'))
		return ERR_NO_STATE;
	if (answer != NULL && error != NULL)
		return ERR_CODE_AND_ERROR;
	if ((answer == NULL || answer[0] == '\0') && (error == NULL || error[0] == '\0'))
		return ERR_NO_CODE;
	response->declined = error != NULL;
	if (stateless)
		memcpy(response->id, flow->id, sizeof(response->id));
	else
		flow_id(state, strlen(state), response->id);
	return ERR_OK;
}

void
authorization_response_free(struct authorization_response *response)
{
	query_free(&response->query);
}
