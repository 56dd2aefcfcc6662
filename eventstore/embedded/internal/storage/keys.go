package storage

import "encoding/binary"

const (
	logPrefix    = 'a'
	indexPrefix  = 's'
	streamPrefix = 'n'
	logKeyLen    = 1 + 8
	indexKeyLen  = 1 + 8 + 8
)

var nextStreamKey = []byte("m next-stream")

func logKey(position uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, logKeyLen), logPrefix), position)
}

func indexKey(stream, revision uint64) []byte {
	key := append(make([]byte, 0, indexKeyLen), indexPrefix)
	key = binary.BigEndian.AppendUint64(key, stream)
	return binary.BigEndian.AppendUint64(key, revision)
}

func streamKey(name string) []byte {
	return append(append(make([]byte, 0, 1+len(name)), streamPrefix), name...)
}

// positionOf reads the position out of a log key.
func positionOf(logKey []byte) uint64 { return binary.BigEndian.Uint64(logKey[1:]) }
