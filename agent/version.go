package main

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"runtime"

	"iot-edge-anomaly/agent/status"
	"iot-edge-anomaly/quant"
)

// licenses is what scripts/licenses prints, compressed.
//
//go:embed licenses.gz
var licenses []byte

// buildInfo identifies this program, for verb version and for the endpoint.
type buildInfo struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	Kernel  string `json:"kernel"`
}

func build() buildInfo {
	return buildInfo{version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH, quant.Kernel()}
}

// status is the part of it that the status endpoint shows.
func (b buildInfo) status() status.Build {
	return status.Build{Version: b.Version, Commit: b.Commit, Go: b.Go, Kernel: b.Kernel}
}

func versionVerb(_ context.Context, e env, args []string) error {
	fs := flags("version")
	asJSON := fs.Bool("json", false, "print JSON")
	texts := fs.Bool("licenses", false, "print the licences of the libraries in this program")
	if err := parse(e, fs, args, 0); err != nil {
		return err
	}
	if *texts {
		z, err := gzip.NewReader(bytes.NewReader(licenses))
		if err == nil {
			_, err = io.Copy(e.stdout, z)
		}
		return err
	}
	b := build()
	if *asJSON {
		return json.NewEncoder(e.stdout).Encode(b)
	}
	_, err := fmt.Fprintf(e.stdout, "iot-edge-anomaly %s\ncommit %s\ngo     %s %s/%s\nkernel %s\n", b.Version, b.Commit, b.Go, b.OS, b.Arch, b.Kernel)
	return err
}
