/*
 * Logs one line per event, key=value, to standard error or syslog. Values are escaped, so that a
 * line stays a line; values of secret keys are hidden.
 */
#ifndef LOG_H
#define LOG_H

enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG };
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Sets the target and threshold of the whole process. Before that: standard error, info. */
void log_open(enum log_target target, enum log_level level);

/*
 * Logs an event with pairs of key and value, ended by NULL:
 * log_event(LOG_LEVEL_INFO, "flow-begin", "flow", id, "provider", name, NULL).
 * A pair whose value is NULL is left out. Lines are cut at LOG_LINE_MAX bytes.
 */
#define LOG_LINE_MAX 1024
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));

#endif
