package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/kdesk/client-secrets/eventstore/embedded"
)

// readUsers reads a JSON list of users: [{"name": "app", "password": "...", "groups": ["product"]}].
func readUsers(path string) ([]embedded.User, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the users: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var users []embedded.User
	if decoder.Decode(&users) != nil { // its text may quote what it read
		return nil, fmt.Errorf("reading the users: %s is not a JSON list of name, password and groups", path)
	}
	return users, nil
}
