// Command sbom writes the bill of materials of a binary as CycloneDX 1.6 JSON. What is
// in the binary comes from the binary itself, as `go version -m` shows it.
//
//	go run ./scripts/sbom -version 1.4.0 -date 1767225600 dist/iot-edge-anomaly_linux_arm64 > sbom.json
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"
)

type bom struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	SerialNumber string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string        `json:"type"`
	Ref        string        `json:"bom-ref"`
	Name       string        `json:"name"`
	Version    string        `json:"version"`
	Purl       string        `json:"purl,omitempty"`
	Hashes     []hash        `json:"hashes,omitempty"`
	Licenses   []licenseItem `json:"licenses,omitempty"`
	Properties []property    `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licenseItem struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

func main() {
	version := flag.String("version", "", "version of the release")
	date := flag.Int64("date", 0, "time of the release, in seconds since 1970")
	flag.Parse()
	b, err := describe(flag.Arg(0), *version, time.Unix(*date, 0).UTC())
	if err == nil {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", " ")
		enc.SetEscapeHTML(false)
		err = enc.Encode(b)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scripts/sbom:", err)
		os.Exit(1)
	}
}

// describe reads what the linker wrote into the binary.
func describe(path, version string, date time.Time) (bom, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return bom{}, err
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return bom{}, fmt.Errorf("%s: %w", path, err)
	}
	sum := sha256.Sum256(content)
	program := component{Type: "application", Ref: filepath.Base(path), Name: "iot-edge-anomaly", Version: version,
		Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}}, Licenses: make([]licenseItem, 1)}
	program.Licenses[0].License.ID = "Apache-2.0"
	for _, s := range info.Settings {
		if s.Key == "GOARCH" || s.Key == "GOARM" || s.Key == "GOOS" || s.Key == "-tags" {
			program.Properties = append(program.Properties, property{"go:" + s.Key, s.Value})
		}
	}
	b := bom{Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		SerialNumber: serial(sum), Metadata: metadata{date.Format(time.RFC3339), program}}
	goVersion := info.GoVersion[len("go"):]
	uses := dependency{Ref: program.Ref}
	for _, m := range append([]*debug.Module{{Path: "std", Version: goVersion}}, info.Deps...) {
		if m.Replace != nil {
			if m.Replace.Version == "" || m.Replace.Version == "(devel)" { // a folder of this repository
				continue
			}
			m = m.Replace
		}
		c := component{Type: "library", Ref: "pkg:golang/" + m.Path + "@" + m.Version, Name: m.Path, Version: m.Version}
		c.Purl = c.Ref
		if m.Sum != "" {
			c.Properties = []property{{"go:sum", m.Sum}}
		}
		b.Components = append(b.Components, c)
		uses.DependsOn = append(uses.DependsOn, c.Ref)
	}
	b.Dependencies = []dependency{uses}
	return b, nil
}

// serial makes a UUID (RFC 9562, version 8) of the binary's digest, so that the same
// binary has the same bill.
func serial(sum [32]byte) string {
	u := sum[:16]
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
