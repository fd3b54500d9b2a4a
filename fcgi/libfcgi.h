/*
 * Has libfcgi read one request from memory and answer it on a connection.
 *
 * libfcgi's own loop accepts a connection and stays with it: a connection that
 * the web server keeps open then occupies a thread, and closing one waits two
 * seconds for the peer. It also reads as much as it gets, and loses what comes
 * behind the request. This file works around all that. It is libfcgi's OS_Read(),
 * the function of its platform layer (fcgios.h) that reads a connection: the
 * program's own comes before the shared library's, and gives out the request's
 * bytes. And it sets members of FCGX_Request that fcgiapp.h asks programs to
 * leave alone:
 *
 *   ipcFd           set before FCGX_Accept_r(): it reads the request from
 *                   there instead of accepting; -1 afterwards: taken back
 *   keepConnection  1 before FCGX_Accept_r(), which would close ipcFd
 *                   otherwise; afterwards it is what the peer asked for
 *   detached        1: closed at once after an error, without the wait
 *   listen_sock     -1: an error ends FCGX_Accept_r() instead of letting it
 *                   accept another connection
 *
 * The members are as old as libfcgi 2.4.1; tests/unit/worker_test.c fails if a
 * libfcgi treats them differently. A libfcgi that reads by itself, one that is
 * linked statically for instance, is noticed at the start.
 */
#ifndef LIBFCGI_H
#define LIBFCGI_H

#include <fcgiapp.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

/* Once per process, before any thread. False if libfcgi cannot start, or does not read as we need.
 */
bool libfcgi_init(void) MUST_CHECK;

/* Once per thread's FCGX_Request. */
void libfcgi_ready(FCGX_Request *request);

/*
 * Begins the request whose len bytes are at data, which must stay there until
 * it ends; its answer goes to fd. False: libfcgi has closed fd.
 */
bool libfcgi_begin(FCGX_Request *request, int fd, const void *data, size_t len);

/* Up to len bytes of the body. The count, fewer only at its end. */
size_t libfcgi_read(FCGX_Request *request, char *data, size_t len);

/*
 * Sends data as the answer and ends the request; *keep says whether the peer
 * wants to go on using the connection. False if it could not be sent. Either way
 * the connection is open and the caller's again.
 */
bool libfcgi_finish(FCGX_Request *request, const char *data, size_t len, bool *keep);

/* Ends the request without an answer. The connection is open and the caller's again. */
void libfcgi_drop(FCGX_Request *request);

#endif
