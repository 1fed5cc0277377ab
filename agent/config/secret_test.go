package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestParse_hidesSecrets: a password that somebody wrote into the file, where none
// belongs or with a slip, is in no message: messages go to the journal.
func TestParse_hidesSecrets(t *testing.T) {
	good, err := os.ReadFile(filepath.Join("testdata", "good", "minimal", "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const secret = "Zq7xSecretLong0123456789012345678901234567890"
	for _, part := range []string{
		"mqtt: {password: %s}", "mqtt: {password:%s}", "mqtt: {passwrd: %s}", "mqtt: {token=%s}", "mqtt:\n  password:%s", "mqtt: {Password: %s}",
		"mqtt:\n  password: @%s", "mqtt:\n  password: %%%s", "mqtt:\n  password: `%s", "mqtt:\n  password: *%s", "mqtt:\n  password: &%s", "mqtt:\n  password: !%s",
		"mqtt:\n  password: |%s", "mqtt:\n  password: \"%s", "mqtt:\n  password: '%s", "mqtt:\n  password: {%s", "mqtt:\n  password: \"\\%s\"", "mqtt:\n  password: a: %s",
		`mqtt: {broker: "mqtts://gw7:%s@broker"}`, `mqtt: {broker: "gw7:%s@broker"}`, `mqtt: {broker: "mqtts://gw7:%s@broker:x"}`, `mqtt: {broker: "mqtts://gw7:%s"}`,
		`mqtt: {broker: "gw7:%s"}`, `mqtt: {broker: "ws://gw7:%s@broker"}`, `mqtt: {broker: "mqtts://gw7:%s@broker/x"}`, `mqtt: {broker: "mqtts://gw7:a/b@%s@broker"}`,
		`mqtt: {broker: ["mqtts://gw7:%s@broker"]}`, `mqtt: {username: ["gw7:%s@broker"]}`, `mqtt: ["mqtts://gw7:%s@broker"]`, `mqtt: "mqtts://gw7:%s@broker"`,
		`mqtt: {topic: "plant/{token:%s}"}`, `mqtt: {telemetry: {deadband: "password=%s"}}`, `mqtt: {key: "-----BEGIN PRIVATE KEY----- %s -----END PRIVATE KEY-----"}`,
		"mqtt:\n  key: |\n    -----BEGIN PRIVATE KEY-----\n    %s\n    -----END PRIVATE KEY-----", "http: {token: %s}", `http: {listen: "user:%s@:8080"}`, `http: {listen: "http://user:%s@h"}`,
		`x: {modbus: "tcp://u:%s@10.0.0.1:502"}`, `log: {level: "password: %s"}`, `gateway: {id: "mqtts://u:%s@b"}`, "password: %s", "'password: %s': 1",
	} {
		said := 0
		for _, text := range []string{string(good) + fmt.Sprintf(part, secret) + "\n", fmt.Sprintf(part, secret) + "\n",
			strings.Replace(string(good), "mqtt:", fmt.Sprintf(part, secret)+"\nmqtt:", 1)} {
			_, problems := Parse("config.yaml", []byte(text), testDrivers)
			said += len(problems)
			if s := problems.Error(); strings.Contains(s, secret[:6]) {
				t.Errorf("%s: %s", part, s)
			}
		}
		if said == 0 {
			t.Errorf("%s: no problem", part)
		}
	}
	for _, url := range []string{"tcp://u:%s@h", "tcp://h:%s", "u:%s@h", "rtu:/u:%s@h", "rtu://u:%s@h/dev/x", "udp://u:%s@h"} {
		if _, err := ParseModbus(fmt.Sprintf(url, secret), 0); err == nil || strings.Contains(err.Error(), secret[:6]) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestHideSecrets(t *testing.T) {
	for s, want := range map[string]string{
		"pump.speed": "pump.speed", "a@b": "a@b", "mqtts://gw7:s3cret@broker:1": "mqtts://…@broker:1", "gw7:s@3@broker": "…@broker", "gw7:x://y@b": "…@b",
		"Password:x": "Password:…", "token=x y": "token=…", "password": "password", "password_file": "password_file", "the secret is": "the secret …",
		"tokens=3&token=x": "tokens=3&token=…", "password_file: f, password: x": "password_file: f, password:…", "secret=a&token=b": "secret=…",
		"h/x?api_key=x": "h/x?api_key=…", "authKey=x": "authKey=…", "token=": "token=", "tokentoken:x": "tokentoken:…", "ȺȺȺȺȺȺTOKEN:hunter2": "ȺȺȺȺȺȺTOKEN:…", "\xff\xfftoken:hunter2": "\xff\xfftoken:…",
		"x -----BEGIN RSA": "x -----BEGIN…", "rtu:///dev/ttyS0?a=b@c": "rtu:///dev/ttyS0?a=b@c", "": "",
	} {
		if got := HideSecrets(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}
