package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/driverstest"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// reloadable is a running agent and the file that it reads.
type reloadable struct {
	t        *testing.T
	prog     []string
	path     string
	text     string // of the file
	plc, fan *modbussim.Server
	pump     *modbussim.Bank
	agent    *process
}

// startReloadable starts an agent that reads two machines from a bus that they share
// and a third from a bus of its own.
func startReloadable(t *testing.T, broker, listen string) *reloadable {
	t.Helper()
	r := &reloadable{t: t, prog: program(t, "", "")}
	serve := func() *modbussim.Server {
		units := map[uint8]*modbussim.Bank{1: {}, 2: {}}
		for _, u := range units {
			u.SetHolding(0, 7, 8)
		}
		if r.pump == nil {
			r.pump = units[1]
		}
		s, err := modbussim.Listen("127.0.0.1:0", units)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	r.plc, r.fan = serve(), serve()
	dir := t.TempDir()
	r.path = filepath.Join(dir, "config.yaml")
	r.text = fmt.Sprintf(`gateway: {site: s, id: gw7}
state: state
control: {socket: s}
log: {level: info}
buses:
  plc: {modbus: "tcp://%s"}
  fan: {modbus: "tcp://%s"}
sensors:
  - {name: pump, driver: modbus, bus: plc, unit: 1, registers: [{name: speed, at: "holding:0", type: u16, limits: {warn: 100}}]}
  - {name: mill, driver: modbus, bus: plc, unit: 2, registers: [{name: speed, at: "holding:0", type: u16}]}
  - {name: fan, driver: modbus, bus: fan, unit: 1, registers: [{name: speed, at: "holding:0", type: u16}]}
machines:
  - {name: pump1, channels: ["pump.*"], period: 50ms}
  - {name: mill1, channels: ["mill.*"], period: 50ms}
  - {name: fan1, channels: ["fan.*"], period: 50ms}
mqtt: {broker: %q, topic: "plant/{device}"}
spool: {max: 8MiB}
http: {listen: %q}
`, r.plc.Addr(), r.fan.Addr(), broker, listen)
	r.write(r.text)
	r.agent = start(t, nil, append(r.prog, "run", "--config", r.path)...)
	waitFor(t, 20*time.Second, "the agent answers", func() bool { code, _ := r.verb("status"); return code != exitNotRunning })
	return r
}

func (r *reloadable) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// edit replaces a part of the file.
func (r *reloadable) edit(old, with string) {
	r.t.Helper()
	if !strings.Contains(r.text, old) {
		r.t.Fatalf("the file has no %q", old)
	}
	r.text = strings.ReplaceAll(r.text, old, with)
	r.write(r.text)
}

// verb runs another verb of the program on the file.
func (r *reloadable) verb(args ...string) (code int, out string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), busy)
	defer cancel()
	args = append(append(r.prog[1:len(r.prog):len(r.prog)], args...), "--config", r.path)
	cmd := exec.CommandContext(ctx, r.prog[0], args...)
	b, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		r.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(b)
}

// reload wants the verdict of a reload.
func (r *reloadable) reload(code int, says string) {
	r.t.Helper()
	if got, out := r.verb("reload"); got != code || !strings.Contains(out, says) {
		r.t.Errorf("reload ended with %d and said %q, want %d and %q", got, out, code, says)
	}
}

// TestReloadServices: broker, endpoint, queue and log change while the agent runs.
func TestReloadServices(t *testing.T) {
	t.Parallel()
	first, second := startBroker(t), startBroker(t)
	was, is := driverstest.FreeAddr(t), driverstest.FreeAddr(t)
	r := startReloadable(t, first.url(), was)
	one, two := subscribe(t, first, "plant/#"), subscribe(t, second, "plant/#")
	waitFor(t, 20*time.Second, "the first broker hears of a machine", func() bool {
		_, ok := one.find(func(m message) bool { return m.topic == "plant/gw7/machine/pump1" })
		return ok
	})
	r.edit(first.url(), second.url())
	r.edit(was, is)
	r.edit("max: 8MiB", "max: 4MiB")
	r.edit("level: info", "level: debug")
	r.reload(0, "mqtt, http, spool.max, log")
	waitFor(t, 20*time.Second, "the first broker hears the end, the second one everything", func() bool {
		_, end := one.find(func(m message) bool { return m.topic == "plant/gw7/status" && m.payload == "offline" })
		_, birth := two.find(func(m message) bool { return m.topic == "plant/gw7/status" && m.payload == "online" })
		_, state := two.find(func(m message) bool { return m.topic == "plant/gw7/machine/fan1" })
		return end && birth && state
	})
	waitFor(t, 20*time.Second, "the new address answers", func() bool { return getJSON("http://"+is+"/health") != nil })
	waitFor(t, 20*time.Second, "the old one does not", func() bool { return getJSON("http://"+was+"/health") == nil })
	r.plc.Close() // an event for the second broker
	waitFor(t, 60*time.Second, "an event on the second broker", func() bool { return len(events(two, "plant/gw7/event")) > 0 })
	r.edit("id: gw7", "id: gw8")
	r.edit("state: state", "state: elsewhere")
	r.reload(78, "gateway, state, spool.dir change with a restart only")
	if code, out := r.verb("status"); code != 1 || !strings.Contains(out, "refused: gateway, state") {
		t.Errorf("status after a refusal: %d, %s", code, out)
	}
	r.agent.kill(syscall.SIGTERM)
	if code, _ := r.verb("status", "--alive"); code != exitNotRunning {
		t.Errorf("status --alive ends with %d", code)
	}
	if code, _ := r.verb("status"); code != exitNotRunning {
		t.Errorf("status of a stopped agent: %d, want %d", code, exitNotRunning)
	}
}

// TestTroubleOfTheEndpoint: neither a start nor a reload fails by it; it is told, and
// mended when the files are there.
func TestTroubleOfTheEndpoint(t *testing.T) {
	t.Parallel()
	listen := driverstest.FreeAddr(t)
	r := startReloadable(t, "", listen)
	waitFor(t, 20*time.Second, "the agent is healthy", func() bool { code, _ := r.verb("status"); return code == 0 })
	r.edit(fmt.Sprintf("http: {listen: %q}", listen), fmt.Sprintf("http: {listen: %q, tls: {cert: cert, key: key}}", listen))
	r.reload(0, "http")
	waitFor(t, 20*time.Second, "the missing certificate is told", func() bool {
		code, out := r.verb("status")
		return code == 1 && strings.Contains(out, "http certificate")
	})
	r.agent.kill(syscall.SIGTERM)
	r.agent = start(t, nil, append(r.prog, "run", "--config", r.path)...)
	waitFor(t, 20*time.Second, "the agent starts without a certificate", func() bool { code, _ := r.verb("status"); return code == 1 })
	for _, name := range []string{"first", "second"} { // the second one replaces the first one
		selfSigned(t, filepath.Join(filepath.Dir(r.path), "cert"), filepath.Join(filepath.Dir(r.path), "key"), name)
		waitFor(t, 20*time.Second, "the certificate is served", func() bool {
			c, err := tls.Dial("tcp", listen, &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				return false
			}
			defer c.Close()
			return c.ConnectionState().PeerCertificates[0].Subject.CommonName == name
		})
	}
	waitFor(t, 20*time.Second, "the agent is healthy", func() bool { code, _ := r.verb("status"); return code == 0 })
}

// TestRenewedAuthority: a new certificate of the broker's authority comes into force
// without a reload; a broken one leaves the one before in force and is told.
func TestRenewedAuthority(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	b.stop()
	dir := filepath.Dir(b.conf)
	selfSigned(t, filepath.Join(dir, "cert"), filepath.Join(dir, "key"), "broker")
	conf, err := os.ReadFile(b.conf)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.conf, fmt.Appendf(conf, "certfile %[1]s/cert\nkeyfile %[1]s/key\n", dir), 0o644); err != nil {
		t.Fatal(err)
	}
	b.start()
	listen := driverstest.FreeAddr(t)
	r := startReloadable(t, "", listen)
	authority, err := os.ReadFile(filepath.Join(dir, "cert"))
	if err != nil {
		t.Fatal(err)
	}
	put := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(filepath.Dir(r.path), "ca"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(authority)
	r.edit(`mqtt: {broker: "",`, fmt.Sprintf("mqtt: {broker: %q, ca: ca,", "mqtts://"+b.addr))
	r.reload(0, "mqtt")
	metric := func(line string) func() bool {
		return func() bool {
			resp, err := http.Get("http://" + listen + "/metrics")
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			return err == nil && strings.Contains(string(text), "\n"+line+"\n")
		}
	}
	waitFor(t, 30*time.Second, "a connection", metric("mqtt_connects_total 1"))
	put(authority[:len(authority)/2])
	waitFor(t, 20*time.Second, "half a certificate is told", metric(`key_files_unusable{of="mqtt"} 1`))
	if !metric("mqtt_connected 1")() || !metric("mqtt_connects_total 1")() {
		t.Error("half a certificate has ended the connection")
	}
	put(append([]byte("\n"), authority...))
	waitFor(t, 30*time.Second, "a connection with the new certificate", metric("mqtt_connects_total 2"))
	waitFor(t, 20*time.Second, "all is well", metric(`key_files_unusable{of="mqtt"} 0`))
}

// selfSigned writes a certificate for a name and this process's address, and its key.
func selfSigned(t *testing.T, cert, key, name string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	host, _, _ := net.SplitHostPort(driverstest.FreeAddr(t))
	c.IPAddresses = []net.IP{net.ParseIP(host)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReloadRunning: the verdicts of reload, and what they touch, of a running agent.
func TestReloadRunning(t *testing.T) {
	t.Parallel()
	listen := driverstest.FreeAddr(t)
	r := startReloadable(t, "", listen)
	waitFor(t, 20*time.Second, "the agent is healthy", func() bool { code, _ := r.verb("status"); return code == 0 })
	r.reload(0, "nothing changed")
	r.edit("limits: {warn: 100}", "limits: {warn: 200}")
	r.reload(0, "sensor pump changed, machine pump1 changed\n")
	good := r.text
	r.edit("period: 50ms", "perod: 50ms")
	r.reload(78, `config.yaml:13:41: machines[0].perod: unknown key "perod": did you mean "period"?`)
	if code, out := r.verb("status", "--alive"); code != 0 || !strings.Contains(out, ": degraded,") {
		t.Errorf("status --alive of a degraded agent ends with %d: %s", code, out)
	}
	if code, out := r.verb("status"); code != 1 || !strings.Contains(out, "the newest reload was refused") {
		t.Errorf("status after a refusal: %d\n%s", code, out)
	}
	r.text = good
	r.write(good)
	r.agent.cmd.Process.Signal(syscall.SIGHUP)
	waitFor(t, 20*time.Second, "SIGHUP reloads", func() bool {
		code, out := r.verb("status")
		return code == 0 && strings.Contains(out, "reload by signal: done")
	})
	if a, b := r.plc.Connections(), r.fan.Connections(); a != 1 || b != 1 {
		t.Errorf("%d and %d connections, want one each", a, b)
	}
	waitFor(t, 20*time.Second, "the changes on the disk", func() bool { // status has them before
		b, _ := os.ReadFile(filepath.Join(filepath.Dir(r.path), "state", "changes.json"))
		return strings.Count(string(b), `"reload"`) == 4
	})
	r.agent.kill(syscall.SIGKILL) // leaves its socket behind
	if code, out := r.verb("reload"); code != 1 || !strings.Contains(out, "no agent answers") {
		t.Errorf("reload of a killed agent: %d, %s", code, out)
	}
	r.agent = start(t, nil, append(r.prog, "run", "--config", r.path)...)
	var out string
	waitFor(t, 20*time.Second, "the next agent has the socket, and remembers the changes", func() bool {
		var code int
		code, out = r.verb("status", "--json")
		return code == 0 && strings.Count(out, `"verb":"reload"`) == 4 && strings.Count(out, `"outcome":"refused"`) == 1
	})
	second := start(t, nil, append(r.prog, "run", "--config", r.path)...)
	<-second.done
	if second.err == nil || !strings.Contains(second.output(), "in use by another") {
		t.Errorf("a second agent: %v\n%s", second.err, second.output())
	}
	r.reload(0, "nothing changed")
}

// TestConfigApply: a good file is put in place and kept, any other leaves the old one.
func TestConfigApply(t *testing.T) {
	t.Parallel()
	r := startReloadable(t, "", driverstest.FreeAddr(t))
	waitFor(t, 20*time.Second, "the agent is healthy", func() bool { code, _ := r.verb("status"); return code == 0 })
	apply := func(text string, want int, says string) {
		t.Helper()
		code, out := r.verb("config", "apply", write(t, "new.yaml", text), "--verify", "20s")
		if code != want || !strings.Contains(out, says) {
			t.Errorf("config apply ended with %d and said\n%s\nwant %d and %q", code, out, want, says)
		}
	}
	holds := func(name, text string) {
		t.Helper()
		if b, err := os.ReadFile(name); err != nil || string(b) != text {
			t.Errorf("%s holds another text, %v:\n%s", filepath.Base(name), err, b)
		}
	}
	apply(strings.Replace(r.text, "period: 50ms", "perod: 50ms", 1), 78, `new.yaml:13:41: machines[0].perod`)
	apply(strings.Replace(r.text, "id: gw7", "id: gw8", 1), 78, "the configuration before it is restored")
	apply(strings.NewReplacer(r.plc.Addr(), driverstest.FreeAddr(t), r.fan.Addr(), driverstest.FreeAddr(t)).Replace(r.text), 1, "the agent is unhealthy with it")
	holds(r.path, r.text)
	waitFor(t, 20*time.Second, "the agent is healthy again", func() bool { code, _ := r.verb("status"); return code == 0 })
	better := strings.Replace(r.text, "warn: 100", "warn: 200", 1)
	code, out := r.verb("config", "apply", write(t, "new.yaml", better), "--verify", "1s")
	if code != 0 || !strings.Contains(out, "reloaded: sensor pump changed, machine pump1 changed") {
		t.Errorf("config apply ended with %d\n%s", code, out)
	}
	holds(r.path, better)
	holds(r.path+".bak", r.text)
	if st, err := os.Stat(r.path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	r.agent.kill(syscall.SIGTERM)
	apply(r.text, 0, "no agent runs")
	holds(r.path, r.text)
	if code, out := r.verb("config", "appyl", r.path); code != 2 || !strings.Contains(out, "config apply FILE") {
		t.Errorf("another word: %d, %s", code, out)
	}
}

// TestReloadBroker: a reload changes the topic, and ends the connection; nothing that
// the gateway said of its machines stays behind.
func TestReloadBroker(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	r := startReloadable(t, b.url(), driverstest.FreeAddr(t))
	retained := func() string {
		cmd := b.client("mosquitto_sub", "-v", "-t", "#", "--retained-only", "-W", "1", "-F", "%t=%l")
		out, _ := exec.Command(cmd[0], cmd[1:]...).Output() // ends by the time, with 27
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		slices.Sort(lines)
		for i, l := range lines {
			lines[i], _, _ = strings.Cut(l, "=")
		}
		return strings.Join(lines, " ")
	}
	holds := func(what, want string) {
		t.Helper()
		waitFor(t, 20*time.Second, what+": "+want, func() bool { return retained() == want })
	}
	holds("at the start", "plant/gw7/machine/fan1 plant/gw7/machine/mill1 plant/gw7/machine/pump1 plant/gw7/status")
	r.edit("plant/{device}", "hall/{site}/{device}")
	r.reload(0, "reloaded: mqtt")
	holds("another topic", "hall/s/gw7/machine/fan1 hall/s/gw7/machine/mill1 hall/s/gw7/machine/pump1 hall/s/gw7/status")
	tree := subscribe(t, b, "acme/#")
	r.edit("hall/{site}/{device}", "acme/{site}/{machine}/_anomaly")
	r.reload(0, "reloaded: mqtt")
	holds("a place for each machine", "acme/s/fan1/_anomaly/machine acme/s/gw7/_anomaly/status acme/s/mill1/_anomaly/machine acme/s/pump1/_anomaly/machine")
	r.pump.SetHolding(0, 700, 8)
	r.fan.Close()
	of := func(machine, kind string) func(message) bool {
		return func(m message) bool {
			return m.topic == "acme/s/"+machine+"/_anomaly/event" && m.str("kind") == kind && m.str("machine") != "gw7"
		}
	}
	waitFor(t, 60*time.Second, "events at the places of a machine and of the gateway", func() bool {
		_, limit := tree.find(of("pump1", "limit"))
		_, fault := tree.find(of("gw7", "bus_fault"))
		_, own := tree.find(of("fan1", "bus_fault"))
		return limit && (fault || own)
	})
	if code, out := r.verb("mqtt", "check", "--for", "2s"); code != 0 || !strings.Contains(out, "may subscribe to acme/s/+/_anomaly/#") || !strings.Contains(out, "online") {
		t.Errorf("mqtt check: %d\n%s", code, out)
	}
	r.edit("acme/{site}/{machine}/_anomaly", "hall/{site}/{device}")
	r.reload(0, "reloaded: mqtt")
	holds("back", "hall/s/gw7/machine/fan1 hall/s/gw7/machine/mill1 hall/s/gw7/machine/pump1 hall/s/gw7/status")
	events := subscribe(t, b, "hall/s/gw7/event")
	r.plc.Close()
	waitFor(t, 60*time.Second, "an event of the new topic", func() bool { return len(events.messages()) > 0 })
	with := fmt.Sprintf("mqtt: {broker: %q, topic: \"hall/{site}/{device}\"}\n", b.url())
	r.edit(with, "")
	r.reload(0, "reloaded: mqtt")
	if got := retained(); got != "hall/s/gw7/status" {
		t.Errorf("without a broker it leaves %s", got)
	}
	r.edit("spool:", with+"spool:")
	r.reload(0, "reloaded: mqtt")
	holds("with the broker again", "hall/s/gw7/machine/fan1 hall/s/gw7/machine/mill1 hall/s/gw7/machine/pump1 hall/s/gw7/status")
}
