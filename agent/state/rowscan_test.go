package state

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// threeBlocks writes ten rows in each of three blocks and returns the file.
func threeBlocks(t testing.TB, o RowLogOptions) []byte {
	r, err := OpenRowLog(o)
	for i := 0; i < 30 && err == nil; i++ {
		if err = r.Push([]float64{float64(i), -float64(i)}, true); err == nil && i%10 == 9 {
			err = r.Flush()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(o.Path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func hashed(t testing.TB) RowLogOptions {
	return RowLogOptions{Path: filepath.Join(t.TempDir(), "pump1.rows"), Schema: strings.Repeat("0123456789abcdef", 4), Channels: 2, Want: 100}
}

// TestFlippedByteLosesItsBlockOnly: whichever byte is damaged, the other blocks are
// kept, the loss is told once, and a gap stands where the rows were.
func TestFlippedByteLosesItsBlockOnly(t *testing.T) {
	o := hashed(t)
	whole := threeBlocks(t, o)
	head := len((&RowLog{o: o}).header())
	size := (len(whole) - head) / 3
	for i := range whole {
		bad := append([]byte(nil), whole...)
		bad[i] ^= 0x10
		if err := os.WriteFile(o.Path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		lost := 10
		if i < head {
			lost = 0
		}
		r := mustOpen(t, o)
		if r.Have() != 30-lost || r.Lost() != lost {
			t.Fatalf("byte %d: %d rows, %d lost, want %d lost", i, r.Have(), r.Lost(), lost)
		}
		gaps := 0
		if block := (i - head) / size; i >= head && block == 1 {
			gaps = gapMost
		}
		rows := loaded(t, r)
		if len(rows) != 2*(30-lost+gaps) || len(r.Gaps(rows)) != gaps {
			t.Fatalf("byte %d: %d rows with %d gaps, want %d gaps", i, len(rows)/2, len(r.Gaps(rows)), gaps)
		}
		if again := mustOpen(t, o); again.Lost() != 0 || again.Have() != 30-lost {
			t.Fatalf("byte %d: told again: %d lost, %d rows", i, again.Lost(), again.Have())
		}
	}
}

// TestRowsOfAFileThatIsNotOurs are lost, and that is told.
func TestRowsOfAFileThatIsNotOurs(t *testing.T) {
	o := hashed(t)
	whole := threeBlocks(t, o)
	for name, c := range map[string]struct {
		content []byte
		least   int
	}{
		"empty": {nil, 0}, "zeros": {make([]byte, len(whole)), 30}, "foreign": {[]byte(strings.Repeat("hello\n", 1000)), 100},
		"torn": {whole[:len(whole)*6/10], 1}, "head gone": {append(make([]byte, 20), whole[20:]...), 30},
		"magic only": {[]byte(strings.Repeat("2KBL", 5000)), 100},
	} {
		if err := os.WriteFile(o.Path, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		if r := mustOpen(t, o); r.Lost() < c.least || r.Lost() > o.Want || r.Have()+r.Lost() > 130 {
			t.Errorf("%s: %d rows, %d lost, want at least %d lost", name, r.Have(), r.Lost(), c.least)
		}
	}
}

// TestLearnFolderIsMadeAgain: what was on the disk is lost, and told; what comes is kept.
func TestLearnFolderIsMadeAgain(t *testing.T) {
	o := options(t)
	r := mustOpen(t, o)
	for i := range 10 {
		push(t, r, float64(i), true)
	}
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	push(t, r, 10, true)
	if err := os.RemoveAll(filepath.Dir(o.Path)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Load(); !errors.Is(err, ErrLost) {
		t.Errorf("loaded: %v, want ErrLost", err)
	}
	if err := r.Flush(); err != nil || r.Lost() != 10 || r.Have() != 1 {
		t.Errorf("%v, %d lost, %d rows, want 10 lost and 1", err, r.Lost(), r.Have())
	}
	if again := mustOpen(t, o); again.Have() != 1 || again.Lost() != 0 {
		t.Errorf("%d rows after the restart, %d lost, want 1", again.Have(), again.Lost())
	}
}

// TestMemoryWithoutDiskIsBounded: where the disk takes nothing, the newest rows are kept
// and the loss is counted.
func TestMemoryWithoutDiskIsBounded(t *testing.T) {
	o := options(t)
	o.Want, o.MaxMemory = 100_000, 64<<10
	if err := os.WriteFile(filepath.Dir(o.Path), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r, _ := OpenRowLog(o)
	for i := range 20_000 {
		r.Push([]float64{float64(i), 0}, true)
	}
	rows := loaded(t, r)
	if n := 8 * len(rows); n > 64<<10 || n < 40<<10 {
		t.Errorf("%d bytes in memory, want at most %d", n, o.MaxMemory)
	}
	if got := r.Have() + r.Lost(); got != 20_000 || rows[len(rows)-2] != 19_999 || !math.IsNaN(rows[0]) {
		t.Errorf("%d rows and %d lost, first %v, last %v", r.Have(), r.Lost(), rows[0], rows[len(rows)-2])
	}
}

func FuzzRowFile(f *testing.F) {
	o := hashed(f)
	whole := threeBlocks(f, o)
	f.Add(whole)
	f.Add(append(whole[:200:200], whole[201:]...))
	f.Add([]byte("ieal"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(o.Path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := OpenRowLog(o)
		if err != nil {
			return
		}
		rows := loaded(t, r)
		if len(rows)%2 != 0 || r.Have() > len(rows)/2 {
			t.Fatalf("%d rows of %d values", r.Have(), len(rows))
		}
		if again := mustOpen(t, o); again.Lost() != 0 || again.Have() != r.Have() {
			t.Fatalf("opened again: %d lost, %d rows, want %d", again.Lost(), again.Have(), r.Have())
		}
	})
}
