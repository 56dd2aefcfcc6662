package domain

import "errors"

// Problems collects all that is wrong with a request, so that one answer names everything. The zero value is ready.
type Problems struct {
	code    string
	text    string
	details []Detail
}

// Add notes one problem: a stable code, where it is and what is wrong in words that hold nothing submitted.
func (p *Problems) Add(code, location, message string) {
	if len(p.details) == 0 {
		p.code, p.text = code, message
	}
	p.details = append(p.details, Detail{location, message})
}

// AddError notes a refusal as a problem at a location. Errors that are no refusals are noted as invalid.
func (p *Problems) AddError(location string, err error) {
	var refusal *Error
	switch {
	case err == nil:
	case errors.As(err, &refusal):
		p.Add(refusal.Code, location, refusal.Text)
	default:
		p.Add("invalid", location, "is not valid")
	}
}

// Err returns one refusal of kind Invalid with the code of the first problem and a detail for each; nil if there is none.
func (p *Problems) Err() error {
	if len(p.details) == 0 {
		return nil
	}
	return &Error{Kind: Invalid, Code: p.code, Text: p.text, Details: p.details}
}

// Name checks a required text of one line and returns it trimmed; see CheckName.
func (p *Problems) Name(location, text string, limit int) string {
	name, err := CheckName(text, limit)
	p.AddError(location, err)
	return name
}

// Line checks an optional text of one line and returns it trimmed; see CheckLine.
func (p *Problems) Line(location, text string, limit int) string {
	line, err := CheckLine(text, limit)
	p.AddError(location, err)
	return line
}

// Text checks an optional text of several lines and returns it trimmed; see CheckText.
func (p *Problems) Text(location, text string, limit int) string {
	cleaned, err := CheckText(text, limit)
	p.AddError(location, err)
	return cleaned
}

// Email checks an optional mail address and returns it trimmed; see CheckEmail.
func (p *Problems) Email(location, address string) string {
	cleaned, err := CheckEmail(address)
	p.AddError(location, err)
	return cleaned
}

// ForeignID checks the id of a directory thing; see CheckForeignID. An empty id is a problem too.
func (p *Problems) ForeignID(location, id string) { p.AddError(location, CheckForeignID(id)) }
