package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// suite is the release that packages come from, whatever runs here.
const suite = "bookworm"

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// Apt is a private apt below a folder, for one architecture. It needs no root, does
// not touch the system's packages, and verifies signatures as the system's apt does.
// It is not safe for concurrent use.
type Apt struct {
	dir, arch string
}

// New makes the folders and the list of sources in dir. It uses the archive that
// this machine uses, and downloads its lists for arch ("arm64", "armhf").
func New(ctx context.Context, dir, arch string) (*Apt, error) {
	a := &Apt{dir, arch}
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
	if err := os.WriteFile(filepath.Join(dir, "status"), nil, 0o644); err != nil { // nothing is installed
		return nil, err
	}
	_, err = a.run(ctx, "apt-get", "update")
	return a, err
}

// Remove removes the folder with all downloads.
func (a *Apt) Remove() error { return os.RemoveAll(a.dir) }

// Depends lists the words that apt-cache prints about what a package depends on.
func (a *Apt) Depends(ctx context.Context, pkg string) ([]string, error) {
	out, err := a.run(ctx, "apt-cache", "depends", pkg)
	return strings.Fields(out), err
}

// Download downloads packages without their dependencies and returns the files in
// the order of the names.
func (a *Apt) Download(ctx context.Context, names ...string) (files []string, err error) {
	if _, err := a.run(ctx, "apt-get", append([]string{"download"}, names...)...); err != nil {
		return nil, err
	}
	for _, name := range names {
		debs, err := filepath.Glob(filepath.Join(a.dir, name+"_*.deb"))
		if err != nil || len(debs) != 1 {
			return nil, fmt.Errorf("downloading %s: %d files, want 1", name, len(debs))
		}
		files = append(files, debs[0])
	}
	return files, nil
}

// archive is the first Debian archive among this machine's sources.
func archive(ctx context.Context) (string, error) {
	out, err := output(exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages", "Origin: Debian"))
	if err != nil {
		return "", errors.Join(err, ctx.Err())
	}
	site, _, _ := strings.Cut(out, "\n")
	if site == "" {
		return "", errors.New("no Debian archive among this machine's apt sources (run apt-get update, or do this on Debian)")
	}
	return site, nil
}

// run runs a program of apt and returns what it prints.
func (a *Apt) run(ctx context.Context, name string, args ...string) (string, error) {
	options := []string{"-q",
		"-o", "Dir::State=" + a.dir, "-o", "Dir::State::lists=" + a.dir + "/lists", "-o", "Dir::State::status=" + a.dir + "/status",
		"-o", "Dir::Cache=" + a.dir + "/cache", "-o", "Dir::Etc::sourcelist=" + a.dir + "/sources.list",
		"-o", "Dir::Etc::sourceparts=-", "-o", "Dir::Etc::preferences=-", "-o", "Dir::Etc::preferencesparts=-",
		"-o", "APT::Architecture=" + a.arch, "-o", "APT::Architectures=" + a.arch, "-o", "APT::Sandbox::User=",
		"-o", "Acquire::Languages=none", "-o", "Acquire::Retries=2"}
	cmd := exec.CommandContext(ctx, name, append(options, args...)...)
	cmd.Dir = a.dir
	out, err := output(cmd)
	return out, errors.Join(err, ctx.Err())
}

// output runs a command and returns what it prints; the error contains the end of
// its standard error.
func output(cmd *exec.Cmd) (string, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.Output()
	if err != nil {
		lines := strings.Split(strings.TrimRight(stderr.String(), "\n"), "\n")
		return "", fmt.Errorf("running %s: %w\n%s", filepath.Base(cmd.Path), err, strings.Join(lines[max(0, len(lines)-10):], "\n"))
	}
	return string(out), nil
}
