package model

import "os"

// Save writes the model's file, for tests.
func (m *Model) Save(path string) error {
	raw, err := m.Encode()
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o600)
}
