#include "planted.h"

#include <stdio.h>
#include <string.h>

#include "util/secret.h"

#define LOCAL(host_, port_, path_) \
	.redirect_host = host_ ":" #port_, .redirect_port = port_, .redirect_path = path_
#define ALWAYS 2

struct planted planted[PLANTED_COUNT] = {
    /* of opencode's own window */
    {"STATE-A-canary",
     "COOKIE-A-canary-AAAAAAAAAAAAAAAAAAAAAAAAAAA",
     {.provider = "openai",
      .bound = true,
      .authorize_origin = "https://auth.example.com",
      LOCAL("localhost", 1455, "/auth/callback")}},
    /* begun without our cookie: whoever finishes it is asked */
    {"STATE-B-canary",
     "COOKIE-B-canary-BBBBBBBBBBBBBBBBBBBBBBBBBBB",
     {.kind = KIND_MCP,
      .provider = "demo",
      .authorize_origin = "https://mcp.example.com:8443",
      LOCAL("127.0.0.1", 19876, "/mcp/oauth/callback")}},
    /* its answer comes in the fragment */
    {"STATE-C-canary",
     "COOKIE-C-canary-CCCCCCCCCCCCCCCCCCCCCCCCCCC",
     {.provider = "digitalocean",
      .response_type = RESPONSE_TYPE_TOKEN,
      .bound = true,
      .authorize_origin = "https://cloud.example.com",
      LOCAL("localhost", 1456, "/auth/callback")}},
    /* no state */
    {NULL,
     "COOKIE-D-canary-DDDDDDDDDDDDDDDDDDDDDDDDDDD",
     {.provider = "poe",
      .stateless = true,
      .from_here = true,
      .bound = true,
      .authorize_origin = "https://poe.example.com",
      LOCAL("127.0.0.1", 34567, "/callback")}},
    {"STATE-E-canary",
     "COOKIE-E-canary-EEEEEEEEEEEEEEEEEEEEEEEEEEE",
     {.kind = KIND_INTEGRATION,
      .provider = "openai",
      .method_id = "browser",
      .attempt = "attempt_1",
      .bound = true,
      .authorize_origin = "https://auth.example.com",
      LOCAL("localhost", 1457, "/auth/callback")}},
    /* begun with a password, in a project */
    {"STATE-F-canary",
     "COOKIE-F-canary-FFFFFFFFFFFFFFFFFFFFFFFFFFF",
     {.provider = "gitlab",
      .authenticated = true,
      .with_inputs = true,
      .bound = true,
      .directory = "/home/me",
      .query = "directory=%2Fhome%2Fme",
      .authorize_origin = "https://gitlab.example.com",
      LOCAL("127.0.0.1", 8080, "/callback")}},
    {"STATE-G-canary",
     "COOKIE-G-canary-GGGGGGGGGGGGGGGGGGGGGGGGGGG",
     {.kind = KIND_TERMINAL,
      .provider = "auth.example.com",
      .bound = true,
      .authorize_origin = "https://auth.example.com",
      LOCAL("localhost", 1458, "/auth/callback")}},
    /* the provider sends the browser to us */
    {"STATE-H-canary",
     "COOKIE-H-canary-HHHHHHHHHHHHHHHHHHHHHHHHHHH",
     {.kind = KIND_MCP,
      .provider = "two%20words",
      .direct = true,
      .bound = true,
      .authorize_origin = "https://mcp.example.com",
      .redirect_path = "/mcp/oauth/callback"}},
};

static void
authorize_url(const struct planted *p, char *out, size_t size)
{
	snprintf(out, size, "%s/authorize?state=%s", p->flow.authorize_origin,
		 p->state == NULL ? "" : p->state);
}

void
planted_init(void)
{
	char url[256];

	for (size_t i = 0; i < PLANTED_COUNT; i++) {
		struct planted *p = &planted[i];

		CHECK(strlen(p->cookie) == SECRET_HASH_LEN);
		secret_hash(p->cookie, strlen(p->cookie), p->flow.browser);
		authorize_url(p, url, sizeof(url));
		if (p->state != NULL)
			flow_id(p->state, strlen(p->state), p->flow.id);
		else
			flow_id(url, strlen(url), p->flow.id);
		memcpy(p->flow.client_address, "192.0.2.9", 10);
	}
}

static bool
mentioned(const struct planted *p, const struct piece *text)
{
	return (p->state != NULL && piece_has(text, p->state)) || piece_has(text, p->cookie) ||
	       piece_has(text, p->flow.id);
}

void
planted_add(struct store *store, const struct piece *text)
{
	char url[256];

	for (size_t i = 0; i < PLANTED_COUNT; i++) {
		struct planted *p = &planted[i];
		struct store_keys keys;

		if (i >= ALWAYS && !mentioned(p, text))
			continue;
		p->flow.created = fuzz_now();
		p->flow.expires = p->flow.created + PLANTED_LIFE;
		keys = (struct store_keys){
		    .client = secret_key("address", p->flow.client_address, NULL),
		    .browser = secret_key("browser", p->flow.browser, NULL),
		    .group = flow_group(p->flow.opencode, p->flow.kind, p->flow.provider),
		    .slot = flow_slot(&p->flow)};
		authorize_url(p, url, sizeof(url));
		CHECK(store->ops->add(store, &p->flow, url, &keys, NULL) == ERR_OK);
	}
}
