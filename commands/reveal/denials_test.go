package reveal

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func someone(id string) subject {
	return subject{uuid.MustParse("5d0f3f0e-7a51-4a55-9d09-000000000001"), domain.Actor{Kind: domain.Member, ID: id, Session: id + "'s"}}
}

func TestRefusalsAreBoundedPerMember(t *testing.T) {
	d := newDenials()
	for i := range deniedPerWindow {
		require.True(t, d.admit(someone("test:a"), noon.Add(time.Duration(i)*time.Second)))
	}
	again := someone("test:a")
	again.actor.Session = "another"
	assert.False(t, d.admit(again, noon.Add(10*time.Minute)), "another session is the same member")
	assert.False(t, d.admit(someone("test:a"), noon.Add(20*time.Minute)))
	assert.True(t, d.admit(someone("test:b"), noon.Add(30*time.Minute)))
	elsewhere := someone("test:a")
	elsewhere.workspace = uuid.New()
	assert.True(t, d.admit(elsewhere, noon.Add(30*time.Minute)))

	assert.Empty(t, d.ended(noon.Add(denialWindow-time.Second)))
	counted := d.ended(noon.Add(denialWindow))
	require.Len(t, counted, 1)
	assert.Equal(t, 2, counted[0].count)
	assert.Equal(t, "test:a", counted[0].actor.ID)
	assert.Equal(t, noon.Add(20*time.Minute), counted[0].to)
	assert.True(t, d.admit(someone("test:a"), noon.Add(denialWindow)), "a new window has room again")
	assert.Len(t, d.all(), 3)
	assert.Empty(t, d.windows)
}

func TestSuppressedFromTheFirstThatWasNotRecorded(t *testing.T) {
	d := newDenials()
	for i := range deniedPerWindow + 3 {
		d.admit(someone("test:a"), noon.Add(time.Duration(i)*time.Second))
	}
	counted := d.all()
	require.Len(t, counted, 1)
	assert.Equal(t, 3, counted[0].count)
	assert.Equal(t, noon.Add(deniedPerWindow*time.Second), counted[0].from)
	assert.Equal(t, noon.Add((deniedPerWindow+2)*time.Second), counted[0].to)
}

func TestWatchedMembersAreBounded(t *testing.T) {
	d := newDenials()
	for i := range maxDenied {
		require.True(t, d.admit(someone(fmt.Sprint("test:", i)), noon))
	}
	assert.False(t, d.admit(someone("test:more"), noon))
	assert.Len(t, d.windows, maxDenied)
	assert.True(t, d.admit(someone("test:0"), noon), "those watched are not forgotten")
}

func TestRefusalsAtOnceAreCountedOnce(t *testing.T) {
	d := newDenials()
	var recorded atomic.Int64
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for range 100 {
				if d.admit(someone("test:a"), noon) {
					recorded.Add(1)
				}
			}
		})
	}
	running.Wait()
	assert.Equal(t, int64(deniedPerWindow), recorded.Load())
	assert.Equal(t, 800-deniedPerWindow, d.all()[0].count)
}

func TestAnAlertOnceInAWindow(t *testing.T) {
	d := newDenials()
	assert.True(t, d.alert(someone("test:a"), noon))
	again := someone("test:a")
	again.actor.Session = "another"
	assert.False(t, d.alert(again, noon.Add(denialWindow-time.Second)))
	assert.True(t, d.alert(someone("test:b"), noon))
	assert.True(t, d.alert(again, noon.Add(denialWindow)))
	d.unalerted(again)
	assert.True(t, d.alert(again, noon.Add(denialWindow)), "what was not recorded is told again")
	for i := range maxDenied {
		d.alert(someone(fmt.Sprint("test:", i)), noon)
	}
	assert.LessOrEqual(t, len(d.alerted), maxDenied)
}
