package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"time"
)

// Files holds the page under static/.
//
//go:embed static
var Files embed.FS

// policy lets the page load its own script and style and send requests to its own
// server, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// asset is one static file.
type asset struct {
	name, contentType, tag string
	body                   []byte
}

// Handler serves the page at / and its script and style beside it. It answers 404
// to every other path, and 405 to every method but GET and HEAD. It is safe for
// concurrent use.
func Handler() http.Handler {
	served := map[string]asset{
		"/":           load("index.html", "text/html; charset=utf-8"),
		"/index.html": load("index.html", "text/html; charset=utf-8"),
		"/app.js":     load("app.js", "text/javascript; charset=utf-8"),
		"/style.css":  load("style.css", "text/css; charset=utf-8"),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := served[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if !readOnly(w, r) {
			return
		}
		h := w.Header()
		h.Set("Content-Type", a.contentType)
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", a.tag)
		http.ServeContent(w, r, a.name, time.Time{}, bytes.NewReader(a.body))
	})
}

// load takes a file from the binary. A test holds that all files are there.
func load(name, contentType string) asset {
	body, _ := Files.ReadFile("static/" + name)
	sum := sha256.Sum256(body)
	return asset{name, contentType, `"` + hex.EncodeToString(sum[:8]) + `"`, body}
}

// readOnly answers 405 to any method but GET and HEAD, and then returns false.
func readOnly(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	return false
}
