package commands

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// ServerKeys gives the installation's own keys by name; it makes those that are missing.
type ServerKeys interface {
	ServerKey(ctx context.Context, name string) ([]byte, error)
}

// MonthlyKeys are keys of the installation for one purpose, another one every month. What derives from one names it by the
// id of its month. Make them with NewMonthlyKeys.
type MonthlyKeys struct {
	keys    ServerKeys
	purpose string
	mu      sync.Mutex
	known   map[string][]byte
}

// NewMonthlyKeys returns the keys for a purpose, which must never change.
func NewMonthlyKeys(keys ServerKeys, purpose string) *MonthlyKeys {
	return &MonthlyKeys{keys: keys, purpose: purpose, known: map[string][]byte{}}
}

// KeyIDAt names the key of a time.
func KeyIDAt(t time.Time) string { return t.UTC().Format("2006-01") }

const maxKnown = 3 // more months than can be in use

// Get returns the key with an id, which must come from what is trusted: a key that is missing is made.
func (k *MonthlyKeys) Get(ctx context.Context, id string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key, ok := k.known[id]; ok {
		return key, nil
	}
	key, err := k.keys.ServerKey(ctx, k.purpose+"/"+id)
	if err != nil {
		return nil, fmt.Errorf("loading the key of %s: %w", k.purpose, err)
	}
	if len(k.known) >= maxKnown {
		clear(k.known)
	}
	k.known[id] = key
	return key, nil
}
