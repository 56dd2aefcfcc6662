package commands

import "github.com/kdesk/client-secrets/domain"

// Set replaces what field holds unless value is nil: the meaning of a partial change.
func Set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// Then decides several steps as one: each meets the state that the steps before it lead to.
func Then[S any](s S, evolve func(S, domain.Event) (S, error), steps ...func(S) ([]domain.Event, error)) ([]domain.Event, error) {
	var all []domain.Event
	for _, step := range steps {
		events, err := step(s)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			if s, err = evolve(s, e); err != nil {
				return nil, err
			}
		}
		all = append(all, events...)
	}
	return all, nil
}
