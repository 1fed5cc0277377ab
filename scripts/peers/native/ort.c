/* ONNX Runtime by its C interface. Its only entry point returns a table of functions;
   ONNX Runtime promises that a function never changes its place in the table. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

/* Places in OrtApi, and the requested version of the table. */
enum {
	API_VERSION = 16,
	GET_ERROR_MESSAGE = 2,
	CREATE_ENV = 3,
	CREATE_SESSION_FROM_ARRAY = 8,
	RUN = 9,
	CREATE_SESSION_OPTIONS = 10,
	SET_GRAPH_OPTIMIZATION_LEVEL = 23,
	SET_INTRA_OP_THREADS = 24,
	SET_INTER_OP_THREADS = 25,
	CREATE_TENSOR_WITH_DATA = 49,
	CREATE_CPU_MEMORY_INFO = 69,
	RELEASE_STATUS = 93,
};

enum { LOG_ERROR = 3, OPTIMISE_ALL = 99, ARENA_ALLOCATOR = 1, DEFAULT_MEMORY = 0 };

typedef void *status; /* NULL = no error */
typedef void (*function)(void);

struct api_base {
	const function *(*get_api)(uint32_t);
	const char *(*get_version)(void);
};

static const function *api;
static void *env, *memory;

struct session {
	void *session, *in, *out;
	status (*run)(void *, const void *, const char *const *, const void *const *, size_t, const char *const *, size_t, void **);
};

/* bad tells whether a call failed, and calls fail() with the reason. */
static int bad(status s, const char *what)
{
	if (!s)
		return 0;
	fail("ONNX Runtime: %s: %s", what, ((const char *(*)(status))api[GET_ERROR_MESSAGE])(s));
	((void (*)(status))api[RELEASE_STATUS])(s);
	return 1;
}

static const char *open_ort(const char *file)
{
	void *lib = library(file);
	if (!lib)
		return NULL;
	const struct api_base *(*get)(void) = (const struct api_base *(*)(void))symbol(lib, "OrtGetApiBase");
	if (!get)
		return NULL;
	api = get()->get_api(API_VERSION);
	if (!api) {
		fail("ONNX Runtime %s lacks version %d of its interface", get()->get_version(), API_VERSION);
		return NULL;
	}
	if (bad(((status(*)(int, const char *, void **))api[CREATE_ENV])(LOG_ERROR, "peer", &env), "environment"))
		return NULL;
	if (bad(((status(*)(int, int, void **))api[CREATE_CPU_MEMORY_INFO])(ARENA_ALLOCATOR, DEFAULT_MEMORY, &memory), "memory"))
		return NULL;
	return get()->get_version();
}

static int run_ort(struct net *n)
{
	static const char *const in_name = "x", *const out_name = "y";
	struct session *s = n->state;
	return bad(s->run(s->session, NULL, &in_name, (const void *const *)&s->in, 1, &out_name, 1, &s->out), "run");
}

/* tensor makes a tensor (1, count) of the numbers at data. */
static void *tensor(struct side side, void *data, size_t size)
{
	static const int types[] = {[F32] = 1, [U8] = 2, [S8] = 3};
	int64_t shape[] = {1, (int64_t)side.count};
	void *value = NULL;
	bad(((status(*)(void *, void *, size_t, const int64_t *, size_t, int, void **))api[CREATE_TENSOR_WITH_DATA])(
		    memory, data, size, shape, 2, types[side.elem], &value),
	    "tensor");
	return value;
}

static void *session(const char *file)
{
	size_t size;
	void *model = contents(file, &size), *options, *made;
	if (!model)
		return NULL;
	if (bad(((status(*)(void **))api[CREATE_SESSION_OPTIONS])(&options), "options") ||
	    bad(((status(*)(void *, int))api[SET_INTRA_OP_THREADS])(options, 1), "threads") ||
	    bad(((status(*)(void *, int))api[SET_INTER_OP_THREADS])(options, 1), "threads") ||
	    bad(((status(*)(void *, int))api[SET_GRAPH_OPTIMIZATION_LEVEL])(options, OPTIMISE_ALL), "optimisation") ||
	    bad(((status(*)(void *, const void *, size_t, void *, void **))api[CREATE_SESSION_FROM_ARRAY])(env, model, size, options, &made), "session"))
		return NULL;
	return made;
}

static int load_ort(struct net *n, const char *file, struct side in, struct side out)
{
	struct session *s = calloc(1, sizeof *s);
	n->in = aligned_alloc(64, (n->in_bytes + 63) / 64 * 64);
	n->out = aligned_alloc(64, (n->out_bytes + 63) / 64 * 64);
	if (!s || !n->in || !n->out) {
		fail("out of memory");
		return 0;
	}
	s->session = session(file);
	s->in = tensor(in, n->in, n->in_bytes);
	s->out = tensor(out, n->out, n->out_bytes);
	memcpy(&s->run, &api[RUN], sizeof s->run);
	n->state = s;
	n->run = run_ort;
	return s->session && s->in && s->out;
}

const struct engine ort = {"ort", open_ort, load_ort};
