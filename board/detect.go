package board

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Board describes a gateway's board. The zero value is not a valid description; use
// Detect.
type Board struct {
	// Model is the maker's name: "Raspberry Pi 4 Model B Rev 1.4"; empty if neither
	// device tree nor DMI names it.
	Model string
	// HeaderI2C is the number of the I²C bus on pins 3 and 5 of the 40-pin
	// header; -1 = unknown.
	HeaderI2C int
}

// headers lists the bus on the board's header by the start of the model's name.
// Sources: Raspberry Pi documentation (i2c1 is the header's since the Model B
// revision 2); NVIDIA's pin tables of the carrier boards; BeagleBone cape
// specification (I2C2 on P9.19 and P9.20). The first match counts.
var headers = []struct {
	model string
	bus   int
}{
	{"Raspberry Pi", 1},
	{"NVIDIA Jetson AGX Orin", 7},
	{"NVIDIA Jetson Orin", 7},
	{"NVIDIA Orin", 7},
	{"Jetson-AGX", 8},
	{"NVIDIA Jetson AGX Xavier", 8},
	{"NVIDIA Jetson Xavier NX", 8},
	{"NVIDIA Jetson TX2", 1},
	{"NVIDIA Jetson Nano", 1},
	{"TI AM335x BeagleBone", 2},
}

// Detect identifies the board from the tree below root.
func Detect(root string) Board {
	b := Board{HeaderI2C: -1}
	for _, path := range []string{"proc/device-tree/model", "sys/firmware/devicetree/base/model", "sys/class/dmi/id/product_name"} {
		if b.Model = readText(root, path); b.Model != "" {
			break
		}
	}
	for _, h := range headers {
		if strings.HasPrefix(strings.ToLower(b.Model), strings.ToLower(h.model)) {
			b.HeaderI2C = h.bus
			break
		}
	}
	return b
}

// maxHost limits the host's name in an id, to leave room for the hash after it.
const maxHost = 40

// DeviceID makes the id of a gateway that has no configured one: the host's name and
// six digits derived from the machine id. So two gateways with the same image have
// different ids, and the id stays the same when the agent is reinstalled. The machine
// id itself, which systemd asks to keep confidential, cannot be computed from it. The
// id has at most 64 letters, digits and _ . - and is never empty.
func DeviceID(root string) string {
	host := readText(root, "proc/sys/kernel/hostname")
	if host == "" {
		host = readText(root, "etc/hostname")
	}
	host = strings.Trim(strings.Map(idRune, host), "._-")
	if host == "" || host == "localhost" {
		host = "gateway"
	}
	host = host[:min(len(host), maxHost)]
	machine := readText(root, "etc/machine-id")
	if machine == "" || machine == "uninitialized" {
		return host
	}
	mac := hmac.New(sha256.New, []byte(machine))
	mac.Write([]byte("iot-edge-anomaly device id"))
	return host + "-" + hex.EncodeToString(mac.Sum(nil))[:6]
}

// idRune keeps the characters that are valid in topics, metric labels and file
// names.
func idRune(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
		return r
	}
	return -1
}

// BootID returns the kernel's random id of this boot, "" if unknown.
func BootID(root string) string { return readText(root, "proc/sys/kernel/random/boot_id") }
