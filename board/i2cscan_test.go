package board

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fakeScanner is a bus /dev/i2c-1 with what answers at each address; it notes
// how it was asked.
type fakeScanner struct {
	fake
	chips   map[int]error // nil = answers
	claimed map[int]bool
	adapter uint
	addr    int
	asked   map[int]smbus
}

func (f *fakeScanner) scanner() scanner {
	f.asked = map[int]smbus{}
	k := f.kernel()
	k.set = func(_ int, op uint, v int) error {
		if op != ioctlSlave {
			return nil
		}
		if f.addr = v; f.claimed[v] {
			return unix.EBUSY
		}
		return nil
	}
	interrupted := false
	return scanner{kernel: k,
		funcs: func(int) (uint, error) { return f.adapter, nil },
		smbus: func(_ int, s *smbus) error {
			if interrupted = !interrupted; interrupted {
				return unix.EINTR
			}
			f.asked[f.addr] = *s
			if err, there := f.chips[f.addr]; there {
				return err
			}
			return unix.ENXIO
		}}
}

// i2cdetect's rules: which addresses are asked, and how.
func TestScanI2C(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "sys/bus/i2c/devices/1-0048")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.Symlink("../../../../bus/i2c/drivers/lm75", filepath.Join(dir, "driver")),
		os.MkdirAll(filepath.Join(root, "sys/class/i2c-dev/i2c-1"), 0o755),
		os.WriteFile(filepath.Join(root, "sys/class/i2c-dev/i2c-1/name"), []byte("bcm2835 (i2c@7e804000)\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	f := &fakeScanner{chips: map[int]error{0x76: nil, 0x50: nil, 0x20: unix.EREMOTEIO, 0x21: unix.ETIMEDOUT},
		claimed: map[int]bool{0x48: true}, adapter: funcQuick | funcReadByte}
	s, err := scanI2C(t.Context(), root, "/dev/i2c-1", f.scanner())
	if err != nil {
		t.Fatal(err)
	}
	if s.Path != "/dev/i2c-1" || s.Name != "bcm2835 (i2c@7e804000)" || f.closed != 1 {
		t.Errorf("%+v, closed %d", s.I2CBus, f.closed)
	}
	for addr := range 128 {
		want := I2CAbsent
		switch {
		case addr < FirstI2C || addr > LastI2C:
			want = I2CUnknown
		case addr == 0x76 || addr == 0x50:
			want = I2CPresent
		case addr == 0x48:
			want = I2CClaimed
		}
		if s.States[addr] != want {
			t.Errorf("0x%02x is %d, want %d", addr, s.States[addr], want)
		}
		ask, was := f.asked[addr]
		if was != (want == I2CAbsent || want == I2CPresent) {
			t.Errorf("0x%02x was asked: %v", addr, was)
		}
		reads := addr >= 0x30 && addr <= 0x37 || addr >= 0x50 && addr <= 0x5F
		if was && reads && (ask.write != smbusRead || ask.size != smbusByte || ask.data == nil) ||
			was && !reads && (ask.write != smbusWrite || ask.size != smbusQuick || ask.data != nil) {
			t.Errorf("0x%02x was asked by %+v", addr, ask)
		}
	}
	if s.Drivers[0x48] != "lm75" || s.Errors["ENXIO"] != LastI2C-FirstI2C+1-5 || s.Errors["EREMOTEIO"] != 1 || s.Errors["ETIMEDOUT"] != 1 {
		t.Errorf("drivers %v, errors %v", s.Drivers, s.Errors)
	}
}

// A bus by a name that a udev rule gives it is the same bus.
func TestScanI2C_link(t *testing.T) {
	root := t.TempDir()
	device := filepath.Join(root, "sys/bus/i2c/devices/7-0048")
	if err := errors.Join(os.MkdirAll(device, 0o755), os.WriteFile(filepath.Join(device, "name"), []byte("lm75\n"), 0o644),
		os.MkdirAll(filepath.Join(root, "sys/class/i2c-dev/i2c-7"), 0o755), os.MkdirAll(filepath.Join(root, "dev"), 0o755),
		os.WriteFile(filepath.Join(root, "sys/class/i2c-dev/i2c-7/name"), []byte("i2c-tiny-usb at bus 001 device 004\n"), 0o644),
		os.Symlink("i2c-7", filepath.Join(root, "dev/i2c-plant"))); err != nil {
		t.Fatal(err)
	}
	f := &fakeScanner{claimed: map[int]bool{0x48: true}, adapter: funcQuick | funcReadByte}
	k := f.scanner()
	k.open = func(string) (int, error) { return 7, nil }
	s, err := scanI2C(t.Context(), root, "/dev/i2c-plant", k)
	if err != nil || s.Path != "/dev/i2c-plant" || s.Number != 7 || s.Name != "i2c-tiny-usb at bus 001 device 004" || s.Drivers[0x48] != "lm75" {
		t.Errorf("%+v %v %v", s.I2CBus, s.Drivers, err)
	}
}

func TestScanI2C_adapter(t *testing.T) {
	f := &fakeScanner{adapter: funcReadByte, chips: map[int]error{0x50: nil, 0x76: nil}}
	s, err := scanI2C(t.Context(), t.TempDir(), "/dev/i2c-1", f.scanner())
	if err != nil || s.States[0x50] != I2CPresent || s.States[0x76] != I2CUnknown || len(f.asked) != 24 {
		t.Errorf("%v, asked %d", err, len(f.asked))
	}
	f = &fakeScanner{}
	if _, err := scanI2C(t.Context(), t.TempDir(), "/dev/i2c-1", f.scanner()); err == nil || !strings.Contains(err.Error(), "cannot be scanned") && !strings.Contains(err.Error(), "neither") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f = &fakeScanner{adapter: funcQuick}
	if _, err := scanI2C(ctx, t.TempDir(), "/dev/i2c-1", f.scanner()); !errors.Is(err, context.Canceled) || f.closed != 1 {
		t.Errorf("got %v", err)
	}
	if _, err := scanI2C(t.Context(), t.TempDir(), "/dev/i2c-3", f.scanner()); !errors.Is(err, unix.EACCES) {
		t.Errorf("got %v", err)
	}
}

// The layout that the kernel expects: struct i2c_smbus_ioctl_data.
func TestSMBus_layout(t *testing.T) {
	var s smbus
	if unsafe.Offsetof(s.command) != 1 || unsafe.Offsetof(s.size) != 4 || unsafe.Offsetof(s.data) != 8 {
		t.Errorf("smbus %d %d %d", unsafe.Offsetof(s.command), unsafe.Offsetof(s.size), unsafe.Offsetof(s.data))
	}
}
