package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"iot-edge-anomaly/scripts/debian"
)

// platform is an architecture under emulation.
type platform struct {
	goarch  string
	debian  string // Debian's name of it
	triplet string // of the C compiler and of the libraries' folder
	qemu    string
	version int // of the architecture, in /proc/cpuinfo
}

var (
	arm64 = &platform{"arm64", "arm64", "aarch64-linux-gnu", "qemu-aarch64", 8}
	armv7 = &platform{"arm", "armhf", "arm-linux-gnueabihf", "qemu-arm", 7}
)

// core is an Arm core that qemu's user mode emulates. A program that uses an
// instruction which the core lacks ends with a signal.
type core struct {
	name     string // of qemu's -cpu
	platform *platform
	part     string // in /proc/cpuinfo: libraries choose their code by it
	features string
}

// cores are the cores of common gateways.
var cores = []core{
	{"cortex-a53", arm64, "0xd03", "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"},
	{"cortex-a72", arm64, "0xd08", "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"},
	{"cortex-a76", arm64, "0xd0b", "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"},
	{"cortex-a7", armv7, "0xc07", "half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae evtstrm"},
}

// emulator runs programs for Arm and counts the instructions that they execute.
// Everything that it needs is in one folder.
type emulator struct{ dir string } // absolute

// prepare builds the programs and downloads the Arm libraries.
func prepare(ctx context.Context, dir string) (*emulator, error) {
	e := &emulator{dir}
	if out, err := exec.CommandContext(ctx, "cc", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", e.plugin(),
		"scripts/peers/plugin/instructions.c").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compiling the plugin: %w\n%s", err, out)
	}
	for _, p := range []*platform{arm64, armv7} {
		if _, err := os.Stat(e.xnnpack(p)); err != nil {
			if err := e.fetchRoot(ctx, p); err != nil {
				return nil, err
			}
		}
		if err := compile(ctx, p.triplet+"-gcc", e.peer(p)); err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, goCommand(), "build", "-o", e.own(p), "./scripts/peers")
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+p.goarch, "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building for %s: %w\n%s", p.goarch, err, out)
		}
	}
	return e, nil
}

// root is the folder of a platform's libraries.
func (e *emulator) root(p *platform) string { return filepath.Join(e.dir, p.debian) }

func (e *emulator) xnnpack(p *platform) string {
	return filepath.Join(e.root(p), "usr/lib", p.triplet, "libXNNPACK.so.0")
}

// own is this program, peer native/peer, for the platform.
func (e *emulator) own(p *platform) string  { return filepath.Join(e.dir, "peers-"+p.goarch) }
func (e *emulator) peer(p *platform) string { return filepath.Join(e.dir, "peer-"+p.goarch) }

func (e *emulator) plugin() string { return filepath.Join(e.dir, "instructions.so") }

func goCommand() string {
	if g := os.Getenv("GO"); g != "" {
		return g
	}
	return "go"
}

// fetchRoot unpacks XNNPACK and the libraries that it and the other engines need.
func (e *emulator) fetchRoot(ctx context.Context, p *platform) error {
	tmp, err := os.MkdirTemp(e.dir, "apt")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	apt, err := debian.New(ctx, tmp, p.debian)
	if err != nil {
		return err
	}
	debs, err := apt.Download(ctx, "libc6", "libgcc-s1", "libstdc++6", "libcpuinfo0", "libpthreadpool0", "libxnnpack0")
	if err != nil {
		return err
	}
	for _, deb := range debs { // XNNPACK last: its presence means that the root is complete
		if out, err := exec.CommandContext(ctx, "dpkg-deb", "-x", deb, e.root(p)).CombinedOutput(); err != nil {
			return fmt.Errorf("unpacking %s: %w\n%s", filepath.Base(deb), err, out)
		}
	}
	return nil
}

// pose makes the emulated machine look like one core of the given kind: to programs,
// the files in qemu's -L folder hide those of this machine.
func (e *emulator) pose(c core) error {
	info := fmt.Sprintf("processor\t: 0\nBogoMIPS\t: 38.40\nFeatures\t: %s\nCPU implementer\t: 0x41\n"+
		"CPU architecture: %d\nCPU variant\t: 0x0\nCPU part\t: %s\nCPU revision\t: 4\n\n", c.features, c.platform.version, c.part)
	for file, text := range map[string]string{
		"proc/cpuinfo":                    info,
		"sys/devices/system/cpu/possible": "0\n",
		"sys/devices/system/cpu/present":  "0\n",
		"sys/devices/system/cpu/online":   "0\n",
	} {
		if err := save(filepath.Join(e.root(c.platform), file), strings.NewReader(text)); err != nil {
			return err
		}
	}
	return nil
}

// command is the command line that runs a program on a core and leaves the
// number of instructions in the file count.
func (e *emulator) command(c core, count string, program ...string) []string {
	line := []string{c.platform.qemu, "-cpu", c.name, "-plugin", e.plugin() + ",out=" + count, "-L", e.root(c.platform)}
	return append(line, program...)
}

// count calls a function that runs passes on a core, with two numbers of passes, and
// returns the instructions of one pass. The difference of both runs does not include
// the start.
func (e *emulator) count(passes int, run func(count string, passes int) error) (float64, error) {
	short := passes / 10
	var executed [2]uint64
	for i, n := range []int{short, short + passes} {
		file := filepath.Join(e.dir, "count")
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, err
		}
		if err := run(file, n); err != nil {
			return 0, err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, fmt.Errorf("qemu counted nothing: %w", err)
		}
		if executed[i], err = strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err != nil {
			return 0, err
		}
	}
	if executed[1] <= executed[0] {
		return 0, fmt.Errorf("%d instructions for %d passes, %d for %d", executed[0], short, executed[1], short+passes)
	}
	return float64(executed[1]-executed[0]) / float64(passes), nil
}
