package domain

// Permission is one thing a member or service account may do in a workspace.
type Permission string

// The permissions. Owners have all.
const (
	SecretsView     Permission = "secrets.view"
	SecretsReveal   Permission = "secrets.reveal"
	SecretsModify   Permission = "secrets.modify"
	SecretsLink     Permission = "secrets.link"
	SecretsManage   Permission = "secrets.manage"
	TemplatesManage Permission = "templates.manage"
	AuditRead       Permission = "audit.read"
	SettingsManage  Permission = "settings.manage"
	DirectoryManage Permission = "directory.manage"
)

// Permissions lists every permission in the order they are shown.
func Permissions() []Permission {
	return []Permission{SecretsView, SecretsReveal, SecretsModify, SecretsLink, SecretsManage, TemplatesManage, AuditRead,
		SettingsManage, DirectoryManage}
}

// ClientSecretPermissions are those of which at least one is needed to meet Client Secrets at all.
func ClientSecretPermissions() []Permission {
	return []Permission{SecretsView, SecretsReveal, SecretsModify, SecretsLink, SecretsManage, TemplatesManage}
}
