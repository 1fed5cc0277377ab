package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	fetchTime = 10 * time.Minute // for one original, the largest is 73 MB
	fetchMost = 200 << 20        // bytes
)

// source is the place of the originals: an address prefix, or a folder.
type source struct{ from string }

// get returns the original at host and path.
func (s *source) get(place string) ([]byte, error) {
	if !strings.Contains(s.from, "://") {
		return os.ReadFile(filepath.Join(s.from, filepath.FromSlash(place)))
	}
	url := s.from + place
	if !strings.HasSuffix(s.from, "/") {
		url = s.from + "/" + place
	}
	client := http.Client{Timeout: fetchTime}
	r, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetching %s: %s", url, r.Status)
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, fetchMost+1))
	if err != nil {
		return nil, fmt.Errorf("fetching %s: %w", url, err)
	}
	if len(b) > fetchMost {
		return nil, fmt.Errorf("fetching %s: more than %d bytes", url, fetchMost)
	}
	return b, nil
}

// github returns the place of a file at a commit.
func github(repo, commit, path string) string {
	return "raw.githubusercontent.com/" + repo + "/" + commit + "/" + path
}
