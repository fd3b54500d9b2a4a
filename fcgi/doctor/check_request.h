/*
 * Checks which parts of a request reach our handler.
 */
#ifndef CHECK_REQUEST_H
#define CHECK_REQUEST_H

#include "doctor/examination.h"

enum verdict check_request_headers(struct examination *d);
enum verdict check_request_cookie(struct examination *d);
enum verdict check_request_forwarded(struct examination *d);

#endif
