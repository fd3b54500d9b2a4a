/*
 * The input is an authorize URL. The redirect URI of an accepted one is a loopback
 * listener or one of our own paths, and nothing else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_load.h"
#include "front.h"
#include "fuzz.h"
#include "http/query.h"
#include "signin/authorize_url.h"

#define NAME   "opencode.example.com"
#define PUBLIC "https://" NAME

static struct config config;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[FUZZ_PATH_MAX], message[CONFIG_MESSAGE_MAX];
	struct config_source source = {.file = path};

	(void)argc;
	(void)argv;
	fuzz_init();
	fuzz_file("ini", "", 0);
	fuzz_path(path, "ini");
	CHECK_TEXT(config_load(&config, &source, message) == ERR_OK, message);
	return 0;
}

/* What stands in the authorize URL under a name, decoded. */
static char *
parameter(const char *url, const char *name)
{
	const char *query = url + strcspn(url, "?");
	char *value = NULL;
	struct query q;

	query += *query == '?' ? 1 : 0;
	CHECK(query_parse(&q, query, strcspn(query, "#"), QUERY_REPEATED) == ERR_OK);
	if (query_get(&q, name) != NULL)
		value = fuzz_string(query_get(&q, name), strlen(query_get(&q, name)));
	query_free(&q);
	return value;
}

static void
check_listener(const struct flow *flow, const char *redirect_uri)
{
	static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]"};
	const char *path = front_listener(redirect_uri, flow->redirect_port);
	bool found = false;
	char whole[64];

	CHECK(flow->redirect_port >= 1024 && flow->redirect_port <= 65535);
	for (size_t i = 0; i < 3; i++) {
		snprintf(whole, sizeof(whole), "%s:%d", hosts[i], flow->redirect_port);
		found = found || strcmp(flow->redirect_host, whole) == 0;
	}
	CHECK_TEXT(found, flow->redirect_host);
	CHECK_TEXT(path != NULL, redirect_uri);
	CHECK_TEXT(strcmp(path[0] == '\0' ? "/" : path, flow->redirect_path) == 0, redirect_uri);
}

static void
check_direct(const struct flow *flow, const struct authorize_site *own, const char *redirect_uri)
{
	const char *path = front_public(redirect_uri, NAME);
	size_t len;

	CHECK(own != NULL && config_callback_path(&config, flow->redirect_path));
	CHECK(flow->redirect_port == 0 && flow->redirect_host[0] == '\0');
	CHECK_TEXT(path != NULL, redirect_uri);
	len = strlen(own->mount);
	CHECK_TEXT(strncmp(path, own->mount, len) == 0, redirect_uri);
	CHECK_TEXT(strcmp(path + len, flow->redirect_path) == 0, redirect_uri);
}

/* The redirect URI, where it has another name: the only one that is a listener's. */
static char *
renamed(const char *url, int port)
{
	const char *query = strchr(url, '?');
	char *value = NULL;
	struct query q;

	query += query != NULL ? 1 : 0;
	CHECK(query != NULL);
	CHECK(query_parse(&q, query, strcspn(query, "#"), QUERY_REPEATED) == ERR_OK);
	for (size_t i = 0; i < q.count; i++)
		if ((strcasestr(q.param[i].name, "redirect") != NULL ||
		     strcasestr(q.param[i].name, "callback") != NULL) &&
		    front_listener(q.param[i].value, port) != NULL) {
			CHECK(value == NULL);
			value = fuzz_string(q.param[i].value, strlen(q.param[i].value));
		}
	query_free(&q);
	return value;
}

static void
check_flow(const char *url, const struct flow *flow, const struct authorize_site *own)
{
	char *redirect_uri = parameter(url, "redirect_uri"), *state = parameter(url, "state");
	char id[FLOW_ID_LEN + 1];

	if (redirect_uri == NULL)
		redirect_uri = renamed(url, flow->redirect_port);
	CHECK(flow_id_valid(flow->id) && redirect_uri != NULL);
	CHECK(strncmp(flow->authorize_origin, "https://", 8) == 0 ||
	      strncmp(flow->authorize_origin, "http://", 7) == 0);
	CHECK(flow->redirect_path[0] == '/');
	for (const char *p = flow->redirect_path; *p != '\0'; p++)
		CHECK((unsigned char)*p > ' ' && *p != 0x7f && *p != '?' && *p != '#');
	if (flow->direct)
		check_direct(flow, own, redirect_uri);
	else
		check_listener(flow, redirect_uri);
	CHECK(flow->stateless == (state == NULL || state[0] == '\0'));
	if (!flow->stateless) {
		flow_id(state, strlen(state), id);
		CHECK(strcmp(id, flow->id) == 0);
	}
	free(redirect_uri);
	free(state);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct authorize_site sites[] = {
	    {PUBLIC, "", &config}, {PUBLIC, "/cgi-bin/opencode-callback.cgi", &config}};
	const struct authorize_site *const owns[] = {NULL, &sites[0], &sites[1]};
	char *url;

	if (size > FUZZ_INPUT_MAX)
		return -1;
	fuzz_reset();
	url = fuzz_string(data, size);
	for (size_t i = 0; i < 3; i++) {
		struct flow flow = {.method = 0};

		if (authorize_url_read(url, owns[i], &flow) == ERR_OK)
			check_flow(url, &flow, owns[i]);
	}
	free(url);
	return 0;
}
