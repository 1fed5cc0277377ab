package main

// board is one emulated computer and the Debian kernel that it boots.
type board struct {
	name   string
	cpu    string // what it is, for the table
	debian string // architecture as Debian names it
	goarch string
	goarm  string
	binary string // suffix of the program in dist/
	kernel string // Debian's metapackage

	qemu    string
	args    []string // of qemu: machine, memory and so on
	dtb     string   // file in the kernel's package; "" = qemu makes it
	modules []string // by modprobe's names, in this order

	header  bool   // it has an I²C controller of its own, with two TMP105 of qemu on it
	adapter string // the device that the USB adapter becomes
	chip    string // the kernel's name of the chip at 0x49: on the header, or behind the adapter
	tty     string // the serial port to the RS-485 line
	uart    string // its driver
	rs485   string // how the line is switched, in its address
	disk    string // qemu's device for the disk
}

// Modules that every board needs: chips on USB/IP, the disk and its filesystem.
// ext4 asks for crc32c by name at run time, so that no module depends on it.
var common = []string{"i2c-dev", "vhci-hcd", "i2c-tiny-usb", "lm75", "bmp280-i2c", "virtio_blk", "crc32c_generic", "ext4"}

// boards are the computers that the test boots.
var boards = []*board{
	{
		name: "vexpress-a15", cpu: "Cortex-A15, 32 bit", debian: "armhf", goarch: "arm", goarm: "7", binary: "armv7", kernel: "linux-image-armmp",
		qemu: "qemu-system-arm", args: []string{"-M", "vexpress-a15", "-m", "256"},
		dtb:     "vexpress-v2p-ca15-tc1.dtb",
		modules: append([]string{"virtio_mmio", "i2c-versatile", "smsc911x"}, common...),
		header:  true, adapter: "/dev/i2c-2", chip: "tmp105", tty: "/dev/ttyAMA1", uart: "pl011", rs485: "&rs485=kernel", disk: "virtio-blk-device",
	},
	{
		name: "virt", cpu: "Cortex-A72, 64 bit", debian: "arm64", goarch: "arm64", binary: "arm64", kernel: "linux-image-arm64",
		qemu: "qemu-system-aarch64", args: []string{"-M", "virt", "-cpu", "cortex-a72", "-m", "256"},
		modules: append([]string{"virtio_pci", "virtio_net", "xhci-pci", "ftdi_sio"}, common...),
		adapter: "/dev/i2c-0", chip: "lm75b", tty: "/dev/ttyUSB0", uart: "ftdi_sio", disk: "virtio-blk-pci",
	},
}

// hwmonFile is where the kernel's driver shows the temperature of the chip at 0x49
// of the first bus, in 0.001 °C. hwmon numbers depend on the order of probing.
const hwmonFile = "/sys/bus/i2c/devices/0-0049/hwmon/*/temp1_input"
