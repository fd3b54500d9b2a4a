/*
 * The headers of proxies. The first line of the input is the peer's address, the
 * second what each of the headers holds. Whoever is taken for the client is the
 * peer, or stands in the header of a trusted peer and is not trusted himself; what
 * somebody who is not trusted sends changes nothing.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_load.h"
#include "core/client.h"
#include "core/site.h"
#include "fuzz.h"
#include "http/forwarded.h"

#define ADDRESS_BYTES "0123456789abcdefABCDEF:."

static struct config configs[4]; /* who is trusted: nobody, some, who has no address, all */
static const char *const trusts[] = {"", "10.0.0.0/8 2001:db8::/32 127.0.0.1", "unix private",
				     "0.0.0.0/1 128.0.0.0/1 ::/1 8000::/1 unix"};

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char message[CONFIG_MESSAGE_MAX];

	(void)argc;
	(void)argv;
	fuzz_init();
	for (size_t i = 0; i < 4; i++) {
		struct config_source source = {.proxy_trust = trusts[i], .file = "/dev/null"};

		fuzz_file("ini", "", 0);
		fuzz_path(message, "ini");
		source.file = fuzz_string(message, strlen(message));
		CHECK_TEXT(config_load(&configs[i], &source, message) == ERR_OK, message);
		free((char *)source.file);
	}
	return 0;
}

/* Whether an address stands somewhere in a header: at the start of a word of its bytes. */
static bool
stands_in(const char *header, const struct ip *ip)
{
	char *plain = fuzz_string(header, strlen(header)), *to = plain;
	bool found = false;
	struct ip other;

	/* a quoted string may have a backslash before any byte (RFC 9110 section 5.6.4) */
	for (const char *from = plain; *from != '\0'; from++)
		if (*from != '\\')
			*to++ = *from;
	*to = '\0';
	for (const char *p = plain; *p != '\0' && !found; p++) {
		size_t len = strspn(p, ADDRESS_BYTES);

		if (p > plain && strchr(ADDRESS_BYTES, p[-1]) != NULL)
			continue;
		for (; len > 0 && !found; len--)
			found = len <= IP_TEXT_MAX && ip_read(p, len, &other) &&
				memcmp(&other, ip, sizeof(other)) == 0;
	}
	free(plain);
	return found;
}

static const char *
header_of(const struct request *r, enum config_proxy_header header)
{
	switch (header) {
	case PROXY_X_REAL_IP:
		return r->x_real_ip;
	case PROXY_CF_CONNECTING_IP:
		return r->cf_connecting_ip;
	case PROXY_FORWARDED:
		return r->forwarded;
	default:
		return r->x_forwarded_for;
	}
}

/* The first address from the right of a list that is not trusted, past those that are. */
static bool
find_in_list(const struct trusted_proxies *trust, const char *header, struct ip *out)
{
	size_t len = strlen(header);

	for (;;) {
		size_t from = len;

		while (from > 0 && header[from - 1] != ',')
			from--;
		while (from < len && strchr(" \t", header[from]) != NULL)
			from++;
		while (from < len && strchr(" \t", header[len - 1]) != NULL)
			len--;
		if (!ip_read_node(header + from, len - from, true, out))
			return false;
		if (!trusted_proxies_has(trust, out))
			return true;
		while (from > 0 && header[from - 1] != ',')
			from--;
		if (from == 0)
			return false;
		len = from - 1;
	}
}

static void
check_client(const struct config *config, const struct request *r)
{
	struct request bare = {.remote_addr = r->remote_addr, .host = r->host};
	const char *header = header_of(r, config->proxy_header);
	struct forwarded last;
	struct client client, peer;
	struct ip ip, want;

	client_find(config, r, &client);
	client_find(config, &bare, &peer);
	CHECK(strlen(client.address) <= FLOW_CLIENT_ADDRESS_MAX);
	CHECK(strlen(client.group) <= FLOW_CLIENT_ADDRESS_MAX);
	if (strcmp(client.address, peer.address) == 0)
		return;
	CHECK(client_peer_trusted(config, r));
	CHECK(ip_read(client.address, strlen(client.address), &ip));
	CHECK(!trusted_proxies_has(&config->trust, &ip));
	CHECK_TEXT(stands_in(header, &ip), client.address);
	if (config->proxy_header == PROXY_FORWARDED)
		CHECK_TEXT(forwarded_last(header, &last), header);
	else
		CHECK_TEXT(find_in_list(&config->trust, header, &want) &&
			       memcmp(&ip, &want, sizeof(ip)) == 0,
			   client.address);
}

static void
check_site(const struct config *config, const struct request *r)
{
	struct request bare = {.remote_addr = r->remote_addr, .host = r->host};
	struct site site, plain;
	char origin[ORIGIN_MAX + 1];
	enum err err = site_find(config, r, &site);

	if (err == ERR_OK && site.origin[0] != '\0')
		CHECK(origin_read(site.origin, origin) && strcmp(site.origin, origin) == 0);
	if (client_peer_trusted(config, r))
		return;
	CHECK(site_find(config, &bare, &plain) == err);
	CHECK(strcmp(plain.origin, site.origin) == 0 && plain.secure == site.secure);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct piece rest = {(const char *)data, size}, line = {"", 0};
	struct request r = {.host = "opencode.example.com"};
	char *peer, *header;

	if (size > HEADER_MAX)
		return -1;
	fuzz_reset();
	piece_next(&rest, "\n", &line);
	peer = fuzz_string(line.data, line.len);
	header = rest.data == NULL ? NULL : fuzz_string(rest.data, rest.len);
	r.remote_addr = peer;
	r.x_forwarded_for = r.x_real_ip = r.cf_connecting_ip = r.forwarded = header;
	r.x_forwarded_host = r.x_forwarded_proto = header;
	for (size_t i = 0; i < 4; i++)
		for (int h = PROXY_X_FORWARDED_FOR; h <= PROXY_FORWARDED; h++) {
			configs[i].proxy_header = (enum config_proxy_header)h;
			check_client(&configs[i], &r);
			check_site(&configs[i], &r);
			(void)client_proxy_ignored(&configs[i], &r);
		}
	free(peer);
	free(header);
	return 0;
}
