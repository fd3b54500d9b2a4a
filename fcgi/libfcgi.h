/*
 * Makes libfcgi read one request from memory and answer it on a connection.
 *
 * libfcgi's own loop accepts a connection and stays with it: a connection that the web server
 * keeps open then occupies a thread, and closing one waits two seconds for the peer. It also
 * reads as much as it gets, and loses what follows the request. This file works around all
 * that. It defines OS_Read(), the function of libfcgi's platform layer (fcgios.h) that reads a
 * connection: the program's definition overrides the shared library's, and returns the bytes of
 * the request. And it sets members of FCGX_Request that fcgiapp.h asks programs to leave alone:
 *
 *   ipcFd           set before FCGX_Accept_r(), which then reads the request from there and
 *                   accepts nothing; -1 afterwards: the caller has the connection again
 *   keepConnection  1 before FCGX_Accept_r(), which would otherwise close ipcFd; afterwards
 *                   it is what the peer asked for
 *   detached        1: after an error the connection is closed at once, without the wait
 *   listen_sock     -1: an error ends FCGX_Accept_r(), which would otherwise accept another
 *                   connection
 *
 * These members are as old as libfcgi 2.4.1; tests/unit/worker_test.c fails if a libfcgi treats
 * them differently. libfcgi_init() notices a libfcgi that does not call our OS_Read(), for
 * instance one that is linked statically.
 */
#ifndef LIBFCGI_H
#define LIBFCGI_H

#include <fcgiapp.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

/* Initialises libfcgi: once per process, before any thread starts. Returns false if that fails, or
 * if libfcgi does not call our OS_Read(). */
bool libfcgi_init(void) MUST_CHECK;

/* Prepares a thread's FCGX_Request. Call it once. */
void libfcgi_ready(FCGX_Request *request);

/*
 * Begins the request whose len bytes are at data, which must stay there until it ends; its
 * response goes to fd. Returns false if that fails; libfcgi has then closed fd.
 */
bool libfcgi_begin(FCGX_Request *request, int fd, const void *data, size_t len);

/* Reads up to len bytes of the body. Returns the count, less than len only at its end. */
size_t libfcgi_read(FCGX_Request *request, char *data, size_t len);

/*
 * Sends data as the response and ends the request; *keep says whether the peer wants to keep
 * the connection. Returns false if sending failed. In either case the connection is still open
 * and belongs to the caller again.
 */
bool libfcgi_finish(FCGX_Request *request, const char *data, size_t len, bool *keep);

/* Ends the request without a response. The connection is open and belongs to the caller again. */
void libfcgi_drop(FCGX_Request *request);

#endif
