package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"

	"iot-edge-anomaly/agent/clients"
	"iot-edge-anomaly/agent/config"
)

// Verb is one thing that a client may ask for.
type Verb struct {
	Name string
	// Changes tells that the verb changes something: it is asked for by POST and
	// goes into the audit.
	Changes bool
	// Content tells that a line of JSON may be followed by up to MaxContent bytes.
	Content bool
	// Do does it and returns the answer, which is encoded as JSON. An error that is
	// a config.Refusal keeps that mark on its way to the client. Do may be called by
	// any goroutine.
	Do func(ctx context.Context, r Request) (any, error)
}

// Request is what a client sends.
type Request struct {
	By   Peer
	Body []byte // at most 64 KiB; empty = nothing
	// Content is what follows the first line, of a Verb that takes it.
	Content []byte
}

// Decode reads the content of the request into v. A key that v does not have is an
// error, and so is anything after the content.
func (r Request) Decode(v any) error {
	if len(r.Body) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(r.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return badRequest{fmt.Errorf("request: %w", err)}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return badRequest{errors.New("request: something follows its content")}
	}
	return nil
}

// badRequest is an error of the client.
type badRequest struct{ error }

// Options of New.
type Options struct {
	Socket string
	Verbs  []Verb
	Audit  *Audit // of the verbs that change something
	Log    *slog.Logger
}

// Server answers on the socket.
type Server struct {
	o       Options
	srv     *http.Server
	changes chan struct{}          // one element for each change that is being made
	trouble atomic.Pointer[string] // nil = the socket is open, or was not tried yet
}

// Trouble says why nobody can ask; empty = everybody can. It may be called by any
// goroutine.
func (s *Server) Trouble() string {
	if t := s.trouble.Load(); t != nil {
		return *t
	}
	return ""
}

// Bounds of one request.
const (
	maxBody     = 64 << 10
	contentTime = 30 * time.Second // for a request with content
	headerTime  = 2 * time.Second
	requestTime = 3 * time.Second
	verbTime    = 2 * time.Minute // a verb may wait for machines to stop
	answerTime  = 5 * time.Second // for the client to take the answer
	maxChanges  = 4               // that are asked for at once; a reload may take long
)

// MaxContent bounds the content of a request.
const MaxContent = 17 << 20

// New makes a Server. It touches no file.
func New(o Options) *Server {
	s := &Server{o: o, changes: make(chan struct{}, maxChanges)}
	s.srv = &http.Server{Handler: s.handler(), ConnContext: withPeer, ReadHeaderTimeout: headerTime, ReadTimeout: requestTime,
		WriteTimeout: verbTime, IdleTimeout: headerTime, MaxHeaderBytes: 4 << 10, ConnState: clients.Note, ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug)}
	return s
}

// listenEvery is how often Run tries a socket that it could not open.
var listenEvery = 10 * time.Second // a variable for tests

// goneEvery is how often Run looks whether its socket is still in its place.
var goneEvery = 5 * time.Second // a variable for tests

// Run answers until ctx is done. A socket that cannot be opened is logged once and
// tried again: an agent that cannot be asked still watches.
func (s *Server) Run(ctx context.Context) {
	defer context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if s.srv.Shutdown(grace) != nil {
			s.srv.Close()
		}
	})()
	told := ""
	for ctx.Err() == nil {
		l, err := listen(s.o.Socket)
		if err == nil {
			told = ""
			s.trouble.Store(nil)
			gone, ignore := context.WithCancel(ctx)
			go l.closeWhenGone(gone, goneEvery)
			err = s.srv.Serve(clients.Limit(l, clients.Options{Places: maxConns, Waiting: maxWaiting, Owner: owner}))
			ignore()
			if errors.Is(err, http.ErrServerClosed) {
				return
			}
			if l.gone.Load() {
				s.o.Log.Warn("control socket was removed: it is made anew", "socket", s.o.Socket)
				continue
			}
		}
		if text := err.Error(); text != told {
			told = text
			text = s.o.Socket + ": " + text
			s.trouble.Store(&text)
			s.o.Log.Warn("control socket is not available", "socket", s.o.Socket, "error", err, "again_in", listenEvery)
		}
		select {
		case <-ctx.Done():
		case <-time.After(listenEvery):
		}
	}
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, v := range s.o.Verbs {
		method := "GET"
		if v.Changes {
			method = "POST"
		}
		mux.HandleFunc(method+" /v1/"+v.Name, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, v) })
	}
	return mux
}

// failure is the answer to a request that was not done.
type failure struct {
	Error   string `json:"error"`
	Refused bool   `json:"refused,omitempty"` // only another configuration or model helps
}

// serve does one request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, v Verb) {
	by, known := peerOf(r.Context())
	if !known {
		answer(w, http.StatusForbidden, failure{Error: "the kernel does not tell who asks"})
		return
	}
	body, content, err := read(w, r, v)
	if err != nil {
		answer(w, http.StatusBadRequest, failure{Error: "request: " + err.Error()})
		return
	}
	if v.Changes {
		select {
		case s.changes <- struct{}{}:
			defer func() { <-s.changes }()
		default:
			answer(w, http.StatusServiceUnavailable, failure{Error: fmt.Sprintf("%d changes are being made already: try again", maxChanges)})
			return
		}
	}
	release := clients.Hold(r.Context())
	result, err := s.do(r.Context(), v, Request{By: by, Body: body, Content: content})
	release()
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime))
	if v.Changes {
		s.note(v.Name, by, body, err)
	}
	var refused *config.Refusal
	var bad badRequest
	switch {
	case err == nil:
		answer(w, http.StatusOK, result)
	case errors.As(err, &bad):
		answer(w, http.StatusBadRequest, failure{Error: err.Error()})
	case errors.As(err, &refused):
		answer(w, http.StatusUnprocessableEntity, failure{err.Error(), true})
	default:
		answer(w, http.StatusInternalServerError, failure{Error: err.Error()})
	}
}

// read reads what a client sends.
func read(w http.ResponseWriter, r *http.Request, v Verb) (body, content []byte, err error) {
	if !v.Content {
		body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		return body, nil, err
	}
	if n := r.ContentLength; n < 0 || n > maxBody+MaxContent {
		return nil, nil, fmt.Errorf("%d bytes: want at most %d", n, MaxContent)
	}
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(contentTime))
	all := make([]byte, r.ContentLength)
	if _, err = io.ReadFull(r.Body, all); err != nil {
		return nil, nil, err
	}
	body, content, _ = bytes.Cut(all, []byte("\n"))
	if len(body) > maxBody {
		return nil, nil, fmt.Errorf("first line of more than %d bytes", maxBody)
	}
	return body, content, nil
}

// do does what a verb does. A panic in it is an error: package http would end the
// connection and tell nobody.
func (s *Server) do(ctx context.Context, v Verb, r Request) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.o.Log.Error("control verb: internal error", "verb", v.Name, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("internal error: %v", p)
		}
	}()
	return v.Do(ctx, r)
}

// note records a change. One that could not be recorded was still made.
func (s *Server) note(verb string, by Peer, body []byte, err error) {
	if aerr := s.o.Audit.Add(NewChange(verb, by, string(body), err)); aerr != nil {
		s.o.Log.Warn("a change cannot be recorded", "file", filepath.Base(s.o.Audit.path), "error", aerr)
	}
}

// answer writes v as JSON.
func answer(w http.ResponseWriter, code int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	w.Write(append(body, '\n')) // an error means that the client has gone
}
