package domain_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
)

func TestProblemsAreReportedTogether(t *testing.T) {
	var p domain.Problems
	require.NoError(t, p.Err(), "no problem is no refusal")
	p.Name("body.name", "", 10)
	p.ForeignID("body.owner", "nobody")
	p.AddError("body.other", errors.New("echo of a value"))
	var refusal *domain.Error
	require.ErrorAs(t, p.Err(), &refusal)
	assert.Equal(t, domain.Invalid, refusal.Kind)
	assert.Equal(t, "text_required", refusal.Code, "the code is the first problem's")
	assert.Equal(t, []domain.Detail{
		{Location: "body.name", Message: "a text is required"},
		{Location: "body.owner", Message: "an id reads source:id and has 1 to 128 visible characters"},
		{Location: "body.other", Message: "is not valid"},
	}, refusal.Details)
}

func TestIDSet(t *testing.T) {
	var p domain.Problems
	in := []string{"z:2", "z:1", "z:2"}
	assert.Equal(t, []string{"z:1", "z:2"}, p.IDSet("body.members", in, 3))
	assert.Equal(t, []string{"z:2", "z:1", "z:2"}, in, "the list is not changed")
	assert.Nil(t, p.IDSet("body.members", []string{}, 3))
	require.NoError(t, p.Err())
	p.IDSet("body.members", []string{"z:1", "bad"}, 3)
	p.IDSet("body.owners", in, 2)
	var refusal *domain.Error
	require.ErrorAs(t, p.Err(), &refusal)
	assert.Equal(t, "body.members[1]", refusal.Details[0].Location)
	assert.Equal(t, "body.owners", refusal.Details[1].Location)
}

func TestDifference(t *testing.T) {
	assert.Equal(t, []string{"a", "c"}, domain.Difference([]string{"a", "b", "c"}, []string{"b", "d"}))
	assert.Nil(t, domain.Difference([]string{"a"}, []string{"a"}))
}

func TestCheckExpiry(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	at, err := domain.CheckExpiry(now.Add(time.Hour+time.Microsecond).In(time.FixedZone("x", 3600)), now)
	require.NoError(t, err)
	assert.Equal(t, now.Add(time.Hour), at, "in UTC and whole milliseconds")
	for _, bad := range []time.Time{now, now.Add(-time.Second), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), {}} {
		_, err := domain.CheckExpiry(bad, now)
		assert.ErrorIs(t, err, domain.ErrExpiry)
	}
}
