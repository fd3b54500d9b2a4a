#include "flow_record.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* Every member of struct flow has its row in one of these tables. */
#define TEXT(member) \
	{ \
#member, offsetof(struct flow, member), sizeof(((struct flow *)0)->member) \
	}
static const struct {
	const char *name;
	size_t offset;
	size_t size;
} texts[] = {
    TEXT(id),	     TEXT(opencode),	  TEXT(provider),      TEXT(method_id),
    TEXT(attempt),   TEXT(redirect_host), TEXT(redirect_path), TEXT(authorize_origin),
    TEXT(directory), TEXT(workspace),	  TEXT(query),	       TEXT(browser),
    TEXT(address),
};
#undef TEXT

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum err
flow_record_write(const struct flow *flow, struct buf *out)
{
	json_t *object = json_pack(
	    "{s:s, s:s, s:b, s:b, s:b, s:b, s:i, s:i, s:b, s:b, s:I, s:I}", "kind",
	    flow_kind_name(flow->kind), "answer", flow_answer_name(flow->answer), "stateless",
	    flow->stateless, "direct", flow->direct, "from_here", flow->from_here, "with_inputs",
	    flow->with_inputs, "method", flow->method, "redirect_port", flow->redirect_port,
	    "authenticated", flow->authenticated, "bound", flow->bound, "created",
	    (json_int_t)flow->created, "expires", (json_int_t)flow->expires);
	char *text = NULL;
	enum err err = ERR_MEMORY;

	for (size_t i = 0; i < COUNT(texts); i++)
		if (json_object_set_new(object, texts[i].name,
					json_string((const char *)flow + texts[i].offset)) != 0)
			goto out;
	if ((text = json_write(object)) != NULL)
		err = buf_puts(out, text);
out:
	free(text);
	json_decref(object);
	return err;
}

static bool
read_text(const json_t *object, const char *name, char *out, size_t size)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_string(value) || json_string_length(value) >= size)
		return false;
	memcpy(out, json_string_value(value), json_string_length(value) + 1);
	return true;
}

enum err
flow_record_read(const char *text, size_t len, struct flow *flow)
{
	json_t *object;
	json_int_t created, expires;
	int authenticated, bound, stateless, direct, from_here, with_inputs;
	const char *kind, *answer;
	enum err err = json_read(text, len, JSON_REJECT_DUPLICATES, &object);

	*flow = (struct flow){.created = 0};
	if (err != ERR_OK)
		return err == ERR_MEMORY ? err : ERR_UNKNOWN_FLOW;
	err = ERR_UNKNOWN_FLOW;
	if (json_unpack(object, "{s:s, s:s, s:b, s:b, s:b, s:b, s:i, s:i, s:b, s:b, s:I, s:I}",
			"kind", &kind, "answer", &answer, "stateless", &stateless, "direct",
			&direct, "from_here", &from_here, "with_inputs", &with_inputs, "method",
			&flow->method, "redirect_port", &flow->redirect_port, "authenticated",
			&authenticated, "bound", &bound, "created", &created, "expires",
			&expires) != 0 ||
	    !flow_kind_parse(kind, &flow->kind) || !flow_answer_parse(answer, &flow->answer))
		goto out;
	for (size_t i = 0; i < COUNT(texts); i++)
		if (!read_text(object, texts[i].name, (char *)flow + texts[i].offset,
			       texts[i].size))
			goto out;
	flow->stateless = stateless != 0;
	flow->direct = direct != 0;
	flow->from_here = from_here != 0;
	flow->with_inputs = with_inputs != 0;
	flow->authenticated = authenticated != 0;
	flow->bound = bound != 0;
	flow->created = created;
	flow->expires = expires;
	err = ERR_OK;
out:
	if (err == ERR_UNKNOWN_FLOW && json_failed())
		err = ERR_MEMORY;
	json_decref(object);
	return err;
}
