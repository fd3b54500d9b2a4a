/*
 * The front of an address, read without libcurl, to hold libcurl's reading
 * against: what stands before the path may be written in several ways that all
 * browsers and libcurl take for the same.
 */
#ifndef FRONT_H
#define FRONT_H

/*
 * What follows the host and port, if text begins with a listener's: the scheme
 * http or none, a loopback name in any of its forms ("127.1", "%6cocalhost"), this port.
 * Else NULL.
 */
const char *front_listener(const char *text, int port);

/* The same for a public host, by https or without a scheme, with no port but 443. */
const char *front_public(const char *text, const char *host);

#endif
