package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers/driverstest"
)

// word is the content of the test's requests.
type word struct {
	Word string `json:"word"`
}

// hang ends the verb of this name, once for each element.
var hang = make(chan struct{})

// serving runs a Server with some verbs on a socket of its own.
func serving(t *testing.T) (socket string, audit *Audit) {
	t.Helper()
	dir := t.TempDir()
	socket = filepath.Join(dir, "s")
	audit, err := OpenAudit(filepath.Join(dir, "changes.json"))
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, socket, audit)
	return socket, audit
}

func serveOn(t *testing.T, socket string, audit *Audit) (stop func()) {
	t.Helper()
	s := New(Options{Socket: socket, Audit: audit, Log: slog.New(slog.DiscardHandler), Verbs: []Verb{
		{Name: "who", Do: func(_ context.Context, r Request) (any, error) { return r.By, nil }},
		{Name: "say", Changes: true, Do: func(_ context.Context, r Request) (any, error) {
			var w word
			err := r.Decode(&w)
			return w, err
		}},
		{Name: "refuse", Changes: true, Do: func(context.Context, Request) (any, error) { return nil, config.Refuse(errors.New("a.yaml:1:1: bad")) }},
		{Name: "much", Do: func(context.Context, Request) (any, error) { return strings.Repeat("x", 4<<20), nil }},
		{Name: "hang", Changes: true, Do: func(context.Context, Request) (any, error) { <-hang; return word{}, nil }},
		{Name: "panic", Changes: true, Do: func(context.Context, Request) (any, error) { panic("a mistake") }},
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return stop
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestVerbs(t *testing.T) {
	socket, audit := serving(t)
	var by Peer
	if err := Get(t.Context(), socket, "who", &by); err != nil || by.PID != int32(os.Getpid()) || by.UID != uint32(os.Getuid()) {
		t.Errorf("asked by %+v, %v; want this process", by, err)
	}
	var w word
	if err := Post(t.Context(), socket, "say", word{"hello"}, &w); err != nil || w.Word != "hello" {
		t.Errorf("got %q, %v", w.Word, err)
	}
	var refused *config.Refusal
	if err := Post(t.Context(), socket, "refuse", nil, &w); !errors.As(err, &refused) || err.Error() != "a.yaml:1:1: bad" {
		t.Errorf("got %v, want the refusal", err)
	}
	for _, request := range []any{map[string]int{"word": 1}, map[string]string{"path": "/etc/shadow"}} {
		if err := Post(t.Context(), socket, "say", request, &w); err == nil || errors.As(err, &refused) {
			t.Errorf("request %v: %v, want an error", request, err)
		}
	}
	if err := Get(t.Context(), socket, "say", &w); err == nil || !strings.Contains(err.Error(), "405") {
		t.Errorf("a change by GET: %v", err)
	}
	if err := Post(t.Context(), socket, "unknown", nil, &w); err == nil || !strings.Contains(err.Error(), "another version") {
		t.Errorf("an unknown verb: %v", err)
	}
	var got []string
	for _, c := range audit.Changes() {
		got = append(got, fmt.Sprintf("%s %s %s", c.Verb, c.Outcome, c.Request))
		if c.By.PID != int32(os.Getpid()) {
			t.Errorf("change by %v, want this process", c.By)
		}
	}
	want := `say done {"word":"hello"}, refuse refused , say failed {"word":1}, say failed {"path":"/etc/shadow"}`
	if text := strings.Join(got, ", "); text != want {
		t.Errorf("audit:\n got %s\nwant %s", text, want)
	}
	if st, err := os.Stat(socket); err != nil || st.Mode().Perm() != 0o660 {
		t.Errorf("socket: %v, %v; want mode 0660", st.Mode(), err)
	}
}

// TestBadRequest: what is no request is the client's mistake, 400, and not the agent's.
func TestBadRequest(t *testing.T) {
	socket, _ := serving(t)
	for body, want := range map[string]int{`{"word":"a"}`: 200, `{`: 400, `{"word":1}`: 400, `{"path":"/etc/shadow"}`: 400, `{"word":"a"} x`: 400} {
		c, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "POST /v1/say HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || r.StatusCode != want {
			t.Errorf("%s: %v, %v; want %d", body, r, err, want)
		}
		c.Close()
	}
}

// TestTrouble: a socket that cannot be opened is told until it can.
func TestTrouble(t *testing.T) {
	defer func(d time.Duration) { listenEvery = d }(listenEvery)
	listenEvery = 10 * time.Millisecond
	folder := filepath.Join(t.TempDir(), "run")
	s := New(Options{Socket: filepath.Join(folder, "s"), Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	until := func(what string, ok func(trouble string) bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !ok(s.Trouble()); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: %q", what, s.Trouble())
			}
		}
	}
	until("no folder", func(text string) bool {
		return strings.Contains(text, folder) && strings.Contains(text, "no such file")
	})
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	until("the folder is there", func(text string) bool { return text == "" })
	cancel()
	<-done
}

// TestAudit_attempts: attempts in vain are counted, and never push out what was done.
func TestAudit_attempts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "changes.json")
	a, err := OpenAudit(path)
	if err != nil {
		t.Fatal(err)
	}
	add := func(verb, request string, pid int32, err error) {
		t.Helper()
		if err := a.Add(NewChange(verb, Peer{PID: pid}, request, err)); err != nil {
			t.Fatal(err)
		}
	}
	add("unlatch", "", 1, nil)
	for pid := range int32(500) {
		add("reload", "", pid, errors.New("a mistake"))
	}
	add("reload", "", 1, nil)
	add("reload", "", 2, nil) // what was done is not counted together
	if got := a.Changes(); len(got) != 4 || got[1].Times != 500 || got[1].By.PID != 499 || got[2].Times != 0 {
		t.Errorf("%+v", got)
	}
	for i := range 500 {
		add("reload", fmt.Sprint(i), 1, errors.New("a mistake")) // each of its own kind
	}
	if a, err = OpenAudit(path); err != nil {
		t.Fatal(err)
	}
	got := a.Changes()
	if len(got) != 3+auditFailed || got[0].Verb != "unlatch" || got[len(got)-1].Request != "499" {
		t.Errorf("%d changes are left, first %+v, last %+v", len(got), got[0], got[len(got)-1])
	}
	for i := range 200 {
		add("unlatch", fmt.Sprint(i), 1, nil)
	}
	if got := a.Changes(); len(got) != auditMost || got[0].Request != "100" {
		t.Errorf("%d changes, first %+v", len(got), got[0])
	}
	s := Status{Changes: []Change{{Verb: "reload", Outcome: "refused", Times: 17}}}
	if text := s.Screen(); !strings.Contains(text, "refused, 17 times\n") {
		t.Error(text)
	}
}

// TestPanic: a mistake in a verb is told to the client and recorded.
func TestPanic(t *testing.T) {
	socket, audit := serving(t)
	if err := Post(t.Context(), socket, "panic", nil, &word{}); err == nil || err.Error() != "internal error: a mistake" {
		t.Errorf("the client gets %v", err)
	}
	if c := audit.Changes(); len(c) != 1 || c[0].Outcome != "failed" || c[0].Detail != "internal error: a mistake" {
		t.Errorf("recorded %+v", c)
	}
}

func TestNotRunning(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	if err := Get(t.Context(), socket, "who", nil); !errors.Is(err, ErrNotRunning) {
		t.Errorf("no socket: %v", err)
	}
	crashed(t, socket)
	if err := Get(t.Context(), socket, "who", nil); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a socket that nobody listens on: %v", err)
	}
	if err := Get(t.Context(), "", "who", nil); err == nil || !strings.Contains(err.Error(), "control.socket") {
		t.Errorf("no socket configured: %v", err)
	}
}

// crashed leaves a socket behind as a process that was killed does.
func crashed(t *testing.T, socket string) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
}

// TestSocket: what a crash left is replaced, a living agent's socket and a file that
// is no socket are not.
func TestSocket(t *testing.T) {
	socket, audit := serving(t)
	var by Peer
	if _, err := listen(socket); err == nil || !strings.Contains(err.Error(), "in use by another") {
		t.Errorf("a second agent: %v", err)
	}
	if err := Get(t.Context(), socket, "who", &by); err != nil {
		t.Errorf("after a second agent tried: %v", err)
	}
	stale := filepath.Join(t.TempDir(), "s")
	crashed(t, stale)
	stop := serveOn(t, stale, audit)
	stop()
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("after a clean end: %v, want no socket", err)
	}
	file := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen(file); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("a file in its place: %v", err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "mine" {
		t.Errorf("the file holds %q, %v", b, err)
	}
}

// TestSocketRemoved: an agent whose socket somebody has removed makes it anew, and does
// not remove that of another which has taken its place.
func TestSocketRemoved(t *testing.T) {
	defer func(d time.Duration) { goneEvery = d }(goneEvery)
	goneEvery = 10 * time.Millisecond
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	l, err := listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(socket), os.Remove(socket+".lock")); err != nil {
		t.Fatal(err)
	}
	other, err := listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	l.closeWhenGone(t.Context(), time.Millisecond)
	if _, err := os.Stat(socket); err != nil || !l.gone.Load() {
		t.Errorf("the socket of the other: %v; noticed %v", err, l.gone.Load())
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(socket); !os.IsNotExist(err) {
		t.Errorf("after a clean end: %v, want no socket", err)
	}

	audit, err := OpenAudit(filepath.Join(dir, "changes.json"))
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, socket, audit)
	if err := os.Remove(socket); err != nil {
		t.Fatal(err)
	}
	var by Peer
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if err := Get(t.Context(), socket, "who", &by); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// TestGet_frozen: an agent that is stopped, or hangs, keeps nobody waiting for ever.
func TestGet_frozen(t *testing.T) {
	defer func(d time.Duration) { getTime = d }(getTime)
	getTime = 20 * time.Millisecond
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket) // that nobody accepts from
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := Get(t.Context(), socket, "status", &Status{}); err == nil || !strings.Contains(err.Error(), "no answer: none within 20ms") {
		t.Errorf("%v, want it to give up", err)
	}
}

// TestApply_pipe: a configuration may come from another program.
func TestApply_pipe(t *testing.T) {
	dir := t.TempDir()
	pipe, file := filepath.Join(dir, "pipe"), filepath.Join(dir, "config.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	go os.WriteFile(pipe, []byte("control: {socket: \"\"}\n"), 0o600)
	refuse := errors.New("seen")
	a := Apply{New: pipe, Place: file, Say: t.Logf, Check: func(_ string, data []byte) error {
		if string(data) == "control: {socket: \"\"}\n" {
			return refuse
		}
		return nil
	}}
	if err := a.Run(t.Context()); !errors.Is(err, refuse) {
		t.Errorf("%v, want what was written to be checked", err)
	}
}

// TestBadClients: whatever other clients do, one that asks properly gets its answer.
func TestBadClients(t *testing.T) {
	socket, _ := serving(t)
	var ended atomic.Int32
	for i := range 2 * maxConns { // more than may be open: the silent ones must be cut
		c, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		text := []string{"", "GET ", "\x16\x03\x01\x00\xa5\x01\x00", "POST /v1/say HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\nx",
			"GET /v1/who HTTP/1.1\r\nX: " + strings.Repeat("x", 1<<16), "POST /v1/say HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"}[i%6]
		go func() {
			io.WriteString(c, text)
			io.Copy(io.Discard, bufio.NewReader(c))
			ended.Add(1)
		}()
	}
	start := time.Now()
	var by Peer
	if err := Get(t.Context(), socket, "who", &by); err != nil {
		t.Errorf("asked beside bad clients: %v", err)
	}
	for end := time.Now().Add(2 * time.Minute); ended.Load() < 2*maxConns; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d bad clients were disconnected after %v", ended.Load(), 2*maxConns, time.Since(start))
		}
	}
}

// TestDeafClients: clients that take no answer, more than there are places, keep others
// waiting for no longer than it takes to notice.
func TestDeafClients(t *testing.T) {
	socket, _ := serving(t)
	for range 3 * maxConns {
		c, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET /v1/much HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	watch := driverstest.WatchStalls(t)
	for range 3 {
		start := time.Now()
		if err := Get(t.Context(), socket, "who", new(Peer)); err != nil {
			t.Fatal(err)
		}
		if d := watch.Own(start); d > answerTime {
			t.Errorf("asked beside deaf clients: answered after %v", d)
		} else {
			t.Logf("answered after %v", d)
		}
	}
}

// TestManyChanges: changes that take long leave places for those who only ask, and no
// change is made that nobody waits for.
func TestManyChanges(t *testing.T) {
	socket, _ := serving(t)
	failed := make(chan error, 3*maxConns)
	for range cap(failed) {
		go func() { failed <- Post(t.Context(), socket, "hang", nil, new(word)) }()
	}
	for range cap(failed) - maxChanges {
		if err := <-failed; err == nil || !strings.Contains(err.Error(), "4 changes are being made already") {
			t.Errorf("a change too many: %v", err)
		}
	}
	if err := Get(t.Context(), socket, "who", new(Peer)); err != nil {
		t.Errorf("asked beside changes: %v", err)
	}
	for range maxChanges {
		hang <- struct{}{}
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}

func TestPost_tooMuch(t *testing.T) {
	socket, _ := serving(t)
	if err := Post(t.Context(), socket, "say", word{strings.Repeat("x", maxBody)}, &word{}); err == nil {
		t.Error("a request of more than 64 KiB was taken")
	}
}

// TestAudit: the last 100 changes outlive a restart, a damaged file does not stop the
// agent.
func TestAudit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "changes.json")
	a, err := OpenAudit(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range auditMost + 20 {
		if err := a.Add(NewChange(fmt.Sprint(i), Peer{PID: 1, UID: 2, GID: 3}, strings.Repeat("é", 1000), nil)); err != nil {
			t.Fatal(err)
		}
	}
	a, err = OpenAudit(path)
	if err != nil {
		t.Fatal(err)
	}
	got := a.Changes()
	if len(got) != auditMost || got[0].Verb != "20" || got[auditMost-1].Verb != fmt.Sprint(auditMost+19) || got[0].By != (Peer{PID: 1, UID: 2, GID: 3}) || len(got[0].Request) > auditText+3 {
		t.Errorf("got %d changes, the first %+v", len(got), got[0])
	}
	if err := os.WriteFile(path, []byte("[{torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err = OpenAudit(path)
	if err == nil || len(a.Changes()) != 0 {
		t.Errorf("a damaged file: %v, %d changes", err, len(a.Changes()))
	}
	if err := a.Add(NewChange("after", Peer{}, "", nil)); err != nil {
		t.Error(err)
	}
}

// FuzzRequest sends bytes as a client does. A verb is done only for content that it
// understands, and the server goes on.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{"", "{}", `{"word":"x"}`, `{"word":"x"} 1`, `{"path":"/etc"}`, "[", "\x00", `{"word":1e999}`, strings.Repeat("[", 10000)} {
		f.Add("POST", "/v1/say", []byte(s))
	}
	f.Add("GET", "/v1/../../etc/passwd", []byte("x"))
	audit, err := OpenAudit(filepath.Join(f.TempDir(), "changes.json"))
	if err != nil {
		f.Fatal(err)
	}
	s := New(Options{Audit: audit, Log: slog.New(slog.DiscardHandler), Verbs: []Verb{{Name: "say", Do: func(_ context.Context, r Request) (any, error) {
		var w word
		err := r.Decode(&w)
		return w, err
	}}}})
	f.Fuzz(func(t *testing.T, method, path string, body []byte) {
		r, err := http.NewRequest(method, "http://agent/", strings.NewReader(string(body)))
		if err != nil {
			return
		}
		r.URL.Path = path
		w := &recorder{header: http.Header{}}
		s.srv.Handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), peerKey{}, Peer{PID: 1, UID: 1, GID: 1})))
		if w.code == 0 || w.code >= 600 {
			t.Errorf("status %d", w.code)
		}
	})
}

// recorder is a client that keeps the status only.
type recorder struct {
	header http.Header
	code   int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(code int)        { r.code = code }
func (r *recorder) Write(b []byte) (int, error) { return len(b), nil }

func FuzzAudit(f *testing.F) {
	f.Add([]byte(`[{"time":"2026-11-23T08:00:00Z","verb":"reload","by":{"pid":1,"uid":0,"gid":0},"outcome":"done"}]`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if changes, err := parseAudit(b); len(changes) > auditMost || err != nil && changes != nil {
			t.Errorf("%d changes, %v", len(changes), err)
		}
	})
}

// TestApply_place: a link to the file stays a link, and an agent that reads another
// file is told from one that has taken this one.
func TestApply_place(t *testing.T) {
	dir := t.TempDir()
	file, link, next := filepath.Join(dir, "file.yaml"), filepath.Join(dir, "config.yaml"), filepath.Join(dir, "next.yaml")
	socket := filepath.Join(dir, "s")
	text := "control: {socket: s}\n"
	if err := errors.Join(os.WriteFile(file, []byte(text), 0o640), os.Symlink(file, link), os.WriteFile(next, []byte(text+"# next\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	defer syscall.Umask(syscall.Umask(0o077)) // of a careful administrator: the service must still be able to read the file
	var said strings.Builder
	a := Apply{New: next, Place: link, Check: func(string, []byte) error { return nil }, Say: func(format string, a ...any) { fmt.Fprintf(&said, format+"\n", a...) }}
	audit, err := OpenAudit(filepath.Join(dir, "changes.json"))
	if err != nil {
		t.Fatal(err)
	}
	s := New(Options{Socket: socket, Audit: audit, Log: slog.New(slog.DiscardHandler), Verbs: []Verb{
		{Name: "status", Do: func(context.Context, Request) (any, error) { return Status{}, nil }},
		{Name: "reload", Changes: true, Do: func(context.Context, Request) (any, error) {
			return Reloaded{Config: Config{File: "/etc/other.yaml", SHA256: "0"}}, nil
		}},
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			break
		}
	}
	if err := a.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "/etc/other.yaml") {
		t.Errorf("an agent of another file: %v", err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != text {
		t.Errorf("restored: %q, %v", b, err)
	}
	cancel()
	<-done
	if err := a.Run(t.Context()); err != nil || !strings.Contains(said.String(), "no agent runs") {
		t.Errorf("without an agent: %v, said %q", err, &said)
	}
	target, err := os.Readlink(link)
	b, rerr := os.ReadFile(link)
	st, serr := os.Stat(file)
	if err := errors.Join(err, rerr, serr); err != nil || target != file || string(b) != text+"# next\n" || st.Mode().Perm() != 0o640 {
		t.Errorf("link to %q, %q, mode %v, %v", target, b, st.Mode(), err)
	}
}
