package domain

// Decision is the explained outcome of an access question.
type Decision struct {
	Allowed       bool       `json:"allowed"`
	PolicyVersion int        `json:"policy_version"`
	Code          string     `json:"code,omitempty"`    // of a refusal: the condition that failed
	Via           string     `json:"via,omitempty"`     // "permission", "owner", "assignment" or "rule"
	Rule          string     `json:"rule,omitempty"`    // rule id
	Kind          string     `json:"kind,omitempty"`    // of the assignment or the rule
	Target        string     `json:"target,omitempty"`  // of the assignment
	Ticket        string     `json:"ticket,omitempty"`  // that the rule matched through
	Contact       string     `json:"contact,omitempty"` // that the rule matched through
	Evidence      []Evidence `json:"evidence"`
}

// Evidence names a recorded fact that a decision relied on.
type Evidence struct {
	Stream   string `json:"stream"`
	Revision uint64 `json:"revision"`
}
