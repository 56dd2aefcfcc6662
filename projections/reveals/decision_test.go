package reveals

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
)

func TestEvidenceIsPacked(t *testing.T) {
	secret, member := domain.Stream(domain.SecretKind, uuid.New()), domain.Stream(domain.MemberKind, uuid.New())
	for name, facts := range map[string][]domain.Evidence{
		"none":             {},
		"streams repeated": {{Stream: secret}, {Stream: secret, Revision: 1 << 63}, {Stream: member, Revision: 3}, {Stream: secret, Revision: 3}},
		"odd names": {{}, {Stream: "x"}, {Stream: strings.ToUpper(secret)}, {Stream: strings.Repeat("k", 300) + secret}, {Stream: strings.Repeat("-", 40)},
			{Stream: "-" + secret[len(secret)-36:]}, {Stream: secret}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := unpackEvidence(packEvidence(nil, facts))
			require.NoError(t, err)
			require.Equal(t, facts, got)
		})
	}
	require.Len(t, packEvidence(nil, []domain.Evidence{{Stream: secret}, {Stream: secret, Revision: 1}}), 1+len(domain.SecretKind)+16+1+2)
}

func TestDecisionsArePacked(t *testing.T) {
	for _, d := range []domain.Decision{
		{Evidence: []domain.Evidence{}},
		{Allowed: true, PolicyVersion: 300, Code: "a", Via: "b", Rule: "c", Kind: "d", Target: "e", Ticket: "f", Contact: strings.Repeat("g", 200),
			Evidence: []domain.Evidence{{Stream: "x", Revision: 1}}},
	} {
		packed := packDecision(nil, &d)
		got, err := unpackDecision(packed)
		require.NoError(t, err)
		require.Equal(t, d, got)
		for cut := range min(len(packed), 10) {
			_, err := unpackDecision(packed[:cut])
			require.ErrorIs(t, err, errPacked)
		}
	}
}

func FuzzUnpackDecision(f *testing.F) {
	f.Add(packDecision(nil, &domain.Decision{Code: "no_grant", Evidence: []domain.Evidence{
		{Stream: domain.Stream(domain.SecretKind, uuid.UUID{1})}, {Stream: "x", Revision: 1 << 40}}}))
	f.Fuzz(func(t *testing.T, packed []byte) {
		d, err := unpackDecision(packed)
		if err != nil {
			return
		}
		again, err := unpackDecision(packDecision(nil, &d))
		require.NoError(t, err)
		require.Equal(t, d, again)
	})
}
