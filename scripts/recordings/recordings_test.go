package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRun_rebuilt writes the converted recordings back in the form of their originals
// and checks that converting these gives the same bytes. Rebuilt originals have six
// digits only.
func TestRun_rebuilt(t *testing.T) {
	data := cmp.Or(os.Getenv("DATA"), "../../../shared/data")
	if _, err := os.Stat(data); err != nil {
		t.Skip("no recordings: " + err.Error())
	}
	from := t.TempDir()
	put := func(place, content string) {
		to := filepath.Join(from, filepath.FromSlash(place))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range skabFiles {
		for _, k := range f.numbers {
			name := fmt.Sprintf("%s_%d.csv", f.folder, k)
			put(github("waico/SKAB", skabCommit, fmt.Sprintf("data/%s/%d.csv", f.folder, k)),
				unSkab(rowsOf(t, data, "skab/input/"+name), rowsOf(t, data, "skab/labels/"+name)))
		}
	}
	put(github("waico/SKAB", skabCommit, "data/anomaly-free/anomaly-free.csv"), unSkab(rowsOf(t, data, "skab_normal/input/anomaly_free.csv"), nil))
	for _, f := range []string{"d00", "d02", "d04", "d06", "d08", "d10", "d12", "d14", "d16", "d18", "d20"} {
		put(github("camaramm/tennessee-eastman-profBraatz", tepCommit, f+"_te.dat"), unTep(rowsOf(t, data, "tep/input/"+f+".csv"), false))
	}
	put(github("camaramm/tennessee-eastman-profBraatz", tepCommit, "d00.dat"), unTep(rowsOf(t, data, "tep/input/train.csv"), true))
	unNAB(put, rowsOf(t, data, "nab/input/machine_temperature.csv"), rowsOf(t, data, "nab/labels/machine_temperature.csv"))
	unHydraulic(t, put, rowsOf(t, data, "hydraulic/input/cooler100.csv"), rowsOf(t, data, "hydraulic/labels/cooler100.csv"))

	server := httptest.NewServer(http.FileServer(http.Dir(from)))
	defer server.Close()
	sets := []string{"skab", "skab_normal", "tep", "hydraulic", "nab"}
	for _, place := range []string{from, server.URL} {
		out := t.TempDir()
		if err := run(out, sets, place, sums(sumsFile), io.Discard); err != nil {
			t.Errorf("%.4s: %v", place, err)
		}
		for path := range sums(sumsFile) {
			got, err := os.ReadFile(filepath.Join(out, path))
			want, _ := os.ReadFile(filepath.Join(data, path))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%.4s: %s: differs, %v", place, path, err)
			}
		}
	}
}

func rowsOf(t *testing.T, data, path string) [][]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(data, path))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := table(path, raw, ",", 2)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func unSkab(input, label [][]string) string {
	var b strings.Builder
	b.WriteString("datetime;a;b;c;d;e;f;g;h;anomaly;changepoint\n")
	for i, r := range input {
		b.WriteString(strings.Replace(r[0], "T", " ", 1) + ";" + strings.Join(r[1:], ";"))
		if label != nil {
			b.WriteString(";" + label[i][1] + ".0;" + label[i][2] + ".0")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func unTep(rows [][]string, turned bool) string {
	var b strings.Builder
	for i := range rows {
		if turned {
			break
		}
		b.WriteString("  " + strings.Join(rows[i][1:], "  ") + "\n")
	}
	for j := 1; turned && j <= 52; j++ {
		for i := range rows {
			b.WriteString("   " + rows[i][j] + "e+00")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func unNAB(put func(string, string), input, label [][]string) {
	var b strings.Builder
	b.WriteString("timestamp,value\r\n")
	var windows []string
	for i, r := range input {
		at := strings.Replace(r[0], "T", " ", 1)
		b.WriteString(at + "," + r[1] + "\r\n")
		if label[i][1] == "1" && label[i-1][1] == "0" {
			windows = append(windows, fmt.Sprintf("[%q, ", at+".000000"))
		}
		if label[i][1] == "1" && label[i+1][1] == "0" {
			windows[len(windows)-1] += fmt.Sprintf("%q]", at+".000000")
		}
	}
	put(github("numenta/NAB", nabCommit, "data/realKnownCause/machine_temperature_system_failure.csv"), b.String())
	put(github("numenta/NAB", nabCommit, "labels/combined_windows.json"),
		`{"realKnownCause/machine_temperature_system_failure.csv": [`+strings.Join(windows, ",")+`]}`)
}

func unHydraulic(t *testing.T, put func(string, string), input, label [][]string) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	member := func(name string, cell func(cycle int) string) {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		for c := range len(input) / 60 {
			fmt.Fprintln(w, cell(c))
		}
	}
	for j, name := range hydraulicFiles {
		member(name+".txt", func(c int) string {
			var cells []string
			for i := range 60 {
				cells = append(cells, input[60*c+i][j+1])
			}
			return strings.Join(cells, "\t")
		})
	}
	member("profile.txt", func(c int) string { return strings.Join(label[60*c][3:7], "\t") + "\t0" })
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	put(hydraulicPlace, b.String())
}

// TestConvert checks each format with a few lines.
func TestConvert(t *testing.T) {
	out := map[string][]byte{}
	raw := "datetime;a1;a2;c;p;t;f;v;q;anomaly;changepoint\r\n2020-03-09 10:14:33;0.63941234;1.0;-0.27321599999999996;2;3;4;5;32.0;1.0;0.0\r\n"
	if _, err := skabFile(out, "s", "x.csv", []byte(raw), 0); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"s/input/x.csv":  skabChannels + "2020-03-09T10:14:33,0.639412,1,-0.273216,2,3,4,5,32\n",
		"s/labels/x.csv": "timestamp,label,changepoint,eval\n2020-03-09T10:14:33,1,0,1\n",
	} {
		if got := string(out[path]); got != want {
			t.Errorf("%s:\n%s want\n%s", path, got, want)
		}
	}
	if got, err := matrix("m", []byte(" 1 2 3\n 4 5 6\n"), 2); err != nil || fmt.Sprint(got) != "[[1 4] [2 5] [3 6]]" {
		t.Errorf("turned: %v, %v", got, err)
	}
	if got, err := matrix("m", []byte(" 1 2\n\n 4 5\n 6 7\n"), 2); err != nil || fmt.Sprint(got) != "[[1 2] [4 5] [6 7]]" {
		t.Errorf("as it stands: %v, %v", got, err)
	}
	for _, bad := range []string{"", "1 2 3", "1 2\n3\n"} {
		if _, err := matrix("m", []byte(bad), 2); err == nil {
			t.Errorf("matrix %q: no error", bad)
		}
	}
	for _, bad := range []string{"h\n2020;1;2\n", "h;h;h;h;h;h;h;h;h\n2020;1;2;x;4;5;6;7;8\n"} {
		if _, err := skabFile(map[string][]byte{}, "s", "x.csv", []byte(bad), 0); err == nil {
			t.Errorf("skab %q: no error", bad)
		}
	}
}

func TestVerify(t *testing.T) {
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("good")))
	want := sums(sum + "  s/a.csv\n" + sum + "  t/b.csv\n")
	if err := verify("s", map[string][]byte{"s/a.csv": []byte("good")}, want); err != nil {
		t.Error(err)
	}
	for name, files := range map[string]map[string][]byte{
		"the original is not":   {"s/a.csv": []byte("bad")},
		"missing":               {},
		"no such file is known": {"s/a.csv": []byte("good"), "s/c.csv": nil},
	} {
		if err := verify("s", files, want); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("want %q: %v", name, err)
		}
	}
}

// TestRun_differs checks that no file of a set is written if its originals differ,
// and that the error names the address or the file.
func TestRun_differs(t *testing.T) {
	from, out := t.TempDir(), t.TempDir()
	place := filepath.Join(from, "raw.githubusercontent.com/waico/SKAB", skabCommit, "data/anomaly-free")
	if err := os.MkdirAll(place, 0o755); err != nil {
		t.Fatal(err)
	}
	raw := "datetime;a1;a2;c;p;t;f;v;q\n2020-03-09 10:14:33;1;2;3;4;5;6;7;8\n"
	if err := os.WriteFile(filepath.Join(place, "anomaly-free.csv"), []byte(raw), 0o644); err != nil {
		t.Fatal(err)
	}
	err := run(out, []string{"skab_normal", "nab", "x"}, from, sums(sumsFile), io.Discard)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"skab_normal/input/anomaly_free.csv: sha256", "machine_temperature_system_failure.csv: no such file", `set "x"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error without %q: %v", want, err)
		}
	}
	if left, _ := os.ReadDir(out); len(left) > 0 {
		t.Errorf("written: %v", left)
	}
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	if err := run(out, []string{"nab"}, server.URL, nil, io.Discard); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("absent: %v", err)
	}
}

// FuzzFormats checks that no original makes a converter panic or write rows of
// different lengths.
func FuzzFormats(f *testing.F) {
	f.Add([]byte("a;b\n2020-03-09 10:14:33;1;2;3;4;5;6;7;8;0;1\n"), 2)
	f.Add([]byte(" 1 2\n 3 4e+00\r\n"), 2)
	f.Add([]byte(nil), 0)
	f.Fuzz(func(t *testing.T, raw []byte, width int) {
		if m, err := matrix("m", raw, width); err == nil {
			for _, r := range m {
				if len(r) != width {
					t.Fatalf("%d numbers in a row, want %d", len(r), width)
				}
			}
		}
		out := map[string][]byte{}
		if _, err := skabFile(out, "s", "x.csv", raw, 1); err != nil {
			return
		}
		for text := range strings.Lines(string(out["s/input/x.csv"])) {
			if n := strings.Count(text, ","); n < 8 {
				t.Fatalf("%d commas in %q", n, text)
			}
		}
	})
}
