package config

import "strings"

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
	low := strings.ToLower(s)
	for _, word := range []string{"password", "passwd", "token", "secret"} {
		if i := strings.Index(low, word); i >= 0 && i+len(word) < len(s) && strings.IndexByte(":= ", s[i+len(word)]) >= 0 {
			return s[:i+len(word)+1] + "…"
		}
	}
	return s
}
