package domain_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kdesk/client-secrets/domain"
)

func TestCheckName(t *testing.T) {
	for text, want := range map[string]string{
		" Tenant id ":   "Tenant id",
		"Müller & Søn":  "Müller & Søn",
		"\u200fשלום":    "\u200fשלום",
		"👩\u200d🔧 desk": "👩\u200d🔧 desk",
		"\n a line \n":  "a line",
		"می\u200cخواهم": "می\u200cخواهم",
		"❤\ufe0f team":  "❤\ufe0f team",
		"नमस्ते":        "नमस्ते",
	} {
		name, err := domain.CheckName(text, 20)
		assert.NoError(t, err, "%q", text)
		assert.Equal(t, want, name)
	}
	for text, want := range map[string]error{
		"":                        domain.ErrTextRequired,
		" \t\n ":                  domain.ErrTextRequired,
		"\u200b":                  domain.ErrTextRequired,
		"\u3164":                  domain.ErrTextRequired,
		"\u115f\u1160\uffa0":      domain.ErrTextRequired,
		"\u2800 \u2800":           domain.ErrTextRequired,
		"\u200d\ufe0f":            domain.ErrTextRequired,
		"\u0301":                  domain.ErrTextRequired,
		"\U000e0041\U000e0042":    domain.ErrTextRequired,
		"Ann\u200b":               domain.ErrTextCharacter,
		"A\u00adnn":               domain.ErrTextCharacter,
		"Ann\u3164":               domain.ErrTextCharacter,
		"Ann\u2800":               domain.ErrTextCharacter,
		"Ann\U000e0041":           domain.ErrTextCharacter,
		"two\nlines":              domain.ErrTextCharacter,
		"nul\x00":                 domain.ErrTextCharacter,
		"invoice\u202egnp.exe":    domain.ErrTextCharacter,
		"isolate\u2066x":          domain.ErrTextCharacter,
		"separator\u2028x":        domain.ErrTextCharacter,
		"not utf8 \xff":           domain.ErrTextCharacter,
		strings.Repeat("é", 21):   domain.ErrTextTooLong,
		"\ufeffbyte order mark":   domain.ErrTextCharacter,
		strings.Repeat("a", 1000): domain.ErrTextTooLong,
	} {
		_, err := domain.CheckName(text, 20)
		assert.ErrorIs(t, err, want, "%q", text)
	}
	name, err := domain.CheckName(strings.Repeat("é", 20), 20)
	assert.NoError(t, err, "the limit is inclusive and counts characters")
	assert.Len(t, name, 40)
}

func TestTidiedTextsAreTaken(t *testing.T) {
	for text, want := range map[string]string{
		" Printer\non\r\tfire ": "Printer on  fire", "a\u202eb\x00c": "abc", "\u3164": "", "Ann\u200b": "Ann", "\xff\xfe": "",
		strings.Repeat("é", 30): strings.Repeat("é", 20), "nineteen characters  and": "nineteen characters",
	} {
		assert.Equal(t, want, domain.TidyName(text, 20), "%q", text)
	}
	assert.Equal(t, "soft\u00adhyphen", domain.TidyLine("soft\u00adhyphen\u202e\n", 20))
}

func FuzzTidy(f *testing.F) {
	f.Add("Tenant\u202e\xff\n")
	f.Fuzz(func(t *testing.T, text string) {
		if name := domain.TidyName(text, 20); name != "" {
			checked, err := domain.CheckName(name, 20)
			assert.NoError(t, err)
			assert.Equal(t, checked, name)
		}
		line, err := domain.CheckLine(domain.TidyLine(text, 20), 20)
		assert.NoError(t, err)
		assert.Equal(t, line, domain.TidyLine(text, 20))
	})
}

func TestCheckTextKeepsLines(t *testing.T) {
	text, err := domain.CheckText("one\r\ntwo\n\tthree\n", 100)
	assert.NoError(t, err)
	assert.Equal(t, "one\ntwo\n\tthree", text)
	_, err = domain.CheckText("bell\a", 100)
	assert.ErrorIs(t, err, domain.ErrTextCharacter)
}

func TestCheckEmail(t *testing.T) {
	for _, address := range []string{"", "ann@example.com", "a.b+c@example.co.uk", "jörg@exämple.de"} {
		got, err := domain.CheckEmail(" " + address + " ")
		assert.NoError(t, err, address)
		assert.Equal(t, address, got)
	}
	for _, address := range []string{"ann", "ann@", "@example.com", "Ann <ann@example.com>", "a@b.com, c@d.com", "<ann@example.com>"} {
		_, err := domain.CheckEmail(address)
		assert.ErrorIs(t, err, domain.ErrEmail, address)
	}
	_, err := domain.CheckEmail("ann@example.com\r\nBcc: all@example.com")
	assert.ErrorIs(t, err, domain.ErrTextCharacter)
}

func FuzzCheckName(f *testing.F) {
	f.Add("Tenant id")
	f.Add("\u202e\xff\n")
	f.Fuzz(func(t *testing.T, text string) {
		name, err := domain.CheckName(text, 50)
		if err != nil {
			return
		}
		again, err := domain.CheckName(name, 50)
		assert.NoError(t, err)
		assert.Equal(t, name, again, "a checked name stays as it is")
	})
}

func TestCheckFileName(t *testing.T) {
	for name, want := range map[string]string{
		"licence.pdf": "licence.pdf", ` C:\fakepath\über.pem `: "über.pem", "../../etc/passwd": "passwd", ".env": ".env", "a..b": "a..b",
	} {
		got, err := domain.CheckFileName(name)
		assert.NoError(t, err, "%q", name)
		assert.Equal(t, want, got)
	}
	for name, want := range map[string]error{
		"": domain.ErrTextRequired, "folder/": domain.ErrTextRequired, "..": domain.ErrFileName, "a/.": domain.ErrFileName, "a\x00b": domain.ErrTextCharacter,
		"a\r\nb": domain.ErrTextCharacter, "exe\u202efdp": domain.ErrTextCharacter, "a\u200fb": domain.ErrTextCharacter, "\xff": domain.ErrTextCharacter,
		strings.Repeat("é", 128): domain.ErrTextTooLong,
	} {
		_, err := domain.CheckFileName(name)
		assert.ErrorIs(t, err, want, "%q", name)
	}
	longest := strings.Repeat("x", domain.MaxFileName)
	got, err := domain.CheckFileName(longest)
	assert.NoError(t, err)
	assert.Equal(t, longest, got)
}
