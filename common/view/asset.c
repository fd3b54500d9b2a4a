#include "view/asset.h"

#include <pthread.h>
#include <string.h>

/* The directory of the files, relative to where the compiler runs. */
#ifndef ASSET_DIR
#define ASSET_DIR "common/view/assets"
#endif

/* A hash of the files, which the Makefile computes, so that no process computes it at run time. */
#ifndef ASSET_VERSION
#define ASSET_VERSION "unversioned"
#endif

/* Embeds the bytes of one file, from asset_id_data[] up to asset_id_end[]. */
#define ASSET_FILE(id, file) \
	__asm__(".section .rodata\n" \
		".global asset_" #id "_data\n" \
		".global asset_" #id "_end\n" \
		".hidden asset_" #id "_data\n" \
		".hidden asset_" #id "_end\n" \
		"asset_" #id "_data: .incbin \"" ASSET_DIR "/" file "\"\n" \
		"asset_" #id "_end: .byte 0\n" \
		".previous\n"); \
	extern const char asset_##id##_data[] __attribute__((visibility("hidden"))); \
	extern const char asset_##id##_end[] __attribute__((visibility("hidden")))

ASSET_FILE(style, "style.css");
ASSET_FILE(script, "page.js");
ASSET_FILE(icon, "icon.svg");

#define ASSET_COUNT 3

static struct asset assets[ASSET_COUNT] = {
    {.name = "style.css", .type = "text/css; charset=utf-8", .data = asset_style_data},
    {.name = "page.js", .type = "text/javascript; charset=utf-8", .data = asset_script_data},
    {.name = "icon.svg", .type = "image/svg+xml", .data = asset_icon_data},
};

static const char *const asset_ends[ASSET_COUNT] = {
    asset_style_end,
    asset_script_end,
    asset_icon_end,
};

static pthread_once_t measured = PTHREAD_ONCE_INIT;

static void
asset_measure(void)
{
	for (size_t i = 0; i < ASSET_COUNT; i++)
		assets[i].len = (size_t)(asset_ends[i] - assets[i].data);
}

const struct asset *
asset_find(const char *name)
{
	pthread_once(&measured, asset_measure);
	for (size_t i = 0; i < ASSET_COUNT; i++)
		if (strcmp(assets[i].name, name) == 0)
			return &assets[i];
	return NULL;
}

const char *
asset_version(void)
{
	return ASSET_VERSION;
}
