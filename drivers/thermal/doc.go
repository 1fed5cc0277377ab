// Package thermal reads one thermal zone of the kernel: a temperature that the
// kernel watches in order to slow down or switch off, such as the processor's. Most
// boards offer the same sensor through package hwmon too. A zone has a type that
// says what it measures (cpu-thermal, gpu-thermal), which chips often lack.
//
// It does not read trip points or cooling devices. A zone that is disabled or has
// no value yet (EAGAIN, EINVAL, ENODATA) is missing.
//
// # Source
//
// Documentation/ABI/testing/sysfs-class-thermal of Linux 6.x: type, temp in
// millidegrees Celsius.
package thermal
