package formats

import (
	"encoding/json"
	"strings"

	"github.com/kdesk/client-secrets/domain"
)

var errEncrypted = domain.Refuse(domain.Invalid, "encrypted_export", "the export is encrypted: export again in the format .json, not .json (Encrypted)")

// The types of items and of custom fields.
// https://bitwarden.com/help/condition-bitwarden-import/
const (
	bitwardenLogin = iota + 1
	bitwardenNote
	bitwardenCard
	bitwardenIdentity
	bitwardenSSHKey
)

const (
	bitwardenHidden  = 1
	bitwardenBoolean = 2
	bitwardenLinked  = 3
)

type bitwardenExport struct {
	Encrypted         bool              `json:"encrypted"`
	PasswordProtected bool              `json:"passwordProtected"`
	Folders           []bitwardenFolder `json:"folders"`
	Collections       []bitwardenFolder `json:"collections"`
	Items             []json.RawMessage `json:"items"`
}

type bitwardenFolder struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type bitwardenItem struct {
	ID            string   `json:"id"`
	FolderID      string   `json:"folderId"`
	CollectionIDs []string `json:"collectionIds"`
	Type          int      `json:"type"`
	Name          string   `json:"name"`
	Notes         string   `json:"notes"`
	DeletedDate   string   `json:"deletedDate"`
	Fields        []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
		Type  int    `json:"type"`
	} `json:"fields"`
	Login struct {
		URIs []struct {
			URI string `json:"uri"`
		} `json:"uris"`
		Username string            `json:"username"`
		Password string            `json:"password"`
		TOTP     string            `json:"totp"`
		Passkeys []json.RawMessage `json:"fido2Credentials"`
	} `json:"login"`
	Card struct {
		Holder string `json:"cardholderName"`
		Brand  string `json:"brand"`
		Number string `json:"number"`
		Month  string `json:"expMonth"`
		Year   string `json:"expYear"`
		Code   string `json:"code"`
	} `json:"card"`
	Identity map[string]any `json:"identity"`
	SSHKey   struct {
		Private     string `json:"privateKey"`
		Public      string `json:"publicKey"`
		Fingerprint string `json:"keyFingerprint"`
	} `json:"sshKey"`
	History     []json.RawMessage `json:"passwordHistory"`
	Attachments []json.RawMessage `json:"attachments"`
}

// Bitwarden reads an unencrypted JSON export of Bitwarden, of a person or an organization. An encrypted one is refused.
func Bitwarden(file []byte) ([]Item, error) {
	file, err := text(file)
	if err != nil {
		return nil, err
	}
	var export bitwardenExport
	switch err := json.Unmarshal(file, &export); {
	case err != nil:
		return nil, errFormat
	case export.Encrypted || export.PasswordProtected:
		return nil, errEncrypted
	case export.Items == nil:
		return nil, errFormat
	case len(export.Items) > MaxItems:
		return nil, errTooMany
	}
	folders := map[string]string{}
	for _, f := range append(export.Folders, export.Collections...) {
		folders[f.ID] = f.Name
	}
	items := make([]Item, len(export.Items))
	for i, raw := range export.Items {
		items[i] = bitwardenRecord(raw, folders)
		items[i].Line = i + 1
	}
	return items, nil
}

func bitwardenRecord(raw json.RawMessage, folders map[string]string) Item {
	var b bitwardenItem
	if json.Unmarshal(raw, &b) != nil {
		return Item{Fail: CodeMalformed}
	}
	item := Item{ID: b.ID, Name: b.Name, Folder: b.folder(folders)}
	if b.DeletedDate != "" {
		item.Skip = CodeTrash
	}
	b.describe(&item)
	item.addLines("Notes", b.Notes, true)
	linked := false
	for _, f := range b.Fields {
		switch f.Type {
		case bitwardenLinked: // refers to another field
			linked = true
		case bitwardenBoolean:
			item.field(Field{f.Name, yesNo(f.Value == "true"), YesNo, false})
		default:
			item.add(f.Name, f.Value, f.Type != 0) // hidden, or a kind that is not known
		}
	}
	item.note(NoteLinked, linked)
	item.note(NoteHistory, len(b.History) > 0)
	item.note(NotePasskeys, len(b.Login.Passkeys) > 0)
	item.note(NoteAttachments, len(b.Attachments) > 0)
	return item
}

func yesNo(yes bool) string {
	if yes {
		return "true"
	}
	return "false"
}

func (b *bitwardenItem) folder(folders map[string]string) string {
	var names []string
	for _, id := range append([]string{b.FolderID}, b.CollectionIDs...) {
		if name := folders[id]; name != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// describe adds the kind of an item and the fields that all of its kind have.
func (b *bitwardenItem) describe(item *Item) {
	switch b.Type {
	case bitwardenLogin:
		var uris []string
		for _, u := range b.Login.URIs {
			uris = append(uris, u.URI)
		}
		item.Kind = "login"
		item.login(b.Login.Username, b.Login.Password, strings.Join(uris, "\n"))
		item.add("Authenticator key", b.Login.TOTP, true)
	case bitwardenNote:
		item.Kind = "secure note"
	case bitwardenCard:
		item.Kind = "card"
		item.card(b.Card.Holder, b.Card.Number, strings.Trim(b.Card.Month+"/"+b.Card.Year, "/"), b.Card.Code)
		item.add("Brand", b.Card.Brand, false)
	case bitwardenIdentity:
		item.Kind = "identity"
		for _, f := range identityFields {
			value, _ := b.Identity[f.name].(string)
			item.add(f.label, value, f.sensitive)
		}
	case bitwardenSSHKey:
		item.Kind = "SSH key"
		item.addLines("Private key", b.SSHKey.Private, true)
		item.addLines("Public key", b.SSHKey.Public, false)
		item.add("Fingerprint", b.SSHKey.Fingerprint, false)
	default:
		item.Fail = CodeMalformed
	}
}

var identityFields = []struct {
	name, label string
	sensitive   bool
}{
	{"title", "Title", false}, {"firstName", "First name", false}, {"middleName", "Middle name", false}, {"lastName", "Last name", false},
	{"username", "Username", false}, {"company", "Company", false}, {"email", "Email", false}, {"phone", "Phone", false},
	{"address1", "Address 1", false}, {"address2", "Address 2", false}, {"address3", "Address 3", false}, {"city", "City", false},
	{"state", "State", false}, {"postalCode", "Postal code", false}, {"country", "Country", false},
	{"ssn", "Social security number", true}, {"passportNumber", "Passport number", true}, {"licenseNumber", "License number", true},
}

// login adds what every login has.
func (i *Item) login(username, password, websites string) {
	i.add("Username", username, false)
	i.add("Password", password, true)
	i.addLines("Websites", websites, false)
}

// card adds what every payment card has.
func (i *Item) card(holder, number, expires, code string) {
	i.add("Cardholder", holder, false)
	i.add("Card number", number, true)
	i.add("Card expires", expires, false)
	i.add("Security code", code, true)
}
