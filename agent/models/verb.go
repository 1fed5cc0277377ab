package models

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/minisign"
	"iot-edge-anomaly/agent/proof"
	"iot-edge-anomaly/agent/state"
)

// Usage is a mistake in the arguments.
type Usage struct{ error }

func usage(format string, a ...any) error { return Usage{fmt.Errorf(format, a...)} }

// Command is one call of the verb model.
type Command struct {
	Config *string // file of the configuration
	Load   func(path string) (*config.Config, error)
	Out    io.Writer

	ask               control.Model
	folder, signature string
	probation         time.Duration
	noWait, asJSON    bool
}

// Flags adds the flags of the verb.
func (c *Command) Flags(fs *flag.FlagSet) {
	fs.StringVar(&c.ask.Machine, "machine", "", "machine of the configuration (default: the only one)")
	fs.StringVar(&c.folder, "folder", "", "work on this `FOLDER` of models, and ask no agent")
	fs.StringVar(&c.signature, "signature", "", "of install and verify: minisign's `FILE` (default: the model's with .minisig, where it is)")
	fs.StringVar(&c.ask.SHA256, "sha256", "", "of install and verify: the `SUM` that the file must have")
	fs.StringVar(&c.ask.Note, "note", "", "of install, activate and rollback: why; it stands beside your name")
	fs.DurationVar(&c.probation, "probation", 10*time.Minute, "of install and activate: for how much time of rows the model is on trial; 0s: it is not")
	fs.BoolVar(&c.noWait, "no-wait", false, "of install and activate: do not wait for the end of the probation")
	fs.BoolVar(&c.asJSON, "json", false, "print JSON")
}

// Run does what the arguments say. An error is a Usage, a config.Refusal if a model was
// refused, or that it was taken back on probation.
func (c *Command) Run(ctx context.Context, args []string) error {
	arg := ""
	if len(args) > 1 {
		arg = args[1]
	}
	switch c.ask.Do = args[0]; c.ask.Do {
	case "list", "rollback":
		if arg != "" {
			return usage("unexpected argument %q", arg)
		}
	case "show", "verify", "install", "activate":
		if arg == "" {
			return usage("model %s: want a model's FILE or a VERSION; model list shows them", c.ask.Do)
		}
	default:
		return usage("model %q: want list, show, verify, install, activate or rollback", c.ask.Do)
	}
	switch c.ask.Do {
	case "list", "show":
		return c.list(ctx, arg)
	case "verify":
		return c.verify(arg)
	}
	if c.probation < 0 {
		return usage("--probation %v: want 0s or more", c.probation)
	}
	return c.change(ctx, arg)
}

// place is the folder that is worked on without an agent.
func (c *Command) place() (*Place, error) {
	if c.folder != "" {
		st, err := os.Stat(c.folder)
		if err == nil && !st.IsDir() {
			err = errors.New("not a folder")
		}
		return &Place{Models: state.OpenModels(c.folder)}, err
	}
	conf, err := c.Load(*c.Config)
	if err != nil {
		return nil, err
	}
	m, err := conf.Machine(c.ask.Machine)
	if err != nil {
		return nil, Usage{err}
	}
	c.ask.Machine = m.Name
	return Of(conf, m), nil
}

// models lists those of the running agent, or of the disk where none runs.
func (c *Command) models(ctx context.Context) (out control.Models, err error) {
	err = control.ErrNotRunning
	if c.folder == "" {
		err = control.Get(ctx, c.socket(), "models", &out)
	}
	if !errors.Is(err, control.ErrNotRunning) {
		out.Machines = slices.DeleteFunc(out.Machines, func(m control.MachineModels) bool { return c.ask.Machine != "" && m.Machine != c.ask.Machine })
		return out, err
	}
	p, err := c.place()
	if err == nil {
		out.Machines = append(out.Machines, p.Told(c.ask.Machine))
	}
	return out, err
}

// Told lists the models of a machine.
func (p *Place) Told(machine string) control.MachineModels {
	return control.MachineModels{Machine: machine, Folder: p.Dir(), Versions: p.List(p.Schema), History: append([]state.Entry{}, p.History()...)}
}

func (c *Command) socket() string {
	socket, _ := config.Socket(*c.Config) // where the file does not say it, the default
	return socket
}

// list prints all models, or one.
func (c *Command) list(ctx context.Context, version string) error {
	all, err := c.models(ctx)
	if err != nil {
		return err
	}
	var found any = all
	for _, m := range all.Machines {
		for _, v := range m.Versions {
			if v.Version == version {
				found = v
			}
		}
	}
	if _, one := found.(state.Version); version != "" && !one {
		return config.Refuse(fmt.Errorf("there is no version %s; model list shows those there are", version))
	}
	if !c.asJSON && version == "" {
		_, err = io.WriteString(c.Out, all.Screen())
		return err
	}
	return c.json(found)
}

func (c *Command) json(v any) error {
	e := json.NewEncoder(c.Out)
	if !c.asJSON {
		e.SetIndent("", "  ")
	}
	return e.Encode(v)
}

// read reads a model's file and its signature.
func (c *Command) read(path string) (raw []byte, err error) {
	if raw, err = state.ReadFile(path, proof.MaxModel+1); err != nil {
		return nil, config.Refuse(err)
	}
	file := c.signature
	if file == "" {
		file = path + state.SignatureExt
	}
	c.ask.File = filepath.Base(path)
	if c.ask.Signature, err = state.ReadFile(file, minisign.MaxSignature); err != nil && (c.signature != "" || !errors.Is(err, os.ErrNotExist)) {
		return nil, config.Refuse(fmt.Errorf("signature: %w", err))
	}
	return raw, nil
}

// verify takes a model through the gates here, and changes nothing.
func (c *Command) verify(arg string) error {
	p, err := c.place()
	if err != nil {
		return err
	}
	w := proof.Want{Schema: p.Schema, Trust: p.Trust, Sum: c.ask.SHA256}
	raw, err := c.read(arg)
	if errors.Is(err, os.ErrNotExist) {
		if raw, c.ask.Signature, err = p.Files(arg, proof.MaxModel+1); err == nil {
			w.Part, w.Learnt = true, p.LearntHere(raw)
		}
	}
	if err != nil {
		return config.Refuse(err)
	}
	_, steps, err := proof.Prove(raw, c.ask.Signature, w)
	if terr := c.tell(steps); terr != nil {
		return terr
	}
	if err != nil {
		return config.Refuse(fmt.Errorf("%s: %w", arg, err))
	}
	return nil
}

// tell prints what the gates said.
func (c *Command) tell(steps []proof.Step) error {
	if c.asJSON {
		return c.json(steps)
	}
	var b strings.Builder
	for _, s := range steps {
		mark := "ok    "
		if s.Skipped {
			mark = "-     "
		} else if !s.Good {
			mark = "FAILED"
		}
		fmt.Fprintf(&b, "%-10s %s %s\n", string(s.Gate), mark, s.Text)
	}
	_, err := io.WriteString(c.Out, control.Plain(b.String()))
	return err
}

// change installs, activates or rolls back, and waits for the end of the probation.
func (c *Command) change(ctx context.Context, arg string) error {
	var raw []byte
	var err error
	if c.ask.Version = arg; c.ask.Do == "install" {
		c.ask.Version = ""
		if raw, err = c.read(arg); err != nil {
			return err
		}
	}
	if c.ask.Do != "rollback" { // what was in use before is not on trial
		c.ask.ProbationS = c.probation.Seconds()
	}
	var t control.Taken
	err = control.ErrNotRunning
	if c.folder == "" {
		err = control.PostContent(ctx, c.socket(), "model", &c.ask, raw, &t)
	}
	alone := errors.Is(err, control.ErrNotRunning)
	if alone {
		t, err = c.alone(raw)
	}
	if err != nil {
		return err
	}
	if err := c.told(&t, alone); err != nil || alone || c.noWait || c.ask.ProbationS == 0 || t.Entry.From == t.Entry.Version {
		return err
	}
	return c.await(ctx, &t)
}

// alone does it on the folder.
func (c *Command) alone(raw []byte) (t control.Taken, err error) {
	p, err := c.place()
	if err != nil {
		return t, err
	}
	by := "unknown"
	if u, err := user.Current(); err == nil {
		by = u.Username
	}
	if t, err = p.Take(&c.ask, raw, proof.Rows{}, by); err != nil {
		return t, config.Refuse(err)
	}
	t.Entry.From = strings.TrimSuffix(p.Current(), state.Ext)
	return t, p.Activate(t.Entry)
}

// told prints what was done.
func (c *Command) told(t *control.Taken, alone bool) error {
	if c.asJSON {
		return c.json(t)
	}
	if err := c.tell(t.Gates); err != nil {
		return err
	}
	text := fmt.Sprintf("version %s is active", t.Entry.Version)
	if t.Machine != "" {
		text = t.Machine + ": " + text
	}
	if t.Entry.From == t.Entry.Version {
		text += " already"
	} else if t.Entry.From != "" {
		text += ", before it " + t.Entry.From
	}
	if alone {
		text += "; no agent was asked: the next one takes it"
	}
	_, err := fmt.Fprintln(c.Out, text)
	return err
}

const (
	awaitEvery = 500 * time.Millisecond // how often the agent is asked how a probation goes
	goneMost   = 2 * time.Minute        // for how long it may not answer: it may be started anew meanwhile
)

// await waits for the end of a probation.
func (c *Command) await(ctx context.Context, t *control.Taken) error {
	if !c.asJSON {
		fmt.Fprintf(c.Out, "%s: on probation for %v of rows; the agent ends it, whether or not you wait\n", t.Machine, c.probation)
	}
	for seen := time.Now(); ; {
		select {
		case <-ctx.Done():
			return fmt.Errorf("version %s is active, and its probation goes on: %w", t.Entry.Version, ctx.Err())
		case <-time.After(awaitEvery):
		}
		var all control.Models
		if err := control.Get(ctx, c.socket(), "models", &all); err != nil {
			if time.Since(seen) > goneMost {
				return fmt.Errorf("how the probation of version %s ended is not known: %w", t.Entry.Version, err)
			}
			continue
		}
		seen = time.Now()
		for i := range all.Machines {
			if all.Machines[i].Machine != t.Machine {
				continue
			}
			if over, err := ended(all.Machines[i].History, t.Entry.Version); over {
				if err == nil && !c.asJSON {
					_, err = fmt.Fprintf(c.Out, "%s: version %s is kept: nothing spoke against it\n", t.Machine, t.Entry.Version)
				}
				return err
			}
		}
	}
}

// ended tells whether the newest probation of a version is over. An error is that the
// version is not in use any more.
func ended(h []state.Entry, version string) (over bool, err error) {
	for i := len(h) - 1; i >= 0; i-- {
		if h[i].Version != version || h[i].ProbationS == 0 {
			continue
		}
		if h[i].Outcome == "" || h[i].Outcome == state.Kept {
			return h[i].Outcome != "", nil
		}
		next := state.Entry{Version: "another version"}
		if i+1 < len(h) {
			next = h[i+1]
		}
		return true, fmt.Errorf("version %s did not pass its probation, version %s is in use again: %s", version, next.Version, next.Why)
	}
	return true, fmt.Errorf("the history does not have version %s any more", version)
}
