/* peer runs networks on other inference engines and times them, on the orders of
   a program at its standard input. Each order is a line, each answer a line that
   begins with "ok" or "error".

     open ENGINE LIBRARY             ENGINE is ort, tflite or xnnpack
     load ENGINE FILE TYPE N TYPE N  types and sizes of input and output: f32, u8, s8; answers its number
     run NUMBER HEX                  one pass; answers the output in hex
     time NUMBER MILLISECONDS        answers the shortest pass in ns
     repeat NUMBER N                 N passes

   The engines are loaded with dlopen and called by their C interface with one
   thread. The functions that are used are declared here, so that no headers of the
   engines are needed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"

enum { MAX_NETS = 64 };

static const struct engine *const engines[] = {&ort, &tflite, &xnnpack};
static char opened[sizeof engines / sizeof *engines];
static struct net nets[MAX_NETS];
static int loaded;
static char why[512];

void fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(why, sizeof why, format, args);
	va_end(args);
	for (char *p = why; *p; p++)
		if (*p == '\n')
			*p = ' ';
}

void *library(const char *file)
{
	void *lib = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		fail("%s", dlerror());
	return lib;
}

void *symbol(void *lib, const char *name)
{
	void *f = dlsym(lib, name);
	if (!f)
		fail("%s", dlerror());
	return f;
}

void *contents(const char *file, size_t *size)
{
	FILE *f = fopen(file, "rb");
	if (!f || fseek(f, 0, SEEK_END)) {
		fail("reading %s: cannot open", file);
		return NULL;
	}
	*size = ftell(f);
	rewind(f);
	void *data = aligned_alloc(64, (*size + 63) / 64 * 64);
	if (!data || fread(data, 1, *size, f) != *size) {
		fail("reading %s: cut short", file);
		data = NULL;
	}
	fclose(f);
	return data;
}

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* passes runs n times; -1 after fail(). */
static int passes(struct net *net, int n)
{
	for (int i = 0; i < n; i++)
		if (net->run(net))
			return -1;
	return 0;
}

/* shortest is the shortest pass in ns over a spell, from runs of some 20 us. */
static double shortest(struct net *net, int64_t spell)
{
	int64_t start = now();
	if (passes(net, 1))
		return -1;
	int64_t once = now() - start;
	int n = 1 + 20000 / (once > 0 ? once : 1);
	int64_t best = INT64_MAX;
	for (int64_t begin = now(); now() - begin < spell;) {
		start = now();
		if (passes(net, n))
			return -1;
		int64_t took = now() - start;
		if (took < best)
			best = took;
	}
	return (double)best / n;
}

static int parse_side(struct side *s, const char *type, const char *count)
{
	static const char *const names[] = {"f32", "u8", "s8"};
	for (int i = 0; i < 3; i++)
		if (type && count && !strcmp(type, names[i])) {
			s->elem = i;
			s->count = strtoul(count, NULL, 10);
			return s->count > 0 && s->count < 1 << 20;
		}
	return 0;
}

static size_t bytes(struct side s) { return s.elem == F32 ? 4 * s.count : s.count; }

static char *word(void) { return strtok(NULL, " \n"); }

static struct net *numbered(void)
{
	char *w = word();
	int id = w ? atoi(w) : -1;
	if (id < 0 || id >= loaded) {
		fail("no such network");
		return NULL;
	}
	return &nets[id];
}

/* engine_number is -1 where there is none of that name. */
static int engine_number(const char *name)
{
	for (size_t i = 0; name && i < sizeof engines / sizeof *engines; i++)
		if (!strcmp(name, engines[i]->name))
			return i;
	return -1;
}

static int do_open(void)
{
	int e = engine_number(word());
	char *lib = word();
	if (e < 0 || !lib) {
		fail("open: want an engine and its library");
		return -1;
	}
	const char *version = engines[e]->open(lib);
	if (!version)
		return -1;
	opened[e] = 1;
	printf("ok %s\n", version);
	return 0;
}

static int do_load(void)
{
	struct side in, out;
	int e = engine_number(word());
	char *file = word();
	char *a = word(), *b = word(), *c = word(), *d = word();
	if (e < 0 || !opened[e] || loaded == MAX_NETS || !file || !parse_side(&in, a, b) || !parse_side(&out, c, d)) {
		fail("load: want an open engine, a file and two types with numbers");
		return -1;
	}
	struct net *n = &nets[loaded];
	n->in_bytes = bytes(in);
	n->out_bytes = bytes(out);
	if (!engines[e]->load(n, file, in, out))
		return -1;
	printf("ok %d\n", loaded++);
	return 0;
}

static int do_run(void)
{
	struct net *n = numbered();
	if (!n)
		return -1;
	char *hex = word();
	if (!hex || strlen(hex) != 2 * n->in_bytes) {
		fail("run: want %zu bytes in hex", n->in_bytes);
		return -1;
	}
	for (size_t i = 0; i < n->in_bytes; i++)
		sscanf(hex + 2 * i, "%2hhx", (unsigned char *)n->in + i);
	if (passes(n, 1))
		return -1;
	printf("ok ");
	for (size_t i = 0; i < n->out_bytes; i++)
		printf("%02x", ((unsigned char *)n->out)[i]);
	printf("\n");
	return 0;
}

static int do_time(void)
{
	struct net *n = numbered();
	char *ms = word();
	double ns = n && ms ? shortest(n, atoll(ms) * 1000000) : -1;
	if (ns < 0)
		return -1;
	printf("ok %.3f\n", ns);
	return 0;
}

static int do_repeat(void)
{
	struct net *n = numbered();
	char *count = word();
	if (!n || !count || passes(n, atoi(count)))
		return -1;
	printf("ok\n");
	return 0;
}

int main(void)
{
	static const struct {
		const char *name;
		int (*obey)(void);
	} orders[] = {{"open", do_open}, {"load", do_load}, {"run", do_run}, {"time", do_time}, {"repeat", do_repeat}};
	char *line = NULL;
	size_t room = 0;
	while (getline(&line, &room, stdin) > 0) {
		char *order = strtok(line, " \n");
		int result = -1;
		snprintf(why, sizeof why, "unknown order");
		for (size_t i = 0; order && i < sizeof orders / sizeof *orders; i++)
			if (!strcmp(order, orders[i].name))
				result = orders[i].obey();
		if (result)
			printf("error %s\n", why);
		fflush(stdout);
	}
	return 0;
}
