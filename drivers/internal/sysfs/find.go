package sysfs

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Class is one kind of device.
type Class struct {
	Dir    string // where the kernel lists its devices: "/sys/class/hwmon"
	Prefix string // of a device's id, before the number: "hwmon"
	Name   string // the attribute that holds a device's name: "name"
	What   string // its name in messages: "hwmon chip"
}

// The classes that contain sensors.
var (
	HWMon   = Class{"/sys/class/hwmon", "hwmon", "name", "hwmon chip"}
	IIO     = Class{"/sys/bus/iio/devices", "iio:device", "name", "industrial I/O device"}
	Thermal = Class{"/sys/class/thermal", "thermal_zone", "type", "thermal zone"}
)

// Device is one device of a class.
type Device struct {
	ID    string // "hwmon2": may change with each start
	Name  string // of the chip or driver: "lm75"
	Label string // from the device tree; usually empty
	Place string // what it is attached to: "1-0048", "28-0316a2795f3d"
	Dir   string // full path
}

// String returns the device's name and, in brackets, its place or id; each of them
// names the device in a configuration.
func (d Device) String() string {
	s := d.Name
	if d.Label != "" {
		s = d.Label + ": " + s
	}
	if d.Place != "" {
		return s + " (" + d.Place + ")"
	}
	return s + " (" + d.ID + ")"
}

// List lists the devices of a class, in the order of their numbers.
func (fs FS) List(c Class) []Device {
	dir := fs.Path(c.Dir)
	entries, _ := os.ReadDir(dir) // absent = none
	var out []Device
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), c.Prefix) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		d := Device{ID: e.Name(), Name: fs.Text(filepath.Join(path, c.Name)), Label: fs.Text(filepath.Join(path, "label")), Dir: path}
		if real, err := filepath.EvalSymlinks(path); err == nil && real != path {
			d.Place = place(real)
		}
		out = append(out, d)
	}
	sort.SliceStable(out, func(i, j int) bool { return len(out[i].ID) < len(out[j].ID) })
	return out
}

// place is the name of the device that a class device belongs to:
// …/i2c-1/1-0048/hwmon/hwmon2 is 1-0048.
func place(real string) string {
	up := filepath.Base(filepath.Dir(real))
	switch up {
	case "hwmon":
		return filepath.Base(filepath.Dir(filepath.Dir(real)))
	case "thermal": // a virtual device has no place
		return ""
	}
	return up
}

// Find returns the only device that want names: by its label, name, place or id, or
// by a path in /sys that contains it.
func (fs FS) Find(c Class, want string) (Device, error) {
	all := fs.List(c)
	var found []Device
	for _, d := range all {
		if d.is(want) || strings.HasPrefix(want, "/") && fs.below(d, want) {
			found = append(found, d)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return Device{}, fmt.Errorf("%d %ss have that name: %s; use the name in brackets", len(found), c.What, join(found))
	case len(all) == 0:
		return Device{}, fmt.Errorf("this machine has no %s: is its kernel driver loaded (dtoverlay, modprobe)?", c.What)
	}
	return Device{}, fmt.Errorf("no such %s; there is %s", c.What, join(all))
}

// StableName names a device of all alone, if possible without a number that may
// change with each start.
func StableName(all []Device, d Device) string {
	for _, name := range []string{d.Label, d.Name, d.Place} {
		n := 0
		for _, o := range all {
			if o.is(name) {
				n++
			}
		}
		if n == 1 {
			return name
		}
	}
	return d.ID
}

func (d Device) is(want string) bool {
	return want != "" && (want == d.Label || want == d.Name || want == d.Place || want == d.ID)
}

// below reports whether a device is at or below a path in /sys.
func (fs FS) below(d Device, path string) bool {
	above, err := filepath.EvalSymlinks(fs.Path(path))
	if err != nil {
		return false
	}
	real, err := filepath.EvalSymlinks(d.Dir)
	return err == nil && (real == above || strings.HasPrefix(real, above+"/"))
}

func join(ds []Device) string {
	words := make([]string, len(ds))
	for i, d := range ds {
		words[i] = d.String()
	}
	return strings.Join(words, ", ")
}
