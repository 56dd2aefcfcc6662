//go:build !unix

package postgrestest

import "os"

func ownFolder(dir string) error { return os.MkdirAll(dir, 0o700) }
