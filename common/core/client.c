#include "core/client.h"

#include <string.h>

#include "http/forwarded.h"

enum peer {
	PEER_IP,
	PEER_UNIX,
	PEER_OTHER, /* an address of unknown form, such as one with a zone */
};

/* Reads the peer from REMOTE_ADDR. RFC 3875 section 4.1.8 does not provide for Unix sockets:
 * nginx says "unix:", others say nothing. */
static enum peer
peer_read(const struct request *request, struct ip *ip)
{
	const char *text = request->remote_addr;

	if (text == NULL || text[0] == '\0' || strcmp(text, CLIENT_UNIX) == 0)
		return PEER_UNIX;
	return ip_read(text, strlen(text), ip) ? PEER_IP : PEER_OTHER;
}

static bool
peer_trusted(const struct trusted_proxies *trust, enum peer peer, const struct ip *ip)
{
	return peer == PEER_IP ? trusted_proxies_has(trust, ip)
			       : peer == PEER_UNIX && trust->unix_socket;
}

static const char *
chosen_header(const struct config *config, const struct request *request)
{
	switch (config->proxy_header) {
	case PROXY_X_REAL_IP:
		return request->x_real_ip;
	case PROXY_CF_CONNECTING_IP:
		return request->cf_connecting_ip;
	case PROXY_FORWARDED:
		return request->forwarded;
	case PROXY_X_FORWARDED_FOR:
		break;
	}
	return request->x_forwarded_for;
}

/* Finds the first address from the right that is not trusted. An empty item is not an address
 * either. */
static bool
find_in_list(const struct trusted_proxies *trust, const char *list, struct ip *out)
{
	size_t len = strlen(list);
	struct list_item item;
	struct ip ip;

	while (forwarded_take_last(list, &len, &item)) {
		if (!ip_read_node(item.text, item.len, true, &ip))
			return false;
		if (!trusted_proxies_has(trust, &ip)) {
			*out = ip;
			return true;
		}
	}
	return false;
}

/*
 * Does the same in a Forwarded header, which can be read only from the left. The last element
 * that is not a trusted address is the one that a reader from the right would find first.
 * "unknown" and "_hidden" (RFC 7239 section 6) are not addresses.
 */
static bool
find_in_forwarded(const struct trusted_proxies *trust, const char *header, struct ip *out)
{
	enum forwarded_step step;
	struct forwarded element;
	bool found = false;
	struct ip ip;

	while ((step = forwarded_next(&header, &element)) == FORWARDED_ELEMENT) {
		if (!ip_read_node(element.node, strlen(element.node), false, &ip)) {
			found = false;
		} else if (!trusted_proxies_has(trust, &ip)) {
			found = true;
			*out = ip;
		}
	}
	return found && step == FORWARDED_END;
}

static void
set_text(struct client *out, const char *text)
{
	size_t len = strlen(text);

	if (len > FLOW_CLIENT_ADDRESS_MAX)
		len = 0;
	memcpy(out->address, text, len);
	out->address[len] = '\0';
	memcpy(out->group, out->address, len + 1);
}

void
client_find(const struct config *config, const struct request *request, struct client *out)
{
	const char *header = chosen_header(config, request);
	struct ip ip, found;
	enum peer peer = peer_read(request, &ip);

	if (header != NULL && peer_trusted(&config->trust, peer, &ip) &&
	    (config->proxy_header == PROXY_FORWARDED
		 ? find_in_forwarded(&config->trust, header, &found)
		 : find_in_list(&config->trust, header, &found))) {
		ip = found;
		peer = PEER_IP;
	}
	if (peer == PEER_IP) {
		ip_write(&ip, out->address);
		ip_write_group(&ip, out->group);
	} else {
		set_text(out, peer == PEER_UNIX ? CLIENT_UNIX : request->remote_addr);
	}
}

bool
client_peer_trusted(const struct config *config, const struct request *request)
{
	struct ip ip;
	enum peer peer;

	if (!trusted_proxies_any(&config->trust))
		return false;
	peer = peer_read(request, &ip);
	return peer_trusted(&config->trust, peer, &ip);
}

bool
client_proxy_ignored(const struct config *config, const struct request *request)
{
	struct ip ip;
	enum peer peer;

	if (request->x_forwarded_for == NULL && request->x_forwarded_proto == NULL &&
	    request->x_forwarded_host == NULL && request->x_real_ip == NULL &&
	    request->cf_connecting_ip == NULL && request->forwarded == NULL)
		return false;
	peer = peer_read(request, &ip);
	return (peer == PEER_UNIX || (peer == PEER_IP && ip_is_loopback(&ip))) &&
	       !peer_trusted(&config->trust, peer, &ip);
}
