package minisign

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	library "golang.org/x/crypto/blake2b"
)

// TestBlake2b compares with the library of golang.org/x, at every length up to three
// blocks, and around others.
func TestBlake2b(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 70000)
	for i := range data {
		data[i] = byte(rnd.Uint32())
	}
	lengths := []int{1023, 1024, 1025, 4096, 65535, 65536, len(data)}
	for n := range 3*128 + 2 {
		lengths = append(lengths, n)
	}
	for _, n := range lengths {
		if got, want := blake2b(data[:n]), library.Sum512(data[:n]); got != want {
			t.Fatalf("%d bytes: %x, want %x", n, got, want)
		}
	}
}

// signed is a key and signatures that are made here, of both kinds.
func signed(content []byte, comment string, hashed bool) (key, sig []byte) {
	pub, priv, _ := ed25519.GenerateKey(nil)
	id := []byte("12345678")
	kind, what := "Ed", content
	if hashed {
		sum := library.Sum512(content)
		kind, what = "ED", sum[:]
	}
	s := ed25519.Sign(priv, what)
	b64 := base64.StdEncoding.EncodeToString
	global := ed25519.Sign(priv, append(bytes.Clone(s), comment...))
	key = []byte("untrusted comment: minisign public key 3837363534333231\n" + b64(append(append([]byte("Ed"), id...), pub...)) + "\n")
	sig = []byte("untrusted comment: signature\n" + b64(append(append([]byte(kind), id...), s...)) + "\ntrusted comment: " + comment + "\n" + b64(global) + "\n")
	return key, sig
}

func verify(key, sig, content []byte) (string, error) {
	k, err := ParseKey(key)
	if err != nil {
		return "", err
	}
	s, err := Parse(sig)
	if err != nil {
		return "", err
	}
	by, comment, err := s.Verify(content, []*Key{k})
	if err != nil {
		return "", err
	}
	return by.ID() + " " + comment, nil
}

func TestVerify(t *testing.T) {
	content := []byte("a model")
	for _, hashed := range []bool{false, true} {
		key, sig := signed(content, "pump1, week 47", hashed)
		if by, err := verify(key, sig, content); err != nil || by != "3837363534333231 pump1, week 47" {
			t.Errorf("hashed %v: %q, %v", hashed, by, err)
		}
		if _, err := verify(key, sig, []byte("b model")); !errors.Is(err, ErrWrong) {
			t.Errorf("another content: %v", err)
		}
		if _, err := verify(key, bytes.Replace(sig, []byte("week 47"), []byte("week 48"), 1), content); !errors.Is(err, ErrWrong) {
			t.Errorf("another trusted comment: %v", err)
		}
		other, _ := signed(content, "", hashed)
		if _, err := verify(other, sig, content); !errors.Is(err, ErrWrong) { // the same id
			t.Errorf("another key: %v", err)
		}
		s, _ := Parse(sig)
		if _, _, err := s.Verify(content, nil); !errors.Is(err, ErrKey) {
			t.Errorf("no key: %v", err)
		}
		// Each bit of the signature's two lines counts.
		lines := strings.Split(string(sig), "\n")
		for _, l := range []int{1, 3} {
			raw, _ := base64.StdEncoding.DecodeString(lines[l])
			for i := range raw {
				bad := bytes.Clone(raw)
				bad[i] ^= 1 << (i % 8)
				changed := append([]string{}, lines...)
				changed[l] = base64.StdEncoding.EncodeToString(bad)
				if _, err := verify(key, []byte(strings.Join(changed, "\n")), content); err == nil {
					t.Fatalf("line %d, byte %d: a changed signature is good", l+1, i)
				}
			}
		}
	}
}

// TestMinisign takes what Debian's minisign writes, of both kinds.
func TestMinisign(t *testing.T) {
	if testing.Short() {
		t.Skip("needs minisign; left out with -short")
	}
	program, err := exec.LookPath("minisign")
	if err != nil {
		t.Fatal("minisign is missing: scripts/setup.sh installs it")
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	run("-G", "-W", "-p", at("k.pub"), "-s", at("k.key"))
	content := bytes.Repeat([]byte("model "), 1000)
	if err := os.WriteFile(at("m"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"-H", "-l"} {
		run("-S", kind, "-s", at("k.key"), "-m", at("m"), "-t", "for pump1")
		key, _ := os.ReadFile(at("k.pub"))
		sig, _ := os.ReadFile(at("m.minisig"))
		if by, err := verify(key, sig, content); err != nil || !strings.HasSuffix(by, " for pump1") || !strings.Contains(string(key), by[:16]) {
			t.Errorf("%s: %q, %v\n%s", kind, by, err, key)
		}
	}
}

func TestParse(t *testing.T) {
	key, sig := signed([]byte("x"), "c", true)
	for _, bad := range []string{"", "x", "untrusted comment: x\n", string(key) + string(key), strings.Repeat("A", 56), strings.Repeat("x", MaxSignature+1)} {
		if _, err := ParseKey([]byte(bad)); err == nil {
			t.Errorf("key %.40q is taken", bad)
		}
	}
	s := string(sig)
	for _, bad := range []string{"", s[:len(s)/2], s + "\nmore", strings.Replace(s, "trusted comment: c", "comment: c", 1), strings.Replace(s, "\nR", "\n!", 1), strings.Repeat("x", MaxSignature+1), string(key)} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("signature %.40q is taken", bad)
		}
	}
	if _, err := Parse([]byte(strings.ReplaceAll(s, "\n", "\r\n"))); err != nil {
		t.Errorf("lines that end as on Windows: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	key, sig := signed([]byte("x"), "c", true)
	f.Add(key, sig)
	f.Fuzz(func(t *testing.T, key, sig []byte) {
		k, _ := ParseKey(key)
		s, err := Parse(sig)
		if err != nil || k == nil {
			return
		}
		if _, _, err := s.Verify([]byte("not signed by anybody"), []*Key{k}); err == nil {
			t.Fatal("good")
		}
	})
}
