package scim

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/kdesk/client-secrets/domain"
)

var (
	errMalformed = domain.Refuse(domain.Malformed, "malformed_json", "the body is no JSON object")
	errTooMuch   = domain.Refuse(domain.TooLarge, "too_many_operations", "a patch has at most 1000 operations, and a path at most 1000 bytes")
)

// What a patch may have: the parser of paths takes a time that grows with the square of their length.
const (
	maxOperations = 1000
	maxPath       = 1000 // bytes
)

// normalise makes booleans of the texts "True" and "False" that Microsoft Entra sends for them (unless its flag
// aadOptscim062020 is set). Other texts stay what they are.
func normalise(body []byte) ([]byte, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return body, nil
	}
	var document map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&document); err != nil {
		return nil, errMalformed
	}
	if err := checkPatch(document); err != nil {
		return nil, err
	}
	booleans(document)
	return json.Marshal(document)
}

// checkPatch refuses a patch that takes long to read.
func checkPatch(document map[string]any) error {
	for name, value := range document {
		list, ok := value.([]any)
		if !ok || !strings.EqualFold(name, "Operations") {
			continue
		}
		if len(list) > maxOperations {
			return errTooMuch
		}
		for _, each := range list {
			operation, _ := each.(map[string]any)
			for name, value := range operation {
				if path, _ := value.(string); strings.EqualFold(name, "path") && len(path) > maxPath {
					return errTooMuch
				}
			}
		}
	}
	return nil
}

// isBoolean tells whether an attribute or the path of an operation is about a boolean.
func isBoolean(name string) bool {
	name = strings.ToLower(name)
	return name == "active" || name == "primary" || strings.HasSuffix(name, ".primary") || strings.HasSuffix(name, ":active")
}

func booleans(v any) {
	switch v := v.(type) {
	case []any:
		for _, each := range v {
			booleans(each)
		}
	case map[string]any:
		path, _ := v["path"].(string)
		for key, value := range v {
			if isBoolean(key) || key == "value" && isBoolean(path) {
				v[key] = boolean(value)
				continue
			}
			booleans(value)
		}
	}
}

func boolean(v any) any {
	text, ok := v.(string)
	switch {
	case ok && strings.EqualFold(text, "true"):
		return true
	case ok && strings.EqualFold(text, "false"):
		return false
	}
	return v
}
