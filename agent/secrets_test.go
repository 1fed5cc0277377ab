package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/driverstest"
)

// keeper knows secrets and everything that the program has said.
type keeper struct {
	t       *testing.T
	r       *reloadable
	secrets map[string]string // by what it is
	said    map[string]string // by who said it
}

// secret makes one that is found again wherever it stands.
func (k *keeper) secret(what string) string {
	s := fmt.Sprintf("Zq%02dxSecret%dQz", len(k.secrets), len(what))
	k.secrets[what] = s
	return s
}

// file writes a file beside the configuration.
func (k *keeper) file(name, text string, mode os.FileMode) {
	k.t.Helper()
	path := filepath.Join(filepath.Dir(k.r.path), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		k.t.Fatal(err)
	}
}

// verb keeps what a verb says and wants its exit code, if that is not negative.
func (k *keeper) verb(code int, args ...string) string {
	k.t.Helper()
	got, out := k.r.verb(args...)
	if code >= 0 && got != code {
		k.t.Errorf("%v ended with %d, want %d:\n%s", args, got, code, out)
	}
	k.said[fmt.Sprint(len(k.said), " ", args)] = out
	return out
}

// alone is a verb that has no --config.
func (k *keeper) alone(args ...string) {
	cmd := exec.CommandContext(k.t.Context(), k.r.prog[0], append(k.r.prog[1:len(k.r.prog):len(k.r.prog)], args...)...)
	cmd.Env = append(os.Environ(), "MQTT_PASSWORD="+k.secrets["the environment"])
	out, _ := cmd.CombinedOutput()
	k.said[fmt.Sprint(len(k.said), " ", args)] = string(out)
}

// get asks the endpoint with a token.
func (k *keeper) get(base, path, token string, want int) {
	k.t.Helper()
	for _, basic := range []bool{false, true} {
		req, err := http.NewRequest("GET", base+path, nil)
		if err != nil {
			k.t.Fatal(err)
		}
		if basic {
			req.SetBasicAuth("any", token)
		} else {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			k.t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want {
			k.t.Errorf("%s: %s, want %d", path, resp.Status, want)
		}
		k.said[fmt.Sprint(len(k.said), " ", path)] = fmt.Sprint(resp.Header, string(b))
	}
}

// slip asks of a wrong configuration with every verb that reads it, and goes back.
func (k *keeper) slip(old, with string) {
	k.t.Helper()
	good := k.r.text
	k.r.edit(old, with)
	k.verb(exitConfig, "check")
	k.verb(exitConfig, "check", "--json")
	k.verb(exitConfig, "reload")
	k.verb(-1, "mqtt", "check")
	k.verb(-1, "read")
	k.verb(-1, "status")
	k.verb(exitConfig, "run")
	bad := k.r.text
	k.r.text = good
	k.r.write(good)
	k.file("bad.yaml", bad, 0o600)
	k.verb(exitConfig, "config", "apply", filepath.Join(filepath.Dir(k.r.path), "bad.yaml"))
}

// logged waits for a line of the agent's log.
func (k *keeper) logged(what string) {
	k.t.Helper()
	waitFor(k.t, 30*time.Second, "the log says "+what, func() bool { return strings.Contains(k.r.agent.output(), what) })
}

// search wants no secret in what was said, nor in files below a folder.
func (k *keeper) search(state string) {
	k.t.Helper()
	err := filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		k.said["file "+path] = string(b)
		return err
	})
	if err != nil {
		k.t.Error(err)
	}
	bytes := 0
	for who, text := range k.said {
		bytes += len(text)
		for what, secret := range k.secrets {
			for form, s := range map[string]string{"": secret, " in base64": base64.StdEncoding.EncodeToString([]byte(secret))[:12], " in a URL": url.QueryEscape(secret)} {
				if at := strings.Index(text, s); at >= 0 {
					k.t.Errorf("%s%s is told by %s: …%s…", what, form, who, text[max(0, at-100):min(len(text), at+100)])
				}
			}
		}
	}
	k.t.Logf("%d secrets, %d answers and files, %d bytes", len(k.secrets), len(k.said), bytes)
}

// TestNoSecretIsTold: passwords, tokens and keys are in no line of the log, no answer, no
// metric, no message, no file of the state folder and no dump, also where they are wrong,
// cannot be read, or are written where they do not belong.
func TestNoSecretIsTold(t *testing.T) {
	t.Parallel()
	b, secure, listen := startBroker(t), driverstest.FreeAddr(t), driverstest.FreeAddr(t)
	k := &keeper{t: t, secrets: map[string]string{}, said: map[string]string{}}
	password, wrong, token := k.secret("the password"), k.secret("a wrong password"), k.secret("the token of the endpoint")
	k.secret("the environment")
	dir := filepath.Dir(b.conf)
	selfSigned(t, filepath.Join(dir, "cert"), filepath.Join(dir, "key"), "broker")
	if out, err := exec.Command(need(t, "mosquitto_passwd", "mosquitto"), "-c", "-b", filepath.Join(dir, "users"), "gw7", password).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	host, port, _ := net.SplitHostPort(secure)
	conf, err := os.ReadFile(b.conf)
	if err != nil {
		t.Fatal(err)
	}
	conf = fmt.Appendf([]byte("per_listener_settings true\n"), "%slistener %s %s\nallow_anonymous false\npassword_file %s/users\ncertfile %[4]s/cert\nkeyfile %[4]s/key\n", conf, port, host, dir)
	if err := os.WriteFile(b.conf, conf, 0o644); err != nil {
		t.Fatal(err)
	}
	b.stop()
	b.start()
	sub := subscribe(t, b, "#")

	k.r = startReloadable(t, "", listen)
	own := filepath.Dir(k.r.path)
	ca, err := os.ReadFile(filepath.Join(dir, "cert"))
	if err != nil {
		t.Fatal(err)
	}
	selfSigned(t, filepath.Join(own, "cert"), filepath.Join(own, "key"), "gw7")
	key, err := os.ReadFile(filepath.Join(own, "key"))
	if err != nil {
		t.Fatal(err)
	}
	k.secrets["the private key"] = strings.Split(string(key), "\n")[1]
	k.file("ca", string(ca), 0o600)
	k.file("mqtt", password+"\n", 0o600)
	k.file("token", token+"\n", 0o600)
	k.r.edit(`mqtt: {broker: "",`, fmt.Sprintf("mqtt: {broker: %q, ca: ca, cert: cert, key: key, username: gw7, password_file: mqtt, homeassistant: true, commands: {allow: [ack, mute]},", "mqtts://"+secure))
	k.r.edit("http: {", "http: {token_file: token, ")
	k.r.edit("machines:\n", fmt.Sprintf("  - {name: hall, driver: mqtt, broker: %q, ca: ca, username: gw7, password_file: mqtt, channels: {t: {topic: x, max_age: 60s}}}\nmachines:\n", "mqtts://"+secure))
	k.file("push", k.secret("the token of pushed metrics")+"\n", 0o600)
	k.r.edit("machines:\n", fmt.Sprintf("metrics: {push: \"http://%s/api/v1/import/prometheus\", interval: 1s, token_file: push}\nmachines:\n", driverstest.FreeAddr(t)))
	k.verb(0, "reload")
	k.logged("metrics cannot be pushed")
	online := func(m message) bool { return m.topic == "plant/gw7/status" && m.payload == "online" }
	waitFor(t, 30*time.Second, "the agent is connected", func() bool { _, ok := sub.find(online); return ok })

	for _, path := range []string{"/", "/health", "/metrics", "/api/v1/state", "/debug/pprof/", "/config", "/?token=" + token} {
		want := 200
		if path == "/debug/pprof/" || path == "/config" {
			want = 404
		}
		k.get("http://"+listen, path, token, want)
	}
	k.get("http://"+listen, "/metrics", k.secret("a token that a client guessed"), 401)
	for _, args := range [][]string{{"check"}, {"mqtt", "check", "--for", "1s"}, {"status"}, {"status", "--json"}, {"event", "list"}, {"read"}, {"spool", "verify"}, {"unlatch"}, {"doctor"}, {"doctor", "--json"}, {"backup", filepath.Join(own, "state", "backup.tar")}, {"fsck"}} {
		k.verb(-1, args...)
	}
	for _, args := range [][]string{{"scan", "modbus", "tcp://u:%s@127.0.0.1:1", "--unit", "1"}, {"scan", "modbus", "u:%s@127.0.0.1", "--unit", "1"}, {"init", "--modbus", "tcp://u:%s@127.0.0.1?units=1"},
		{"demo", "--broker", "mqtts://u:%s@127.0.0.1:1", "--for", "1s"}, {"demo", "--broker", "u:%s@127.0.0.1:1", "--for", "1s"}} {
		secret := k.secret(fmt.Sprint("a password in ", args))
		for i := range args {
			args[i] = strings.Replace(args[i], "%s", secret, 1)
		}
		k.alone(args...)
	}
	for _, with := range []string{"mqtt: {password: %s,", "mqtt: {password:%s,", `mqtt: {pasword: "%s",`, "mqtt: {password: @%s,", "http: {token: %s}\nmqtt: {"} {
		k.slip("mqtt: {", fmt.Sprintf(with, k.secret("a slip: "+with)))
	}
	for _, with := range []string{"mqtts://gw7:%s@", "mqtts://gw7:%s@x:y", "gw7:%s@", "mqtts://gw7:%s@/"} {
		k.slip("mqtt: {broker: \"mqtts://", `mqtt: {broker: "`+fmt.Sprintf(with, k.secret("an address with "+with)))
	}
	k.slip("metrics: {push: \"http://", `metrics: {push: "http://u:`+k.secret("a password in the address of pushed metrics")+"@")
	k.slip("/prometheus\", interval", "/prometheus?token="+k.secret("a token in the address of pushed metrics")+`", interval`)
	k.slip("key: key", fmt.Sprintf(`key: "-----BEGIN EC PRIVATE KEY----- %s"`, k.secret("a key in the configuration")))

	k.file("mqtt", wrong+"\n", 0o600)
	b.stop()
	b.start()
	k.logged("not Authorized")
	k.verb(1, "mqtt", "check")
	for what, with := range map[string]struct {
		text string
		mode os.FileMode
		says string
	}{
		"loose":  {k.secret("a password that others may read"), 0o644, "others may read it"},
		"binary": {"\xff\x00" + k.secret("a binary password"), 0o600, ""},
	} {
		k.file("mqtt", with.text, with.mode)
		if out := k.verb(1, "mqtt", "check"); !strings.Contains(out, with.says) {
			t.Errorf("%s: %s", what, out)
		}
		k.verb(-1, "check")
		if with.says != "" {
			k.logged(with.says)
		}
	}
	k.file("token", token+"\n"+k.secret("a second line of the token"), 0o600)
	k.logged("more than one line")
	k.file("key", strings.Replace(string(key), "EC PRIVATE", "STRANGE", 1)+k.secret("rubbish in a key"), 0o600)
	k.logged("client certificate")
	k.verb(-1, "check")
	k.verb(-1, "status")
	k.file("key", string(key), 0o600)
	k.file("mqtt", password+"\n", 0o600)
	k.file("token", token+"\n", 0o600)
	before := len(sub.messages())
	waitFor(t, time.Minute, "the agent is connected again", func() bool {
		all := sub.messages()
		return len(all) > before && func() bool {
			for _, m := range all[before:] {
				if online(m) {
					return true
				}
			}
			return false
		}()
	})
	k.get("http://"+listen, "/metrics", token, 200)
	k.r.agent.cmd.Process.Signal(syscall.SIGQUIT) // a dump of all goroutines
	<-k.r.agent.done
	k.said["the log and the dump"] = k.r.agent.output()
	if !strings.Contains(k.said["the log and the dump"], "goroutine ") {
		t.Error("no dump")
	}
	for _, m := range sub.messages() {
		k.said["MQTT"] += m.topic + " " + m.payload + "\n"
	}
	os.Remove(filepath.Join(own, "bad.yaml"))
	k.search(filepath.Join(own, "state"))
}
