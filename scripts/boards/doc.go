// Command boards proves the whole program on ARM computers that nobody has to
// own: it boots a 32-bit and a 64-bit board in qemu-system with Debian's
// kernels, lets the static binary of `make cross` run on them as on a gateway,
// does to chips, wires, network and power what happens in a plant, and asserts
// what arrives at a mosquitto on this host.
//
//	make boards                    both boards, at the same time
//	boards -only virt              one of them; the binaries must be in dist/
//
// It prints what was shown on which board and how long it took, and ends with 1
// when a step fails; then the end of the board's console, with the kernel's and
// the agent's lines, is printed too.
//
// # How it hangs together
//
//	this host                                         the board (qemu-system-arm)
//	i2csim chips - tinyusb server  <-- USB/IP -->     vhci-hcd, i2c-tiny-usb, i2c-dev: /dev/i2c-N
//	qemu's TMP105, set through QMP <-- wire -->       i2c-versatile, i2c-dev (vexpress-a15)
//	modbussim                      <-- Modbus TCP --> agent
//	mosquitto, mosquitto_sub       <-- MQTT -->       agent
//	this program                   <-- HTTP -->       agent: /metrics
//	this program                   <-- control -->    guest: sysfs, scan i2c
//
// The board sees this host's loopback as 10.0.2.2 and nothing else is there to be
// reached. Chips are those of drivers/sim/i2csim; they outlive the board's power.
// The first process of a board is ./guest; its disk is an ext4 image that
// survives a power cut, which is a SIGKILL of qemu.
//
// # What it needs
//
// Debian's qemu-system-arm, mosquitto, mosquitto-clients and e2fsprogs. The
// kernels come from Debian's archive, through an apt of its own that verifies
// signatures and needs no root (scripts/debian), once: they are kept in
// .build/boards until that folder is removed. No KVM, no root.
//
// # What it does not show
//
// Electrical faults: a bus held low, clock stretching, noise on RS-485. The
// Raspberry Pi's and the Jetson's own controllers (BCM2835, Tegra). An
// accelerometer's buffer: Debian builds no trigger in software (IIO_CONFIGFS is not
// set), and the adapter has no interrupt line. Timing: an emulated CPU is slow and
// uneven, so no time is asserted.
//
// # Sources
//
//   - qemu 7.2: docs/system/arm/vexpress.rst, virt.rst; docs/interop/qmp-spec.txt
//   - Linux 6.1: Documentation/driver-api/early-userspace/buffer-format.rst (initramfs), Documentation/i2c/instantiating-devices.rst
package main
