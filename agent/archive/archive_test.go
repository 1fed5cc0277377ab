package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type content struct{ name, text string }

var some = []content{{"a.json", `{"format":1}`}, {"models/pump1/x.safetensors", strings.Repeat("x", 5000)}, {"empty", ""},
	{strings.Repeat("d", 90) + "/" + strings.Repeat("f", 95), strings.Repeat("y", blockSize)}}

func made(t testing.TB, files []content) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b)
	for _, f := range files {
		if err := w.Add(f.name, time.Unix(1_700_000_000, 0), []byte(f.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readAll(b []byte) (out []content, err error) {
	err = Read(bytes.NewReader(b), func(f File, r io.Reader) error {
		text, err := io.ReadAll(r)
		if int64(len(text)) > f.Size {
			return fmt.Errorf("%s: %d bytes of %d", f.Name, len(text), f.Size)
		}
		out = append(out, content{f.Name, string(text)})
		return err
	})
	return out, err
}

func TestRead(t *testing.T) {
	got, err := readAll(made(t, some))
	if err != nil || fmt.Sprint(got) != fmt.Sprint(some) {
		t.Errorf("%v, %v", got, err)
	}
	// Whoever does not read a file to its end still learns whether it is whole.
	if err := Read(bytes.NewReader(made(t, some)), func(File, io.Reader) error { return nil }); err != nil {
		t.Error(err)
	}
	own := errors.New("enough")
	if err := Read(bytes.NewReader(made(t, some)), func(File, io.Reader) error { return own }); !errors.Is(err, own) {
		t.Error(err)
	}
}

// TestTar has the system's tar and sha256sum open what Writer wrote, and Read what
// that tar wrote.
func TestTar(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.tar"), made(t, some), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-ec", "mkdir out; cd out; tar xf ../x.tar; sha256sum -c SHA256SUMS; tar -c -f ../back.tar --format=ustar "+strings.Join(names(some), " ")+" SHA256SUMS")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || strings.Count(string(out), ": OK") != len(some) {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, f := range some {
		if b, err := os.ReadFile(filepath.Join(dir, "out", f.name)); err != nil || string(b) != f.text {
			t.Errorf("%s: %v", f.name, err)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "back.tar"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readAll(b); err != nil || len(got) != len(some) {
		t.Errorf("%v: %v", err, names(got))
	}
}

func names(files []content) (out []string) {
	for _, f := range files {
		out = append(out, f.name)
	}
	return out
}

// TestRead_damage changes each byte and cuts at each block.
func TestRead_damage(t *testing.T) {
	good := made(t, some)
	for i := range len(good) - 2*blockSize {
		b := bytes.Clone(good)
		b[i] ^= 0x10
		got, err := readAll(b)
		if err == nil && fmt.Sprint(got) != fmt.Sprint(some) {
			t.Errorf("byte %d: not noticed", i)
		}
	}
	for n := 0; n < len(good)-2*blockSize; n += blockSize {
		if _, err := readAll(good[:n]); err == nil {
			t.Errorf("cut at %d: not noticed", n)
		}
	}
}

// mended is an archive whose first header was changed, with a right checksum.
func mended(t *testing.T, change func(h []byte)) []byte {
	b := made(t, some)
	change(b)
	var h [blockSize]byte
	copy(h[:], b)
	copy(b[148:], fmt.Sprintf("%06o\x00 ", checksum(&h)))
	return b
}

func TestRead_refused(t *testing.T) {
	name := func(s string) []byte {
		return mended(t, func(h []byte) { copy(h, make([]byte, 100)); copy(h, s) })
	}
	kind := func(k byte) []byte { return mended(t, func(h []byte) { h[156] = k }) }
	for what, c := range map[string]struct {
		b    []byte
		want string
	}{
		"parent":        {name("../etc/passwd"), "without . and .."},
		"inner parent":  {name("a/../../b"), "without . and .."},
		"absolute":      {name("/etc/passwd"), "without . and .."},
		"escape":        {name("a\x1b[2J"), "without . and .."},
		"dot":           {name("."), "without . and .."},
		"link":          {kind('1'), "a link"},
		"symbolic link": {kind('2'), "a symbolic link"},
		"device":        {kind('3'), "a device"},
		"folder":        {kind('5'), "a folder"},
		"sparse":        {kind('S'), "a sparse file"},
		"pax":           {kind('x'), "of kind 'x'"},
		"huge":          {mended(t, func(h []byte) { copy(h[124:], "77777777777\x00") }), "ends early"},
		"size":          {mended(t, func(h []byte) { copy(h[124:], "zzzzzzzzzzz\x00") }), "the size of"},
		"compressed":    {append([]byte{0x1f, 0x8b}, make([]byte, 600)...), "gunzip"},
		"text":          {bytes.Repeat([]byte("hello "), 200), "not a tar file"},
		"nothing":       {nil, "not a tar file"},
		"twice":         {made(t, []content{{"a", "1"}, {"a", "2"}}), "twice"},
	} {
		if _, err := readAll(c.b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", what, err, c.want)
		}
	}
	for _, bad := range []string{"", "/a", "a/", "../a", "a\nb", `a\b`, strings.Repeat("n", 256), strings.Repeat("n", 120)} {
		if err := NewWriter(io.Discard).Add(bad, time.Now(), nil); err == nil {
			t.Errorf("%q was written", bad)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(made(f, some))
	f.Add(made(f, some[:1]))
	f.Add([]byte("hello"))
	f.Fuzz(func(t *testing.T, b []byte) {
		total := 0
		err := Read(bytes.NewReader(b), func(f File, r io.Reader) error {
			n, err := io.Copy(io.Discard, r)
			if goodName(f.Name) != nil || n > f.Size {
				t.Errorf("%q of %d bytes has %d", f.Name, f.Size, n)
			}
			total += int(n)
			return err
		})
		if total > len(b) {
			t.Errorf("%d bytes came out of %d", total, len(b))
		}
		if err == nil && total == 0 && len(b) < blockSize {
			t.Error("too short, and taken")
		}
	})
}
