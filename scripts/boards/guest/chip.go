package main

import (
	"fmt"
	"os"
	"time"
)

// firstBus is where the chip at 0x49 is.
const firstBus = "i2c-0"

// keepChip declares a chip on a bus to the kernel, as a device tree does, each time
// that the bus appears. It must not do so while the adapter disappears: the kernel
// would register the chip on a bus that is half removed.
func keepChip(bus, name, addr string) {
	dir := "/sys/bus/i2c/devices/" + bus
	told := ""
	for ; ; time.Sleep(100 * time.Millisecond) {
		now := generation(dir)
		if now == "" || now == told {
			continue
		}
		told = now
		if err := os.WriteFile(dir+"/new_device", []byte(name+" "+addr), 0o200); err != nil {
			fmt.Println("guest: telling of", name, err)
		}
	}
}

// generation distinguishes one appearance of a bus from the next: it is the number
// that USB gave to the adapter, which grows with each attachment; "fixed" for a
// controller on the board; "" while there is no bus.
func generation(dir string) string {
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	// The adapter is a child of the interface, which is a child of the device.
	number, err := os.ReadFile(dir + "/../../devnum")
	if err != nil {
		return "fixed"
	}
	return string(number)
}
