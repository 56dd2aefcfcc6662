//go:build cloud

package vault

// The drivers behind KMS_URL schemes awskms, gcpkms, azurekeyvault and hashivault, and BLOB_URL schemes s3, gs and azblob. They are most of a binary's size,
// hence the build tag.
import (
	_ "gocloud.dev/blob/azureblob"
	_ "gocloud.dev/blob/gcsblob"
	_ "gocloud.dev/blob/s3blob"
	_ "gocloud.dev/secrets/awskms"
	_ "gocloud.dev/secrets/azurekeyvault"
	_ "gocloud.dev/secrets/gcpkms"
	_ "gocloud.dev/secrets/hashivault"
)
