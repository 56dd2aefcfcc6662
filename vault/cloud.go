//go:build cloud

package vault

// The drivers behind KMS_URL schemes awskms, gcpkms, azurekeyvault and hashivault. They are most of a binary's size,
// hence the build tag.
import (
	_ "gocloud.dev/secrets/awskms"
	_ "gocloud.dev/secrets/azurekeyvault"
	_ "gocloud.dev/secrets/gcpkms"
	_ "gocloud.dev/secrets/hashivault"
)
