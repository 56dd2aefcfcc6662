package http

import (
	"fmt"
	nethttp "net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/domain"
)

// How long it takes to be refused a secret that one may not know of, beside one that is not there: their medians are to be
// alike. Each member is refused as often as is recorded one by one.
func BenchmarkRefusalsThatHide(b *testing.B) {
	const members, each = 34, 60
	w := newWorld(b)
	took := map[string][]time.Duration{}
	for i := range members {
		who := fmt.Sprintf("test:m%d", i)
		enterBench(b, w, who)
		token := w.issuer.token(b, who)
		for range each {
			for name, secret := range map[string]uuid.UUID{"hidden": w.Secret, "absent": uuid.New()} {
				path := w.api + "/secrets/" + secret.String() + "/fields/api_key/reveal"
				started := time.Now()
				got := w.as(b, "", nethttp.MethodPost, path, "", "Authorization", "Bearer "+token)
				took[name] = append(took[name], time.Since(started))
				require.Equal(b, nethttp.StatusNotFound, got.StatusCode)
			}
		}
	}
	for name, all := range took {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds()), name+"-median-µs")
		b.ReportMetric(float64(all[len(all)*9/10].Microseconds()), name+"-p90-µs")
	}
}

func enterBench(b *testing.B, w *world, id string) {
	require.Equal(b, 200, w.as(b, owner, "PUT", w.api+"/members/"+id, `{"name":"N"}`).StatusCode)
	_, err := w.World.Members.SetPermissions(b.Context(), w.By(commandstest.Owner), id, []domain.Permission{domain.SecretsView, domain.SecretsReveal})
	require.NoError(b, err)
	w.bind(b, id)
}
