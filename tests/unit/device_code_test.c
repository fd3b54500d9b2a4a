#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signin/device_code.h"
#include "util/secret.h"

#define DEVICE "https://a.example/device"

static void
knows_a_user_code(void **state)
{
	static const char *const with[] = {"Enter code: ABCD-EF12", "Enter code: WDJB-MJHT",
					   "Enter code: AB-CD",	    "Enter code: <AB-CD>",
					   "code ABCDEFGH",	    "Use QX7T-93KL at the page",
					   "Enter code: abcd-efgh", "Your CODE: \"QWER\""};
	static const char *const without[] = {
	    "",
	    "Complete authorization in your browser. This window will close automatically.",
	    "Sign in with GPT-4",
	    "Paste the authorization code here",
	    "Connect CHATGPT",
	    "Port 127-0-0-1-1455",
	    "Enter the code: it is shown",
	    "code: abc",
	    "code: https://a.example/",
	    "Sign in with OAUTH2",
	    "As in RFC-8628",
	    "CHATGPT-5, SHA256",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++)
		if (!device_code_shown(DEVICE, with[i]))
			fail_msg("'%s'", with[i]);
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		if (device_code_shown(DEVICE, without[i]))
			fail_msg("'%s'", without[i]);
	assert_true(device_code_shown(DEVICE "?user_code=ABCD-EFGH", ""));
	assert_false(device_code_shown(DEVICE "?code=ABCD-EFGH", ""));
}

static void
knows_what_comes_back(void **state)
{
	(void)state;
	assert_true(device_code_stays(DEVICE));
	assert_true(device_code_stays(DEVICE "?challenge=x&uuid=y&scope=a&scope=b"));
	assert_false(device_code_stays(DEVICE "?redirect_uri=app%3A%2F%2Fdone"));
	assert_false(device_code_stays(DEVICE "?callback_url=http%3A%2F%2Flocalhost%3A54549%2F"));
	assert_false(device_code_stays(DEVICE "?next=https%3A%2F%2Fb.example%2F"));
	assert_false(device_code_stays(DEVICE "?bad=%"));
	assert_false(device_code_stays("no address"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_a_user_code),
	    cmocka_unit_test(knows_what_comes_back),
	};

	if (secret_init() != ERR_OK)
		return 1;
	return cmocka_run_group_tests_name("device_code", tests, NULL, NULL);
}
