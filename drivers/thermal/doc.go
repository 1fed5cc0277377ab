// Package thermal reads one thermal zone of the kernel: a temperature that the
// kernel watches to slow down or switch off, such as the processor's. Most
// boards show the same sensor through package hwmon too; a zone has a type that
// says what it is (cpu-thermal, gpu-thermal) where chips often have none.
//
// A zone that is disabled or has no value yet (EAGAIN, EINVAL, ENODATA) is
// missing.
//
// # Source
//
// Documentation/ABI/testing/sysfs-class-thermal of Linux 6.x: type, temp in
// millidegrees Celsius.
package thermal
