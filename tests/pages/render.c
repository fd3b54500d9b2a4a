/*
 * Writes every page in every state into a folder, so that a browser can show
 * them: render FOLDER. Prints the name of each file it wrote.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "view/page_ask.h"
#include "view/page_code.h"
#include "view/page_device.h"
#include "view/page_issuer.h"
#include "view/page_problem.h"
#include "view/page_start.h"
#include "view/page_verdict.h"
#include "view/page_waiting.h"

/* The page of a flow, whatever its state. */
static inline enum err
page_flow(struct buf *out, const struct page_site *where, const struct page_flow *flow)
{
	return flow->state == FLOW_WAITING ? page_waiting(out, where, flow)
					   : page_verdict(out, where, flow);
}

#define BASE	   "/signin"
#define ID	   "Zm9vYmFyYmF6cXV4MTIzNA"
#define NAME_LIMIT 512
#define PAGE_LIMIT 65536
#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))

static const struct page_site site = {.base = BASE, .origin = "https://opencode.example.com"};

/* One flow of each sort that looks different. */
static const struct {
	const char *name; /* in front of the names of its pages */
	struct page_flow flow;
} sorts[] = {
    {"",
     {.provider = "openai",
      .redirect_host = "localhost:1455",
      .redirect_path = "/auth/callback",
      .address_edit = true}},
    {"token-",
     {.provider = "digitalocean",
      .response_type = RESPONSE_TYPE_TOKEN,
      .redirect_host = "localhost:1456",
      .redirect_path = "/auth/callback",
      .address_edit = true,
      .again = true}},
    {"mcp-",
     {.kind = KIND_MCP,
      .mcp = true,
      .provider = "issue tracker",
      .redirect_host = "127.0.0.1:19876",
      .redirect_path = "/mcp/oauth/callback",
      .address_edit = true}},
    {"direct-",
     {.kind = KIND_MCP,
      .mcp = true,
      .provider = "issue tracker",
      .redirect_host = "",
      .redirect_path = "/mcp/oauth/callback",
      .direct = true,
      .again = true}},
    {"relay-",
     {.kind = KIND_MCP,
      .mcp = true,
      .provider = "issue tracker",
      .redirect_host = "",
      .redirect_path = "",
      .direct = true,
      .relay = "https://relay.example.com/relay/callback",
      .again = true}},
    {"integration-",
     {.kind = KIND_INTEGRATION,
      .provider = "openai",
      .redirect_host = "127.0.0.1:1455",
      .redirect_path = "/auth/callback",
      .again = true}},
    {"terminal-",
     {.kind = KIND_TERMINAL,
      .provider = "auth.openai.com",
      .redirect_host = "localhost:1455",
      .redirect_path = "/auth/callback",
      .address_edit = true}},
    {"typed-",
     {.kind = KIND_PROVIDER,
      .provider = "anthropic",
      .redirect_host = "",
      .redirect_path = "",
      .typed = true,
      .instructions = "Paste the authorization code here: ",
      .again = true}},
};

static const struct page_list_item flows[] = {
    {ID, KIND_PROVIDER, false, RESPONSE_TYPE_CODE, "openai", FLOW_WAITING, 287},
    {ID, KIND_MCP, true, RESPONSE_TYPE_CODE, "issue tracker", FLOW_DELIVERING, 45},
    {ID, KIND_TERMINAL, false, RESPONSE_TYPE_CODE, "auth.openai.com", FLOW_WAITING, 45},
    {ID, KIND_PROVIDER, false, RESPONSE_TYPE_TOKEN, "digitalocean", FLOW_WAITING, 200},
    {ID, KIND_PROVIDER, false, RESPONSE_TYPE_CODE, "poe", FLOW_DONE, 0},
    {ID, KIND_PROVIDER, false, RESPONSE_TYPE_CODE, "gitlab", FLOW_SUPERSEDED, 0},
    {ID, KIND_MCP, true, RESPONSE_TYPE_CODE, "wiki", FLOW_EXPIRED, 0},
    {ID, KIND_MCP, true, RESPONSE_TYPE_CODE, "wiki", FLOW_DECLINED, 0},
    {ID, KIND_PROVIDER, false, RESPONSE_TYPE_CODE, "xai", FLOW_FAILED, 0},
};

static const struct page_mcp servers[] = {
    {"wiki", "wiki", "connected"},
    {"issue%20tracker", "issue tracker", "needs_auth"},
    {"broken", "broken", "failed"},
    {"resting", "resting", "disabled"},
    {"registry", "registry", "needs_client_registration"},
    {"future", "future", "something_new"},
    {"calendar", "calendar", "needs_auth"},
};

static const struct page_option deployments[] = {
    {"github.com", "GitHub.com", "Public", false},
    {"enterprise", "GitHub Enterprise", "Data residency or self-hosted", false},
    {"other", "Something else", "", false},
};

static const struct page_condition conditions[] = {
    {"deploymentType", "enterprise", false},
    {"tls", "true", false},
    {"region", "us", true},
};

static const struct page_prompt copilot_prompts[] = {
    {"deploymentType", "Select GitHub deployment type", "", deployments, COUNT(deployments), NULL,
     0, PROMPT_TEXT, NULL},
    {"enterpriseUrl", "Enter your GitHub Enterprise URL or domain",
     "company.ghe.com or https://company.ghe.com", NULL, 0, &conditions[0], 1, PROMPT_TEXT, NULL},
};

static const struct page_prompt gitlab_prompts[] = {
    {"instanceUrl", "GitLab instance URL", "https://gitlab.com", NULL, 0, NULL, 0, PROMPT_TEXT,
     NULL},
};

static const struct page_prompt snowflake_prompts[] = {
    {"account", "Snowflake Account Identifier", "myorg-myaccount", NULL, 0, NULL, 0, PROMPT_TEXT,
     NULL},
    {"role", "Snowflake Role (optional)", "PUBLIC", NULL, 0, NULL, 0, PROMPT_TEXT, NULL},
};

/* A form of opencode 2, with a field of each type. */
static const struct page_option regions[] = {
    {"eu", "Europe", "Frankfurt", true},
    {"us", "America", "", false},
};

static const struct page_prompt form_fields[] = {
    {"host", "Host name", "gateway.example.com", NULL, 0, NULL, 0, PROMPT_TEXT, NULL},
    {"port", "Port", "", NULL, 0, NULL, 0, PROMPT_INTEGER, "443"},
    {"wait", "Seconds to wait", "", NULL, 0, NULL, 0, PROMPT_NUMBER, "0.5"},
    {"tls", "Use TLS", "", NULL, 0, NULL, 0, PROMPT_BOOLEAN, "true"},
    {"name", "Name in the certificate", "", NULL, 0, &conditions[1], 1, PROMPT_TEXT, NULL},
    {"region", "Region", "", regions, COUNT(regions), NULL, 0, PROMPT_TEXT, "eu"},
    {"zones", "Zones", "", regions, COUNT(regions), &conditions[1], 2, PROMPT_MULTISELECT, NULL},
};

static const struct page_method form_methods[] = {
    {"company", "Sign in with the company’s account", form_fields, COUNT(form_fields), true},
};

static const struct page_method openai_methods[] = {
    {"0", "ChatGPT Pro/Plus (browser)", NULL, 0, false},
    {"1", "ChatGPT Pro/Plus (headless)", NULL, 0, false},
};
static const struct page_method copilot_methods[] = {
    {"0", "Login with GitHub Copilot", copilot_prompts, COUNT(copilot_prompts), false},
};
static const struct page_method gitlab_methods[] = {
    {"0", "GitLab OAuth", gitlab_prompts, COUNT(gitlab_prompts), false},
};
static const struct page_method poe_methods[] = {{"0", "Login with Poe (browser)", NULL, 0, false}};
static const struct page_method digitalocean_methods[] = {
    {"0", "Login with DigitalOcean", NULL, 0, false}};
static const struct page_method snowflake_methods[] = {
    {"0", "Login with Snowflake (External Browser)", snowflake_prompts, COUNT(snowflake_prompts),
     false},
};
static const struct page_method xai_methods[] = {{"0", "SuperGrok Subscription", NULL, 0, false}};

static const struct page_account accounts[] = {
    {"openai", true, openai_methods, COUNT(openai_methods), NULL},
    {"github-copilot", false, copilot_methods, COUNT(copilot_methods), NULL},
    {"gitlab", true, gitlab_methods, COUNT(gitlab_methods), NULL},
    {"poe", false, poe_methods, COUNT(poe_methods), NULL},
    {"digitalocean", false, digitalocean_methods, COUNT(digitalocean_methods), NULL},
    {"snowflake-cortex", false, snowflake_methods, COUNT(snowflake_methods), NULL},
    {"xai", false, xai_methods, COUNT(xai_methods), NULL},
    {"anthropic", true, NULL, 0, NULL},
};

static const struct page_account form_account = {"acme", false, form_methods, COUNT(form_methods),
						 "Acme Gateway"};

/* Writes the page to folder/name.html and empties the buffer. */
static void
write_page(const char *folder, const char *name, struct buf *page, enum err err)
{
	char path[NAME_LIMIT];
	FILE *file;
	int len = snprintf(path, sizeof(path), "%s/%s.html", folder, name);

	if (err != ERR_OK || len < 0 || (size_t)len >= sizeof(path)) {
		fprintf(stderr, "render: %s: %s\n", name, error_name(err));
		exit(1);
	}
	if ((file = fopen(path, "w")) == NULL || fputs(buf_text(page), file) == EOF ||
	    fclose(file) != 0) {
		perror(path);
		exit(1);
	}
	printf("%s.html\n", name);
	buf_free(page);
}

static void
write_flow(const char *folder, const char *name, const struct page_flow *flow)
{
	struct page_flow f = *flow;
	struct buf page;

	f.id = ID;
	buf_init(&page, PAGE_LIMIT);
	write_page(folder, name, &page, page_flow(&page, &site, &f));
}

static void
write_waiting(const char *folder, size_t sort, enum err problem)
{
	struct page_flow f = sorts[sort].flow;
	char name[NAME_LIMIT];

	f.authorize_url = "https://auth.example.com/oauth/authorize?client_id=a&state=not-a-secret";
	f.expires_in = 287;
	f.problem = problem;
	snprintf(name, sizeof(name), "%swaiting%s%s", sorts[sort].name,
		 problem == ERR_OK ? "" : "-", problem == ERR_OK ? "" : error_name(problem));
	write_flow(folder, name, &f);
}

static void
write_ended(const char *folder, size_t sort, enum flow_state state, enum flow_reason reason)
{
	struct page_flow f = sorts[sort].flow;
	char name[NAME_LIMIT];

	f.state = state;
	f.reason = reason;
	snprintf(name, sizeof(name), "%s%s%s%s", sorts[sort].name, flow_state_name(state),
		 reason == REASON_NONE ? "" : "-", flow_reason_name(reason));
	write_flow(folder, name, &f);
	if (reason != REASON_UNCONFIRMED)
		return;
	f.listed = true;
	snprintf(name, sizeof(name), "%sdone-unconfirmed-listed", sorts[sort].name);
	write_flow(folder, name, &f);
}

static void
write_sort(const char *folder, size_t sort)
{
	write_waiting(folder, sort, ERR_OK);
	for (int s = FLOW_WAITING + 1; s < FLOW_STATE_COUNT; s++)
		write_ended(folder, sort, (enum flow_state)s, REASON_NONE);
	write_ended(folder, sort, FLOW_DONE, REASON_UNCONFIRMED);
	for (int r = REASON_UNCONFIRMED + 1; r < REASON_COUNT; r++)
		write_ended(folder, sort, FLOW_FAILED, (enum flow_reason)r);
}

static void
write_ask(const char *folder, const char *name, const char *callback)
{
	struct page_ask ask = {ID, KIND_PROVIDER, false, "openai", "203.0.113.7", 130, callback};
	struct buf page;

	buf_init(&page, PAGE_LIMIT);
	write_page(folder, name, &page, page_ask(&page, &site, &ask));
}

static void
write_code(const char *folder)
{
	struct page_code code = {ID, KIND_PROVIDER, false, "xai",
				 "code=nqXdq3YLPa2iyb5two4s-y_DpsGw&state=S"};
	struct buf page;

	buf_init(&page, 65536);
	write_page(folder, "code", &page, page_code(&page, &site, &code));
}

static void
write_issuer(const char *folder)
{
	struct page_issuer issuer = {ID,
				     KIND_INTEGRATION,
				     true,
				     "issue tracker",
				     "https://app.tracker.example",
				     "https://api.tracker.example/oauth",
				     "code=C&state=S"};
	struct buf page;

	buf_init(&page, PAGE_LIMIT);
	write_page(folder, "issuer", &page, page_issuer(&page, &site, &issuer));
}

static void
write_start(const char *folder, const char *name, const struct page_start *start)
{
	struct buf page;

	buf_init(&page, PAGE_LIMIT);
	write_page(folder, name, &page, page_start(&page, &site, start));
}

static void
write_starts(const char *folder)
{
	struct page_start start = {.query = "directory=%2Fhome%2Fme&workspace=a"};
	char name[NAME_LIMIT];

	write_start(folder, "start-nothing", &start);
	start.account = &form_account;
	start.account_count = 1;
	write_start(folder, "start-form", &start);
	start.account = accounts;
	start.account_count = COUNT(accounts);
	write_start(folder, "start-accounts", &start);
	start.mcp = servers;
	start.mcp_count = COUNT(servers);
	write_start(folder, "start", &start);
	start.flows = (struct page_list){flows, COUNT(flows)};
	write_start(folder, "start-full", &start);
	for (int e = ERR_ADOPT_TEXT; e <= ERR_ADOPT_REDIRECT; e++) {
		start.problem = (enum err)e;
		snprintf(name, sizeof(name), "start-%s", error_name(start.problem));
		write_start(folder, name, &start);
	}
}

static void
write_problem(const char *folder, const char *name, enum err problem, size_t waiting)
{
	struct page_list list = {flows, waiting};
	struct buf page;

	buf_init(&page, PAGE_LIMIT);
	write_page(folder, name, &page,
		   page_problem(&page, &site, problem, waiting == 0 ? NULL : &list));
}

/* Under a name where there is no opencode to go back to. */
static void
write_relay_problem(const char *folder, enum err problem)
{
	const struct page_site relay = {.base = BASE, .origin = "", .relay = true};
	char name[NAME_LIMIT];
	struct buf page;

	buf_init(&page, PAGE_LIMIT);
	snprintf(name, sizeof(name), "relay-problem-%s", error_name(problem));
	write_page(folder, name, &page, page_problem(&page, &relay, problem, NULL));
}

static void
write_problems(const char *folder)
{
	char name[NAME_LIMIT];

	for (int e = ERR_OK + 1; e < ERR_COUNT; e++) {
		snprintf(name, sizeof(name), "problem-%s", error_name((enum err)e));
		write_problem(folder, name, (enum err)e, 0);
	}
	for (int e = ERR_RELAY_SHAPE; e <= ERR_RELAY_CLOCK; e++)
		write_relay_problem(folder, (enum err)e);
	write_problem(folder, "problem-unknown-flow-list", ERR_UNKNOWN_FLOW, 4);
	write_problem(folder, "problem-no-state-list", ERR_NO_STATE, 3);
	write_problem(folder, "problem-no-state-token-list", ERR_NO_STATE, 4);
}

static void
write_device(const char *folder)
{
	const struct page_device device = {
	    "xai", "https://accounts.example.com/device",
	    "Open https://accounts.example.com/device on any device and enter code: 553A-6B4E",
	    true, ""};
	struct buf page;

	buf_init(&page, 65536);
	write_page(folder, "device", &page, page_device(&page, &site, &device));
}

int
main(int argc, char **argv)
{
	const char *folder = argc == 2 ? argv[1] : NULL;

	if (folder == NULL) {
		fprintf(stderr, "usage: render FOLDER\n");
		return 64;
	}
	for (size_t i = 0; i < COUNT(sorts); i++)
		write_sort(folder, i);
	for (int e = ERR_PASTE_EMPTY; e <= ERR_PASTE_TEXT; e++)
		write_waiting(folder, 0, (enum err)e);
	write_waiting(folder, 1, ERR_PASTE_TOKEN);
	write_ask(folder, "ask", NULL);
	write_code(folder);
	write_issuer(folder);
	write_ask(folder, "ask-callback", "code=not-a-secret&state=not-a-secret");
	write_starts(folder);
	write_problems(folder);
	write_device(folder);
	return 0;
}
