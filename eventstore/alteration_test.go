package eventstore_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kdesk/client-secrets/eventstore"
)

func TestWhatIsDoneToTheLogIsRecognised(t *testing.T) {
	for name, c := range map[string]struct {
		stream, kind, data string
		want               eventstore.AlterationKind // empty: none
		of                 string
	}{
		"a tombstone":                       {"secret-1", "$streamDeleted", "", eventstore.Deleted, "secret-1"},
		"a soft delete":                     {"$$secret-1", "$metadata", `{"$tb":9223372036854775807}`, eventstore.Deleted, "secret-1"},
		"a truncation":                      {"$$secret-1", "$metadata", `{"$tb":5,"x":1}`, eventstore.Truncated, "secret-1"},
		"a limit of events":                 {"$$secret-1", "$metadata", `{"$maxCount":10}`, eventstore.Truncated, "secret-1"},
		"a limit of age":                    {"$$secret-1", "$metadata", `{"$maxAge":60}`, eventstore.Truncated, "secret-1"},
		"access to a stream":                {"$$secret-1", "$metadata", `{"$acl":{"$w":"eve"}}`, eventstore.MetadataChanged, "secret-1"},
		"a truncation taken back":           {"$$secret-1", "$metadata", `{"$tb":0}`, eventstore.MetadataChanged, "secret-1"},
		"metadata that nobody can read":     {"$$secret-1", "$metadata", `{"$tb":`, eventstore.MetadataChanged, "secret-1"},
		"access to everything":              {"$$$all", "$metadata", `{"$acl":{"$r":"app"}}`, eventstore.AccessChanged, "$all"},
		"the settings":                      {"$settings", "update-default-acl", `{}`, eventstore.AccessChanged, "$settings"},
		"a scavenge":                        {"$scavenges", "$scavengeStarted", `{}`, eventstore.Scavenging, "$scavenges"},
		"the end of a scavenge":             {"$scavenges", "$scavengeCompleted", `{}`, "", ""},
		"the end of a stream of the system": {"$projections-x", "$streamDeleted", "", "", ""},
		"an event":                          {"secret-1", "secret.created.v1", `{"$tb":1}`, "", ""},
		"an event with a borrowed type":     {"secret-1", "$metadata", `{"$tb":1}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, ok := eventstore.AlterationOf(eventstore.Record{Stream: c.stream, Type: c.kind, Data: []byte(c.data), Position: 7})
			assert.Equal(t, c.want != "", ok)
			assert.Equal(t, c.want, a.Kind)
			assert.Equal(t, c.of, a.Stream)
			if ok {
				assert.EqualValues(t, 7, a.Position)
			}
		})
	}
}
