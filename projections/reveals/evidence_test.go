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
			got, err := unpackEvidence([]domain.Evidence{}, packEvidence(nil, facts))
			require.NoError(t, err)
			require.Equal(t, facts, got)
		})
	}
	require.Len(t, packEvidence(nil, []domain.Evidence{{Stream: secret}, {Stream: secret, Revision: 1}}), 1+len(domain.SecretKind)+16+1+2)
}

func FuzzUnpackEvidence(f *testing.F) {
	f.Add(packEvidence(nil, []domain.Evidence{{Stream: domain.Stream(domain.SecretKind, uuid.UUID{1})}, {Stream: "x", Revision: 1 << 40}}))
	f.Fuzz(func(t *testing.T, packed []byte) {
		facts, err := unpackEvidence(nil, packed)
		if err != nil {
			return
		}
		again, err := unpackEvidence(nil, packEvidence(nil, facts))
		require.NoError(t, err)
		require.Equal(t, facts, again)
	})
}
