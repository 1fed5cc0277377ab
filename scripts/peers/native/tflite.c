/* TensorFlow Lite by its C interface, with its XNNPACK delegate. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

/* The delegate's options. The room after those of TensorFlow Lite 2.9 is for fields
   of later versions; zero switches all of them off. */
struct delegate_options {
	int32_t threads;
	uint32_t flags;
	char room[120];
};

enum { XNNPACK_QS8 = 1, XNNPACK_QU8 = 2 };

static const char *(*version)(void);
static void *(*model_create)(const void *, size_t);
static void *(*options_create)(void);
static void (*options_threads)(void *, int32_t);
static void (*options_delegate)(void *, void *);
static void *(*interpreter_create)(const void *, const void *);
static int (*allocate_tensors)(void *);
static int (*invoke)(void *);
static void *(*input_tensor)(const void *, int32_t);
static void *(*output_tensor)(const void *, int32_t);
static void *(*tensor_data)(const void *);
static size_t (*tensor_size)(const void *);
static void *(*delegate_create)(const struct delegate_options *);

static const char *open_tflite(const char *file)
{
	const struct {
		void *to;
		const char *name;
	} wanted[] = {
		{&version, "TfLiteVersion"},
		{&model_create, "TfLiteModelCreate"},
		{&options_create, "TfLiteInterpreterOptionsCreate"},
		{&options_threads, "TfLiteInterpreterOptionsSetNumThreads"},
		{&options_delegate, "TfLiteInterpreterOptionsAddDelegate"},
		{&interpreter_create, "TfLiteInterpreterCreate"},
		{&allocate_tensors, "TfLiteInterpreterAllocateTensors"},
		{&invoke, "TfLiteInterpreterInvoke"},
		{&input_tensor, "TfLiteInterpreterGetInputTensor"},
		{&output_tensor, "TfLiteInterpreterGetOutputTensor"},
		{&tensor_data, "TfLiteTensorData"},
		{&tensor_size, "TfLiteTensorByteSize"},
		{&delegate_create, "TfLiteXNNPackDelegateCreate"},
	};
	void *lib = library(file);
	if (!lib)
		return NULL;
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		void *f = symbol(lib, wanted[i].name);
		if (!f)
			return NULL;
		memcpy(wanted[i].to, &f, sizeof f);
	}
	return version();
}

static int run_tflite(struct net *n)
{
	if (invoke(n->state)) {
		fail("TensorFlow Lite: invoke");
		return 1;
	}
	return 0;
}

static int load_tflite(struct net *n, const char *file, struct side in, struct side out)
{
	(void)in, (void)out;
	size_t size;
	void *data = contents(file, &size);
	if (!data)
		return 0;
	void *model = model_create(data, size);
	if (!model) {
		fail("TensorFlow Lite: %s is no model", file);
		return 0;
	}
	struct delegate_options o = {.threads = 1, .flags = XNNPACK_QS8 | XNNPACK_QU8};
	void *options = options_create();
	options_threads(options, 1);
	options_delegate(options, delegate_create(&o));
	n->state = interpreter_create(model, options);
	if (!n->state || allocate_tensors(n->state)) {
		fail("TensorFlow Lite: %s: no interpreter", file);
		return 0;
	}
	void *x = input_tensor(n->state, 0), *y = output_tensor(n->state, 0);
	if (tensor_size(x) != n->in_bytes || tensor_size(y) != n->out_bytes) {
		fail("TensorFlow Lite: %s: input %zu and output %zu bytes", file, tensor_size(x), tensor_size(y));
		return 0;
	}
	n->in = tensor_data(x);
	n->out = tensor_data(y);
	n->run = run_tflite;
	return 1;
}

const struct engine tflite = {"tflite", open_tflite, load_tflite};
