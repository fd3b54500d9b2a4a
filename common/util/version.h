/*
 * The version of the programs.
 */
#ifndef VERSION_H
#define VERSION_H

#define APP_VERSION "0.1.0"

#endif
