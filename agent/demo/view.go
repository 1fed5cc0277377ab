package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"iot-edge-anomaly/agent/status/page"
)

// ViewOptions say what the terminal can do.
type ViewOptions struct {
	TTY      bool           // lines may be overwritten
	Color    bool           // and coloured
	Location *time.Location // of the times shown; nil = local
}

// Terminal says what f can do: lines of a terminal are overwritten, and coloured unless
// NO_COLOR is set (https://no-color.org) or the terminal is dumb.
func Terminal(f *os.File) ViewOptions {
	info, err := f.Stat()
	tty := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	return ViewOptions{TTY: tty, Color: tty && os.Getenv("NO_COLOR") == ""}
}

// Header says where everything is. Lines for empty fields are left out.
type Header struct {
	Page   string // http://127.0.0.1:8080/
	Broker string // tcp://127.0.0.1:1883
	Topic  string // below which the agent publishes
	Plant  string // which device is where
	Config string // file
	Notes  []string
}

// View shows on a terminal what an MQTT subscriber and a reader of the page
// learn about the agent, and what the plant does. It is safe for concurrent
// use. Use NewView.
type View struct {
	w       io.Writer
	o       ViewOptions
	learned chan struct{}
	broken  chan struct{} // closed with the first error of the writer

	mu       sync.Mutex
	err      error                // of the writer; nothing is written after it
	status   string               // the line that is overwritten
	printed  time.Time            // when progress was last printed, without a terminal
	states   map[string]string    // machine -> state
	told     map[string]time.Time // machine -> time of that state, by the agent's clock
	blind    map[string]bool      // machines that were shown as blind
	learnt   map[string]bool      // machines that were shown as learnt
	shown    map[string]string    // open event -> severity last shown
	seen     map[string]bool      // message ids of events
	complete bool                 // learned is closed
}

// NewView returns a view that writes to w.
func NewView(w io.Writer, o ViewOptions) *View {
	if o.Location == nil {
		o.Location = time.Local
	}
	return &View{w: w, o: o, learned: make(chan struct{}), broken: make(chan struct{}),
		states: map[string]string{}, told: map[string]time.Time{}, blind: map[string]bool{}, learnt: map[string]bool{}, shown: map[string]string{}, seen: map[string]bool{}}
}

// Learned returns a channel that is closed when every known machine has a model.
func (v *View) Learned() <-chan struct{} { return v.learned }

// Broken returns a channel that is closed when the writer has failed, because nobody
// reads any more.
func (v *View) Broken() <-chan struct{} { return v.broken }

// Err returns the first error of the writer.
func (v *View) Err() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.err
}

// Header prints where everything is.
func (v *View) Header(h Header) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.print(v.paint(bold, "A pump station is simulated; all the rest is the agent as it runs on a gateway.") + "\n\n")
	row := func(name, text string) {
		if text != "" {
			v.print(fmt.Sprintf("  %-10s %s\n", name, text))
		}
	}
	row("page", h.Page)
	row("broker", h.Broker)
	row("events", subscribeLine(h.Broker, h.Topic))
	row("plant", h.Plant)
	row("config", h.Config)
	for _, n := range h.Notes {
		row("note", n)
	}
	row("stop", "Ctrl-C")
	v.print("\n")
}

// subscribeLine returns a command that shows the same events.
func subscribeLine(broker, topic string) string {
	_, addr, ok := strings.Cut(broker, "://")
	i := strings.LastIndexByte(addr, ':')
	if !ok || i < 0 {
		return ""
	}
	return fmt.Sprintf("mosquitto_sub -h %s -p %s -v -t '%s/#'", strings.Trim(addr[:i], "[]"), addr[i+1:], topic)
}

// Say prints what the plant does.
func (v *View) Say(text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.line(time.Now(), "plant", v.paint(cyan, clean(text)))
}

// Run shows messages until the context ends.
func (v *View) Run(ctx context.Context, messages <-chan Message) {
	for {
		select {
		case m := <-messages:
			v.Message(m)
		case <-ctx.Done():
			v.mu.Lock()
			v.setStatus("")
			v.mu.Unlock()
			return
		}
	}
}

// Message shows one MQTT message. Messages that are not from the agent are ignored.
func (v *View) Message(m Message) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case path.Base(m.Topic) == "event":
		var e event
		if decode(m.Payload, &e) && e.Event != "" && !v.seen[e.ID] {
			v.seen[e.ID] = e.ID != ""
			v.event(&e)
		}
	case path.Base(path.Dir(m.Topic)) == "machine":
		var s machineState
		if decode(m.Payload, &s) {
			v.state(clean(path.Base(m.Topic)), s.State, s.Time)
			v.checkLearned()
		}
	}
}

// event prints one event: its beginning, a higher severity, its end.
func (v *View) event(e *event) {
	before, open := v.shown[e.Event]
	word, color := "OPEN ", red
	switch e.State {
	case "update":
		if open && before == e.Severity {
			return
		}
		word = "NOW  "
	case "close":
		word, color = "CLOSE", green
	}
	if v.shown[e.Event] = e.Severity; e.State == "close" {
		delete(v.shown, e.Event)
	} else if e.Severity == "warning" {
		color = yellow
	}
	head, causes := e.lines()
	if e.State == "update" && len(causes) > 0 { // the causes were shown before
		head, causes = head+": "+strings.Join(strings.Fields(causes[0]), " "), nil
	}
	v.line(e.Time, e.Machine, v.paint(color, word)+" "+head)
	for _, c := range causes {
		v.print(strings.Repeat(" ", 27) + c + "\n")
	}
}

// state notes the state of a machine at a time and prints lasting changes; stops and
// starts are normal. The page and MQTT report the same state, so an older one from the
// slower of the two is ignored.
func (v *View) state(machine, state string, at time.Time) {
	before := v.states[machine]
	if state == "" || at.Before(v.told[machine]) {
		return
	}
	v.told[machine] = at
	if state == before {
		return
	}
	v.states[machine] = state
	switch {
	case before == "learning" && (state == "normal" || state == "anomaly" || state == "drift"):
		if v.learnt[machine] {
			return
		}
		v.learnt[machine] = true
		v.line(time.Now(), machine, v.paint(green, "learnt what is normal, watching from now on"))
	case state == "blind" && !v.blind[machine]:
		v.blind[machine] = true
		v.line(time.Now(), machine, v.paint(yellow, "blind: too few channels to judge"))
	case v.blind[machine] && state != "blind" && state != "learning" && state != "idle": // a machine at rest is not watched any better
		v.blind[machine] = false
		v.line(time.Now(), machine, v.paint(green, "sees again"))
	}
}

// checkLearned closes learned once no machine is learning any more.
func (v *View) checkLearned() {
	for _, s := range v.states {
		if s == "learning" {
			return
		}
	}
	if len(v.states) > 0 && !v.complete {
		v.complete = true
		close(v.learned)
	}
}

// State shows the progress of learning: on a terminal in a line that stays in place,
// otherwise in a new line every five seconds.
func (v *View) State(s page.State) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var parts []string
	learning := false
	for i := range s.Machines {
		m := &s.Machines[i]
		v.state(clean(m.Name), m.State, s.Time)
		if text := progress(m, len(parts) == 0); text != "" {
			parts = append(parts, clean(m.Name)+" "+text)
		}
		learning = learning || m.State == "learning"
	}
	v.checkLearned()
	text := strings.Join(parts, "   ")
	if v.o.TTY {
		v.setStatus(text)
	} else if now := time.Now(); learning && text != "" && now.Sub(v.printed) >= 5*time.Second {
		v.printed = now
		v.line(now, "learning", text)
	}
}

// Follow shows what ask returns, twice a second, until the context ends.
func (v *View) Follow(ctx context.Context, ask func() page.State) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			v.State(ask())
		}
	}
}

// progress says in a few words what a machine does; with whole, everything that is
// known, because there is room for one machine only.
func progress(m *page.Machine, whole bool) string {
	switch l := m.Learning; {
	case l != nil && !whole:
		return fmt.Sprintf("%.0f %%", 100*l.Progress)
	case l != nil && l.LeftS == nil:
		return fmt.Sprintf("%s %s %3.0f %%", clean(l.Phase), bar(l.Progress), 100*l.Progress)
	case l != nil:
		return fmt.Sprintf("%s %s %3.0f %%, %.0f s left", clean(l.Phase), bar(l.Progress), 100*l.Progress, *l.LeftS)
	case m.Score != nil:
		return fmt.Sprintf("%s, score %.2f of 1", clean(m.State), *m.Score)
	}
	return clean(m.State)
}

// bar draws a share of 1 in 20 cells.
func bar(share float64) string {
	n := int(20 * min(max(share, 0), 1))
	return "[" + strings.Repeat("#", n) + strings.Repeat(".", 20-n) + "]"
}

// line prints time, subject and text.
func (v *View) line(t time.Time, subject, text string) {
	v.print(fmt.Sprintf("%s  %-9s %s\n", t.In(v.o.Location).Format(time.TimeOnly), clean(subject), text))
}

// print writes text above the status line.
func (v *View) print(text string) {
	if v.status == "" {
		v.write(text)
		return
	}
	v.write("\r\x1b[K" + text + v.status)
}

// setStatus overwrites the status line. The line is cut, because a line that wraps
// cannot be overwritten.
func (v *View) setStatus(text string) {
	if r := []rune(text); len(r) > 78 {
		text = string(r[:78])
	}
	if text != v.status {
		v.write("\r\x1b[K" + text)
		v.status = text
	}
}

func (v *View) write(text string) {
	if v.err != nil {
		return
	}
	if _, v.err = io.WriteString(v.w, text); v.err != nil {
		close(v.broken)
	}
}

// The colours, by their SGR numbers (ECMA-48 §8.3.117).
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (v *View) paint(color, text string) string {
	if !v.o.Color {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}
