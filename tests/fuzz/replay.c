/*
 * Runs the files of a folder through a fuzz target, for compilers that have no
 * libFuzzer: PROGRAM FOLDER, or PROGRAM FILE... Each input is a block of its own,
 * so that reading past its end is seen, and short ones are also run cut off
 * at every byte. Prints what it ran; any fault ends the process.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

#define CUTS_MAX 64 /* of one file */

extern int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static unsigned long files, runs;

static void
run(const char *data, size_t len)
{
	uint8_t *input = malloc(len > 0 ? len : 1);

	CHECK(input != NULL);
	memcpy(input, data, len);
	LLVMFuzzerTestOneInput(input, len);
	free(input);
	runs++;
}

static void
run_file(const char *path)
{
	static char data[FUZZ_INPUT_MAX * 2];
	FILE *file = fopen(path, "rb");
	size_t len, step;

	CHECK_TEXT(file != NULL, path);
	len = fread(data, 1, sizeof(data), file);
	fclose(file);
	/* a sanitizer's own report does not say which input it was */
	fprintf(stderr, "%s\n", path);
	step = len / CUTS_MAX + 1;
	for (size_t cut = 0; cut < len; cut += step)
		run(data, cut);
	run(data, len);
	files++;
}

static void
run_folder(const char *folder)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, NULL, alphasort);

	CHECK_TEXT(count >= 0, folder);
	for (int i = 0; i < count; i++) {
		char path[4096];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
			run_file(path);
		free(entries[i]);
	}
	free(entries);
}

int
main(int argc, char **argv)
{
	struct stat st;

	if (LLVMFuzzerInitialize != NULL)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++) {
		CHECK_TEXT(stat(argv[i], &st) == 0, argv[i]);
		if (S_ISDIR(st.st_mode))
			run_folder(argv[i]);
		else
			run_file(argv[i]);
	}
	printf("%lu files, %lu runs\n", files, runs);
	return files > 0 ? 0 : 1;
}
