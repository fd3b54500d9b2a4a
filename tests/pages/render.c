/*
 * Writes every page in every state into a folder, so that a browser can show
 * them: render FOLDER. Prints the name of each file it wrote.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "page.h"

#define BASE	   "/signin"
#define ID	   "Zm9vYmFyYmF6cXV4MTIzNA"
#define NAME_LIMIT 512

static const struct page_site site = {.base = BASE, .origin = "https://opencode.example.com"};

static const struct page_flow flow = {
    .id = ID,
    .provider = "openai",
    .redirect_host = "localhost:1455",
    .redirect_path = "/auth/callback",
    .address_edit = true,
    .expires_in = 287,
};

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
write_waiting(const char *folder, const char *name, enum err problem)
{
	struct page_flow f = flow;
	struct buf page;

	f.authorize_url = "https://auth.example.com/oauth/authorize?client_id=a&state=not-a-secret";
	f.problem = problem;
	buf_init(&page, 65536);
	write_page(folder, name, &page, page_flow(&page, &site, &f));
}

static void
write_ended(const char *folder, enum flow_state state, enum flow_reason reason, bool listed)
{
	struct page_flow f = flow;
	struct buf page;
	char name[NAME_LIMIT];

	f.state = state;
	f.reason = reason;
	f.listed = listed;
	snprintf(name, sizeof(name), "%s%s%s%s", flow_state_name(state),
		 reason == REASON_NONE ? "" : "-", flow_reason_name(reason),
		 listed ? "-listed" : "");
	buf_init(&page, 65536);
	write_page(folder, name, &page, page_flow(&page, &site, &f));
}

static void
write_ask(const char *folder, const char *name, const char *callback)
{
	struct page_ask ask = {ID, "openai", "203.0.113.7", 130, callback};
	struct buf page;

	buf_init(&page, 65536);
	write_page(folder, name, &page, page_ask(&page, &site, &ask));
}

static void
write_list(const char *folder, const char *name, size_t count)
{
	static const struct page_list_item items[] = {
	    {ID, "openai", FLOW_WAITING, 287},
	    {ID, "gitlab", FLOW_WAITING, 45},
	    {ID, "digitalocean", FLOW_DONE, 0},
	};
	struct buf page;

	buf_init(&page, 65536);
	write_page(folder, name, &page, page_list(&page, &site, items, count));
}

static void
write_problems(const char *folder)
{
	char name[NAME_LIMIT];
	struct buf page;

	buf_init(&page, 65536);
	for (int e = ERR_OK + 1; e < ERR_COUNT; e++) {
		snprintf(name, sizeof(name), "problem-%s", error_name((enum err)e));
		write_page(folder, name, &page, page_problem(&page, &site, (enum err)e));
	}
}

int
main(int argc, char **argv)
{
	const char *folder = argc == 2 ? argv[1] : NULL;

	if (folder == NULL) {
		fprintf(stderr, "usage: render FOLDER\n");
		return 64;
	}
	write_waiting(folder, "waiting", ERR_OK);
	for (int e = ERR_PASTE_EMPTY; e <= ERR_PASTE_TEXT; e++) {
		char name[NAME_LIMIT];

		snprintf(name, sizeof(name), "waiting-%s", error_name((enum err)e));
		write_waiting(folder, name, (enum err)e);
	}
	for (int s = FLOW_WAITING + 1; s < FLOW_STATE_COUNT; s++)
		write_ended(folder, (enum flow_state)s, REASON_NONE, false);
	write_ended(folder, FLOW_DONE, REASON_UNCONFIRMED, false);
	write_ended(folder, FLOW_DONE, REASON_UNCONFIRMED, true);
	for (int r = REASON_UNCONFIRMED + 1; r < REASON_COUNT; r++)
		write_ended(folder, FLOW_FAILED, (enum flow_reason)r, false);
	write_ask(folder, "ask", NULL);
	write_ask(folder, "ask-callback", "code=not-a-secret&state=not-a-secret");
	write_list(folder, "list", 3);
	write_list(folder, "list-empty", 0);
	write_problems(folder);
	return 0;
}
