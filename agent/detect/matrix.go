package detect

// Level says how soon somebody must act on an event: the runbook's matrix. Severity
// says how large an event is; what that means depends on its kind.
type Level string

// The levels, rising.
const (
	NoLevel       Level = "none"     // nothing is open
	LevelInfo     Level = "info"     // on the next working day
	LevelWarning  Level = "warning"  // within the hour
	LevelCritical Level = "critical" // at once
)

// Levels are all levels, rising.
func Levels() []Level { return []Level{NoLevel, LevelInfo, LevelWarning, LevelCritical} }

// Severities are all severities, rising.
func Severities() []Severity { return []Severity{Warning, High, Critical} }

// Rule is what holds for the events of one kind.
type Rule struct {
	Kind  Kind
	Plant bool   // it is about the machine; else about instruments or the agent
	State string // the state of a machine while one is open, unless a graver one is
	// Levels are by severity, in the order of Severities; "" = the kind has no event
	// of this severity.
	Levels [3]Level
	What   string // what is wrong, for people
	Do     string // what to do about it
}

// matrix is the only place where kinds, severities, levels and states meet. Kinds
// about the machine come first.
var matrix = [...]Rule{
	{ProcessAnomaly, true, "anomaly", [3]Level{LevelWarning, LevelWarning, LevelCritical},
		"the machine behaves as it never did while it was learnt", "look at the causes, then at the machine"},
	{LimitExceeded, true, "limit", [3]Level{LevelWarning, "", LevelCritical},
		"a value is beyond a static limit", "as the plant's instructions say for this limit"},
	{Drift, true, "drift", [3]Level{LevelWarning, "", ""},
		"the machine has changed for good", "mend the machine, or accept the change and learn it anew"},
	{SensorFault, false, "blind", [3]Level{LevelWarning, "", ""},
		"a device does not answer, or delivers no values", "check the device and its wires"},
	{BusFault, false, "blind", [3]Level{"", LevelWarning, ""},
		"a whole bus or line is down", "check adapter, cable and supply"},
	{Alert, false, "blind", [3]Level{LevelInfo, LevelWarning, LevelCritical},
		"the agent cannot do all that is configured", "do what `detail` says"},
}

// Rules are the rules of every kind, those about the machine first.
func Rules() []Rule { return matrix[:] }

// RuleOf is the rule of a kind. It is false for a kind that no rule names.
func RuleOf(k Kind) (Rule, bool) {
	for i := range matrix {
		if matrix[i].Kind == k {
			return matrix[i], true
		}
	}
	return Rule{}, false
}

// LevelOf is the level of an event of this kind and severity. What the matrix does
// not foresee is a warning: nobody must miss it.
func LevelOf(k Kind, s Severity) Level {
	if r, ok := RuleOf(k); ok && s.Rank() > 0 {
		if l := r.Levels[s.Rank()-1]; l != "" {
			return l
		}
	}
	return LevelWarning
}

// Rank orders levels: info 1, warning 2, critical 3, anything else 0.
func (l Level) Rank() int {
	switch l {
	case LevelInfo:
		return 1
	case LevelWarning:
		return 2
	case LevelCritical:
		return 3
	}
	return 0
}
