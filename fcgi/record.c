#include "record.h"

#include <fastcgi.h>

enum step { STEP_BEGIN, STEP_PARAMS, STEP_STDIN, STEP_DONE };

/* FastCGI section 5.1. Checks as many bytes of the record as have arrived. */
static enum record_verdict
begin_record(struct record *f, const unsigned char *p, size_t len)
{
	const size_t need = FCGI_HEADER_LEN + sizeof(FCGI_BeginRequestBody);

	if ((len > 0 && p[0] != FCGI_VERSION_1) || (len > 1 && p[1] != FCGI_BEGIN_REQUEST))
		return RECORD_BAD;
	if (len < FCGI_HEADER_LEN)
		return RECORD_PARTIAL;
	f->id = (unsigned)p[2] << 8 | p[3];
	if (f->id == FCGI_NULL_REQUEST_ID || p[4] != 0 || p[5] != sizeof(FCGI_BeginRequestBody) ||
	    p[6] != 0)
		return RECORD_BAD;
	if (len < need)
		return RECORD_PARTIAL;
	f->at += need;
	f->step = STEP_PARAMS;
	return p[8] == 0 && p[9] == FCGI_RESPONDER ? RECORD_WHOLE : RECORD_BAD;
}

/* Begins the next record of the streams PARAMS and STDIN; an empty one ends its stream. */
static bool
stream_record(struct record *f, const unsigned char *header)
{
	if (((unsigned)header[2] << 8 | header[3]) != f->id)
		return false;
	f->type = header[1];
	f->content = (size_t)header[4] << 8 | header[5];
	f->padding = header[6];
	if (f->content == 0 && f->padding > 0)
		return false;
	if (f->step == STEP_PARAMS && f->type == FCGI_PARAMS) {
		if (f->content == 0) {
			f->params_done = true;
			f->step = STEP_STDIN;
			return f->pair == 0 && f->lengths_len == 0;
		}
		f->params_len += f->content;
		return f->params_len <= RECORD_PARAMS_MAX;
	}
	if (f->step == STEP_STDIN && f->type == FCGI_STDIN) {
		if (f->content == 0)
			f->step = STEP_DONE;
		return true;
	}
	return false;
}

/* Decodes the length at p, and returns how many bytes it takes: one or four. */
static size_t
pair_length(const unsigned char *p, size_t *length)
{
	*length = p[0];
	if (p[0] < 0x80)
		return 1;
	*length = (size_t)(p[0] & 0x7f) << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	return 4;
}

/* Reads one more byte of a pair's lengths; after the last, f->pair is the size of the pair. */
static bool
read_length(struct record *f, unsigned char byte)
{
	size_t name, value, first, all;

	f->lengths[f->lengths_len++] = byte;
	first = f->lengths[0] < 0x80 ? 1 : 4;
	if (f->lengths_len <= first)
		return true;
	all = first + (f->lengths[first] < 0x80 ? 1 : 4);
	if (f->lengths_len < all)
		return true;
	pair_length(f->lengths, &name);
	pair_length(f->lengths + first, &value);
	f->pair = name + value;
	f->lengths_len = 0;
	return f->pair <= RECORD_PARAMS_MAX;
}

/* Reads the pairs (FastCGI section 3.4) in a PARAMS record; a record may end inside a pair. */
static bool
read_pairs(struct record *f, const unsigned char *data, size_t len)
{
	while (len > 0) {
		size_t n = f->pair < len ? f->pair : len;

		if (n == 0) {
			if (!read_length(f, *data))
				return false;
			n = 1;
		} else {
			f->pair -= n;
		}
		data += n;
		len -= n;
	}
	return true;
}

/* Reads what has arrived of the current record. */
static bool
read_content(struct record *f, const unsigned char *data, size_t len)
{
	size_t n = f->content < len ? f->content : len;

	if (f->type == FCGI_PARAMS && !read_pairs(f, data, n))
		return false;
	if (f->type == FCGI_STDIN)
		f->body_len += n;
	f->content -= n;
	f->at += n;
	len -= n;
	n = f->padding < len ? f->padding : len;
	f->padding -= n;
	f->at += n;
	return true;
}

enum record_verdict
record_read(struct record *f, const unsigned char *data, size_t len)
{
	enum record_verdict verdict;

	if (f->step == STEP_BEGIN && (verdict = begin_record(f, data, len)) != RECORD_WHOLE)
		return verdict;
	for (;;) {
		if (!read_content(f, data + f->at, len - f->at))
			return RECORD_BAD;
		if (f->content > 0 || f->padding > 0)
			return RECORD_PARTIAL;
		if (f->step == STEP_DONE)
			return RECORD_WHOLE;
		if (len - f->at > 0 && data[f->at] != FCGI_VERSION_1)
			return RECORD_BAD;
		if (len - f->at < FCGI_HEADER_LEN)
			return RECORD_PARTIAL;
		f->at += FCGI_HEADER_LEN;
		if (!stream_record(f, data + f->at - FCGI_HEADER_LEN))
			return RECORD_BAD;
	}
}
