package mqtt

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/broker"
	"iot-edge-anomaly/drivers/driverstest"
)

// authority signs certificates into a folder.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	n    int64
}

// newAuthority writes NAME.crt into dir.
func newAuthority(t testing.TB, dir, name string) *authority {
	a := &authority{t: t, dir: dir}
	tmpl := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	tmpl.Subject = pkix.Name{CommonName: name}
	tmpl.NotBefore, tmpl.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(48*time.Hour)
	a.cert, a.key = a.sign(tmpl, nil, nil, name)
	return a
}

// issue writes NAME.crt and NAME.key, for this process's address, valid from and to so many
// hours from now.
func (a *authority) issue(name string, from, to time.Duration) {
	tmpl := &x509.Certificate{Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{driverstest.OwnHost()}}
	tmpl.NotBefore, tmpl.NotAfter = time.Now().Add(from), time.Now().Add(to)
	a.sign(tmpl, a.cert, a.key, name)
}

func (a *authority) sign(tmpl, parent *x509.Certificate, by *ecdsa.PrivateKey, name string) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if parent == nil {
		parent, by = tmpl, key
	}
	a.n++
	tmpl.SerialNumber = big.NewInt(a.n)
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	k, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
	a.write(name+".key", pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: k}), 0o644) // the broker's user reads it
	return cert, key
}

func (a *authority) write(name string, b []byte, mode os.FileMode) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, b, mode); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// A real broker that wants TLS, a client certificate and a password; and what
// the operator is told when one of them is wrong.
func TestMosquitto_tls(t *testing.T) {
	if testing.Short() {
		t.Skip("needs mosquitto; left out with -short")
	}
	dir := openDir(t)
	a := newAuthority(t, dir, "ca")
	a.issue("broker", -time.Hour, time.Hour)
	a.issue("gw7", -time.Hour, time.Hour)
	newAuthority(t, dir, "other").issue("stranger", -time.Hour, time.Hour)
	file := func(name string) string { return filepath.Join(dir, name) }
	passwd := exec.Command("mosquitto_passwd", "-c", "-b", file("users"), "plant", "s3cret")
	if out, err := passwd.CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_passwd (apt install mosquitto): %v\n%s", err, out)
	}
	if err := os.Chmod(file("users"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := newMosquitto(t, "allow_anonymous false", "password_file "+file("users"), "cafile "+file("ca.crt"),
		"certfile "+file("broker.crt"), "keyfile "+file("broker.key"), "require_certificate true")
	secret := a.write("secret", []byte("s3cret\n"), 0o600)
	good := Options{
		Broker: "mqtts://" + m.addr, CA: file("ca.crt"), Cert: file("gw7.crt"), Key: file("gw7.key"),
		Username: "plant", PasswordFile: secret,
	}
	if err := good.CheckFiles(); err != nil {
		t.Fatal(err)
	}
	wrong := map[string]struct {
		change func(o *Options)
		says   string
	}{
		"unknown authority": {func(o *Options) { o.CA = file("other.crt") }, "unknown authority; set ca"},
		"the system's":      {func(o *Options) { o.CA = "" }, "unknown authority; set ca"},
		"no certificate":    {func(o *Options) { o.Cert, o.Key = "", "" }, "broker refused"},
		"a stranger's":      {func(o *Options) { o.Cert, o.Key = file("stranger.crt"), file("stranger.key") }, "broker refused"},
		"wrong password":    {func(o *Options) { o.PasswordFile = a.write("bad", []byte("x"), 0o600) }, "not Authorized"},
		"password missing":  {func(o *Options) { o.PasswordFile = file("nowhere") }, "reading password"},
		"password readable": {func(o *Options) { o.PasswordFile = a.write("open", []byte("s3cret"), 0o644) }, "mode 0644"},
		"no TLS":            {func(o *Options) { o.Broker, o.CA, o.Cert, o.Key = "mqtt://"+m.addr, "", "", "" }, "broker closed the connection"},
		"CA missing":        {func(o *Options) { o.CA = file("nowhere") }, "reading CA"},
		"CA is no PEM":      {func(o *Options) { o.CA = secret }, "no PEM certificate in it"},
		"key of another":    {func(o *Options) { o.Key = file("broker.key") }, "does not match"},
		"another name":      {func(o *Options) { o.Broker = "mqtts://localhost:" + strings.Split(m.addr, ":")[1] }, "another name"},
	}
	for name, w := range wrong {
		t.Run(name, func(t *testing.T) {
			o := good
			w.change(&o)
			q := mustSpool(t)
			c := mustNew(t, o, q)
			c.wait = 20 * time.Millisecond
			dial := c.dial // as if every name were this broker's
			c.dial = func(ctx context.Context, network, _ string) (net.Conn, error) { return dial(ctx, network, m.addr) }
			stop := run(t, c)
			eventually(t, 5*time.Second, "error", func() bool { return c.Stats().Errors > 0 })
			stop()
			if s := c.Stats(); s.Connects != 0 || !strings.Contains(s.LastError, w.says) || strings.Contains(s.LastError, "s3cret") {
				t.Errorf("%+v\nwant an error with %q", s, w.says)
			}
		})
	}
	q := mustSpool(t)
	c := mustNew(t, good, q)
	appendN(t, q, 30)
	stop := run(t, c)
	eventually(t, 10*time.Second, "delivery over TLS", func() bool { return c.Stats().Acked == 30 })
	stop()
	for name, at := range map[string]time.Time{"client": c.Stats().Expires, "broker": c.Stats().PeerExpires} {
		if left := time.Until(at); left < 0 || left > time.Hour {
			t.Errorf("the %s's certificate expires at %v, want within the hour", name, at)
		}
	}
}

// A certificate that is too old, and one that is too young because the clock
// is not set, are told apart.
func TestExplain_expired(t *testing.T) {
	a := newAuthority(t, t.TempDir(), "ca")
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	for says, c := range map[string][2]time.Duration{
		"is the clock set?":               {time.Hour, 24 * time.Hour},
		"broker's certificate expired on": {-24 * time.Hour, -time.Hour},
	} {
		a.issue("broker", c[0], c[1])
		b, err := os.ReadFile(filepath.Join(a.dir, "broker.crt"))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(b)
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		_, cause := cert.Verify(x509.VerifyOptions{Roots: pool})
		got := broker.Explain(cause)
		if !strings.Contains(got.Error(), says) || !errors.As(got, new(x509.CertificateInvalidError)) {
			t.Errorf("%v, want %q", got, says)
		}
	}
}
