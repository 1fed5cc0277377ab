package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certificate rotates the pair of the endpoint in two steps.
func certificate(t *trial) error {
	cert, key := filepath.Join(t.dir, "http.pem"), filepath.Join(t.dir, "http.key")
	cert1, key1, err := pair(1)
	if err != nil {
		return err
	}
	cert2, key2, err := pair(2)
	if err != nil {
		return err
	}
	if err := writeAll(cert, cert1, key, key1); err != nil {
		return err
	}
	b, err := t.startBroker("")
	if err != nil {
		return err
	}
	p := stream(b.addr)
	p.http = fmt.Sprintf(", tls: {cert: %s, key: %s}", cert, key)
	a, err := t.configure(p)
	if err != nil {
		return err
	}
	if err := a.start(); err != nil {
		return err
	}
	if err := await(time.Minute, "the endpoint answers", func() bool { return served(a.http) == 1 }); err != nil {
		return fmt.Errorf("%w: %s", err, a.lastLine())
	}
	if err := writeAll(cert, cert2); err != nil {
		return err
	}
	wrong := 0
	for range 60 { // 12 s: longer than it may take to notice
		if served(a.http) != 1 {
			wrong++
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.expect(wrong == 0 && a.Running(), "certificate renewed, key not yet: handshakes without the old pair", "0", "%d of 60", wrong)
	begin := time.Now()
	if err := writeAll(key, key2); err != nil {
		return err
	}
	await(30*time.Second, "", func() bool { return served(a.http) == 2 })
	took := time.Since(begin)
	t.expect(took <= 10*time.Second, "certificate and key renewed: served after", "<= 10 s", "%.1f s", took.Seconds())
	return nil
}

// writeAll writes files, given as name and content in turn, readable by their owner.
func writeAll(files ...string) error {
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(files[i], []byte(files[i+1]), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// pair makes a certificate with a number, and its key, in PEM.
func pair(number int64) (cert, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: "gw7"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(240 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return "", "", err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})), err
}

// served is the number of the certificate that an endpoint shows; 0 if there is none.
func served(addr string) int64 {
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return 0
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}
