package house

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// warm are packages, with those below them unless a dot stands behind, through which rows pass, or whose
// arithmetic TLS waits for. Without inlining they would be slower, and allocate.
var warm = []string{
	"iot-edge-anomaly/agent/derive", "iot-edge-anomaly/agent/detect", "iot-edge-anomaly/agent/judge", "iot-edge-anomaly/agent/machine",
	"iot-edge-anomaly/agent/report", "iot-edge-anomaly/agent/sampler", "iot-edge-anomaly/agent/spool", "iot-edge-anomaly/agent/state",
	"iot-edge-anomaly/drivers/modbus.", "iot-edge-anomaly/model.", "iot-edge-anomaly/model/train", "iot-edge-anomaly/quant.",
	"bytes", "encoding/binary", "math.", "math/bits", "reflect", "runtime", "slices", "sort", "strconv", "strings", "sync", "time",
	"crypto/internal/fips140/bigmod", "crypto/internal/fips140/edwards25519", "crypto/internal/fips140/mlkem", "crypto/internal/fips140/nistec",
}

// TestCold checks what the Makefile compiles without inlining: each pattern names
// packages of the binary, and none of them is warm.
func TestCold(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("no make")
	}
	cmd := exec.Command("make", "-n", "-s", "GO=go", "build")
	cmd.Dir = root
	cmd.Env = append(cleanEnv(), "MAKEFLAGS=", "MAKELEVEL=")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	patterns := regexp.MustCompile(`-gcflags=(\S+)=-l`).FindAllStringSubmatch(string(out), -1)
	if len(patterns) < 20 {
		t.Fatalf("%d patterns only:\n%s", len(patterns), out)
	}
	list := exec.Command("go", "list", "-deps", "./agent")
	list.Dir = root
	out, err = list.Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	for _, p := range patterns {
		n := 0
		for _, dep := range deps {
			if !covers(strings.Replace(p[1], "./", module+"/", 1), dep) {
				continue
			}
			n++
			for _, w := range warm {
				if dep == strings.TrimSuffix(w, ".") || !strings.HasSuffix(w, ".") && strings.HasPrefix(dep, w+"/") {
					t.Errorf("%s is compiled without inlining (%s)", dep, p[1])
				}
			}
		}
		if n == 0 {
			t.Errorf("%s names no package of the binary", p[1])
		}
	}
}

// covers tells whether a pattern of the go command, a path with or without /... behind
// it, covers a package.
func covers(pattern, pkg string) bool {
	folder, all := strings.CutSuffix(pattern, "/...")
	return pkg == folder || all && strings.HasPrefix(pkg, folder+"/")
}
