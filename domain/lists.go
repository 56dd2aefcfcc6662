package domain

import (
	"slices"
	"strconv"
	"time"
)

// Millis returns t as the log keeps times: UTC, whole milliseconds, rounded down.
func Millis(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// IDSet checks a list of foreign ids with at most limit entries and returns them sorted, each once, nil if there is none.
func (p *Problems) IDSet(location string, ids []string, limit int) []string {
	if len(ids) > limit {
		p.Add("too_many", location, "has more than "+strconv.Itoa(limit)+" entries")
		return nil
	}
	for i, id := range ids {
		p.ForeignID(Indexed(location, i), id)
	}
	return SortedSet(ids)
}

// SortedSet returns a sorted copy of a list with each entry once, nil if there is none.
func SortedSet(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	set := slices.Clone(list)
	slices.Sort(set)
	return slices.Compact(set)
}

// Indexed returns the location of the i-th entry of a list.
func Indexed(location string, i int) string { return location + "[" + strconv.Itoa(i) + "]" }

// Difference returns what is in one sorted set and not in the other, nil if nothing is.
func Difference(in, notIn []string) (rest []string) {
	for _, s := range in {
		if _, found := slices.BinarySearch(notIn, s); !found {
			rest = append(rest, s)
		}
	}
	return rest
}

// CheckExpiry returns a time of expiry as the log keeps it. It is refused unless it is after now and before the year 10000.
func CheckExpiry(t, now time.Time) (time.Time, error) {
	t = Millis(t)
	if !t.After(now) || t.Year() > 9999 {
		return time.Time{}, ErrExpiry
	}
	return t, nil
}

// ErrExpiry refuses a time of expiry that has passed.
var ErrExpiry = Refuse(Invalid, "expires_in_past", "the time of expiry must be in the future")

// Permissions checks a list of permissions and returns them in the order they are shown, each once.
func (p *Problems) Permissions(location string, list []Permission) (known []Permission) {
	for i, perm := range list {
		if !slices.Contains(Permissions(), perm) {
			p.Add("unknown_permission", Indexed(location, i), "there is no such permission")
		}
	}
	for _, perm := range Permissions() {
		if slices.Contains(list, perm) {
			known = append(known, perm)
		}
	}
	return known
}
