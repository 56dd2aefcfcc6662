package commands

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// APIKeyPrefix is how the API keys of service accounts begin, so that people and scanners recognise one.
const APIKeyPrefix = "csk_"

const (
	apiKeyBytes    = 32 // random
	apiKeyChecksum = 4  // CRC-32 (IEEE) of the prefix and the random bytes, big endian
)

var apiKeyEncoding = base64.RawURLEncoding.Strict()

// NewAPIKey returns a new API key: the prefix, then random bytes with their checksum in base64url without padding.
func NewAPIKey() string {
	raw := make([]byte, apiKeyBytes, apiKeyBytes+apiKeyChecksum)
	_, _ = rand.Read(raw) // never fails
	defer clear(raw[:cap(raw)])
	return APIKeyPrefix + apiKeyEncoding.EncodeToString(binary.BigEndian.AppendUint32(raw, checksumOf(raw)))
}

// IsAPIKey tells whether a text could be an API key: a mistyped one is told from its checksum alone.
func IsAPIKey(text string) bool {
	encoded, ok := strings.CutPrefix(text, APIKeyPrefix)
	if !ok || len(encoded) != apiKeyEncoding.EncodedLen(apiKeyBytes+apiKeyChecksum) {
		return false
	}
	raw, err := apiKeyEncoding.DecodeString(encoded)
	return err == nil && binary.BigEndian.Uint32(raw[apiKeyBytes:]) == checksumOf(raw[:apiKeyBytes])
}

func checksumOf(raw []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE([]byte(APIKeyPrefix)), crc32.IEEETable, raw)
}
