package http

import (
	"errors"
	nethttp "net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsWrongOnOurSideIsForTheLogOnly(t *testing.T) {
	for _, errs := range [][]error{nil, {errors.New("needle")}} {
		p := failedRequest(nil, nethttp.StatusInternalServerError, "cannot read it", errs)
		require.Equal(t, "internal", p.Code)
		require.NotContains(t, p.Detail, "needle")
		require.ErrorContains(t, p.cause, "cannot read it")
	}
}
