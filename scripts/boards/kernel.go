package main

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"iot-edge-anomaly/scripts/debian"
)

// kernel has the files of a Debian kernel that a board needs.
type kernel struct {
	version string
	image   string   // file
	dtb     string   // file; "" = qemu generates it
	modules []string // files, in the order of loading
}

// prepareKernel returns the kernel of b below dir. It keeps what it downloads, so
// that a second run needs no network.
func prepareKernel(ctx context.Context, b *board, dir string) (*kernel, error) {
	want := strings.Join(append([]string{b.dtb}, b.modules...), " ")
	stamp := filepath.Join(dir, "kernel.txt")
	if k, err := readKernel(stamp, want); err == nil {
		return k, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	a, err := debian.New(ctx, filepath.Join(dir, "apt"), b.debian)
	if err != nil {
		return nil, err
	}
	deb, version, err := fetchKernel(ctx, a, b.kernel)
	if err != nil {
		return nil, err
	}
	k, err := unpackKernel(ctx, deb, version, b, filepath.Join(dir, "kernel"))
	if err != nil {
		return nil, err
	}
	if err := a.Remove(); err != nil {
		return nil, err
	}
	lines := append([]string{want, k.version, k.image, k.dtb}, k.modules...)
	return k, os.WriteFile(stamp, []byte(strings.Join(lines, "\n")), 0o644)
}

// fetchKernel downloads the kernel that a metapackage stands for and returns the
// package's file and the kernel's version.
func fetchKernel(ctx context.Context, a *debian.Apt, meta string) (deb, version string, err error) {
	depends, err := a.Depends(ctx, meta)
	if err != nil {
		return "", "", err
	}
	for _, name := range depends {
		if version, ok := strings.CutPrefix(name, "linux-image-"); ok && name != meta {
			files, err := a.Download(ctx, name)
			if err != nil {
				return "", "", err
			}
			return files[0], version, nil
		}
	}
	return "", "", fmt.Errorf("package %s depends on no kernel: %s", meta, strings.Join(depends, " "))
}

// readKernel reads what prepareKernel has stored, if it is the kernel wanted now.
func readKernel(stamp, want string) (*kernel, error) {
	text, err := os.ReadFile(stamp)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 4 || lines[0] != want {
		return nil, errors.New("another kernel is wanted")
	}
	k := &kernel{version: lines[1], image: lines[2], dtb: lines[3], modules: lines[4:]}
	for _, f := range append([]string{k.image}, k.modules...) {
		if _, err := os.Stat(f); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// unpackKernel takes from the package what b needs: the kernel, its device tree,
// the wanted modules and those that they depend on.
func unpackKernel(ctx context.Context, deb, version string, b *board, dir string) (*kernel, error) {
	ms := modules{depends: map[string][]string{}, builtin: map[string]bool{}}
	err := walkPackage(ctx, deb, func(name string, r io.Reader) error {
		switch {
		case strings.HasSuffix(name, ".ko"):
			return ms.add(name, r)
		case path.Base(name) == "modules.builtin":
			return ms.addBuiltin(r)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	order, err := ms.order(b.modules)
	if err != nil {
		return nil, fmt.Errorf("kernel %s: %w", version, err)
	}
	files := map[string]string{"vmlinuz-" + version: filepath.Join(dir, "vmlinuz")}
	k := &kernel{version: version, image: filepath.Join(dir, "vmlinuz")}
	if b.dtb != "" {
		k.dtb = filepath.Join(dir, b.dtb)
		files[b.dtb] = k.dtb
	}
	for _, m := range order {
		file := filepath.Join(dir, m+".ko")
		k.modules = append(k.modules, file)
		files[m] = file
	}
	return k, writeFiles(ctx, deb, files)
}

// writeFiles writes members of the package by their base name, modules by their
// module name.
func writeFiles(ctx context.Context, deb string, files map[string]string) error {
	left := len(files)
	err := walkPackage(ctx, deb, func(name string, r io.Reader) error {
		base := path.Base(name)
		if strings.HasSuffix(base, ".ko") {
			base = moduleName(base)
		}
		to, ok := files[base]
		if !ok {
			return nil
		}
		left--
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o644)
	})
	if err == nil && left != 0 {
		err = fmt.Errorf("%s lacks %d of %d files", filepath.Base(deb), left, len(files))
	}
	return err
}

// walkPackage calls visit for every file of a Debian package.
func walkPackage(ctx context.Context, deb string, visit func(name string, r io.Reader) error) error {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.WaitDelay = waitDelay
	if err := cmd.Start(); err != nil {
		return err
	}
	t := tar.NewReader(out)
	for {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err == nil && h.Typeflag == tar.TypeReg {
			err = visit(h.Name, t)
		}
		if err != nil {
			cmd.Process.Kill()
			return errors.Join(fmt.Errorf("unpacking %s: %w", filepath.Base(deb), err), ctx.Err())
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("unpacking %s: %w", filepath.Base(deb), err)
	}
	return nil
}

// modules are the modules of a kernel by name and what each needs.
type modules struct {
	depends map[string][]string
	builtin map[string]bool
}

// moduleName is the kernel's name of a module in a file: '-' and '_' are one.
func moduleName(file string) string {
	return strings.ReplaceAll(strings.TrimSuffix(path.Base(file), ".ko"), "-", "_")
}

// add reads a module's dependencies from the module itself, because depmod needs an
// installed kernel.
func (m *modules) add(name string, r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	section := f.Section(".modinfo")
	if section == nil {
		return fmt.Errorf("%s has no .modinfo", name)
	}
	info, err := section.Data()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	m.depends[moduleName(name)] = dependencies(info)
	return nil
}

// dependencies reads "depends=a,b" among the strings of .modinfo.
func dependencies(info []byte) (out []string) {
	for _, s := range strings.Split(string(info), "\x00") {
		if list, ok := strings.CutPrefix(s, "depends="); ok {
			for _, d := range strings.Split(list, ",") {
				if d != "" {
					out = append(out, moduleName(d))
				}
			}
		}
	}
	return out
}

func (m *modules) addBuiltin(r io.Reader) error {
	data, err := io.ReadAll(r)
	for _, line := range strings.Fields(string(data)) {
		m.builtin[moduleName(line)] = true
	}
	return err
}

// order lists the wanted modules and what they need, each after what it needs.
func (m *modules) order(want []string) (out []string, err error) {
	seen := map[string]bool{}
	var need func(name string) error
	need = func(name string) error {
		name = moduleName(name)
		if seen[name] || m.builtin[name] {
			return nil
		}
		seen[name] = true
		depends, ok := m.depends[name]
		if !ok {
			return fmt.Errorf("module %s: not in the package, and not built in", name)
		}
		for _, d := range depends {
			if err := need(d); err != nil {
				return fmt.Errorf("module %s: %w", name, err)
			}
		}
		out = append(out, name)
		return nil
	}
	for _, w := range want {
		if err := need(w); err != nil {
			return nil, err
		}
	}
	return out, nil
}
