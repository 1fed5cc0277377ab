package offline

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"iot-edge-anomaly/drivers/replay"
)

// openRecording opens a file, or stdin for "-". A read from a pipe or a terminal,
// which may wait for ever, ends with ctx.
func openRecording(ctx context.Context, stdin io.Reader, path string) (*replay.Reader, io.Closer, error) {
	if path == "-" {
		r, err := replay.NewReader(bufio.NewReader(endingWith(ctx, stdin)), "stdin")
		return r, io.NopCloser(nil), err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	var rows io.Reader = f
	if !isFile(path) {
		rows = endingWith(ctx, f)
	}
	r, err := replay.NewReader(bufio.NewReaderSize(rows, 1<<16), path)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return r, f, nil
}

// endingWith reads r, which may block for ever, until ctx is done.
func endingWith(ctx context.Context, r io.Reader) io.Reader {
	out, in := io.Pipe()
	go func() {
		_, err := io.Copy(in, r)
		in.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
	return out
}

// isFile tells whether path is a regular file, which may be read and answered in
// large pieces. At the end of a pipe somebody waits for each row.
func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

// Create opens a file for writing, or stdout for "-". The writer is buffered; close
// flushes it and closes the file.
func Create(stdout io.Writer, path string) (w *bufio.Writer, close func() error, err error) {
	if path == "-" {
		w := bufio.NewWriter(stdout)
		return w, w.Flush, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, nil, err
	}
	w = bufio.NewWriter(f)
	return w, func() error { return errors.Join(w.Flush(), f.Close()) }, nil
}

// KeepInputs refuses an output that would overwrite an input or another output.
// Empty names and "-" are no files.
func KeepInputs(inputs, outputs []string) error {
	taken := map[string]os.FileInfo{}
	for _, in := range inputs {
		if st, err := os.Stat(in); err == nil && st.Mode().IsRegular() {
			taken[in] = st
		}
	}
	for i, out := range outputs {
		st, err := os.Stat(out)
		for in, other := range taken {
			if err == nil && os.SameFile(st, other) {
				return fmt.Errorf("%s would overwrite %s", out, in)
			}
		}
		device := err == nil && !st.Mode().IsRegular() // /dev/null takes any number
		if out != "" && out != "-" && !device && slices.Contains(outputs[:i], out) {
			return fmt.Errorf("%s is named for two outputs", out)
		}
	}
	return nil
}
