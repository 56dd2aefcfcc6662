package domain

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Aggregate kinds: the part of a stream's name before the id.
const (
	WorkspaceKind = "workspace"
	MemberKind    = "member"
	GroupKind     = "group"
	ContactKind   = "contact"
	TicketKind    = "ticket"
	TemplateKind  = "template"
	SecretKind    = "secret"
	RevealsKind   = "reveals"

	// SourceKind is of what the webhooks of a helpdesk are checked with: subjects of the vault, not streams.
	SourceKind = "source"

	// VerificationKind is of the codes of one member: its streams are named like those of directory things.
	VerificationKind = "verification"
)

// Stream returns the name of the stream of an aggregate with an id of our own.
func Stream(kind string, id uuid.UUID) string { return kind + "-" + id.String() }

// DirectoryStream returns the name of the stream of a thing with a foreign id ("source:id"): its UUID is the version 5
// UUID of workspace, kind and foreign id.
func DirectoryStream(workspace uuid.UUID, kind, id string) string {
	return Stream(kind, uuid.NewSHA1(workspace, []byte(kind+"\x00"+id)))
}

// StreamKind returns the aggregate kind of a stream name; "" if it has none.
func StreamKind(stream string) string {
	if len(stream) < 38 || stream[len(stream)-37] != '-' {
		return ""
	}
	return stream[:len(stream)-37]
}

// StreamID returns the UUID of a stream name.
func StreamID(stream string) (uuid.UUID, error) {
	if len(stream) < 36 {
		return uuid.Nil, Refuse(Malformed, "malformed_stream", "this is no stream name")
	}
	return uuid.Parse(stream[len(stream)-36:])
}

// CheckForeignID says whether id can name a directory thing: "source:id", 1 to 128 visible characters in all.
func CheckForeignID(id string) error {
	source, rest, ok := strings.Cut(id, ":")
	if !ok || source == "" || rest == "" || !utf8.ValidString(id) || utf8.RuneCountInString(id) > 128 {
		return errForeignID
	}
	for _, r := range id {
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) || invisible(r) {
			return errForeignID
		}
	}
	return nil
}

var errForeignID = Refuse(Invalid, "invalid_id", "an id reads source:id and has 1 to 128 visible characters")
