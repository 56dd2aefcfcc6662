package main

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/caarlos0/env/v11"
)

// config is every setting there is, from the environment. Its tags are the one place that documents them.
type config struct {
	Listen  string `env:"LISTEN" envDefault:"127.0.0.1:8080" help:"address that the API is served on"`
	DataDir string `env:"DATA_DIR" envDefault:"./data" help:"folder of everything that the embedded defaults keep"`

	EventStoreURL     string `env:"EVENTSTORE_URL" help:"the event log: an esdb:// connection string, or embedded:<folder> for one machine"`
	EventStoreURLFile string `env:"EVENTSTORE_URL_FILE,file" help:"file that holds EVENTSTORE_URL, since it has a password in it"`
	DatabaseURL       string `env:"DATABASE_URL" help:"Postgres: a postgres:// connection string, or embedded:<folder> for one machine"`
	DatabaseURLFile   string `env:"DATABASE_URL_FILE,file" help:"file that holds DATABASE_URL, since it has a password in it"`
	KMSURL            string `env:"KMS_URL" help:"root key: file:///path/to/root.key, or awskms:, gcpkms:, azurekeyvault:, hashivault: in builds with the tag cloud"`

	BlobURL   string `env:"BLOB_URL" help:"store of files: file:///<folder> for one machine, or s3:, gs:, azblob: in builds with the tag cloud; without it no files are taken"`
	FileLimit int64  `env:"FILE_LIMIT_BYTES" envDefault:"104857600" help:"most bytes that a file may have, 100 MiB by default"`
	ClamdAddr string `env:"CLAMD_ADDR" help:"virus scanner that uploads must pass: host:port or unix:<path> of a clamd, whose StreamMaxLength is at least FILE_LIMIT_BYTES; without it nothing is scanned"`

	OIDCIssuer       string   `env:"OIDC_ISSUER" help:"issuer of the access tokens that are accepted"`
	OIDCAudience     string   `env:"OIDC_AUDIENCE" envDefault:"client-secrets" help:"audience that an access token must name"`
	OIDCAlgorithms   []string `env:"OIDC_ALGORITHMS" envDefault:"RS256,PS256,ES256,EdDSA" help:"signature algorithms that are accepted"`
	OIDCAcceptJWT    bool     `env:"OIDC_ACCEPT_JWT" help:"also accept access tokens of type JWT, for issuers that do not send at+jwt"`
	WorkspaceIssuers []string `env:"WORKSPACE_ISSUERS" help:"issuers whose people may open workspaces by themselves; none by default"`

	KeyBackups time.Duration `env:"KEY_BACKUP_RETENTION" envDefault:"840h" help:"how long backups of the vault's keys are kept, 35 days by default: the destruction of a secret counts as complete after that; 0 if there are none"`

	SMTPURL     string `env:"SMTP_URL" help:"mail server: smtp://user:password@host:port?from=address with STARTTLS, or smtps://; without it no verification codes are sent"`
	SMTPURLFile string `env:"SMTP_URL_FILE,file" help:"file that holds SMTP_URL, since it has a password in it"`

	ImportLimit         int           `env:"IMPORT_BYTES" envDefault:"20971520" help:"most bytes of a file to import; it is held in memory"`
	DatabaseConnections int           `env:"DATABASE_CONNECTIONS" envDefault:"16" help:"most connections to Postgres at a time"`
	EventStoreCache     int64         `env:"EVENTSTORE_CACHE_BYTES" envDefault:"268435456" help:"memory that the embedded event log keeps for its cache"`
	ShutdownTimeout     time.Duration `env:"SHUTDOWN_TIMEOUT" envDefault:"15s" help:"time that requests under way have to end when the server stops"`
	LogLevel            string        `env:"LOG_LEVEL" envDefault:"info" help:"debug, info, warn or error"`

	dev bool
}

// readConfig reads the settings. In development, what is not set gets its embedded default; otherwise it is an error.
func readConfig(dev bool) (config, error) {
	c, err := env.ParseAs[config]()
	if err != nil {
		return config{}, fmt.Errorf("reading the settings: %w", err)
	}
	c.EventStoreURL = firstSet(c.EventStoreURL, strings.TrimSpace(c.EventStoreURLFile))
	c.DatabaseURL = firstSet(c.DatabaseURL, strings.TrimSpace(c.DatabaseURLFile))
	c.SMTPURL = firstSet(c.SMTPURL, strings.TrimSpace(c.SMTPURLFile))
	c.dev = dev
	if c.ImportLimit <= 0 {
		return config{}, errors.New("IMPORT_BYTES: must be positive")
	}
	if c.KeyBackups < 0 {
		return config{}, errors.New("KEY_BACKUP_RETENTION: must not be negative")
	}
	if c.FileLimit <= 0 {
		return config{}, errors.New("FILE_LIMIT_BYTES: must be positive")
	}
	if dev {
		return c.withDevelopmentDefaults()
	}
	return c, c.complete()
}

func firstSet(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// withDevelopmentDefaults refuses development beside any production setting and on any address but loopback.
func (c config) withDevelopmentDefaults() (config, error) {
	production := map[string]string{"EVENTSTORE_URL": c.EventStoreURL, "DATABASE_URL": c.DatabaseURL, "KMS_URL": c.KMSURL, "OIDC_ISSUER": c.OIDCIssuer,
		"SMTP_URL": c.SMTPURL, "BLOB_URL": c.BlobURL, "WORKSPACE_ISSUERS": strings.Join(c.WorkspaceIssuers, ",")}
	for name, value := range production {
		if value != "" {
			return c, fmt.Errorf("--dev is refused beside the production setting %s: unset it, or leave out --dev", name)
		}
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return c, fmt.Errorf("LISTEN is no host:port: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return c, errors.New("--dev is refused on any address but loopback: set LISTEN to 127.0.0.1:<port>")
	}
	c.EventStoreURL = "embedded:" + filepath.Join(c.DataDir, "eventlog")
	c.DatabaseURL = "embedded:" + filepath.Join(c.DataDir, "postgres")
	key, err := filepath.Abs(filepath.Join(c.DataDir, "root.key"))
	if err != nil {
		return c, fmt.Errorf("finding DATA_DIR: %w", err)
	}
	c.KMSURL = "file://" + filepath.ToSlash(key)
	c.BlobURL = "file://" + filepath.ToSlash(filepath.Join(filepath.Dir(key), "files"))
	return c, nil
}

func (c config) complete() error {
	var missing []string
	for name, value := range map[string]string{"EVENTSTORE_URL": c.EventStoreURL, "DATABASE_URL": c.DatabaseURL, "KMS_URL": c.KMSURL, "OIDC_ISSUER": c.OIDCIssuer} {
		if value == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("these settings are missing: %s. Set them, or try the product with --dev", strings.Join(slices.Sorted(slices.Values(missing)), ", "))
	}
	return nil
}

// describeSettings writes the table of settings that --help prints.
func describeSettings(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	defer table.Flush()
	fmt.Fprintln(table, "SETTING\tDEFAULT\tMEANING")
	for f := range fields(reflect.TypeFor[config]()) {
		name, _, _ := strings.Cut(f.Tag.Get("env"), ",")
		fmt.Fprintf(table, "%s\t%s\t%s\n", name, f.Tag.Get("envDefault"), f.Tag.Get("help"))
	}
}

func fields(t reflect.Type) iter.Seq[reflect.StructField] {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if t.Field(i).Tag.Get("help") != "" && !yield(t.Field(i)) {
				return
			}
		}
	}
}

// workspaceIssuers are the issuers whose people may open workspaces; in development that is the provider's own.
func (c config) workspaceIssuers() []string {
	if c.dev {
		return []string{c.OIDCIssuer}
	}
	return c.WorkspaceIssuers
}
