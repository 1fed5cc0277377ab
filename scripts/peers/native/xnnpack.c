/* XNNPACK's operators by its C interface, as of February 2022, which is Debian 12's
   libxnnpack0: one operator a layer, run one after the other. The file is written
   by raw.go. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

enum { MAX_LAYERS = 16, OVERREAD = 64 /* XNNPACK reads beyond an input */ };

enum { DENSE, CONVOLUTION };

struct file_header {
	uint32_t kind, layers;
};

struct layer_header {
	uint32_t in, out;
	float in_scale, out_scale;
	int32_t lowest; /* of the outputs: 0 is a ReLU */
};

struct chain {
	int count;
	void *ops[MAX_LAYERS];
};

static int (*initialize)(const void *);
static int (*create_dense)(size_t in, size_t out, size_t in_stride, size_t out_stride, int8_t in_zero, float in_scale,
			   float weight_scale, const int8_t *weights, const int32_t *bias, int8_t out_zero, float out_scale,
			   int8_t lowest, int8_t highest, uint32_t flags, void **op);
static int (*setup_dense)(void *op, size_t batch, const int8_t *in, int8_t *out, void *threads);
static int (*create_conv)(uint32_t top, uint32_t right, uint32_t bottom, uint32_t left, uint32_t height, uint32_t width,
			  uint32_t step_y, uint32_t step_x, uint32_t dilation_y, uint32_t dilation_x, uint32_t groups, size_t in,
			  size_t out, size_t in_stride, size_t out_stride, int8_t in_zero, float in_scale,
			  const float *weight_scales, const int8_t *weights, const int32_t *bias, int8_t out_zero,
			  float out_scale, int8_t lowest, int8_t highest, uint32_t flags, void **op);
static int (*setup_conv)(void *op, size_t batch, size_t height, size_t width, const int8_t *in, int8_t *out, void *threads);
static int (*run_operator)(void *op, void *threads);

static const char *open_xnnpack(const char *file)
{
	const struct {
		void *to;
		const char *name;
	} wanted[] = {
		{&initialize, "xnn_initialize"},
		{&create_dense, "xnn_create_fully_connected_nc_qs8"},
		{&setup_dense, "xnn_setup_fully_connected_nc_qs8"},
		{&create_conv, "xnn_create_convolution2d_nhwc_qc8"},
		{&setup_conv, "xnn_setup_convolution2d_nhwc_qc8"},
		{&run_operator, "xnn_run_operator"},
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
	if (initialize(NULL)) {
		fail("XNNPACK: this CPU will not do");
		return NULL;
	}
	return "2022-02";
}

static int run_xnnpack(struct net *n)
{
	const struct chain *c = n->state;
	for (int i = 0; i < c->count; i++)
		if (run_operator(c->ops[i], NULL)) {
			fail("XNNPACK: layer %d does not run", i);
			return 1;
		}
	return 0;
}

/* add makes the operator of a layer that reads from in and writes to out; what
   follows the header in the file are scales, biases and weights. */
static int add(struct chain *c, int kind, const struct layer_header *l, const int8_t *in, int8_t *out)
{
	const float *scales = (const float *)(l + 1);
	const int32_t *bias = (const int32_t *)(scales + l->out);
	const int8_t *weights = (const int8_t *)(bias + l->out);
	void **op = &c->ops[c->count++];
	int bad;
	if (kind == CONVOLUTION)
		bad = create_conv(0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, l->in, l->out, l->in, l->out, 0, l->in_scale, scales, weights,
				  bias, 0, l->out_scale, l->lowest, 127, 0, op) ||
		      setup_conv(*op, 1, 1, 1, in, out, NULL);
	else
		bad = create_dense(l->in, l->out, l->in, l->out, 0, l->in_scale, scales[0], weights, bias, 0, l->out_scale,
				   l->lowest, 127, 0, op) ||
		      setup_dense(*op, 1, in, out, NULL);
	if (bad)
		fail("XNNPACK: layer %d is refused", c->count - 1);
	return !bad;
}

static int load_xnnpack(struct net *n, const char *file, struct side in, struct side out)
{
	size_t size;
	char *data = contents(file, &size);
	struct chain *c = calloc(1, sizeof *c);
	if (!data || !c)
		return 0;
	const struct file_header *h = (const struct file_header *)data;
	const char *at = (const char *)(h + 1);
	size_t width = in.count;
	if (h->layers > MAX_LAYERS) {
		fail("XNNPACK: %s: %u layers", file, h->layers);
		return 0;
	}
	int8_t *from = n->in = calloc(1, in.count + OVERREAD);
	for (uint32_t i = 0; i < h->layers; i++) {
		const struct layer_header *l = (const struct layer_header *)at;
		at += sizeof *l + 8 * l->out + l->in * l->out;
		if ((size_t)(at - data) > size || l->in != width) {
			fail("XNNPACK: %s: cut short, or layers do not fit", file);
			return 0;
		}
		int8_t *to = calloc(1, l->out + OVERREAD);
		if (!from || !to || !add(c, h->kind, l, from, to))
			return 0;
		from = to;
		width = l->out;
	}
	n->out = from;
	n->state = c;
	n->run = run_xnnpack;
	if (width != out.count)
		fail("XNNPACK: %s gives %zu values", file, width);
	return width == out.count;
}

const struct engine xnnpack = {"xnnpack", open_xnnpack, load_xnnpack};
