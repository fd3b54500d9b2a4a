/*
 * Checks the web server in front of us.
 */
#ifndef CHECK_SITE_H
#define CHECK_SITE_H

#include "doctor/examination.h"

enum verdict check_site_https(struct examination *d);
enum verdict check_site_redirect(struct examination *d);
enum verdict check_site_pages(struct examination *d);
enum verdict check_site_host(struct examination *d);
enum verdict check_site_security(struct examination *d);
enum verdict check_site_begins(struct examination *d);
enum verdict check_site_logs(struct examination *d);

#endif
