package template_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/template"
)

func details(err error) (at []string) {
	var refusal *domain.Error
	if errors.As(err, &refusal) {
		for _, d := range refusal.Details {
			at = append(at, d.Location)
		}
	}
	return at
}

func TestCheckValues(t *testing.T) {
	require.NoError(t, template.CheckValues(fields, map[string]string{
		"api_key": "s3cr3t\tkey ", "region": "eu", "notes": "two\nlines", "cert": "",
	}, nil))
	require.NoError(t, template.CheckValues(fields, map[string]string{"api_key": "x"}, nil), "only required fields are required")

	err := template.CheckValues(fields, map[string]string{
		"region": "hunter2", "cert": "hunter2", "notes": "\xff", "hunter2": "x", "hunter2 Hunter": "x",
	}, nil)
	assert.Equal(t, []string{"body.fields", "body.fields", "body.fields.api_key", "body.fields.region", "body.fields.notes",
		"body.fields.cert"}, details(err), "all problems are reported together")
	var refusal *domain.Error
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, domain.Invalid, refusal.Kind)
	for _, d := range refusal.Details {
		assert.NotContains(t, d.Location+d.Message, "hunter2", "nothing submitted is repeated")
	}

	missing := template.CheckValues(fields, map[string]string{"api_key": ""}, nil)
	assert.ErrorIs(t, missing, domain.Refuse(domain.Invalid, "required_field_missing", ""))
	requiredFile := []template.Field{{Key: "cert", Type: template.File, Required: true}}
	assert.ErrorIs(t, template.CheckValues(requiredFile, nil, nil), domain.Refuse(domain.Invalid, "required_field_missing", ""))
	assert.NoError(t, template.CheckValues(requiredFile, nil, []string{"cert"}))
	assert.NoError(t, template.CheckGiven(requiredFile, nil, nil))
	err = template.CheckValues(fields, map[string]string{"api_key": "x"}, []string{"cert", "api_key", "zz", "hunter2 Hunter"})
	assert.Equal(t, []string{"body.files.api_key", "body.files", "body.files"}, details(err))
	assert.ErrorIs(t, template.CheckFile(fields, "zz"), template.ErrUnknownField)
	assert.ErrorIs(t, template.CheckFile(fields, "notes"), template.ErrNotAFileField)
}

func TestCheckValue(t *testing.T) {
	for _, c := range []struct {
		name, key, value string
		want             error
	}{
		{"a text", "api_key", "s3cr3t", nil},
		{"a text as long as it may be", "api_key", strings.Repeat("é", template.MaxTextValue), nil},
		{"a text too long", "api_key", strings.Repeat("x", template.MaxTextValue+1), template.ErrValueTooLong},
		{"a text of two lines", "api_key", "a\nb", template.ErrValueCharacter},
		{"a text with a control character", "api_key", "a\x00", template.ErrValueCharacter},
		{"a text that is not UTF-8", "api_key", "\xff", template.ErrValueCharacter},
		{"a choice", "region", "us", nil},
		{"no choice", "region", "US", template.ErrNotAChoice},
		{"a message as long as it may be", "notes", strings.Repeat("x", template.MaxMessageValue), nil},
		{"a message too long", "notes", strings.Repeat("x", template.MaxMessageValue+1), template.ErrValueTooLong},
		{"a file", "cert", "x", template.ErrFileNeedsUpload},
		{"nothing", "api_key", "", template.ErrValueRequired},
		{"an unknown field", "other", "x", template.ErrUnknownField},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := template.CheckValue(fields, c.key, c.value)
			require.ErrorIs(t, err, c.want)
			if c.want != nil && !errors.Is(c.want, template.ErrUnknownField) {
				assert.Equal(t, []string{"body.value"}, details(err))
			}
		})
	}
}
