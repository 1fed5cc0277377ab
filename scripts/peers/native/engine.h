/* The part of the inference engines that peer.c uses. */
#ifndef ENGINE_H
#define ENGINE_H

#include <stddef.h>

enum elem { F32, U8, S8 };

struct side {
	enum elem elem;
	size_t count;
};

/* A loaded network: run reads in and writes out, and returns 0 when all is well. */
struct net {
	int (*run)(struct net *);
	void *in, *out;
	size_t in_bytes, out_bytes;
	void *state;
};

/* open loads the engine's library and returns its version; load reads a network from
   a file into n. On failure they call fail() and return NULL or 0. */
struct engine {
	const char *name;
	const char *(*open)(const char *lib);
	int (*load)(struct net *n, const char *file, struct side in, struct side out);
};

extern const struct engine ort, tflite, xnnpack;

/* fail stores the reason for the answer. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* library opens a shared library; symbol finds a function in it. NULL after fail(). */
void *library(const char *file);
void *symbol(void *lib, const char *name);

/* contents reads a whole file; NULL after fail(). */
void *contents(const char *file, size_t *size);

#endif
