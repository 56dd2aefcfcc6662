package vault

import (
	"encoding/binary"
	"fmt"
)

// Padding, so that a ciphertext tells the class of a length and not the length:
//
//	length of the plaintext (4 bytes, big endian) || plaintext || zeros up to the class
//
// The classes are 32, 64, 128, ... 65,536 bytes of plaintext: powers of two. A plaintext of n bytes is in the smallest
// class that is at least n; an empty one is in the first.
const (
	// MaxValue is the longest value or text, in bytes (inclusive).
	MaxValue  = 64 << 10
	minClass  = 32
	padHeader = 4
)

// lengthClass returns the class of a plaintext of n bytes, for 0 <= n <= MaxValue.
func lengthClass(n int) int {
	class := minClass
	for class < n {
		class *= 2
	}
	return class
}

// pad returns the padded form of plain in a fresh buffer; the caller wipes it.
func pad[T ~string | ~[]byte](plain T) ([]byte, error) {
	if len(plain) > MaxValue {
		return nil, ErrTooLarge
	}
	out := make([]byte, padHeader+lengthClass(len(plain)))
	binary.BigEndian.PutUint32(out, uint32(len(plain)))
	copy(out[padHeader:], plain)
	return out, nil
}

// unpad returns the plaintext inside padded, sharing its memory. Anything but what pad wrote is refused.
func unpad(padded []byte) ([]byte, error) {
	if len(padded) < padHeader+minClass {
		return nil, fmt.Errorf("%w: the padding is cut off", ErrTampered)
	}
	n := uint64(binary.BigEndian.Uint32(padded))
	if n > MaxValue || lengthClass(int(n)) != len(padded)-padHeader {
		return nil, fmt.Errorf("%w: the padding names a wrong length", ErrTampered)
	}
	end := padHeader + int(n)
	for _, b := range padded[end:] {
		if b != 0 {
			return nil, fmt.Errorf("%w: the padding is not zero", ErrTampered)
		}
	}
	return padded[padHeader:end:end], nil
}
