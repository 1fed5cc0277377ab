package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// suite is the release whose kernels the boards boot, whatever runs here.
const suite = "bookworm"

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// apt is an apt of its own below dir, for one architecture: it needs no root,
// leaves the system's packages alone, and verifies signatures as the system's
// does.
type apt struct {
	dir, arch string
}

// newApt makes the folders and the list of sources: the archive this machine
// uses already.
func newApt(ctx context.Context, dir, arch string) (*apt, error) {
	a := &apt{dir, arch}
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	site, err := archive(ctx)
	if err != nil {
		return nil, err
	}
	sources := fmt.Sprintf("deb [arch=%s signed-by=%s] %s %s main\n", arch, keyring, site, suite)
	if err := os.WriteFile(filepath.Join(dir, "sources.list"), []byte(sources), 0o644); err != nil {
		return nil, err
	}
	return a, os.WriteFile(filepath.Join(dir, "status"), nil, 0o644) // nothing is installed
}

// archive is the first Debian archive among this machine's sources.
func archive(ctx context.Context) (string, error) {
	out, err := output(ctx, exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages", "Origin: Debian"))
	if err != nil {
		return "", err
	}
	site, _, _ := strings.Cut(out, "\n")
	if site == "" {
		return "", errors.New("no Debian archive among this machine's apt sources (run apt-get update, or boot the boards on Debian)")
	}
	return site, nil
}

// run runs a program of apt and returns what it prints.
func (a *apt) run(ctx context.Context, name string, args ...string) (string, error) {
	options := []string{"-q",
		"-o", "Dir::State=" + a.dir, "-o", "Dir::State::lists=" + a.dir + "/lists", "-o", "Dir::State::status=" + a.dir + "/status",
		"-o", "Dir::Cache=" + a.dir + "/cache", "-o", "Dir::Etc::sourcelist=" + a.dir + "/sources.list",
		"-o", "Dir::Etc::sourceparts=-", "-o", "Dir::Etc::preferences=-", "-o", "Dir::Etc::preferencesparts=-",
		"-o", "APT::Architecture=" + a.arch, "-o", "APT::Architectures=" + a.arch, "-o", "APT::Sandbox::User=",
		"-o", "Acquire::Languages=none", "-o", "Acquire::Retries=2"}
	cmd := exec.CommandContext(ctx, name, append(options, args...)...)
	cmd.Dir = a.dir
	return output(ctx, cmd)
}

// fetchKernel downloads the kernel that a metapackage stands for and returns the
// package's file and the kernel's version.
func (a *apt) fetchKernel(ctx context.Context, meta string) (deb, version string, err error) {
	if _, err := a.run(ctx, "apt-get", "update"); err != nil {
		return "", "", err
	}
	depends, err := a.run(ctx, "apt-cache", "depends", meta)
	if err != nil {
		return "", "", err
	}
	name := ""
	for _, w := range strings.Fields(depends) {
		if strings.HasPrefix(w, "linux-image-") && w != meta {
			name = w
			break
		}
	}
	if name == "" {
		return "", "", fmt.Errorf("package %s depends on no kernel:\n%s", meta, depends)
	}
	if _, err := a.run(ctx, "apt-get", "download", name); err != nil {
		return "", "", err
	}
	debs, err := filepath.Glob(filepath.Join(a.dir, name+"_*.deb"))
	if err != nil || len(debs) != 1 {
		return "", "", fmt.Errorf("downloading %s: %d files, want 1", name, len(debs))
	}
	return debs[0], strings.TrimPrefix(name, "linux-image-"), nil
}

// output runs a command and returns its standard output; the error has what it
// printed to the other.
func output(ctx context.Context, cmd *exec.Cmd) (string, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = waitDelay
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("running %s: %w\n%s", filepath.Base(cmd.Path), errors.Join(err, ctx.Err()), tail(stderr.String(), 10))
	}
	return string(out), nil
}
