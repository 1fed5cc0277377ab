package status

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"iot-edge-anomaly/agent/keyfiles"
)

// PushOptions say where metrics are pushed to.
type PushOptions struct {
	URL           string // checked; that of a Pushgateway has /metrics/job/ in its path
	Interval      time.Duration
	TokenFile, CA string // may be empty
	Collect       func() Snapshot
	Metrics       *Metrics
	Log           *slog.Logger
	maxWaiting    int           // bytes; 0 = pushWaiting
	timeout       time.Duration // 0 = pushTimeout
}

const (
	pushWaiting = 1 << 20          // bytes that wait while the receiver is away
	pushTimeout = 10 * time.Second // of a connection, and of an answer
)

// PushStats are what became of the pushes.
type PushStats struct {
	Sent, Errors, Dropped uint64 // scrapes
	Waiting               int    // bytes
	Trouble               string // why the newest was not taken; "" = it was
}

// Pusher sends what a scrape would get, each with its time, to a receiver that imports
// Prometheus' text format: VictoriaMetrics, vmagent, or a Pushgateway. While the receiver
// is away scrapes wait in memory, within a bound: when that is reached, every second one
// is dropped, so that what is left reaches as far back as before, the newest times densest. Use NewPusher, then Run.
type Pusher struct {
	o       PushOptions
	gateway bool // it keeps the newest values only, and wants no times
	files   *keyfiles.Files
	loose   string // the secret file that was last said to be open to others
	wire
	waiting []scrapeSent // oldest first
	gzip    *gzip.Writer

	mu    sync.Mutex
	stats PushStats
}

// NewPusher makes a Pusher. It opens neither a connection nor a file.
func NewPusher(o PushOptions) (*Pusher, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("metrics.push: %w", err)
	}
	p := &Pusher{o: o, wire: wire{url: u, timeout: o.timeout}, gateway: strings.Contains(u.Path, "/metrics/job/")}
	if p.o.maxWaiting == 0 {
		p.o.maxWaiting = pushWaiting
	}
	if p.timeout == 0 {
		p.timeout = pushTimeout
	}
	p.files = keyfiles.New(p.read, []string{o.TokenFile}, []string{o.CA})
	return p, nil
}

// read reads token and CA.
func (p *Pusher) read() error {
	token, roots := "", (*x509.CertPool)(nil)
	if p.o.TokenFile != "" {
		b, err := os.ReadFile(p.o.TokenFile)
		if err != nil {
			return fmt.Errorf("metrics token: %w", err)
		}
		if token = strings.TrimSpace(string(b)); token == "" || strings.ContainsAny(token, "\r\n") {
			return fmt.Errorf("metrics token %s: want one line", p.o.TokenFile)
		}
	}
	if p.o.CA != "" {
		b, err := os.ReadFile(p.o.CA)
		if err != nil {
			return fmt.Errorf("metrics CA: %w", err)
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(b) {
			return fmt.Errorf("metrics CA %s: no PEM certificate in it", p.o.CA)
		}
	}
	p.token, p.roots = token, roots
	return nil
}

// Stats are safe for concurrent use.
func (p *Pusher) Stats() PushStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

// Run pushes until ctx is done, then once more what waits, for a second at the most.
func (p *Pusher) Run(ctx context.Context) {
	tick := time.NewTicker(p.o.Interval)
	defer tick.Stop()
	defer p.hangUp()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.Background(), time.Second)
			p.push(last)
			cancel()
			return
		case <-tick.C:
			p.push(ctx)
		}
	}
}

// scrapeSent is a scrape that waits.
type scrapeSent struct {
	body  []byte
	timed bool // its samples have their time, so that it may be sent later
}

// push adds a scrape to what waits and sends what it can.
func (p *Pusher) push(ctx context.Context) {
	if p.files.Look() {
		p.hangUp()
		if loose := p.files.Loose(); loose != p.loose {
			if p.loose = loose; loose != "" {
				p.o.Log.Warn("metrics: others have access to a secret file", "file", loose)
			}
		}
	}
	s := p.o.Collect()
	timed := !p.gateway && s.TimeQuality != "unset"
	p.waiting = append(p.waiting, scrapeSent{p.body(&s, timed), timed})
	before, sent := len(p.waiting), 0
	for p.size() > p.o.maxWaiting && len(p.waiting) > 1 {
		p.thin()
	}
	err := p.files.Err()
	for err == nil && len(p.waiting) > 0 {
		var refused *refusal
		if err = p.send(ctx, p.waiting[0].body, p.encoding()); err == nil {
			sent++
		}
		if err == nil || errors.As(err, &refused) && refused.content() {
			p.waiting = slices.Delete(p.waiting, 0, 1)
		}
	}
	p.waiting = slices.DeleteFunc(p.waiting, func(w scrapeSent) bool { return !w.timed }) // later it would pass for newer
	p.note(sent, before-sent-len(p.waiting), err)
}

func (p *Pusher) encoding() string {
	if p.gateway {
		return ""
	}
	return "gzip"
}

// note counts, and logs what is new.
func (p *Pusher) note(sent, dropped int, err error) {
	p.mu.Lock()
	before := p.stats.Trouble
	p.stats.Sent += uint64(sent)
	p.stats.Dropped += uint64(dropped)
	p.stats.Waiting, p.stats.Trouble = p.size(), ""
	if err != nil {
		p.stats.Errors++
		p.stats.Trouble = keyfiles.Line(err)
	}
	now := p.stats.Trouble
	p.mu.Unlock()
	switch {
	case now != "" && before == "":
		p.o.Log.Warn("metrics cannot be pushed: they wait", "to", p.url.Host, "error", now)
	case now == "" && before != "":
		p.o.Log.Info("metrics are pushed again", "to", p.url.Host)
	}
}

// size is how many bytes wait.
func (p *Pusher) size() (n int) {
	for i := range p.waiting {
		n += len(p.waiting[i].body)
	}
	return n
}

// thin keeps every second scrape that waits, among them the oldest and the newest.
func (p *Pusher) thin() {
	last, i := len(p.waiting)-1, -1
	p.waiting = slices.DeleteFunc(p.waiting, func(scrapeSent) bool { i++; return i%2 == 1 && (i < last || last == 1) })
}

// body renders a scrape as the receiver wants it. One of many gateways tells them by job
// and instance, and takes it compressed; a Pushgateway knows neither compression nor times,
// and tells them by its path.
func (p *Pusher) body(s *Snapshot, timed bool) []byte {
	var text, out bytes.Buffer
	p.o.Metrics.Write(&text, s)
	if p.gateway {
		return text.Bytes()
	}
	if p.gzip == nil {
		p.gzip, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
	}
	p.gzip.Reset(&out)
	own, at := `job="iot-edge-anomaly",instance="`+escape.Replace(s.Device)+`"`, ""
	if timed {
		at = " " + strconv.FormatInt(s.Now.UnixMilli(), 10)
	}
	for line := range strings.Lines(text.String()) {
		series, value, ok := cutLast(strings.TrimSuffix(line, "\n"))
		if !ok || line[0] == '#' {
			continue
		}
		if name, labels, has := strings.Cut(series, "{"); has {
			series = name + "{" + own + "," + labels
		} else {
			series += "{" + own + "}"
		}
		io.WriteString(p.gzip, series+" "+value+at+"\n") // a bytes.Buffer takes everything
	}
	p.gzip.Close()
	return out.Bytes()
}

// cutLast cuts a line at its last space.
func cutLast(line string) (before, after string, ok bool) {
	i := strings.LastIndexByte(line, ' ')
	if i <= 0 {
		return line, "", false
	}
	return line[:i], line[i+1:], true
}
