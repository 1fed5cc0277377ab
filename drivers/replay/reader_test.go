package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// collect reads everything; a bad row is its error's text.
func collect(t *testing.T, in string) (header []string, out []string) {
	t.Helper()
	r, err := NewReader(strings.NewReader(in), "in.csv")
	if err != nil {
		t.Fatal(err)
	}
	for {
		text, at, row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r.Header(), out
		}
		line := fmt.Sprintf("%s|%s|%v", text, at.Format(time.RFC3339Nano), row)
		if err != nil {
			line += "|" + err.Error()
		}
		out = append(out, line)
	}
}

// endless is text without an end.
type endless struct{ text string }

func (e endless) Read(p []byte) (n int, _ error) {
	for n < len(p) {
		n += copy(p[n:], e.text)
	}
	return n, nil
}

// TestReader_endlessRow: a quote that nobody closes, or what is no text, ends with
// a short error; it is not collected for as long as the input lasts.
func TestReader_endlessRow(t *testing.T) {
	for name, in := range map[string]io.Reader{
		"zeros":         endless{"\x00"},
		"a long header": io.MultiReader(strings.NewReader("timestamp,"), endless{"a"}),
	} {
		if _, err := NewReader(in, "in.csv"); err == nil || !strings.Contains(err.Error(), "the row at byte 0 has more than 1024 KiB") || len(err.Error()) > 200 {
			t.Errorf("%s: %.300v", name, err)
		}
	}
	if _, err := NewReader(strings.NewReader(strings.Repeat("\x00", 1<<19)), "in.csv"); err == nil || len(err.Error()) > 400 {
		t.Errorf("a header without an end of line: %.300v", err)
	}
	r, err := NewReader(io.MultiReader(strings.NewReader("timestamp,a\n0,1\n1,\"2\n"), endless{"3,4\n"}), "in.csv")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, row, err := r.Next(); err != nil || row[0] != 1 {
		t.Fatalf("row %v: %v", row, err)
	}
	if _, _, _, err := r.Next(); err == nil || !strings.Contains(err.Error(), "row at byte 16 has more than 1024 KiB: is a quote not closed") {
		t.Errorf("an open quote: %v", err)
	}
	if _, _, _, err := r.Next(); err == nil {
		t.Error("reading goes on behind it")
	}
}

func TestReader(t *testing.T) {
	const zero = "0001-01-01T00:00:00Z"
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"plain", "timestamp,a,b\n2026-11-23T08:00:00Z,1,2.5\n2026-11-23T08:00:01Z,-3e2,0\n",
			[]string{"2026-11-23T08:00:00Z|2026-11-23T08:00:00Z|[1 2.5]", "2026-11-23T08:00:01Z|2026-11-23T08:00:01Z|[-300 0]"}},
		{"gaps", "timestamp,a,b\n0,,\n1,NaN, 7 \n2,nan,8", []string{"0|1970-01-01T00:00:00Z|[NaN NaN]",
			"1|1970-01-01T00:00:01Z|[NaN 7]", "2|1970-01-01T00:00:02Z|[NaN 8]"}},
		{"CRLF, byte order mark, quotes, empty line", "\xEF\xBB\xBF\"timestamp\",\"a\"\r\n\r\n\"2026-11-23 08:00:00\",\"1\"\r\n",
			[]string{"2026-11-23 08:00:00|2026-11-23T08:00:00Z|[1]"}},
		{"text in a cell", "timestamp,a,b\n0,1,x\n1,2,3\n", []string{
			"0|1970-01-01T00:00:00Z|[1 NaN]|in.csv line 2, column 3 (b): \"x\" is not a number", "1|1970-01-01T00:00:01Z|[2 3]"}},
		{"infinite and out of range", "timestamp,a\n0,Inf\n1,1e999\n", []string{
			"0|1970-01-01T00:00:00Z|[NaN]|in.csv line 2, column 2 (a): \"Inf\" is not finite",
			"1|1970-01-01T00:00:01Z|[NaN]|in.csv line 3, column 2 (a): \"1e999\" is out of range"}},
		{"decimal comma", "timestamp,a\n0,1,5\n", []string{"0|1970-01-01T00:00:00Z|[NaN]|in.csv line 2: 3 columns, the header has 2"}},
		{"too few", "timestamp,a,b\n0,1\n1,2,3\n", []string{
			"0|1970-01-01T00:00:00Z|[NaN NaN]|in.csv line 2: 2 columns, the header has 3", "1|1970-01-01T00:00:01Z|[2 3]"}},
		{"bad timestamp", "timestamp,a\nyesterday,1\n,2\n1795420800000,3\n", []string{
			"yesterday|" + zero + "|[1]|in.csv line 2, column 1 (timestamp): \"yesterday\" is not a time: want RFC 3339, 2006-01-02T15:04:05 or seconds",
			"|" + zero + "|[2]|in.csv line 3, column 1 (timestamp): no timestamp",
			"1795420800000|" + zero + "|[3]|in.csv line 4, column 1 (timestamp): \"1795420800000\" seconds is beyond the year 9999: are these milliseconds?"}},
		{"stray quote", "timestamp,a\n0,1\"\n1,2\n", []string{
			"|" + zero + "|[NaN]|in.csv line 2: bare \" in non-quoted-field", "1|1970-01-01T00:00:01Z|[2]"}},
		{"no rows", "timestamp,a\n", nil},
		{"long cell", "timestamp,a\n0," + strings.Repeat("z", 100), []string{
			"0|1970-01-01T00:00:00Z|[NaN]|in.csv line 2, column 2 (a): \"" + strings.Repeat("z", 37) + "\"... is not a number"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, got := collect(t, c.in); !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestNewReader_header(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", "in.csv: no header: the recording is empty"},
		{"time,a\n", `in.csv: header: first column is "time", want timestamp`},
		{"timestamp\n", "in.csv: header: no channel after the timestamp"},
		{"timestamp;a;b\n", "in.csv: header: columns are separated by a semicolon or tab, want a comma"},
		{"timestamp,a,,b\n", "in.csv: header: column 3 has no name"},
		{"timestamp,a,T \xb0C\n", `in.csv: header: column 3: name "T \xb0C" is not UTF-8: save the recording as UTF-8`},
		{"timestamp,a,b,a\n", `in.csv: header: columns 2 and 4 are both called "a"`},
		{"\"timestamp", `in.csv: reading header: parse error on line 1, column 11: extraneous or missing " in quoted-field`},
	} {
		if _, err := NewReader(strings.NewReader(c.in), "in.csv"); err == nil || err.Error() != c.want {
			t.Errorf("%q: got %v, want %s", c.in, err, c.want)
		}
	}
	r, err := NewReader(strings.NewReader("Timestamp, pump.current ,b\n"), "in.csv")
	if err != nil || !slices.Equal(r.Header(), []string{"pump.current", "b"}) {
		t.Errorf("got %v %v", r, err)
	}
}

func TestParseTime(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"2026-11-23T08:00:00Z", "2026-11-23T08:00:00Z"},
		{"2026-11-23T08:00:00.123+01:00", "2026-11-23T07:00:00.123Z"},
		{"2020-03-01T15:44:06", "2020-03-01T15:44:06Z"},
		{"2020-03-01 15:44:06.5", "2020-03-01T15:44:06.5Z"},
		{"2020-03-01 15:44:06+02:00", "2020-03-01T13:44:06Z"},
		{"0", "1970-01-01T00:00:00Z"},
		{"1583077446.25", "2020-03-01T15:44:06.25Z"},
		{"-0.5", "1969-12-31T23:59:59.5Z"},
		{"0.1", "1970-01-01T00:00:00.1Z"},
		{"1.5e3", "1970-01-01T00:25:00Z"},
	} {
		if got, err := parseTime(c.in); err != nil || got.UTC().Format(time.RFC3339Nano) != c.want {
			t.Errorf("%s: got %v %v, want %s", c.in, got, err, c.want)
		}
	}
	for _, bad := range []string{"", "NaN", "Inf", "2026-13-01T00:00:00Z", "2026-11-23T25:00:00", "1e300"} {
		if got, err := parseTime(bad); err == nil || !got.IsZero() {
			t.Errorf("%s: got %v %v", bad, got, err)
		}
	}
}

// An input error is final and keeps its cause.
func TestReader_inputError(t *testing.T) {
	cause := errors.New("card removed")
	in := io.MultiReader(strings.NewReader("timestamp,a\n0,1\n"), iotest.ErrReader(cause))
	r, err := NewReader(in, "in.csv")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, row, err := r.Next(); err != nil || row[0] != 1 {
		t.Errorf("got %v %v", row, err)
	}
	for range 2 {
		if _, _, row, err := r.Next(); !errors.Is(err, cause) || row != nil {
			t.Errorf("got %v %v", row, err)
		}
	}
}

// A row costs the one string that encoding/csv makes of a record.
func TestReader_allocs(t *testing.T) {
	in := "timestamp,a,b\n" + strings.Repeat("2026-11-23T08:00:00Z,1.25,2.5\n", 500)
	r, _ := NewReader(strings.NewReader(in), "in.csv")
	if n := testing.AllocsPerRun(200, func() { _, _, _, _ = r.Next() }); n > 1 {
		t.Errorf("%v allocations a row", n)
	}
}

// Real recordings, where they are at hand: every row is read without an error.
func TestReader_shared(t *testing.T) {
	data := os.Getenv("DATA")
	if data == "" {
		data = filepath.Join("..", "..", "..", "shared", "data")
	}
	files, _ := filepath.Glob(filepath.Join(data, "skab", "input", "*.csv"))
	if len(files) == 0 {
		t.Skip("no recordings at ", data)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewReader(bytes.NewReader(b), filepath.Base(f))
		if err != nil {
			t.Fatal(err)
		}
		n, last := 0, time.Time{}
		for {
			_, at, row, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || at.Before(last) || slices.ContainsFunc(row, math.IsNaN) {
				t.Fatalf("%v: %v %v", err, at, row)
			}
			n, last = n+1, at
		}
		if want := bytes.Count(b, []byte("\n")) - 1; n != want || len(r.Header()) != 8 {
			t.Errorf("%s: %d rows, want %d; %d channels", f, n, want, len(r.Header()))
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add("timestamp,a,b\n2026-11-23T08:00:00Z,1,2\n1,,x\n")
	f.Add("\xEF\xBB\xBFtimestamp,a\r\n\"0\",\"1\"\r\n")
	f.Add("timestamp,a\n0,1,2\n\"\n")
	f.Fuzz(func(t *testing.T, in string) {
		r, err := NewReader(strings.NewReader(in), "f")
		if err != nil {
			return
		}
		for range len(in) + 2 {
			_, at, row, err := r.Next()
			if err == io.EOF {
				return
			}
			var bad *RowError
			if err != nil && (!errors.As(err, &bad) || bad.Line < 1 || bad.Line > strings.Count(in, "\n")+2) {
				t.Fatalf("error %v", err)
			}
			if len(row) != len(r.Header()) || at.Year() > 9999 {
				t.Fatalf("row %v for %v at %v", row, r.Header(), at)
			}
			for _, v := range row {
				if math.IsInf(v, 0) {
					t.Fatalf("row %v", row)
				}
			}
		}
		t.Fatal("no end")
	})
}
