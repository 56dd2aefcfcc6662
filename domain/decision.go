package domain

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Decision is the explained outcome of an access question. Its JSON is that of the log, which keeps one with every reveal:
// evidence is an object of streams with the revisions of their facts. The list that an Explanation has is read, too: logs
// have it that were begun before.
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
	Evidence      []Evidence `json:"evidence"`          // the facts of a stream one after the other
}

// Evidence names a recorded fact that a decision relied on.
type Evidence struct {
	Stream   string `json:"stream"`
	Revision uint64 `json:"revision"`
}

// Explanation is a decision as callers get it: its evidence is a list.
type Explanation Decision

// MarshalJSON writes the decision as the log has it.
func (d Decision) MarshalJSON() ([]byte, error) { return d.AppendJSON(nil), nil }

// UnmarshalJSON reads a decision, with evidence in either form.
func (d *Decision) UnmarshalJSON(b []byte) error {
	v := struct {
		*Explanation
		Evidence evidence `json:"evidence"`
	}{Explanation: (*Explanation)(d)}
	err := json.Unmarshal(b, &v)
	d.Evidence = v.Evidence
	return err
}

// evidence is read from either form.
type evidence []Evidence

func (e *evidence) UnmarshalJSON(b []byte) error {
	if !bytes.HasPrefix(b, []byte("{")) {
		return json.Unmarshal(b, (*[]Evidence)(e))
	}
	*e = evidence{}
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil { // the brace
		return err
	}
	for d.More() {
		stream, err := d.Token()
		if err != nil {
			return err
		}
		var revisions []uint64
		if err := d.Decode(&revisions); err != nil {
			return fmt.Errorf("revisions of %q: %w", stream, err)
		}
		for _, r := range revisions {
			*e = append(*e, Evidence{stream.(string), r})
		}
	}
	return nil
}
