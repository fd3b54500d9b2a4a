/*
 * Reads from opencode which accounts can be connected.
 */
#ifndef ACCOUNTS_H
#define ACCOUNTS_H

#include "core/context.h"
#include "opencode/account_list.h"

/*
 * Asks opencode with the visitor's own credentials. ERR_CREDENTIALS, ERR_BUSY, ERR_QUERY_LONG,
 * ERR_OPENCODE_ANSWER, ERR_MEMORY, errors of api_find_run(). Release *out with account_list_free()
 * in any case.
 */
enum err accounts_read(const struct context *x, const struct flow *project,
		       struct account_list **out) MUST_CHECK;

#endif
