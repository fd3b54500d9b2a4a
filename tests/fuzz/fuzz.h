/*
 * What the fuzz targets share. A target is one file NAME_fuzz.c with
 * LLVMFuzzerTestOneInput(): it hands the input to the real code and holds what
 * comes of it against what was promised. Built twice: for libFuzzer, and with
 * replay.c, which runs the files of corpus/NAME.
 *
 * Time, randomness and the log are the target's own here: the Makefile has the
 * linker put the __wrap_ functions of fuzz.c in the place of clock_gettime(),
 * time(), nanosleep() and syslog() in our own code, so that the same input does
 * the same each time and nobody waits.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

#define FUZZ_INPUT_MAX 65536   /* bytes; longer inputs are left alone */
#define FUZZ_NOW       1000000 /* what all clocks show after fuzz_reset(), in seconds */
#define FUZZ_PATH_MAX  128

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Ends the process, as a crash that belongs to this input, unless the condition holds. */
#define CHECK(condition) \
	do { \
		if (!(condition)) \
			fuzz_fail(__FILE__, __LINE__, #condition, NULL); \
	} while (0)

/* The same, showing a text that goes with it. */
#define CHECK_TEXT(condition, text) \
	do { \
		if (!(condition)) \
			fuzz_fail(__FILE__, __LINE__, #condition, (text)); \
	} while (0)

_Noreturn void fuzz_fail(const char *file, int line, const char *condition, const char *text);

/* Once per process: libsodium with a random source that is none, the log into fuzz_log(). */
void fuzz_init(void);

/* Before each input: clocks, random source and log start anew. */
void fuzz_reset(void);

/* Moves the clocks; tells what they show. */
void fuzz_wait(int64_t seconds);
int64_t fuzz_now(void);

/* The lines that were logged since fuzz_reset() or fuzz_log_clear(). */
const char *fuzz_log(void);
void fuzz_log_clear(void);

/* A copy of the bytes as a string in a block of its own, so that reading past it is seen. */
char *fuzz_string(const void *data, size_t len);

/* A part of an input. */
struct piece {
	const char *data;
	size_t len;
};

/* Takes off what comes before the next separator, or all. False if nothing is left. */
bool piece_next(struct piece *rest, const char *separator, struct piece *out);
bool piece_is(const struct piece *p, const char *text);
bool piece_has(const struct piece *p, const char *text);

/* A folder of our own, 0700, empty: in FUZZ_FOLDER, else in memory. It is removed at the end of the
 * process, unless that is a crash. */
const char *fuzz_folder(void);

/* Writes name in that folder, in the place of what is there: a file, 0600, or a symbolic link. */
void fuzz_file(const char *name, const void *data, size_t len);
void fuzz_link(const char *name, const char *text);

/* Path of a name in the folder. */
void fuzz_path(char path[FUZZ_PATH_MAX], const char *name);

/* Removes everything in a folder below that folder. */
void fuzz_empty(const char *folder);

#endif
