// Command image writes the container image of a release as an archive in the OCI
// layout, for all architectures, without a daemon and with the same bytes each time:
//
//	go run ./scripts/image -version 1.4.0 -date 1767225600 -out image.tar TREE/amd64 TREE/arm64 TREE/armv7 TREE/armv6
//
// Each tree is what a package installs (scripts/release.sh). The image has the program,
// its licences, and the folders that it writes to, and nothing else: no shell, no
// libc. It runs as user 65532. "skopeo copy oci-archive:image.tar docker-daemon:NAME:TAG",
// podman load and ctr image import read it.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	name    = "iot-edge-anomaly"
	binary  = "usr/bin/" + name
	config  = "etc/" + name + "/config.yaml"
	nobody  = 65532 // the user of images without a shell; the agent needs no entry in passwd
	indexOf = "application/vnd.oci.image.index.v1+json"
)

// platforms are the trees' names in terms of the OCI specification.
var platforms = map[string]platform{
	"amd64": {"linux", "amd64", ""},
	"arm64": {"linux", "arm64", "v8"},
	"armv7": {"linux", "arm", "v7"},
	"armv6": {"linux", "arm", "v6"},
}

func main() {
	version := flag.String("version", "", "version of the release")
	date := flag.Int64("date", 0, "time of every file, in seconds since 1970")
	out := flag.String("out", "", "archive to write")
	configuration := flag.String("config", "board/debian/config.yaml", "configuration in the image")
	flag.Parse()
	err := write(*out, *version, *configuration, time.Unix(*date, 0).UTC(), flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "scripts/image:", err)
		os.Exit(1)
	}
}

// write makes the image of each tree and one index over all.
func write(out, version, configuration string, date time.Time, trees []string) error {
	if out == "" || version == "" || len(trees) == 0 {
		return fmt.Errorf("-out, -version and one tree at least are needed")
	}
	a := &archive{date: date, blobs: map[string][]byte{}}
	index := manifestList{SchemaVersion: 2, MediaType: indexOf}
	for _, tree := range trees {
		p, ok := platforms[filepath.Base(tree)]
		if !ok {
			return fmt.Errorf("%s: no architecture of this name", tree)
		}
		d, err := a.image(tree, version, configuration, p)
		if err != nil {
			return err
		}
		index.Manifests = append(index.Manifests, d)
	}
	top, err := a.json(indexOf, index)
	if err != nil {
		return err
	}
	top.Annotations = map[string]string{"org.opencontainers.image.ref.name": version}
	var b bytes.Buffer
	if err := a.layout(&b, manifestList{SchemaVersion: 2, MediaType: indexOf, Manifests: []descriptor{top}}); err != nil {
		return err
	}
	return os.WriteFile(out, b.Bytes(), 0o644)
}

// archive collects blobs by their digest.
type archive struct {
	date  time.Time
	blobs map[string][]byte
}

// add stores a blob and describes it.
func (a *archive) add(mediaType string, b []byte) descriptor {
	sum := sha256.Sum256(b)
	digest := hex.EncodeToString(sum[:])
	a.blobs[digest] = b
	return descriptor{MediaType: mediaType, Digest: "sha256:" + digest, Size: len(b)}
}

func (a *archive) json(mediaType string, v any) (descriptor, error) {
	b, err := json.Marshal(v)
	return a.add(mediaType, b), err
}

// image adds the layer, configuration and manifest of one architecture.
func (a *archive) image(tree, version, configuration string, p platform) (descriptor, error) {
	layer, err := a.layer(tree, configuration)
	if err != nil {
		return descriptor{}, err
	}
	diff := sha256.Sum256(layer)
	var z bytes.Buffer
	w, _ := gzip.NewWriterLevel(&z, gzip.BestCompression) // the level is a valid one
	if _, err := w.Write(layer); err != nil {
		return descriptor{}, err
	}
	if err := w.Close(); err != nil {
		return descriptor{}, err
	}
	content := a.add("application/vnd.oci.image.layer.v1.tar+gzip", z.Bytes())
	c := imageConfig{platform: p, Created: a.date, Config: runConfig{
		User:       fmt.Sprintf("%d:%d", nobody, nobody),
		Entrypoint: []string{"/" + binary},
		Cmd:        []string{"run", "--config", "/" + config},
		WorkingDir: "/",
		StopSignal: "SIGTERM",
		Volumes:    map[string]struct{}{"/var/lib/" + name: {}},
		Labels: map[string]string{
			"org.opencontainers.image.title":       name,
			"org.opencontainers.image.version":     version,
			"org.opencontainers.image.licenses":    "Apache-2.0",
			"org.opencontainers.image.description": "Anomaly detection on a gateway's I2C and Modbus sensors",
		},
		// Docker's own key: the specification has none, and others ignore it.
		Healthcheck: healthcheck{Test: []string{"CMD", "/" + binary, "status", "--alive"}, Interval: 30 * time.Second, Timeout: 10 * time.Second, StartPeriod: 30 * time.Second, Retries: 3},
	}, RootFS: rootFS{Type: "layers", DiffIDs: []string{"sha256:" + hex.EncodeToString(diff[:])}}}
	cd, err := a.json("application/vnd.oci.image.config.v1+json", c)
	if err != nil {
		return descriptor{}, err
	}
	d, err := a.json("application/vnd.oci.image.manifest.v1+json", manifest{SchemaVersion: 2, MediaType: "application/vnd.oci.image.manifest.v1+json", Config: cd, Layers: []descriptor{content}})
	d.Platform = &p
	return d, err
}

// layer is the tar of the image's only layer.
func (a *archive) layer(tree, configuration string) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	doc := "usr/share/doc/" + name
	for _, d := range []struct {
		path  string
		mode  int64
		owner int
	}{
		{"etc", 0o755, 0}, {"etc/" + name, 0o755, 0}, {"etc/" + name + "/credentials", 0o700, nobody},
		{"run", 0o755, 0}, {"run/" + name, 0o755, nobody}, {"tmp", 0o1777, 0},
		{"usr", 0o755, 0}, {"usr/bin", 0o755, 0}, {"usr/share", 0o755, 0}, {"usr/share/doc", 0o755, 0}, {doc, 0o755, 0},
		{"var", 0o755, 0}, {"var/lib", 0o755, 0}, {"var/lib/" + name, 0o700, nobody},
	} {
		if err := a.entry(w, &tar.Header{Typeflag: tar.TypeDir, Name: d.path + "/", Mode: d.mode, Uid: d.owner, Gid: d.owner}, nil); err != nil {
			return nil, err
		}
	}
	for _, f := range []struct {
		from, to string
		mode     int64
	}{
		{configuration, config, 0o644},
		{filepath.Join(tree, binary), binary, 0o755},
		{filepath.Join(tree, doc, "THIRD_PARTY_LICENSES"), doc + "/THIRD_PARTY_LICENSES", 0o644},
		{filepath.Join(tree, doc, "LICENSE"), doc + "/LICENSE", 0o644},
	} {
		content, err := os.ReadFile(f.from)
		if err != nil {
			return nil, err
		}
		if err := a.entry(w, &tar.Header{Typeflag: tar.TypeReg, Name: f.to, Mode: f.mode}, content); err != nil {
			return nil, err
		}
	}
	err := w.Close() // writes the end of the archive
	return b.Bytes(), err
}

// layout writes the archive that holds the layout.
func (a *archive) layout(out io.Writer, index manifestList) error {
	w := tar.NewWriter(out)
	top, err := json.Marshal(index)
	if err != nil {
		return err
	}
	files := map[string][]byte{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`), "index.json": top}
	for digest, b := range a.blobs {
		files["blobs/sha256/"+digest] = b
	}
	names := []string{}
	for n := range files {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		if err := a.entry(w, &tar.Header{Typeflag: tar.TypeReg, Name: n, Mode: 0o644}, files[n]); err != nil {
			return err
		}
	}
	return w.Close()
}

func (a *archive) entry(w *tar.Writer, h *tar.Header, content []byte) error {
	h.ModTime, h.Size, h.Format = a.date, int64(len(content)), tar.FormatUSTAR
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}
