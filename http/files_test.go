package http

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	nethttp "net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/platform/clamd"
	"github.com/kdesk/client-secrets/platform/clamd/clamdtest"
	"github.com/kdesk/client-secrets/projections/reveals"
)

const fileTemplate = `{"name":"Licence","fields":[{"key":"licence","label":"Licence","type":"file","required":true},
	{"key":"scan","label":"Scan","type":"file"},{"key":"note","label":"Note","type":"text"}]}`

// uploaded uploads a file as the owner.
func (w *world) uploaded(t testing.TB, name, content string) string {
	got := w.as(t, owner, "POST", w.api+"/uploads", content, "Content-Disposition", attachment(name))
	require.Equal(t, nethttp.StatusCreated, got.StatusCode, string(got.body))
	var up Upload
	got.into(t, &up)
	require.Equal(t, int64(len(content)), up.Size)
	sum, err := hex.DecodeString(up.SHA256)
	require.NoError(t, err)
	require.Len(t, sum, 32)
	return up.ID
}

func (w *world) post(t testing.TB, path, body string) string {
	got := w.as(t, owner, "POST", w.api+path, body)
	require.Equal(t, nethttp.StatusCreated, got.StatusCode, string(got.body))
	var made ChangeBody
	got.into(t, &made)
	return made.ID
}

// fileSecret makes a secret with a file, and more as its JSON says.
func (w *world) fileSecret(t testing.TB, name, content, more string) string {
	template := w.post(t, "/templates", fileTemplate)
	return w.post(t, "/secrets", fmt.Sprintf(`{"template_id":%q,"name":"Licence","files":{"licence":%q},%s}`,
		template, w.uploaded(t, name, content), more))
}

const forAssignee = `"tickets":["` + commandstest.Ticket + `"],"rules":[{"kind":"ticket_assignee"}]`

func TestAFileGoesInAndOut(t *testing.T) {
	w := newWorld(t)
	content := strings.Repeat("needle of a file\n", 10_000)
	secret := w.fileSecret(t, "Lizenz für „Acme“ 100%.txt", content, forAssignee)
	path := w.api + "/secrets/" + secret

	got := w.as(t, agent, "POST", path+"/files/licence/download", `{"reason":"renewal","ticket_id":"`+commandstest.Ticket+`"}`)
	require.Equal(t, 200, got.StatusCode, string(got.body))
	require.True(t, content == string(got.body))
	require.Equal(t, int64(len(content)), got.ContentLength)
	for header, want := range map[string]string{
		"Content-Type":            "text/plain; charset=utf-8",
		"Content-Disposition":     `attachment; filename="Lizenz f_r _Acme_ 100_.txt"; filename*=UTF-8''Lizenz%20f%C3%BCr%20%E2%80%9EAcme%E2%80%9C%20100%25.txt`,
		"X-Content-Type-Options":  "nosniff",
		"Cache-Control":           "no-store",
		"Content-Security-Policy": filePolicy,
	} {
		require.Equal(t, want, got.Header.Get(header), header)
	}
	require.NotEmpty(t, got.Header.Get(headerPosition))
	var list List[reveals.Reveal]
	w.get(t, owner, w.api+"/audit/reveals").into(t, &list)
	require.Equal(t, reveals.Downloaded, list.Items[0].Kind)
	require.Equal(t, got.Header.Get(headerReceipt), list.Items[0].EventID.String())
	require.Equal(t, "renewal", list.Items[0].Reason)
	require.Equal(t, 404, w.as(t, other, "POST", path+"/files/licence/download", "").StatusCode)
	require.Equal(t, "is_a_file", w.as(t, agent, "POST", path+"/fields/licence/reveal", "").code(t))
	require.Equal(t, "not_a_file", w.as(t, owner, "POST", w.api+"/secrets/"+w.Secret.String()+"/files/api_key/download", "").code(t))
	require.NotContains(t, w.logged.String(), "needle")
	require.NotContains(t, w.logged.String(), "Lizenz")
}

func TestWhatAFileIsIsShownToThoseWhoSeeTheSecret(t *testing.T) {
	w := newWorld(t)
	secret := w.fileSecret(t, "licence.pdf", "%PDF-1.7 needle", forAssignee)
	var doc Secret
	w.get(t, agent, w.api+"/secrets/"+secret).into(t, &doc)
	licence := doc.Fields[0]
	require.Equal(t, &File{"licence.pdf", 15, "application/pdf"}, licence.File)
	require.True(t, licence.Masked)
	require.True(t, licence.IsSet)
	require.Nil(t, licence.Value)
	require.Nil(t, doc.Fields[1].File)
	panel := w.get(t, agent, w.api+"/tickets/"+commandstest.Ticket+"/panel")
	require.Contains(t, string(panel.body), `"file":{"name":"licence.pdf","size":15,"content_type":"application/pdf"}`)
	require.NotContains(t, string(panel.body), "needle")
	for _, path := range []string{"/tickets/" + commandstest.Ticket + "/panel", "/secrets"} {
		require.NotContains(t, string(w.get(t, other, w.api+path).body), "licence")
	}
	require.NotContains(t, string(w.get(t, owner, w.api+"/tickets/"+commandstest.Ticket).body), "licence", "no file is in a ticket")
}

func TestAFileIsReplacedAndRemoved(t *testing.T) {
	w := newWorld(t)
	path := w.api + "/secrets/" + w.fileSecret(t, "one", "1", forAssignee)
	put := w.as(t, owner, "PUT", path+"/fields/licence", fmt.Sprintf(`{"upload":%q}`, w.uploaded(t, "two", "2")))
	require.Equal(t, 200, put.StatusCode, string(put.body))
	require.Equal(t, "2", string(w.as(t, agent, "POST", path+"/files/licence/download", "").body))
	require.Equal(t, "older_version", w.as(t, agent, "POST", path+"/files/licence/download", `{"value_version":1}`).code(t))
	require.Equal(t, "1", string(w.as(t, owner, "POST", path+"/files/licence/download", `{"value_version":1}`).body))
	require.Equal(t, "required_field", w.as(t, owner, "DELETE", path+"/fields/licence", "").code(t))
	require.Equal(t, 200, w.as(t, owner, "PUT", path+"/fields/scan", fmt.Sprintf(`{"upload":%q}`, w.uploaded(t, "scan", "s"))).StatusCode)
	require.Equal(t, 200, w.as(t, owner, "DELETE", path+"/fields/scan", "").StatusCode)
	require.Equal(t, "value_not_set", w.as(t, owner, "POST", path+"/files/scan/download", "").code(t))
	var versions List[struct {
		Version int
		IsSet   bool `json:"is_set"`
	}]
	w.get(t, owner, path+"/fields/scan/versions").into(t, &versions)
	require.Len(t, versions.Items, 2)

	for body, code := range map[string]string{
		`{}`: "field_required", `{"value":"x","upload":"` + uuid.NewString() + `"}`: "field_required", `{"upload":"x"}`: "invalid",
		`{"value":"x"}`: "file_needs_upload", `{"upload":"` + uuid.NewString() + `"}`: "upload_unusable",
	} {
		require.Equal(t, code, w.as(t, owner, "PUT", path+"/fields/licence", body).code(t), body)
	}
	require.Equal(t, "not_a_file_field", w.as(t, owner, "PUT", path+"/fields/note", fmt.Sprintf(`{"upload":%q}`, w.uploaded(t, "n", "n"))).code(t))
}

func TestUploadsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	w.Server.Uploads.Limit = 1000
	for name, c := range map[string]struct {
		who, disposition, body string
		headers                []string
		status                 int
		code                   string
	}{
		"no name":            {owner, "attachment", "x", nil, 400, "malformed_content_disposition"},
		"no disposition":     {owner, "", "x", nil, 400, "malformed_content_disposition"},
		"a broken one":       {owner, `attachment; filename="`, "x", nil, 400, "malformed_content_disposition"},
		"a hidden ending":    {owner, "attachment; filename*=UTF-8''exe%E2%80%AEfdp", "x", nil, 422, "text_character"},
		"a control":          {owner, "attachment; filename*=UTF-8''a%00b", "x", nil, 422, "text_character"},
		"a folder":           {owner, `attachment; filename=".."`, "x", nil, 422, "invalid_file_name"},
		"too large":          {owner, "attachment; filename=n", strings.Repeat("x", 1001), nil, 413, "file_too_large"},
		"compressed":         {owner, "attachment; filename=n", "x", []string{"Content-Encoding", "gzip"}, 415, "unsupported_media_type"},
		"without permission": {agent, "attachment; filename=n", "x", nil, 403, "permission_missing"},
		"a stranger's":       {"stranger", "attachment; filename=n", "x", nil, 404, "not_found"},
		"nobody's":           {"", "attachment; filename=n", "x", nil, 401, "not_authenticated"},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.as(t, c.who, "POST", w.api+"/uploads", c.body, append(c.headers, "Content-Disposition", c.disposition)...)
			require.Equal(t, c.status, got.StatusCode, string(got.body))
			require.Equal(t, c.code, got.code(t))
		})
	}
	require.Empty(t, w.VaultRows(t)["files"])
	got := w.as(t, owner, "POST", w.api+"/uploads", "x", "Content-Disposition", `attachment; filename="../../a/b.txt"`)
	require.Equal(t, 201, got.StatusCode, "folders before a name are cut off")
}

func TestAnUploadIsRepeatedSafely(t *testing.T) {
	w := newWorld(t)
	send := func(content, name string) answered {
		return w.as(t, owner, "POST", w.api+"/uploads", content, "Content-Disposition", "attachment; filename="+name, "Idempotency-Key", "k")
	}
	first, again := send("content", "n"), send("content", "n")
	require.Equal(t, 201, first.StatusCode, string(first.body))
	require.Equal(t, 201, again.StatusCode)
	require.JSONEq(t, string(first.body), string(again.body))
	require.Len(t, w.VaultRows(t)["files"], 1)
	require.Equal(t, "idempotency_key_reused", send("other", "n").code(t))
	require.Equal(t, "idempotency_key_reused", send("content", "m").code(t))
	require.Len(t, w.VaultRows(t)["files"], 1)
}

func TestARepeatedDownloadIsRecordedAsOne(t *testing.T) {
	w := newWorld(t)
	path := w.api + "/secrets/" + w.fileSecret(t, "n", "content", forAssignee) + "/files/licence/download"
	first, again := w.as(t, agent, "POST", path, "", "Idempotency-Key", "k"), w.as(t, agent, "POST", path, "", "Idempotency-Key", "k")
	require.Equal(t, "content", string(first.body))
	require.Equal(t, "content", string(again.body))
	require.NotEqual(t, first.Header.Get(headerReceipt), again.Header.Get(headerReceipt))
	var list List[reveals.Reveal]
	w.get(t, owner, w.api+"/audit/reveals?kind=downloaded").into(t, &list)
	require.Len(t, list.Items, 2)
	require.Equal(t, first.Header.Get(headerReceipt), list.Items[0].RetryOf.String())
}

// A slow sender must move on; one that hangs is let go of.
func TestAChunkedUploadHasABound(t *testing.T) {
	w := newWorld(t)
	w.Server.Uploads.Limit = 1 << 20
	address := w.served(t)
	send := func(body io.Reader) *nethttp.Response {
		r, err := nethttp.NewRequestWithContext(t.Context(), "POST", "http://"+address+w.api+"/uploads", body)
		require.NoError(t, err)
		r.ContentLength = -1
		r.Header.Set("Authorization", "Bearer "+w.issuer.token(t, owner))
		r.Header.Set("Content-Disposition", "attachment; filename=n")
		resp, err := nethttp.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp
	}
	require.Equal(t, 201, send(bytes.NewReader(make([]byte, 1<<20))).StatusCode)
	require.Equal(t, 413, send(bytes.NewReader(make([]byte, 1<<20+1))).StatusCode)
}

// An upload passes a real scanner or is not kept, and the secret's history says that it was scanned.
func TestUploadsAreScanned(t *testing.T) {
	d := clamdtest.Start(t)
	w := newWorld(t)
	scanner, err := clamd.New(d.Socket)
	require.NoError(t, err)
	w.Server.Uploads.Scan = scanner.Scan
	send := func(content string) answered {
		return w.as(t, owner, "POST", w.api+"/uploads", content, "Content-Disposition", "attachment; filename=needle.txt")
	}
	filler := strings.Repeat("harmless ", 50_000)
	for _, bad := range []string{clamdtest.EICAR(), filler + clamdtest.Bad + filler} {
		got := send(bad)
		require.Equal(t, 422, got.StatusCode)
		require.Equal(t, "file_infected", got.code(t))
	}
	got := send(strings.Repeat("x", clamdtest.MaxLength+1))
	require.Equal(t, "scanner_unavailable", got.code(t), "what was not looked at is not kept")
	require.Empty(t, w.VaultRows(t)["files"])
	secret := w.fileSecret(t, "licence.txt", filler, forAssignee)
	var types []string
	for _, e := range w.Events(t, "secret-"+secret) {
		types = append(types, e.Event.EventType())
	}
	require.Contains(t, types, "secret.file_scanned.v1")
	d.Stop()
	got = send("x")
	require.Equal(t, 503, got.StatusCode)
	require.Equal(t, "scanner_unavailable", got.code(t))
	require.NotEmpty(t, got.Header.Get("Retry-After"))
	require.NotContains(t, w.logged.String(), "needle")
}

// peak is the most memory in use while something is done, above what was before, in bytes.
func peak(do func()) uint64 {
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most, stop, stopped := before.HeapAlloc, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for tick := time.NewTicker(2 * time.Millisecond); ; {
			select {
			case <-tick.C:
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc)
			case <-stop:
				tick.Stop()
				return
			}
		}
	}()
	do()
	close(stop)
	<-stopped
	return most - before.HeapAlloc
}

// pattern yields bytes that repeat at no power of two.
type pattern struct{ at, end int }

func (p *pattern) Read(b []byte) (int, error) {
	if p.at == p.end {
		return 0, io.EOF
	}
	n := min(len(b), p.end-p.at)
	for i := range b[:n] {
		b[i] = byte((p.at + i) % 251)
	}
	p.at += n
	return n, nil
}

// A file of 100 MiB goes in and out in a fraction of its size, client included.
func TestLargeFilesAreNeverHeldWhole(t *testing.T) {
	const size, most = 100 << 20, 64 << 20
	w := newWorld(t)
	address := "http://" + w.served(t)
	ask := func(path, disposition string, body io.Reader, length int64) *nethttp.Response {
		r, err := nethttp.NewRequestWithContext(t.Context(), "POST", address+path, body)
		require.NoError(t, err)
		r.ContentLength = length
		r.Header.Set("Authorization", "Bearer "+w.issuer.token(t, owner))
		r.Header.Set("Content-Disposition", disposition)
		resp, err := nethttp.DefaultClient.Do(r)
		require.NoError(t, err)
		return resp
	}
	for _, length := range []int64{size, -1} { // told, or chunked
		var up Upload
		in := peak(func() {
			resp := ask(w.api+"/uploads", "attachment; filename=large", &pattern{end: size}, length)
			require.Equal(t, 201, resp.StatusCode)
			require.NoError(t, json.NewDecoder(resp.Body).Decode(&up))
			require.NoError(t, resp.Body.Close())
		})
		require.Equal(t, int64(size), up.Size)
		secret := w.post(t, "/secrets", fmt.Sprintf(`{"template_id":%q,"name":"N","files":{"licence":%q}}`, w.post(t, "/templates", fileTemplate), up.ID))
		sent, got := sha256.New(), sha256.New()
		_, err := io.Copy(sent, &pattern{end: size})
		require.NoError(t, err)
		out := peak(func() {
			resp := ask(w.api+"/secrets/"+secret+"/files/licence/download", "", nil, 0)
			require.Equal(t, 200, resp.StatusCode)
			n, err := io.Copy(got, resp.Body)
			require.NoError(t, err)
			require.Equal(t, int64(size), n)
			require.NoError(t, resp.Body.Close())
		})
		require.Equal(t, sent.Sum(nil), got.Sum(nil))
		t.Logf("100 MiB took at most %.1f MiB in and %.1f MiB out", float64(in)/(1<<20), float64(out)/(1<<20))
		require.Less(t, max(in, out), uint64(most))
	}
}

// What turns out not to be the file that the log names is not given out whole: the connection is cut.
func TestADownloadThatFailsIsCut(t *testing.T) {
	w := newWorld(t)
	secret := w.fileSecret(t, "n", strings.Repeat("x", 1<<20), forAssignee)
	w.DamageFiles(t)
	r, err := nethttp.NewRequestWithContext(t.Context(), "POST", "http://"+w.served(t)+w.api+"/secrets/"+secret+"/files/licence/download", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+w.issuer.token(t, owner))
	resp, err := nethttp.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.Error(t, err)
	require.Less(t, len(got), 1<<20)
	require.Eventually(t, func() bool { return strings.Contains(w.logged.String(), "a download was cut off") }, 10*time.Second, time.Millisecond)
}
