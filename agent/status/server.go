package status

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"iot-edge-anomaly/agent/clients"
	"iot-edge-anomaly/agent/keyfiles"
	"iot-edge-anomaly/agent/status/page"
)

// ServerOptions say where the endpoint listens, who may use it, and what it shows.
type ServerOptions struct {
	Listen          string
	TLSCert, TLSKey string          // files; empty = plain HTTP
	TokenFile       string          // holds the token that clients must send; empty = none
	NoPage          bool            // health and metrics alone
	Collect         func() Snapshot // called by every request; safe for concurrent use
	Metrics         *Metrics
	Log             *slog.Logger
}

const (
	// maxConns and maxWaiting limit the open connections, those that have asked something
	// and those that have not: many clients must not use up the memory and the file
	// descriptors that the buses need.
	maxConns   = 64
	maxWaiting = 704
	// maxLarge limits the answers under way that grow with the plant: each holds its
	// bytes until its client has taken them.
	maxLarge = 4
)

// Server is the read-only HTTP endpoint. Whatever is wrong with its address or files,
// the agent goes on without it.
type Server struct {
	o     ServerOptions
	files *files
	srv   *http.Server
	large *clients.Turns
	told  atomic.Int64 // when the log last said that clients make room, in seconds since 1970

	mu  sync.Mutex
	ln  net.Listener // nil = not listening
	err error        // why it does not listen; nil = it does, or Serve was not called yet
}

// NewServer makes a Server. It opens neither the address nor a file: Serve does.
func NewServer(o ServerOptions) *Server {
	s := &Server{o: o, files: newFiles(o.TLSCert, o.TLSKey, o.TokenFile, o.Log), large: clients.NewTurns(maxLarge)}
	s.srv = &http.Server{Handler: s.guard(s.mux()), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 15 * time.Second, IdleTimeout: 60 * time.Second, MaxHeaderBytes: 8 << 10, ConnState: clients.Note, ConnContext: clients.Context,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug)}
	return s
}

// listenEvery is how often Serve tries again what has failed.
const listenEvery = 5 * time.Second

// Serve answers until ctx is done. It tries again an address that is in use, and a
// certificate that cannot be read.
func (s *Server) Serve(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if s.srv.Shutdown(grace) != nil {
			s.srv.Close()
		}
	})
	defer stop()
	s.files.look()
	go s.files.watch(ctx)
	for ctx.Err() == nil {
		ln, err := s.listen()
		if s.listening(ln, err); err == nil {
			if err = s.srv.Serve(ln); errors.Is(err, http.ErrServerClosed) {
				return
			}
			s.listening(nil, fmt.Errorf("http: %w", err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(listenEvery):
		}
	}
}

// listen opens the address.
func (s *Server) listen() (net.Listener, error) {
	if s.o.TLSCert != "" {
		if _, err := s.files.certificate(nil); err != nil {
			return nil, err
		}
	}
	ln, err := net.Listen("tcp", s.o.Listen)
	if err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	ln = clients.Limit(ln, clients.Options{Places: maxConns, Waiting: maxWaiting, Displaced: s.displaced})
	if s.o.TLSCert != "" {
		ln = tls.NewListener(ln, &tls.Config{GetCertificate: s.files.certificate, MinVersion: tls.VersionTLS12})
	}
	return ln, nil
}

// listening remembers whether the server listens, and logs each new reason why not.
func (s *Server) listening(ln net.Listener, err error) {
	s.mu.Lock()
	before := s.err
	s.ln, s.err = ln, err
	s.mu.Unlock()
	if err != nil && (before == nil || before.Error() != err.Error()) {
		s.o.Log.Error("http endpoint is not available yet", "error", err, "again_in", listenEvery)
	}
}

// Trouble says what is wrong with the endpoint; empty = nothing.
func (s *Server) Trouble() string {
	s.mu.Lock()
	err := s.err
	s.mu.Unlock()
	if err != nil {
		return err.Error()
	}
	return cmp.Or(keyfiles.Line(s.files.Err()), s.files.open())
}

// BadFiles tells whether the newest certificate, key or token cannot be used.
func (s *Server) BadFiles() bool { return s.files.Err() != nil }

// Expires is when the certificate in force does; zero = there is none.
func (s *Server) Expires() time.Time { return s.files.expires() }

func (s *Server) mux() http.Handler {
	mux := http.NewServeMux()
	health := func(w http.ResponseWriter, _ *http.Request) { snap := s.o.Collect(); serveHealth(w, snap.Health()) }
	mux.HandleFunc("GET /health", health)
	mux.HandleFunc("GET /health/{$}", health)
	mux.HandleFunc("GET "+livePath, func(w http.ResponseWriter, _ *http.Request) {
		snap := s.o.Collect()
		if snap.Stalled != "" {
			writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "unhealthy", "detail": snap.Stalled + " makes no progress"})
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"status": "healthy"})
	})
	mux.HandleFunc("GET "+readyPath, func(w http.ResponseWriter, _ *http.Request) {
		snap := s.o.Collect()
		if snap.ReadyAfter == 0 {
			writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "unhealthy", "detail": "starting"})
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"status": "healthy"})
	})
	mux.Handle("GET /metrics", s.inTurn(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		snap := s.o.Collect()
		s.o.Metrics.Write(w, &snap)
	})))
	if s.o.NoPage {
		return mux
	}
	mux.Handle("GET /api/v1/state", s.inTurn(page.ServeState(func() page.State { snap := s.o.Collect(); return snap.Page() })))
	mux.Handle("GET /", page.Handler())
	return mux
}

// These answer without the token: whoever starts the agent may have none, and they
// tell nothing of the plant.
const (
	livePath  = "/health/live"
	readyPath = "/health/ready"
)

// guard counts the answers, requires the token, and refuses host names that are not
// this server's. Without that check a web page from elsewhere could read the
// loopback address through a host name that it controls (DNS rebinding).
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cw := &codeWriter{ResponseWriter: w, code: http.StatusOK}
		defer func() {
			if p := recover(); p != nil { // package http would end the connection and tell nobody
				s.o.Log.Error("http endpoint: internal error", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				http.Error(cw, "internal error", http.StatusInternalServerError)
			}
			s.o.Metrics.request(cw.code)
		}()
		host := s.allowedHost(r.Host)
		s.curtail(cw, r, host)
		if !host {
			http.Error(cw, "unknown host", http.StatusMisdirectedRequest)
			return
		}
		if s.o.TokenFile != "" && r.URL.Path != livePath && r.URL.Path != readyPath {
			sum, want := sha256.Sum256([]byte(tokenOf(r))), s.files.sum.Load()
			if want == nil || subtle.ConstantTimeCompare(sum[:], want[:]) != 1 {
				s.o.Metrics.refused.Add(1)
				cw.Header()["Www-Authenticate"] = []string{"Bearer", `Basic realm="iot-edge-anomaly", charset="UTF-8"`}
				http.Error(cw, "token required: send it as a bearer token, or as the password of any user", http.StatusUnauthorized)
				return
			}
		}
		next.ServeHTTP(cw, r)
	})
}

// curtail makes sure that a client which is not known, or sends content that nobody
// reads, keeps its connection for one answer only.
func (s *Server) curtail(w http.ResponseWriter, r *http.Request, host bool) {
	content := r.ContentLength != 0
	if content {
		http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second)) // package http reads what comes of it
	}
	if content || !host || s.o.TokenFile != "" && r.Header.Get("Authorization") == "" {
		w.Header().Set("Connection", "close")
	}
}

// inTurn has a handler answer a bounded number of requests at once. A client that does
// not take its answer loses its turn to the next one.
func (s *Server) inTurn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn := http.NewResponseController(w)
		done := s.large.Take(r.Context(), func() { conn.SetWriteDeadline(time.Unix(1, 0)) })
		if done == nil {
			return // the client has gone
		}
		defer done()
		next.ServeHTTP(w, r)
	})
}

// displacedEvery is how often the log says at the most that clients make room.
const displacedEvery = time.Hour

// displaced notes that a connection was closed for another.
func (s *Server) displaced(owner string) {
	s.o.Metrics.displaced.Add(1)
	now := time.Now()
	last := s.told.Load()
	ago := now.Unix() - last // negative: the clock was set back
	if (ago < 0 || ago >= int64(displacedEvery/time.Second)) && s.told.CompareAndSwap(last, now.Unix()) {
		s.o.Log.Warn("http endpoint: more clients than places: slow and idle connections are closed for new ones", "places", maxConns, "address", owner)
	}
}

// tokenOf is the token that a request carries: a bearer token, or the password of
// any user, since a browser can ask its user for nothing else.
func tokenOf(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") { // RFC 9110 §11.1: upper or lower case
		return ""
	}
	return strings.TrimSpace(token)
}

// allowedHost accepts IP addresses, localhost, the name that the server listens on,
// and no name at all (HTTP/1.0, which no browser uses). With a token it accepts any
// name, because a foreign page does not have the token. It also accepts any name
// when the server listens on more than the loopback address: clients then use the
// gateway's own names, which the server does not know.
func (s *Server) allowedHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	listen, _, _ := net.SplitHostPort(s.o.Listen)
	if ip := net.ParseIP(listen); s.o.TokenFile != "" || listen != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return true
	}
	return host == "" || host == "localhost" || host == listen || net.ParseIP(host) != nil
}

// codeWriter remembers the status code of the answer.
type codeWriter struct {
	http.ResponseWriter
	code int
}

// Unwrap is for http.ResponseController.
func (c *codeWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *codeWriter) WriteHeader(code int) {
	c.code = code
	c.ResponseWriter.WriteHeader(code)
}
