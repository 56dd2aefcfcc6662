package secret

import (
	"errors"

	"github.com/kdesk/client-secrets/domain"
)

// File is a file that is in the vault already, for the version that its field has next.
type File struct {
	Field       string
	Version     int
	Content     Content
	Name        string
	ContentType string
	Scanned     bool // a scanner for malware found nothing in it
}

// AttachFile gives a field a file, with the same rules as SetValue: a file that was put there for another version of the
// field is ErrValueChanged, and the very same one again changes nothing. See template.CheckFile.
func AttachFile(s State, f File) ([]domain.Event, error) {
	current := s.Value(f.Field)
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case !f.complete():
		return nil, errors.New("attaching a file: its field, name or content is missing")
	case current.Version == f.Version && current.Content.ID == f.Content.ID:
		return nil, nil
	case f.Version != s.NextVersion(f.Field):
		return nil, ErrValueChanged
	}
	return f.attached(), nil
}

// RemoveFile leaves a field without a file, with the same rules as ClearValue.
func RemoveFile(s State, field string, required bool) ([]domain.Event, error) {
	cleared, err := ClearValue(s, field, required)
	if len(cleared) == 0 {
		return nil, err
	}
	return []domain.Event{FileRemoved{Field: field, ValueVersion: s.NextVersion(field)}}, nil
}

func (f File) complete() bool { return f.Field != "" && f.Name != "" && f.Content.complete() }

func (f File) attached() []domain.Event {
	events := []domain.Event{FileAttached{
		Field: f.Field, ValueVersion: f.Version, Content: f.Content, FileName: domain.NewPrivate(f.Name),
		ContentType: domain.NewPrivate(f.ContentType),
	}}
	if f.Scanned {
		events = append(events, FileScanned{Field: f.Field, ValueVersion: f.Version, Verdict: VerdictClean})
	}
	return events
}
