package vault

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/google/uuid"
)

// What a ciphertext is bound to (its associated data) is hashed to a fixed length: SHA-256 over the parts, each behind
// its length as 4 bytes big endian, so that no two lists of parts can be confused. The first part names the scheme and
// the kind, the second is the workspace.
const (
	bindValue = "v1"      // subject, field, version
	bindText  = "v1/text" // subject, what the caller binds the text to
	bindDEK   = "v1/dek"  // subject
	bindKEK   = "v1/kek"  // epoch

	bindFile      = "v1/file"       // blob
	bindFileAbout = "v1/file-about" // blob
	bindFileKey   = "v1/file-key"   // subject, field, version, blob
)

func bind(kind string, workspace uuid.UUID, parts ...string) []byte {
	var array [192]byte // keeps the usual case off the heap
	buf := appendPart(array[:0], kind)
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(workspace)))
	buf = append(buf, workspace[:]...)
	for _, part := range parts {
		buf = appendPart(buf, part)
	}
	sum := sha256.Sum256(buf)
	return sum[:]
}

func appendPart(buf []byte, part string) []byte {
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(part)))
	return append(buf, part...)
}

// number is an integer as a part: 8 bytes, big endian.
func number(n int) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	return string(b[:])
}
