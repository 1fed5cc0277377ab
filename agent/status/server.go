package status

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"iot-edge-anomaly/agent/status/page"
)

// ServerOptions say where the endpoint listens, who may use it, and what it shows.
type ServerOptions struct {
	Listen          string
	TLSCert, TLSKey string          // files; empty = plain HTTP
	TokenFile       string          // holds the token that clients must send; empty = none
	Collect         func() Snapshot // called by every request; safe for concurrent use
	Metrics         *Metrics
	Log             *slog.Logger
}

// maxConns limits the open connections: many scrapers must not use up the file
// descriptors that the buses need.
const maxConns = 64

// Server is the read-only HTTP endpoint.
type Server struct {
	o     ServerOptions
	ln    net.Listener // nil = the address is in use by another program
	tls   *tls.Config  // nil = plain HTTP
	token [32]byte     // sha256
	srv   *http.Server
}

// NewServer reads the files that the options name and opens the address. An address
// that is in use is no error, because machines must be watched even if a port is not
// free: Serve tries again.
func NewServer(o ServerOptions) (*Server, error) {
	s := &Server{o: o}
	if o.TokenFile != "" {
		b, err := os.ReadFile(o.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("http token: %w", err)
		}
		tok := strings.TrimSpace(string(b))
		if tok == "" {
			return nil, fmt.Errorf("http token %s: empty", o.TokenFile)
		}
		s.token = sha256.Sum256([]byte(tok))
	}
	if o.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(o.TLSCert, o.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("http certificate: %w", err)
		}
		s.tls = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	s.srv = &http.Server{Handler: s.guard(s.mux()), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 15 * time.Second, IdleTimeout: 60 * time.Second, MaxHeaderBytes: 8 << 10,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug)}
	if err := s.listen(); err != nil {
		o.Log.Error("http endpoint is not available yet", "error", err, "again_in", listenEvery)
	}
	return s, nil
}

// listenEvery is how often Serve tries an address that is in use.
const listenEvery = 10 * time.Second

func (s *Server) listen() error {
	ln, err := net.Listen("tcp", s.o.Listen)
	if err != nil {
		return fmt.Errorf("http: %w", err)
	}
	s.ln = &cappedListener{Listener: ln, free: make(chan struct{}, maxConns)}
	if s.tls != nil {
		s.ln = tls.NewListener(s.ln, s.tls)
	}
	return nil
}

// Serve answers until ctx is done.
func (s *Server) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if s.srv.Shutdown(grace) != nil {
			s.srv.Close()
		}
	})
	defer stop()
	for s.ln == nil && s.listen() != nil {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(listenEvery):
		}
	}
	if err := s.srv.Serve(s.ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("http: %w", err)
	}
	return nil
}

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
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		snap := s.o.Collect()
		s.o.Metrics.Write(w, &snap)
	})
	mux.Handle("GET /api/v1/state", page.ServeState(func() page.State { snap := s.o.Collect(); return snap.Page() }))
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
		defer func() { s.o.Metrics.request(cw.code) }()
		if !s.allowedHost(r.Host) {
			http.Error(cw, "unknown host", http.StatusMisdirectedRequest)
			return
		}
		if s.o.TokenFile != "" && r.URL.Path != livePath && r.URL.Path != readyPath {
			sum := sha256.Sum256([]byte(tokenOf(r)))
			if subtle.ConstantTimeCompare(sum[:], s.token[:]) != 1 {
				s.o.Metrics.refused.Add(1)
				cw.Header()["Www-Authenticate"] = []string{"Bearer", `Basic realm="iot-edge-anomaly", charset="UTF-8"`}
				http.Error(cw, "token required: send it as a bearer token, or as the password of any user", http.StatusUnauthorized)
				return
			}
		}
		next.ServeHTTP(cw, r)
	})
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

func (c *codeWriter) WriteHeader(code int) {
	c.code = code
	c.ResponseWriter.WriteHeader(code)
}

// cappedListener closes new connections while free is full.
type cappedListener struct {
	net.Listener
	free chan struct{}
}

func (l *cappedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.free <- struct{}{}:
			return &cappedConn{Conn: c, free: l.free}, nil
		default:
			c.Close() // the client may try again
		}
	}
}

type cappedConn struct {
	net.Conn
	free chan struct{}
	gone atomic.Bool
}

func (c *cappedConn) Close() error {
	if !c.gone.Swap(true) {
		<-c.free
	}
	return c.Conn.Close()
}
