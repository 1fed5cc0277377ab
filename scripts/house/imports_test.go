package house

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "iot-edge-anomaly"
)

// goFile is one Go file: its folder from the root, its imports, and the text above
// the package clause.
type goFile struct {
	path, dir, pkg string
	imports        []string
	head           string
	test           bool
}

// goFiles reads every Go file of the module, whatever its build tags.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "dist" || name == "tools") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(fset, path, src, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		g := goFile{path: rel, dir: "./" + filepath.ToSlash(filepath.Dir(rel)), pkg: f.Name.Name,
			head: string(src[:fset.Position(f.Package).Offset]), test: strings.HasSuffix(name, "_test.go")}
		for _, spec := range f.Imports {
			to, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			g.imports = append(g.imports, own(to))
		}
		files = append(files, g)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// own turns an import path of this module into a path from the root.
func own(path string) string {
	if path == module {
		return "."
	}
	if rest, ok := strings.CutPrefix(path, module+"/"); ok {
		return "./" + rest
	}
	return path
}

func TestImports(t *testing.T) {
	files := goFiles(t)
	if len(files) < 20 {
		t.Fatalf("found %d Go files only: the walk is wrong", len(files))
	}
	for _, f := range files {
		for _, to := range f.imports {
			if b := broken(f.dir, to, f.test); b != nil {
				t.Errorf("%s imports %s: %s", f.path, to, b.why)
			}
		}
	}
}

// TestImports_planted checks that the rules catch what they are for: each ban is the
// first that some planted import breaks.
func TestImports_planted(t *testing.T) {
	caught := map[*ban]bool{}
	for _, c := range []struct {
		from, to string
		test     bool
		bad      bool
	}{
		{"./quant", "./model", false, true},
		{"./quant", "./model", true, true},
		{"./quant", "./quant/internal/asmgen", false, false},
		{"./drivers", "./drivers/modbus", false, false}, // the compiler refuses circles
		{"./drivers/bme280", "./drivers", false, false},
		{"./drivers/bme280", "./drivers/lm75", false, true},
		{"./drivers/bme280", "./drivers/internal/chip", false, false},
		{"./drivers/hwmon", "./drivers/internal/sysfs", false, false},
		{"./drivers/bme280", "./drivers/sim/i2csim", true, false},
		{"./drivers/bme280", "./drivers/sim/i2csim", false, true},
		{"./drivers/bme280", "./board", false, true},
		{"./drivers/bme280", "log", false, true},
		{"./model", "./model/train", false, true},
		{"./model", "./model/train", true, false},
		{"./model/train", "./model", false, false},
		{"./model", "./drivers", false, true},
		{"./model/checkpoint", "./model", true, true},
		{"./board", "./drivers", false, true},
		{"./agent", "./drivers/modbus", false, true},
		{"./agent/sampler", "./drivers/modbus", false, true},
		{"./agent/sampler", "./agent/config", false, true},
		{"./agent/sampler", "./drivers", false, false},
		{"./agent/sampler", "./agent/derive", false, false},
		{"./agent/derive", "./drivers", false, true},
		{"./agent/devices", "./drivers/lm75", false, false},
		{"./agent/devices", "./agent/detect", false, true},
		{"./agent/machine", "./drivers/lm75", false, true},
		{"./agent/commission", "./drivers/modbus/guess", false, false},
		{"./agent/commission", "./drivers/lm75", false, true},
		{"./agent/commission", "./agent/devices", false, false},
		{"./agent/commission", "./agent/detect", false, true},
		{"./agent/devices", "./agent/commission", false, true},
		{"./agent/config", "./drivers", false, true},
		{"./agent/settings", "./agent/config", false, false},
		{"./agent/settings", "./agent/sampler", false, true},
		{"./agent/alerts", "./agent/status", false, false},
		{"./agent/alerts", "./agent/report", false, true},
		{"./agent/history", "./agent/status", false, false},
		{"./agent/history", "./agent/control", false, true},
		{"./agent/review", "./agent/control", false, false},
		{"./agent/review", "./agent/gateway", false, true},
		{"./agent/review", "./agent/machine", false, true},
		{"./agent/control", "./agent/status", false, false},
		{"./agent/control", "./agent/machine", false, true},
		{"./agent/gateway", "./agent/machine", false, false},
		{"./agent", "./agent/gateway", false, false},
		{"./agent", "./agent/machine", false, true},
		{"./agent/gateway", "./board", false, false},
		{"./agent/gateway", "./drivers/modbus", false, true},
		{"./agent/gateway", "./agent/offline", false, true},
		{"./agent/machine", "./agent/gateway", false, true},
		{"./agent/minisign", "./model", false, true},
		{"./agent/proof", "./agent/config", false, true},
		{"./agent/models", "./agent/machine", false, true},
		{"./agent/demo", "./agent/gateway", false, false},
		{"./agent/offline", "./drivers/replay", false, false},
		{"./agent/offline", "./drivers/modbus", false, true},
		{"./agent/offline", "./agent/mqtt", false, true},
		{"./agent/detect", "./agent/report", false, true},
		{"./agent/judge", "./agent/detect", false, false},
		{"./agent/judge", "./agent/report", false, true},
		{"./agent/machine", "./agent/judge", false, false},
		{"./agent/machine", "./agent/config", false, true},
		{"./agent/state", "./agent/judge", false, true},
		{"./agent/report", "./agent/mqtt", false, true},
		{"./agent/chart", "./board", false, true},
		{"./scripts/accuracy", "./agent/judge", false, false},
		{"./agent/status", "./agent/devices", false, false},
		{"./agent/status", "./agent/config", false, true},
		{"./agent/status", "./drivers/modbus", false, true},
		{"./agent/devices", "./agent/status", false, true},
		{"./agent/chart", "./model", false, true},
		{"./agent/journal", "./agent/detect", false, true},
		{"./agent/htmlreport", "./agent/report", false, true},
		{"./agent/htmlreport", "./agent/chart", false, false},
		{"./agent/spool", "./agent/mqtt", false, true},
		{"./agent/broker", "./agent/mqtt", false, true},
		{"./agent/mqtt", "./agent/broker", false, false},
		{"./agent/mqtt", "./agent/spool", false, false},
		{"./agent/mqtt", "./agent/report", false, true},
		{"./agent/telemetry", "./agent/mqtt", false, true},
		{"./agent/telemetry", "./agent/report", false, false},
		{"./agent/homeassistant", "./agent/mqtt", false, true},
		{"./agent/sparkplug", "./agent/mqtt", false, true},
		{"./agent/homeassistant", "./agent/detect", false, false},
		{"./agent/devices", "./drivers/sim/i2csim", false, true},
		{"./agent/demo", "./drivers/sim/modbussim", false, false},
		{"./agent/devices", "./drivers/driverstest", false, true},
		{"./agent", "./scripts/debian", true, true},
		{"./agent/report", "github.com/eclipse/paho.mqtt.golang", false, true},
		{"./agent/mqtt", "github.com/eclipse/paho.mqtt.golang", false, false},
		{"./agent/devices", "github.com/goburrow/modbus", false, true},
		{"./drivers/modbus", "github.com/goburrow/serial", false, true},
		{"./agent/devices", "go.yaml.in/yaml/v3", false, true},
		{"./agent/machine", "github.com/VictoriaMetrics/metrics", false, true},
		{"./model", "net/http", false, true},
		{"./agent/judge", "log/slog", false, true},
		{"./agent", "testing", false, true},
		{"./agent/status", "net/http/pprof", false, true},
		{"./agent", "os/exec", false, true},
		{"./agent", "os/exec", true, false},
		{"./agent", "html/template", false, true},
		{"./agent", "periph.io/x/host/v3", false, true},
		{"./board", "periph.io/x/host/v3/sysfs", false, false},
		{"./agent", "C", true, true},
	} {
		b := broken(c.from, c.to, c.test)
		if got := b != nil; got != c.bad {
			t.Errorf("%s imports %s (test: %v): broken = %v, want %v", c.from, c.to, c.test, got, c.bad)
		}
		caught[b] = true
	}
	for i := range bans {
		if !caught[&bans[i]] {
			t.Errorf("no planted import breaks the ban %q", bans[i].why)
		}
	}
}

// TestImports_brokerByTagOnly keeps the broker of the demonstration out of other
// builds: it has crashed on malformed input before, and it costs 900 KiB.
func TestImports_brokerByTagOnly(t *testing.T) {
	tagged := regexp.MustCompile(`(?m)^//go:build (.*\b)?demo\b`)
	for _, f := range goFiles(t) {
		for _, to := range f.imports {
			if strings.HasPrefix(to, "github.com/mochi-mqtt/") && !f.test && !tagged.MatchString(f.head) {
				t.Errorf("%s imports %s without //go:build demo", f.path, to)
			}
		}
	}
}

// TestPackageNames refuses names that say nothing: such packages collect everything.
func TestPackageNames(t *testing.T) {
	empty := map[string]bool{"util": true, "utils": true, "common": true, "helper": true, "helpers": true, "types": true,
		"core": true, "misc": true, "base": true, "shared": true, "lib": true, "manager": true, "service": true}
	for _, f := range goFiles(t) {
		if empty[f.pkg] || empty[filepath.Base(f.dir)] {
			t.Errorf("%s: package %s in folder %s: name it after what it holds", f.path, f.pkg, f.dir)
		}
	}
}
