/* Counts the guest instructions that qemu executes, and at the end writes the
   number to the file that its argument out= names.

   A plugin for qemu's user mode, version 1 of its interface (qemu 6.0 to 8.x). No
   Debian package has the header of the interface; the functions that are used are
   declared here. Translated code increments the counter without a lock, so that the
   count is exact while one thread at a time is busy. */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

struct block; /* a translated piece of guest code */

enum { ADD_U64 = 0 };

extern size_t qemu_plugin_tb_n_insns(const struct block *);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct block *, int op, void *to, uint64_t by);
extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*)(uint64_t, struct block *));
extern void qemu_plugin_register_atexit_cb(uint64_t id, void (*)(uint64_t, void *), void *);

EXPORT int qemu_plugin_version = 1;

static uint64_t executed;
static char file[4096];

static void translated(uint64_t id, struct block *b)
{
	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline(b, ADD_U64, &executed, qemu_plugin_tb_n_insns(b));
}

static void ended(uint64_t id, void *unused)
{
	(void)id, (void)unused;
	FILE *f = fopen(file, "w");
	if (!f)
		return;
	fprintf(f, "%" PRIu64 "\n", executed);
	fclose(f);
}

EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			snprintf(file, sizeof file, "%s", argv[i] + 4);
	if (!file[0])
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
