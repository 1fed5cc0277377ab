package config

import (
	"errors"
	"time"

	"go.yaml.in/yaml/v3"
)

// ParseModbus reads the address of a Modbus bus as it stands in a file, such as
// "tcp://10.1.2.3:502", for tools that have no file. The bus is named "line".
func ParseModbus(url string, timeout time.Duration) (Bus, error) {
	p := &parser{}
	b := Bus{Name: "line", Timeout: timeout}
	if timeout == 0 {
		b.Timeout = defaultTimeout
	}
	p.value(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: url}, "").modbusURL(&b)
	for _, problem := range p.problems {
		if problem.Severity == SeverityError {
			e := AddressError{problem.Message, problem.Hint}
			return Bus{}, errors.New(e.Error())
		}
	}
	return b, nil
}
