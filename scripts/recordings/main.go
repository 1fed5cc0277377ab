package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed sums.txt
var sumsFile string

// converters make the files of a set, by path below the output folder.
var converters = map[string]func(*source) (map[string][]byte, error){
	"skab": skab, "skab_normal": skabNormal, "tep": tep, "hydraulic": hydraulic, "nab": nab,
}

func main() {
	all := strings.Join(slices.Sorted(maps.Keys(converters)), ",")
	out := flag.String("out", "", "folder to write the sets to")
	sets := flag.String("sets", all, "comma-separated")
	from := flag.String("from", "https://", "where the originals lie, by host and path: a folder or an address")
	flag.Parse()
	if *out == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*out, strings.Split(*sets, ","), *from, sums(sumsFile), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "recordings:", err)
		os.Exit(1)
	}
}

// run downloads, converts, checks and writes the named sets; want is the sha256 of
// every file by path. If a set fails, the others are written all the same.
func run(out string, sets []string, from string, want map[string]string, w io.Writer) error {
	var errs []error
	for _, name := range sets {
		convert, ok := converters[name]
		if !ok {
			errs = append(errs, fmt.Errorf("set %q: none of %s", name, strings.Join(slices.Sorted(maps.Keys(converters)), ", ")))
			continue
		}
		files, err := convert(&source{from: from})
		if err == nil {
			err = verify(name, files, want)
		}
		if err == nil {
			err = write(out, files)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		fmt.Fprintf(w, "%-12s %d files, every sha256 as it must be\n", name, len(files))
	}
	return errors.Join(errs...)
}

// sums reads lines as sha256sum prints them.
func sums(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if sum, path, ok := strings.Cut(strings.TrimSpace(line), "  "); ok {
			out[path] = sum
		}
	}
	return out
}

// verify compares the files of a set with their sums. None may be missing and there
// may be no other.
func verify(set string, files map[string][]byte, want map[string]string) error {
	var errs []error
	for _, path := range slices.Sorted(maps.Keys(files)) {
		got := sha256.Sum256(files[path])
		switch sum := want[path]; {
		case sum == "":
			errs = append(errs, fmt.Errorf("%s: no such file is known", path))
		case sum != hex.EncodeToString(got[:]):
			errs = append(errs, fmt.Errorf("%s: sha256 %x, want %s: the original is not the one measured on", path, got, sum))
		}
	}
	for path := range want {
		if strings.HasPrefix(path, set+"/") && files[path] == nil {
			errs = append(errs, fmt.Errorf("%s: missing", path))
		}
	}
	return errors.Join(errs...)
}

func write(out string, files map[string][]byte) error {
	for path, content := range files {
		to := filepath.Join(out, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// protocol is a set's protocol.json: names in the order of their files.
func protocol(set string, period int, files []protocolFile) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n\"dataset\": %q,\n\"sample_period_s\": %d,\n\"files\": {\n", set, period)
	for i, f := range files {
		fmt.Fprintf(&b, "%q: {\n\"rows\": %d,\n\"channels\": %d,\n", f.name, f.rows, f.channels)
		if f.trainFile != "" {
			fmt.Fprintf(&b, "\"train_file\": %q,\n", f.trainFile)
		}
		fmt.Fprintf(&b, "\"train_rows\": %d\n}", f.trainRows)
		if i < len(files)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("}\n}")
	return b.Bytes()
}

type protocolFile struct {
	name, trainFile           string
	rows, channels, trainRows int
}
