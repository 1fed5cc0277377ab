// Package keyfiles notices that files with certificates, keys, tokens or passwords have
// changed, and has them read again. What cannot be used, because it is half written, does
// not fit together, or is gone, leaves in force what was read before, and is said once.
//
// Its users are the HTTP endpoint (package status) and the connections to brokers (package
// broker); they know what is in the files, and this package does not.
//
// # Why looking
//
// Certificates are renewed by tools that write in place, rename, or move a link of a
// folder (Kubernetes, certbot). The state of each file shows all of that at the price of
// a few stat(2) each second; a watch by inotify(7) would miss the last one.
package keyfiles

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Every is how often files should be looked at.
const Every = time.Second

// Files are some files that are read together. They are safe for concurrent use.
type Files struct {
	secret, public []string
	read           func() error

	mu   sync.Mutex // held while files are read: whoever looks may wait for the disk
	seen string     // states of the files when they were read; "" = never

	changes atomic.Uint64
	trouble atomic.Pointer[error]
	loose   atomic.Pointer[string]
}

// New returns Files that read reads, after each change and until it succeeds. Others
// than the owner should have no access to the secret ones. Empty paths are left out.
func New(read func() error, secret, public []string) *Files {
	return &Files{secret: secret, public: public, read: read}
}

// Look reads the files if one has changed or if they could not be used before. It may
// wait for the disk, and tells whether it has read them.
func (f *Files) Look() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.states()
	if f.seen == now && f.Err() == nil {
		return false
	}
	f.seen = now
	var loose string
	for _, path := range f.secret {
		if path != "" && loose == "" {
			loose = Loose(path)
		}
	}
	f.loose.Store(&loose)
	err := f.read()
	f.trouble.Store(&err)
	if err == nil {
		f.changes.Add(1)
	}
	return true
}

// Err is why the newest files are not in force; nil = they are. It does not wait.
func (f *Files) Err() error {
	if p := f.trouble.Load(); p != nil {
		return *p
	}
	return nil
}

// Changes counts the times that the files were read and could be used. It does not wait.
func (f *Files) Changes() uint64 { return f.changes.Load() }

// Loose says of the first secret file that others have access to it; "" = none. It does
// not wait.
func (f *Files) Loose() string {
	if p := f.loose.Load(); p != nil {
		return *p
	}
	return ""
}

// states changes when one of the files is written, replaced, removed, or gets another
// mode.
func (f *Files) states() string {
	b := []byte{'.'}
	for _, path := range append(f.secret[:len(f.secret):len(f.secret)], f.public...) {
		if path == "" {
			continue
		}
		st, err := os.Stat(path)
		if err != nil {
			b = append(b, err.Error()...)
			continue
		}
		b = fmt.Append(b, st.ModTime().UnixNano(), st.Size(), inode(st), st.Mode(), ';')
	}
	return string(b)
}

// inode tells a file from the one that it replaced.
func inode(st os.FileInfo) uint64 {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Ino)
	}
	return 0
}

// Loose says who else has access to a file that only its owner should have; "" = nobody,
// or the file is not there. The credentials of systemd have mode 0440 and are in a
// folder that only the service sees.
func Loose(path string) string {
	st, err := os.Stat(path)
	if err != nil || IsCredential(path) {
		return ""
	}
	who := ""
	switch mode := st.Mode().Perm(); {
	case mode&0o002 != 0:
		who = "every user may write it"
	case mode&0o004 != 0:
		who = "every user may read it"
	case mode&0o020 != 0:
		who = "its group may write it"
	case mode&0o040 != 0:
		who = "its group may read it"
	default:
		return ""
	}
	return fmt.Sprintf("%s has mode %04o: %s (chmod 600)", path, st.Mode().Perm(), who)
}

// credentials is where systemd mounts the credentials of each service. Who runs check as
// root has no CREDENTIALS_DIRECTORY.
const credentials = "/run/credentials"

// IsCredential tells whether systemd passed the file to a service as a credential.
func IsCredential(path string) bool {
	for _, dir := range []string{os.Getenv("CREDENTIALS_DIRECTORY"), credentials} {
		if rel, err := filepath.Rel(dir, path); dir != "" && err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

// Line is an error in one line; "" = nil.
func Line(err error) string {
	if err == nil {
		return ""
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}
