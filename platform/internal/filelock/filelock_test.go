package filelock_test

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/kdesk/client-secrets/platform/internal/filelock"
	"github.com/stretchr/testify/require"
)

func TestALockIsHeldUntilItIsReleased(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	release, err := filelock.Take(path)
	require.NoError(t, err)
	runtime.GC() // which must not drop it
	_, err = filelock.Take(path)
	require.ErrorIs(t, err, filelock.ErrHeld)

	release()
	release()
	again, err := filelock.Take(path)
	require.NoError(t, err)
	again()
}
