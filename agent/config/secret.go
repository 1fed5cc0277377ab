package config

import (
	"bytes"
	"strings"
)

// beginsPEM is in every private key that somebody pastes.
const beginsPEM = "-----BEGIN"

// HideSecrets leaves out of a value what may be a secret that somebody wrote into the file
// or on the command line by mistake: messages are kept in logs. It knows users in addresses
// ("mqtts://gw7:secret@broker"), a password or token without the space behind its colon,
// and keys in PEM.
func HideSecrets(s string) string {
	if before, _, ok := strings.Cut(s, beginsPEM); ok {
		return before + beginsPEM + "…"
	}
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		from := 0
		if i := strings.Index(s[:at], "://"); i >= 0 && !strings.Contains(s[:i], ":") {
			from = i + 3
		}
		if strings.Contains(s[from:at], ":") {
			s = s[:from] + "…" + s[at:]
		}
	}
	low := []byte(s) // byte for byte: strings.ToLower changes lengths
	for i, c := range low {
		if 'A' <= c && c <= 'Z' {
			low[i] += 'a' - 'A'
		}
	}
	end := len(low) // of what comes before a secret
	for _, word := range []string{"password", "passwd", "token", "secret", "api_key", "apikey", "authkey"} {
		for from := 0; ; {
			i := bytes.Index(low[from:end], []byte(word))
			if i < 0 {
				break
			}
			if from += i + len(word); from < end && strings.IndexByte(":= ", low[from]) >= 0 {
				end = from + 1
			}
		}
	}
	if end < len(low) {
		return s[:end] + "…"
	}
	return s
}
