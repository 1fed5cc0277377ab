package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tree is what a package installs, as far as the image takes it.
func tree(t *testing.T, arch string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), arch)
	for path, text := range map[string]string{binary: "\x7fELF " + arch, "usr/share/doc/" + name + "/LICENSE": "l", "usr/share/doc/" + name + "/THIRD_PARTY_LICENSES": "3"} {
		path = filepath.Join(dir, path)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// files reads a tar.
func files(t *testing.T, r io.Reader) (map[string][]byte, map[string]*tar.Header) {
	t.Helper()
	content, headers := map[string][]byte{}, map[string]*tar.Header{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return content, headers
		}
		if err != nil {
			t.Fatal(err)
		}
		headers[h.Name] = h
		if content[h.Name], err = io.ReadAll(tr); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWrite walks from the index to the files of each architecture, as a runtime does,
// and checks every digest and size on the way.
func TestWrite(t *testing.T) {
	out := filepath.Join(t.TempDir(), "i.tar")
	conf := filepath.Join(t.TempDir(), "c.yaml")
	os.WriteFile(conf, []byte("# idle\n"), 0o644)
	trees := []string{tree(t, "amd64"), tree(t, "arm64"), tree(t, "armv6")}
	date := time.Unix(1_700_000_000, 0).UTC()
	if err := write(out, "1.2.3", conf, date, trees); err != nil {
		t.Fatal(err)
	}
	first, _ := os.ReadFile(out)
	if err := write(out, "1.2.3", conf, date, trees); err != nil {
		t.Fatal(err)
	}
	if second, _ := os.ReadFile(out); !bytes.Equal(first, second) {
		t.Error("two images of the same trees differ")
	}
	blobs, _ := files(t, bytes.NewReader(first))
	get := func(d descriptor, v any) []byte {
		b := blobs["blobs/sha256/"+strings.TrimPrefix(d.Digest, "sha256:")]
		sum := sha256.Sum256(b)
		if d.Digest != "sha256:"+hex.EncodeToString(sum[:]) || d.Size != len(b) {
			t.Fatalf("blob of %+v has %d bytes and digest %x", d, len(b), sum)
		}
		if v != nil {
			if err := json.Unmarshal(b, v); err != nil {
				t.Fatal(err)
			}
		}
		return b
	}
	var top, index manifestList
	if err := json.Unmarshal(blobs["index.json"], &top); err != nil || len(top.Manifests) != 1 {
		t.Fatalf("%+v %v", top, err)
	}
	get(top.Manifests[0], &index)
	if len(index.Manifests) != len(trees) {
		t.Fatalf("%+v", index)
	}
	for i, d := range index.Manifests {
		arch := filepath.Base(trees[i])
		if *d.Platform != platforms[arch] {
			t.Errorf("%s: %+v", arch, d.Platform)
		}
		var m manifest
		var c imageConfig
		get(d, &m)
		get(m.Config, &c)
		z, err := gzip.NewReader(bytes.NewReader(get(m.Layers[0], nil)))
		if err != nil {
			t.Fatal(err)
		}
		layer, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(layer); c.RootFS.DiffIDs[0] != "sha256:"+hex.EncodeToString(sum[:]) {
			t.Errorf("%s: layer %x, configuration %v", arch, sum, c.RootFS)
		}
		if !bytes.HasSuffix(layer, make([]byte, 1024)) {
			t.Errorf("%s: the layer has no end, which tar demands", arch)
		}
		content, headers := files(t, bytes.NewReader(layer))
		if string(content[binary]) != "\x7fELF "+arch || headers[binary].Mode != 0o755 || string(content[config]) != "# idle\n" {
			t.Errorf("%s: %q", arch, content)
		}
		if h := headers["var/lib/"+name+"/"]; h == nil || h.Uid != nobody || h.Mode != 0o700 {
			t.Errorf("%s: state folder %+v", arch, h)
		}
		if c.Config.User != "65532:65532" || c.Config.Entrypoint[0] != "/"+binary || c.Config.Cmd[2] != "/"+config || c.Config.Healthcheck.Test[1] != "/"+binary || c.OS != "linux" {
			t.Errorf("%s: %+v", arch, c)
		}
	}
}

func TestWrite_wrong(t *testing.T) {
	out := filepath.Join(t.TempDir(), "i.tar")
	for want, trees := range map[string][]string{
		"one tree at least":                  nil,
		"mips: no architecture of this name": {tree(t, "mips")},
		"no such file":                       {filepath.Join(t.TempDir(), "amd64")},
	} {
		err := write(out, "1", os.DevNull, time.Time{}, trees)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: an image is written", want)
		}
	}
}
