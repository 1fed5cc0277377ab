package config

// Refusal marks an error that only another configuration or another model can
// cure, so that the program can end with the exit code for it. It does not change
// the text.
type Refusal struct{ Err error }

// Refuse marks err as a Refusal; nil stays nil.
func Refuse(err error) error {
	if err == nil {
		return nil
	}
	return &Refusal{err}
}

// Error is the text of the marked error.
func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap is the marked error.
func (r *Refusal) Unwrap() error { return r.Err }
