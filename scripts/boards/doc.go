// Command boards tests the whole program on two emulated ARM computers. It boots a
// 32-bit and a 64-bit board in qemu-system with Debian's kernels and runs the static
// binary of `make cross` on them as on a gateway. It then disturbs chips, wires,
// network and power as it happens in a plant, and checks what arrives at a mosquitto
// on this host.
//
//	make boards                    both boards, at the same time
//	boards -only virt              one of them; the binaries must be in dist/
//
// It prints which step passed on which board and how long it took. If a step fails
// it prints the end of the board's console too, with the lines of the kernel and
// the agent, and ends with 1.
//
// # How the parts are connected
//
//	this host                                         the board (qemu-system-arm)
//	i2csim chips - tinyusb server  <-- USB/IP -->     vhci-hcd, i2c-tiny-usb, i2c-dev: /dev/i2c-N
//	qemu's TMP105, set through QMP <-- wire -->       i2c-versatile, i2c-dev (vexpress-a15)
//	modbussim                      <-- Modbus TCP --> agent
//	mosquitto, mosquitto_sub       <-- MQTT -->       agent
//	this program                   <-- HTTP -->       agent: /metrics
//	this program                   <-- control -->    guest: sysfs, scan i2c
//
// The board reaches this host's loopback at 10.0.2.2 and nothing else. The chips are
// those of drivers/sim/i2csim; they keep running when the board loses its power.
// The first process of a board is ./guest. Its disk is an ext4 image that survives a
// power cut, which is a SIGKILL of qemu.
//
// # What it needs
//
// Debian's packages qemu-system-arm, mosquitto, mosquitto-clients and e2fsprogs, but
// neither KVM nor root. The kernels come from Debian's archive. A private apt
// (scripts/debian) downloads them once and verifies their signatures; they stay in
// .build/boards until you remove that folder.
//
// # What it does not show
//
// Electrical faults: a bus held low, clock stretching, noise on RS-485. The
// Raspberry Pi's and the Jetson's own controllers (BCM2835, Tegra). The buffer of an
// accelerometer: Debian builds no software trigger (IIO_CONFIGFS is not set), and
// the adapter has no interrupt line. Timing: an emulated CPU is slow and uneven, so
// no step checks a time.
//
// # Sources
//
//   - qemu 7.2: docs/system/arm/vexpress.rst, virt.rst; docs/interop/qmp-spec.txt
//   - Linux 6.1: Documentation/driver-api/early-userspace/buffer-format.rst (initramfs), Documentation/i2c/instantiating-devices.rst
package main
