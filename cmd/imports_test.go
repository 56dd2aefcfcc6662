// Package cmd holds the programs. This file's test keeps the parts of the project apart.
package cmd

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/kdesk/client-secrets/"

// rule says what the non-test files below a folder may import: of this project, and of others. Standard packages always.
type rule struct {
	folder string
	own    []string // folders of this project
	others []string // prefixes of other modules' packages
	any    bool     // any other module
}

// sharedByReadModels is all that one read model may share with another.
var sharedByReadModels = []string{"projections/record", "projections/once", "projections/keyset"}

// rules are tried in order; the first whose folder holds a file counts.
var rules = []rule{
	{folder: "domain", own: []string{"domain"}, others: []string{"github.com/google/uuid"}},
	{folder: "commands/commandstest", own: []string{"domain", "commands", "eventstore", "platform", "vault"}, any: true},
	{folder: "commands", own: []string{"domain", "eventstore", "commands", "vault"}, others: []string{"github.com/google/uuid", "golang.org/x/sync", "golang.org/x/text/unicode/norm", "golang.org/x/time"}},
	{folder: "eventstore/esdb", own: []string{"domain", "eventstore"}, any: true},
	{folder: "eventstore/embedded", own: []string{"eventstore/embedded"}, any: true},
	{folder: "eventstore/storetest", own: []string{"eventstore"}, any: true},
	{folder: "eventstore", own: []string{"domain"}, others: []string{"github.com/google/uuid", "golang.org/x/sync"}},
	{folder: "projections/projectiontest", own: []string{"domain", "eventstore", "platform", "projections"}, any: true},
	{folder: "projections", own: append([]string{"domain", "eventstore", "platform/postgres"}, sharedByReadModels...),
		others: []string{"github.com/google/uuid", "github.com/jackc/pgx/v5", "github.com/ThreeDotsLabs/watermill",
			"github.com/hashicorp/golang-lru/v2", "golang.org/x/sync"}},
	{folder: "http", own: []string{"domain", "commands", "projections", "http"}, others: httpMayUse},
	{folder: "vault", own: []string{"domain", "platform/postgres"}, any: true},
	{folder: "platform/helpdesk", own: []string{"domain/source"}, any: true},
	{folder: "platform", own: []string{"platform"}, any: true},
	{folder: "cmd/eventstored", own: []string{"eventstore/embedded", "platform/heap"}, any: true},
	{folder: "cmd", own: []string{"cmd", "domain", "commands", "projections", "eventstore", "http", "vault", "platform"}, any: true},
}

var httpMayUse = []string{"github.com/google/uuid", "github.com/gofiber/fiber/v2", "github.com/danielgtaylor/huma/v2",
	"github.com/elimity-com/scim", "github.com/scim2/filter-parser/v2", "github.com/coreos/go-oidc/v3", "github.com/prometheus/client_golang", "github.com/hashicorp/golang-lru/v2",
	"github.com/valyala/fasthttp", "golang.org/x/sync", "golang.org/x/oauth2"}

func TestImportsStayInPlace(t *testing.T) {
	root := os.DirFS("..")
	require.NoError(t, fs.WalkDir(root, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && file != "." || d.Name() == "data" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go") && strings.Contains(file, "/") {
			checkFile(t, file)
		}
		return nil
	}))
}

func checkFile(t *testing.T, file string) {
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", filepath.FromSlash(file)), nil, parser.ImportsOnly)
	require.NoError(t, err)
	r, ok := ruleOf(file)
	if !ok {
		t.Errorf("%s is in a folder without a rule", file)
		return
	}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		require.NoError(t, err)
		if !r.allows(path.Dir(file), imported) {
			t.Errorf("%s must not import %s", file, imported)
		}
	}
}

func ruleOf(file string) (rule, bool) {
	for _, r := range rules {
		if strings.HasPrefix(file, r.folder+"/") {
			return r, true
		}
	}
	return rule{}, false
}

func (r rule) allows(folder, imported string) bool {
	own, isOwn := strings.CutPrefix(imported, module)
	switch {
	case isOwn && own == folder || r.folder == "projections" && own == "projections":
		return true
	case isOwn:
		return within(own, r.own)
	case !strings.Contains(strings.Split(imported, "/")[0], "."):
		return true // standard library
	default:
		return r.any || within(imported, r.others)
	}
}

func within(imported string, folders []string) bool {
	for _, f := range folders {
		if imported == f || strings.HasPrefix(imported, f+"/") {
			return true
		}
	}
	return false
}
