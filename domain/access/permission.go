package access

import (
	"math/bits"
	"slices"

	"github.com/kdesk/client-secrets/domain"
)

// PermissionSet is a set of permissions.
type PermissionSet uint16

var permissions = domain.Permissions()

var everyPermission = PermissionSet(1<<len(permissions) - 1)

// NewPermissionSet returns the set of those given. Permissions that are not in domain.Permissions are left out.
func NewPermissionSet(given ...domain.Permission) PermissionSet {
	var set PermissionSet
	for _, p := range given {
		if i := permissionNumber(p); i >= 0 {
			set |= 1 << i
		}
	}
	return set
}

// Has tells whether p is in the set.
func (s PermissionSet) Has(p domain.Permission) bool {
	i := permissionNumber(p)
	return i >= 0 && s&(1<<i) != 0
}

// HasAll tells whether every permission of o is in the set.
func (s PermissionSet) HasAll(o PermissionSet) bool { return s&o == o }

// MeetsClientSecrets tells whether one of the permissions is in the set that open the module at all.
func (s PermissionSet) MeetsClientSecrets() bool {
	return s&NewPermissionSet(domain.ClientSecretPermissions()...) != 0
}

// List returns the permissions in the order they are shown.
func (s PermissionSet) List() []domain.Permission {
	list := make([]domain.Permission, 0, bits.OnesCount16(uint16(s)))
	for i, p := range permissions {
		if s&(1<<i) != 0 {
			list = append(list, p)
		}
	}
	return list
}

func permissionNumber(p domain.Permission) int { return slices.Index(permissions, p) }
