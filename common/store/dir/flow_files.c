#include "store/dir/flow_files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flow/flow_record.h"
#include "store/claim_text.h"
#include "store/dir/private_dir.h"

static const char *const suffixes[] = {"", ".url", ".browser", ".claim", ".end", ".new"};

void
flow_files_remove(int dir, const char *id)
{
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		private_dir_remove(dir, id, suffixes[i]);
}

/* Writes a long record under another name and renames it: it is there as a whole or not at all. */
static enum err
write_long(int dir, const char *id, const struct buf *record)
{
	char from[PRIVATE_DIR_NAME_SIZE], to[PRIVATE_DIR_NAME_SIZE];
	enum err err = private_dir_file_write(dir, id, ".new", record->data, record->len);

	if (err != ERR_OK)
		return err;
	private_dir_name(from, id, ".new");
	private_dir_name(to, id, "");
	if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) != 0) {
		err = errno == EEXIST ? ERR_TAKEN : ERR_STORE;
		private_dir_remove(dir, id, ".new");
	}
	return err;
}

/* The record comes last, in one step, so that a flow is never there without its authorize URL. */
enum err
flow_files_write(int dir, const struct flow *flow, const char *authorize_url)
{
	struct buf record;
	enum err err;

	buf_init(&record, FLOW_RECORD_MAX);
	err = flow_record_write(flow, &record);
	if (err == ERR_OK)
		err = private_dir_text_write(dir, flow->id, ".url", authorize_url,
					     strlen(authorize_url));
	if (err == ERR_OK)
		err = private_dir_text_is_symlink(record.len)
			  ? private_dir_text_write(dir, flow->id, "", record.data, record.len)
			  : write_long(dir, flow->id, &record);
	buf_free(&record);
	return err;
}

/* Derives the state of a flow from its claim and its end. */
static enum err
read_state(int dir, struct snapshot *out)
{
	const char *id = out->flow.id;
	char claim[PRIVATE_DIR_SYMLINK_SIZE], end[PRIVATE_DIR_SYMLINK_SIZE] = "";

	if (private_dir_symlink_read(dir, id, ".claim", claim) != ERR_OK ||
	    (claim[0] != '\0' && private_dir_symlink_read(dir, id, ".end", end) != ERR_OK))
		return ERR_STORE;
	claim_text_read(out, claim, end);
	return ERR_OK;
}

static enum err
read_browser(int dir, struct snapshot *out)
{
	char text[PRIVATE_DIR_SYMLINK_SIZE];

	memcpy(out->browser, out->flow.browser, sizeof(out->browser));
	out->bound = out->flow.bound;
	if (out->bound)
		return ERR_OK;
	if (private_dir_symlink_read(dir, out->flow.id, ".browser", text) != ERR_OK)
		return ERR_STORE;
	if (strlen(text) == BROWSER_ID_LEN) {
		memcpy(out->browser, text, sizeof(out->browser));
		out->bound = true;
	}
	return ERR_OK;
}

enum err
flow_files_read(int dir, const char *id, struct snapshot *out)
{
	struct buf record;
	enum err err;

	buf_init(&record, FLOW_RECORD_MAX);
	err = private_dir_text_read(dir, id, "", &record);
	if (err == ERR_ABSENT)
		err = ERR_UNKNOWN_FLOW;
	if (err == ERR_OK)
		err = flow_record_read(buf_text(&record), record.len, &out->flow);
	if (err == ERR_OK && strcmp(out->flow.id, id) != 0)
		err = ERR_UNKNOWN_FLOW;
	buf_free(&record);
	if (err == ERR_OK)
		err = read_browser(dir, out);
	if (err == ERR_OK)
		err = read_state(dir, out);
	return err;
}

bool
flow_files_ended(int dir, const char *id)
{
	static const char superseded[] = "superseded ";
	char text[PRIVATE_DIR_SYMLINK_SIZE];

	if (private_dir_symlink_read(dir, id, ".claim", text) != ERR_OK || text[0] == '\0')
		return false;
	return strncmp(text, superseded, sizeof(superseded) - 1) == 0 ||
	       (private_dir_symlink_read(dir, id, ".end", text) == ERR_OK && text[0] != '\0');
}
