/*
 * Checks opencode, as it is reached through the web server.
 */
#ifndef CHECK_OPENCODE_H
#define CHECK_OPENCODE_H

#include "doctor/examination.h"

enum verdict check_opencode_answers(struct examination *d);
enum verdict check_opencode_health(struct examination *d);
enum verdict check_opencode_login(struct examination *d);
enum verdict check_opencode_events(struct examination *d);
enum verdict check_opencode_websocket(struct examination *d);

#endif
