package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// library is an engine's shared library in a package of npm.
type library struct {
	engine    string // as native/peer.c calls it
	pkg       string
	version   string
	integrity string            // sha512 of the package, base64
	member    map[string]string // file in the package, by GOARCH
}

// libraries are the engines that are measured. Both packages hold libraries for
// Linux on x86-64 and on 64-bit Arm, and none for 32-bit Arm.
var libraries = []library{
	{
		engine: "ort", pkg: "onnxruntime-node", version: "1.30.0",
		integrity: "twhs1C2C/BFkz1yc5OY0KIU2GUq6DURO7hD4bx5Q2Qy3nAMJwRXW8xU3NVczE29VA9lolLOYepoD8fjTGOfIqw==",
		member: map[string]string{
			"amd64": "package/bin/napi-v6/linux/x64/libonnxruntime.so.1",
			"arm64": "package/bin/napi-v6/linux/arm64/libonnxruntime.so.1",
		},
	},
	{
		engine: "tflite", pkg: "tfjs-tflite-node", version: "0.0.2",
		integrity: "Zed9biOz9lkWsekvPwdEmxXnsjXJnZO8iOV0s2Y20QU15cwiPedzFEBYiGbK7smYpkJpQNNY9SukoKmUi9bk9w==",
		member: map[string]string{
			"amd64": "package/cc_deps/linux_amd64/libtensorflowlite_c.so",
			"arm64": "package/cc_deps/linux_arm64/libtensorflowlite_c.so",
		},
	},
}

// file is where fetch puts the library.
func (l *library) file(dir, arch string) string {
	return filepath.Join(dir, l.pkg+"-"+l.version, arch, filepath.Base(l.member[arch]))
}

// fetch downloads the library for every architecture below dir, once, and returns
// the file for arch. It uses npm pack, so that npm's own settings name the registry;
// no script of the package runs.
func (l *library) fetch(ctx context.Context, dir, arch string) (string, error) {
	if l.member[arch] == "" {
		return "", fmt.Errorf("%s has no library for linux %s", l.pkg, arch)
	}
	file := l.file(dir, arch)
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	tmp, err := os.MkdirTemp(dir, "npm")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	cmd := exec.CommandContext(ctx, "npm", "pack", "--silent", "--ignore-scripts", l.pkg+"@"+l.version)
	cmd.Dir = tmp
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("fetching %s %s: %w", l.pkg, l.version, err)
	}
	found, err := filepath.Glob(filepath.Join(tmp, "*.tgz"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("fetching %s %s: npm left %d packages, want 1", l.pkg, l.version, len(found))
	}
	if err := l.unpack(found[0], dir); err != nil {
		return "", fmt.Errorf("%s %s: %w", l.pkg, l.version, err)
	}
	return file, nil
}

// unpack checks the package and extracts the libraries.
func (l *library) unpack(archive, dir string) error {
	if err := l.check(archive); err != nil {
		return err
	}
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	arch := map[string]string{}
	for a, m := range l.member {
		arch[m] = a
	}
	for r := tar.NewReader(z); len(arch) > 0; {
		h, err := r.Next()
		if err != nil {
			return fmt.Errorf("lacks %d libraries: %w", len(arch), err)
		}
		if a, ok := arch[h.Name]; ok {
			delete(arch, h.Name)
			if err := save(l.file(dir, a), r); err != nil {
				return err
			}
		}
	}
	return nil
}

// check compares the package with the pinned sum.
func (l *library) check(archive string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha512.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if got := base64.StdEncoding.EncodeToString(sum.Sum(nil)); got != l.integrity {
		return fmt.Errorf("sha512-%s, want sha512-%s", got, l.integrity)
	}
	return nil
}

// save writes a file completely or not at all.
func save(file string, r io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.Create(file + ".part")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(file+".part", file)
}

// compile builds native/peer with the C compiler cc.
func compile(ctx context.Context, cc, to string) error {
	sources, err := filepath.Glob("scripts/peers/native/*.c")
	if err != nil || len(sources) == 0 {
		return errors.New("no scripts/peers/native/*.c here: run this from the repository's root, as make does")
	}
	args := append([]string{"-O2", "-Wall", "-Wextra", "-o", to}, sources...)
	out, err := exec.CommandContext(ctx, cc, append(args, "-ldl")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("compiling native/peer: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
