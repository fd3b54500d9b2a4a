/*
 * Checks opencode's socket on this machine, and the ports that must not be open.
 */
#ifndef CHECK_MACHINE_H
#define CHECK_MACHINE_H

#include "doctor/examination.h"

enum verdict check_machine_socket(struct examination *d);
enum verdict check_machine_ports(struct examination *d);

#endif
