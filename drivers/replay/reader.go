package replay

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Reader streams the rows of a recording. It is not safe for concurrent use.
// Use NewReader.
type Reader struct {
	name  string
	csv   *csv.Reader
	bound *rowBound
	names []string
	row   []float64
	fatal error // of the input itself; every later Next returns it
}

// RowError says what is wrong with one row. Reading can continue after it.
type RowError struct {
	File   string
	Line   int    // from 1
	Column int    // from 1; 0 = the row as a whole
	Name   string // of the column
	Reason string
}

// Error names file, line and column.
func (e *RowError) Error() string {
	if e.Column == 0 {
		return fmt.Sprintf("%s line %d: %s", e.File, e.Line, e.Reason)
	}
	return fmt.Sprintf("%s line %d, column %d (%s): %s", e.File, e.Line, e.Column, e.Name, e.Reason)
}

// NewReader reads the header of a recording; name is its name in errors. It reads
// ahead. The caller closes r.
func NewReader(r io.Reader, name string) (*Reader, error) {
	br := bufio.NewReader(r)
	if b, _ := br.Peek(3); string(b) == "\xEF\xBB\xBF" {
		_, _ = br.Discard(3) // byte order mark
	}
	bound := &rowBound{r: br}
	c := csv.NewReader(bound)
	c.ReuseRecord = true
	c.FieldsPerRecord = -1 // Next counts them, with a better message
	header, err := c.Read()
	bound.start = c.InputOffset()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s: no header: the recording is empty", name)
	case err != nil:
		return nil, fmt.Errorf("%s: reading header: %w", name, err)
	}
	names, err := channelNames(header)
	if err != nil {
		return nil, fmt.Errorf("%s: header: %w", name, err)
	}
	return &Reader{name: name, csv: c, bound: bound, names: names, row: make([]float64, len(names))}, nil
}

// maxRow bounds a row in bytes; thousands of channels fit. Without it, input with an
// unclosed quote, or that is not text at all, would be read to its end as one row,
// from a pipe for ever.
const maxRow = 1 << 20

// rowBound reads until a row becomes longer than maxRow.
type rowBound struct {
	r     io.Reader
	n     int64 // bytes read
	start int64 // offset of the current row
}

func (b *rowBound) Read(p []byte) (int, error) {
	if b.n-b.start > maxRow {
		return 0, fmt.Errorf("the row at byte %d has more than %d KiB: is a quote not closed, or is this no recording?", b.start, maxRow>>10)
	}
	n, err := b.r.Read(p)
	b.n += int64(n)
	return n, err
}

// channelNames checks a header and returns its columns after the timestamp.
func channelNames(header []string) ([]string, error) {
	first := strings.TrimSpace(header[0])
	if len(header) == 1 && strings.ContainsAny(first, ";\t") {
		return nil, errors.New("columns are separated by a semicolon or tab, want a comma")
	}
	if !strings.EqualFold(first, "timestamp") {
		return nil, fmt.Errorf("first column is %s, want timestamp", quoted(first))
	}
	if len(header) == 1 {
		return nil, errors.New("no channel after the timestamp")
	}
	names := make([]string, 0, len(header)-1)
	for i, h := range header[1:] {
		h = strings.TrimSpace(h)
		if h == "" {
			return nil, fmt.Errorf("column %d has no name", i+2)
		}
		if !utf8.ValidString(h) {
			return nil, fmt.Errorf("column %d: name %s is not UTF-8: save the recording as UTF-8", i+2, quoted(h))
		}
		if j := slices.Index(names, h); j >= 0 {
			return nil, fmt.Errorf("columns %d and %d are both called %s", j+2, i+2, quoted(h))
		}
		names = append(names, strings.Clone(h))
	}
	return names, nil
}

// Header returns the channels (C): all column names except the timestamp's. The
// caller must not change it.
func (r *Reader) Header() []string { return r.names }

// Next returns the next row: the timestamp as written in the file, its time, and
// one value per channel (C), NaN where the cell is empty. The row is valid until the
// next call. At the end the error is io.EOF.
//
// With a *RowError, bad cells are NaN, a bad timestamp is the zero time, and a row
// with the wrong number of columns is all NaN; Next may be called again. Any other
// error concerns the input and is final.
func (r *Reader) Next() (text string, at time.Time, row []float64, err error) {
	if r.fatal != nil {
		return "", time.Time{}, nil, r.fatal
	}
	for i := range r.row {
		r.row[i] = math.NaN()
	}
	record, err := r.csv.Read()
	r.bound.start = r.csv.InputOffset()
	if err != nil {
		return r.failed(err)
	}
	text = strings.TrimSpace(record[0])
	at, timeErr := parseTime(text)
	if n := len(record); n != len(r.names)+1 {
		return text, at, r.row, r.fault(-1, fmt.Sprintf("%d columns, the header has %d", n, len(r.names)+1))
	}
	if timeErr != nil {
		err = r.fault(0, timeErr.Error())
	}
	for i := range r.row {
		v, cellErr := parseCell(record[i+1])
		if r.row[i] = v; cellErr != nil && err == nil {
			err = r.fault(i+1, cellErr.Error())
		}
	}
	return text, at, r.row, err
}

// failed is what Next returns if there is no record.
func (r *Reader) failed(err error) (text string, at time.Time, row []float64, _ error) {
	var broken *csv.ParseError
	if errors.As(err, &broken) {
		return "", time.Time{}, r.row, &RowError{File: r.name, Line: broken.Line, Reason: broken.Err.Error()}
	}
	if r.fatal = io.EOF; !errors.Is(err, io.EOF) {
		r.fatal = fmt.Errorf("%s: reading: %w", r.name, err)
	}
	return "", time.Time{}, nil, r.fatal
}

// fault is an error about field i of the newest record; -1 means the whole record.
func (r *Reader) fault(i int, reason string) *RowError {
	line, _ := r.csv.FieldPos(max(i, 0))
	e := &RowError{File: r.name, Line: line, Column: i + 1, Reason: reason}
	switch {
	case i == 0:
		e.Name = "timestamp"
	case i > 0:
		e.Name = r.names[i-1]
	}
	return e
}

// parseCell parses a value. Empty and NaN mean missing and are no error.
func parseCell(s string) (float64, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return math.NaN(), nil
	}
	v, err := strconv.ParseFloat(s, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return math.NaN(), fmt.Errorf("%s is out of range", quoted(s))
	case err != nil:
		return math.NaN(), fmt.Errorf("%s is not a number", quoted(s))
	case math.IsInf(v, 0):
		return math.NaN(), fmt.Errorf("%s is not finite", quoted(s))
	}
	return v, nil
}

// quoted quotes a cell for an error and shortens a long one.
func quoted(s string) string {
	if len(s) > 40 {
		return strconv.Quote(s[:37]) + "..."
	}
	return strconv.Quote(s)
}
