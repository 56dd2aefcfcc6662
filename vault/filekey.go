package vault

import (
	"bytes"
	"fmt"

	"github.com/google/uuid"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/streamingaead"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// FileAlg names how files are encrypted: Tink's streaming AES256-GCM-HKDF with segments of 64 KiB, so that a file is
// authenticated part by part and in its whole length without ever being in memory.
const FileAlg = "tink-aes256gcmhkdf64k.v1"

const fileSegment = 64 << 10 // bytes of ciphertext

// place is where a file stands: with its uploader (no field) or as a version of a secret's field.
type place struct {
	Ref
	blob uuid.UUID
}

func (p place) owner() Owner { return Owner{p.Workspace, p.Subject} }

func (p place) bind() []byte {
	return bind(bindFileKey, p.Workspace, p.Subject, p.Field, number(p.Version), p.blob.String())
}

// newFileKey makes a keyset for one file.
func newFileKey() (*keyset.Handle, error) {
	parameters, err := aesgcmhkdf.NewParameters(aesgcmhkdf.ParametersOpts{
		KeySizeInBytes: 32, DerivedKeySizeInBytes: 32, HKDFHashType: aesgcmhkdf.SHA256, SegmentSizeInBytes: fileSegment,
	})
	if err != nil {
		return nil, err
	}
	manager := keyset.NewManager()
	id, err := manager.AddNewKeyFromParameters(parameters)
	if err != nil {
		return nil, err
	}
	if err := manager.SetPrimary(id); err != nil {
		return nil, err
	}
	return manager.Handle()
}

// wrapFileKey wraps a file's key for a place by the key of the place's subject.
func wrapFileKey(handle *keyset.Handle, k *dek, p place) ([]byte, error) {
	var wrapped bytes.Buffer
	err := handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&wrapped), k.aead, p.bind())
	return wrapped.Bytes(), err
}

func unwrapFileKey(wrapped []byte, k *dek, p place) (*keyset.Handle, error) {
	handle, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(wrapped)), k.aead, p.bind())
	if err != nil {
		return nil, fmt.Errorf("%w: the key of a file does not unwrap here", ErrTampered)
	}
	return handle, nil
}

func streaming(handle *keyset.Handle) (tink.StreamingAEAD, error) {
	s, err := streamingaead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("using the key of a file: %w", err)
	}
	return s, nil
}
