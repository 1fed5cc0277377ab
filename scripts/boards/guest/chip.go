package main

import (
	"fmt"
	"os"
	"time"
)

const (
	firstBus = "/sys/bus/i2c/devices/i2c-0"
	chipAddr = "0x49"
)

// keepChip tells the kernel of the chip at 0x49 of the first bus, as a device
// tree does, once for each time the bus appears. It must not be told while the
// adapter is going: the kernel then registers the chip on what is half gone.
func keepChip(name string) {
	told := ""
	for ; ; time.Sleep(100 * time.Millisecond) {
		now := generation()
		if now == "" || now == told {
			continue
		}
		told = now
		if err := os.WriteFile(firstBus+"/new_device", []byte(name+" "+chipAddr), 0o200); err != nil {
			fmt.Println("guest: telling of", name, err)
		}
	}
}

// generation tells one appearance of the first bus from another: the number that
// USB gave to its adapter, which grows with each attachment; "fixed" for a
// controller on the board; "" while there is no bus.
func generation() string {
	if _, err := os.Stat(firstBus); err != nil {
		return ""
	}
	// The adapter is a child of the interface, which is a child of the device.
	number, err := os.ReadFile(firstBus + "/../../devnum")
	if err != nil {
		return "fixed"
	}
	return string(number)
}
