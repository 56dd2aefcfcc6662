package workspace

import "github.com/kdesk/client-secrets/domain"

// errEpoch refuses to retire what is in use.
var errEpoch = domain.Refuse(domain.Conflict, "epoch_in_use", "the current key epoch cannot be retired")

// OpenKeyEpoch tells that the vault has opened an epoch. One that was told of already, or an older one, changes nothing.
func OpenKeyEpoch(s State, epoch int) ([]domain.Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case epoch <= s.Epoch:
		return nil, nil
	}
	return []domain.Event{KeyEpochOpened{Epoch: epoch}}, nil
}

// RetireKeyEpochs tells, one by one, that the vault has retired all epochs up to one. Those told of already are left out.
func RetireKeyEpochs(s State, upTo int) (events []domain.Event, err error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case upTo >= max(s.Epoch, 1):
		return nil, errEpoch
	}
	for epoch := s.Retired + 1; epoch <= upTo; epoch++ {
		events = append(events, KeyEpochRetired{Epoch: epoch})
	}
	return events, nil
}
