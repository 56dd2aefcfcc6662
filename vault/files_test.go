package vault

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

const uploader = "member-of-tests"

// upload receives and keeps a file and returns its id.
func (f fixture) upload(t testing.TB, v *Vault, content []byte) uuid.UUID {
	r, err := v.Receive(ctx, NewFile{f.ws, uploader, needle + ".txt"}, bytes.NewReader(content))
	require.NoError(t, err)
	id := uuid.New()
	sum, about, err := r.Keep(ctx, id)
	require.NoError(t, err)
	require.Equal(t, r.SHA256, sum)
	require.Equal(t, About{Name: needle + ".txt", Size: int64(len(content)), ContentType: r.ContentType}, about)
	return id
}

func (f fixture) place(subject string) Ref { return Ref{f.ws, subject, "licence", 1} }

func (f fixture) attachment(id uuid.UUID, subject string) Attachment {
	return Attachment{Upload: id, Uploader: uploader, Command: uuid.New(), Try: uuid.New(), To: f.place(subject)}
}

// attached uploads a file and puts it into a secret, as the log has it.
func (f fixture) attached(t testing.TB, v *Vault, subject string, content []byte) Attached {
	a := f.attachment(f.upload(t, v, content), subject)
	got, err := v.Attach(ctx, a)
	require.NoError(t, err)
	require.NoError(t, v.Settle(ctx, f.ws, a.Command, 7))
	return got
}

// download reads a file as a caller does.
func download(v *Vault, ref Ref, want Sealed) ([]byte, About, error) {
	stored, err := v.FetchFile(ctx, want.ContentID)
	if err != nil {
		return nil, About{}, err
	}
	file, err := v.Decrypt(ctx, ref, want, stored)
	if err != nil {
		return nil, About{}, err
	}
	got, err := io.ReadAll(file)
	return got, file.About, errors.Join(err, file.Close())
}

// blobFiles are the ciphertexts in the store.
func (f fixture) blobFiles(t testing.TB) (paths []string) {
	require.NoError(t, filepath.WalkDir(f.blobs, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	}))
	return paths
}

func (f fixture) rows(t testing.TB) (n int) {
	require.NoError(t, f.pool.QueryRow(ctx, `SELECT count(*) FROM vault.files`).Scan(&n))
	return n
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func TestAFileComesBackAsItWas(t *testing.T) {
	f := newFixture(t)
	v := f.open(t)
	for _, size := range []int{0, 1, 100, fileSegment - 100, fileSegment, 3*fileSegment - 1, 3 << 20} {
		content := random(size)
		subject := aSubject()
		got := f.attached(t, v, subject, content)
		plain, about, err := download(f.open(t), f.place(subject), got.Sealed)
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, plain), "%d bytes", size)
		require.Equal(t, int64(size), about.Size)
		described, err := v.Describe(ctx, map[uuid.UUID]Ref{got.ContentID: f.place(subject)})
		require.NoError(t, err)
		require.Equal(t, map[uuid.UUID]About{got.ContentID: about}, described)
	}
}

func TestWhatAFileIsIsFoundInItsBytes(t *testing.T) {
	f := newFixture(t)
	v := f.open(t)
	for content, want := range map[string]string{
		"%PDF-1.7\n": "application/pdf", "<html><script>": "text/html; charset=utf-8", "plain words": "text/plain; charset=utf-8",
		"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR": "image/png", "\x00\x01\x02\xff": "application/octet-stream",
	} {
		r, err := v.Receive(ctx, NewFile{f.ws, uploader, "invoice.exe"}, iotest.OneByteReader(strings.NewReader(content)))
		require.NoError(t, err)
		require.Equal(t, want, r.ContentType)
		require.NoError(t, r.Drop(ctx))
	}
	require.Empty(t, f.blobFiles(t))
	require.Zero(t, f.rows(t))
}

func TestNothingOfAFileIsInTheClear(t *testing.T) {
	f := newFixture(t)
	got := f.attached(t, f.open(t), aSubject(), bytes.Repeat([]byte(needle), 10_000))
	for _, path := range f.blobFiles(t) {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotContains(t, string(content), needle)
	}
	var row string
	require.NoError(t, f.pool.QueryRow(ctx, `SELECT encode(about, 'escape') || encode(wrapped, 'escape') FROM vault.files WHERE content_id = $1`,
		got.ContentID).Scan(&row))
	require.NotContains(t, row, needle)
}

func TestAFileThatFailsOnItsWayInLeavesNothing(t *testing.T) {
	f := newFixture(t)
	v := f.open(t)
	broken := errors.New("cut off")
	_, err := v.Receive(ctx, NewFile{f.ws, uploader, "n"}, io.MultiReader(bytes.NewReader(random(1<<20)), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	require.Empty(t, f.blobFiles(t))
	require.Zero(t, f.rows(t))
}

func TestARepeatedUploadIsTheFirst(t *testing.T) {
	f := newFixture(t)
	v, id := f.open(t), uuid.New()
	receive := func() *Received {
		r, err := v.Receive(ctx, NewFile{f.ws, uploader, "n"}, strings.NewReader("same"))
		require.NoError(t, err)
		return r
	}
	first, second := receive(), receive()
	sum, about, err := first.Keep(ctx, id)
	require.NoError(t, err)
	again, aboutAgain, err := second.Keep(ctx, id)
	require.NoError(t, err)
	require.Equal(t, sum, again)
	require.Equal(t, about, aboutAgain)
	require.Len(t, f.blobFiles(t), 1)
	require.Equal(t, 1, f.rows(t))
}

func TestWhoseUploadMayBeUsed(t *testing.T) {
	f := newFixture(t)
	v, subject := f.open(t), aSubject()
	id := f.upload(t, v, []byte("x"))
	unusable := map[string]func(*Attachment){
		"somebody else's":         func(a *Attachment) { a.Uploader = "member-else" },
		"of another workspace":    func(a *Attachment) { a.To.Workspace = uuid.New() },
		"that there never was":    func(a *Attachment) { a.Upload = uuid.New() },
		"of nobody in particular": func(a *Attachment) { a.Uploader = "" },
	}
	for name, change := range unusable {
		a := f.attachment(id, subject)
		change(&a)
		_, err := v.Attach(ctx, a)
		require.ErrorIs(t, err, ErrNoUpload, name)
	}
	_, err := f.pool.Exec(ctx, `UPDATE vault.files SET created_at = now() - interval '24 hours 1 second'`)
	require.NoError(t, err)
	_, err = v.Attach(ctx, f.attachment(id, subject))
	require.ErrorIs(t, err, ErrNoUpload, "expired")
}

func TestAnUploadIsUsedByOneCommandOnly(t *testing.T) {
	f := newFixture(t)
	v, subject := f.open(t), aSubject()
	a := f.attachment(f.upload(t, v, []byte("x")), subject)
	first, err := v.Attach(ctx, a)
	require.NoError(t, err)
	other := f.attachment(a.Upload, aSubject())
	_, err = v.Attach(ctx, other)
	require.ErrorIs(t, err, ErrNoUpload)

	again := a
	again.Try, again.To.Version = uuid.New(), 2
	_, err = v.Attach(ctx, again) // somebody else's value was faster: the next version
	require.NoError(t, err)
	_, _, err = download(v, a.To, first.Sealed)
	require.ErrorIs(t, err, ErrTampered, "it stands elsewhere now")

	require.NoError(t, v.Settle(ctx, f.ws, a.Command, 7))
	_, err = v.Attach(ctx, other)
	require.ErrorIs(t, err, ErrNoUpload)
	_, err = v.Attach(ctx, again)
	require.NoError(t, err, "a repetition of what is in the log")
	_, err = v.Attach(ctx, a)
	require.ErrorIs(t, err, ErrNoUpload, "what is in the log stays there")
}

func TestARefusedCommandGivesItsUploadBack(t *testing.T) {
	f := newFixture(t)
	v := f.open(t)
	a := f.attachment(f.upload(t, v, []byte("x")), aSubject())
	_, err := v.Attach(ctx, a)
	require.NoError(t, err)
	require.NoError(t, v.Release(ctx, f.ws, a.Command, uuid.New()), "of another try")
	other := f.attachment(a.Upload, aSubject())
	_, err = v.Attach(ctx, other)
	require.ErrorIs(t, err, ErrNoUpload)
	require.NoError(t, v.Release(ctx, f.ws, a.Command, a.Try))
	got, err := v.Attach(ctx, other)
	require.NoError(t, err)

	// Two tries of one command at once: neither knows whether the other is recorded.
	second := other
	second.Try = uuid.New()
	_, err = v.Attach(ctx, second)
	require.NoError(t, err)
	for _, try := range []uuid.UUID{other.Try, second.Try, uuid.Nil} {
		require.NoError(t, v.Release(ctx, f.ws, other.Command, try))
	}
	plain, _, err := download(v, other.To, got.Sealed)
	require.NoError(t, err)
	require.Equal(t, "x", string(plain))
}

func TestADestroyedSecretTakesItsFilesAlong(t *testing.T) {
	f := newFixture(t)
	v, subject, bystander := f.open(t), aSubject(), aSubject()
	gone, stays := f.attached(t, v, subject, random(1000)), f.attached(t, v, bystander, random(1000))
	stored, err := v.FetchFile(ctx, gone.ContentID)
	require.NoError(t, err)
	kept, err := os.ReadFile(filepath.Join(f.blobs, blobName(stored.place.blob)))
	require.NoError(t, err)

	require.NoError(t, v.Destroy(ctx, f.ws, subject))
	require.NoError(t, v.Destroy(ctx, f.ws, subject), "twice")
	_, err = v.FetchFile(ctx, gone.ContentID)
	require.ErrorIs(t, err, ErrMissing)
	require.Len(t, f.blobFiles(t), 1)
	_, err = v.Attach(ctx, f.attachment(f.upload(t, v, []byte("x")), subject))
	require.ErrorIs(t, err, ErrErased)

	// Whoever kept copies of row and ciphertext has noise.
	require.NoError(t, os.WriteFile(filepath.Join(f.blobs, blobName(stored.place.blob)), kept, 0o600))
	_, err = v.Decrypt(ctx, f.place(subject), gone.Sealed, stored)
	require.ErrorIs(t, err, ErrErased)
	_, _, err = download(v, f.place(bystander), stays.Sealed)
	require.NoError(t, err)
}

func TestARemovalThatWasInterruptedIsFinished(t *testing.T) {
	f := newFixture(t)
	v, subject := f.open(t), aSubject()
	f.attached(t, v, subject, random(1000))
	_, err := f.pool.Exec(ctx, doom+"true") // a crash before the ciphertext was removed
	require.NoError(t, err)
	require.NoError(t, v.Destroy(ctx, f.ws, subject))
	require.Empty(t, f.blobFiles(t))
	require.Zero(t, f.rows(t))
}

func TestAnAlteredFileIsNotGivenOut(t *testing.T) {
	f := newFixture(t)
	v, subject := f.open(t), aSubject()
	content := random(3 * fileSegment)
	good := f.attached(t, v, subject, content)
	stored, err := v.FetchFile(ctx, good.ContentID)
	require.NoError(t, err)
	path := filepath.Join(f.blobs, blobName(stored.place.blob))
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for name, alter := range map[string]func([]byte) []byte{
		"a bit in the first part": func(b []byte) []byte { b[100] ^= 1; return b },
		"a bit in the last part":  func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"cut off":                 func(b []byte) []byte { return b[:len(b)-1] },
		"cut off after a part":    func(b []byte) []byte { return b[:2*fileSegment] },
		"longer":                  func(b []byte) []byte { return append(b, 0) },
		"empty":                   func(b []byte) []byte { return nil },
	} {
		require.NoError(t, os.WriteFile(path, alter(bytes.Clone(whole)), 0o600))
		got, _, err := download(v, f.place(subject), good.Sealed)
		require.ErrorIs(t, err, ErrTampered, name)
		require.Less(t, len(got), len(content), name)
		require.True(t, bytes.HasPrefix(content, got), name)
	}
	require.NoError(t, os.WriteFile(path, whole, 0o600))
	another := good.Sealed
	another.SHA256[0] ^= 1
	got, _, err := download(v, f.place(subject), another)
	require.ErrorIs(t, err, ErrTampered, "not the one that the log names")
	require.Less(t, len(got), len(content), "the last part is held back")

	require.NoError(t, os.Remove(path))
	_, _, err = download(v, f.place(subject), good.Sealed)
	require.ErrorIs(t, err, ErrMissing)
}

func TestAFileOpensOnlyWhereItStands(t *testing.T) {
	f := newFixture(t)
	v, subject := f.open(t), aSubject()
	got := f.attached(t, v, subject, random(1000))
	for _, ref := range []Ref{f.place(aSubject()), {f.ws, subject, "other", 1}, {f.ws, subject, "licence", 2}, {uuid.New(), subject, "licence", 1}} {
		_, _, err := download(v, ref, got.Sealed)
		require.ErrorIs(t, err, ErrTampered)
	}
	// Nor does it when its row is moved by hand.
	_, err := f.pool.Exec(ctx, `UPDATE vault.files SET field = 'other'`)
	require.NoError(t, err)
	_, _, err = download(v, Ref{f.ws, subject, "other", 1}, got.Sealed)
	require.ErrorIs(t, err, ErrTampered)
}

func TestUploadsThatWaitAreBounded(t *testing.T) {
	f := newFixture(t)
	v := f.open(t)
	_, err := f.pool.Exec(ctx, `INSERT INTO vault.files (blob, workspace, uploader, subject, alg)
		SELECT gen_random_uuid(), $1, $2, $2, '' FROM generate_series(1, $3)`, f.ws, uploader, maxWaiting)
	require.NoError(t, err)
	_, err = v.Receive(ctx, NewFile{f.ws, uploader, "n"}, strings.NewReader("x"))
	require.ErrorIs(t, err, ErrTooManyUploads)
	_, err = v.Receive(ctx, NewFile{f.ws, "member-else", "n"}, strings.NewReader("x"))
	require.NoError(t, err)
}

func TestAVaultWithFilesIsNotOpenedWithoutThem(t *testing.T) {
	f := newFixture(t)
	without := Config{Pool: f.pool, KMSURL: f.url, CreateKey: true}
	v, err := Open(ctx, without)
	require.NoError(t, err)
	_, err = v.Receive(ctx, NewFile{f.ws, uploader, "n"}, strings.NewReader("x"))
	require.ErrorIs(t, err, ErrNoFiles)
	require.NoError(t, v.Close())
	f.upload(t, f.open(t), []byte("x"))
	_, err = Open(ctx, without)
	require.ErrorContains(t, err, "BLOB_URL is missing")
	require.NoError(t, os.Rename(f.blobs, f.blobs+"-unmounted"))
	without.BlobURL = fileScheme + f.blobs
	_, err = Open(ctx, without)
	require.Error(t, err, "no empty folder takes the place of one with files")
	without.BlobURL = "s3://bucket"
	_, err = Open(ctx, without)
	require.ErrorContains(t, err, "-tags cloud")
}

func TestTheSweepRemovesWhatNobodyNeeds(t *testing.T) {
	f := newFixture(t)
	v := f.open(t)
	nobody := func(Ref, uuid.UUID) bool { return false }
	waiting := f.upload(t, v, []byte("waiting"))
	settled := f.attached(t, v, aSubject(), []byte("settled"))
	crashed, recorded := f.attachment(f.upload(t, v, []byte("crashed")), aSubject()), f.attachment(f.upload(t, v, []byte("recorded")), aSubject())
	_, err := v.Attach(ctx, crashed)
	require.NoError(t, err)
	inLog, err := v.Attach(ctx, recorded)
	require.NoError(t, err)
	_, err = v.Receive(ctx, NewFile{f.ws, uploader, "n"}, strings.NewReader("never kept"))
	require.NoError(t, err)

	removed, err := v.SweepFiles(ctx, 7, nobody)
	require.NoError(t, err)
	require.Zero(t, removed, "all of it is young")

	_, err = f.pool.Exec(ctx, `UPDATE vault.files SET created_at = now() - interval '3 days', attached_at = attached_at - interval '2 days'`)
	require.NoError(t, err)
	_, err = v.SweepFiles(ctx, 6, nobody)
	require.ErrorIs(t, err, ErrLogBehind)
	require.Equal(t, 5, f.rows(t))

	_, err = v.SweepFiles(ctx, 9, func(ref Ref, id uuid.UUID) bool { return ref == recorded.To && id == recorded.Upload })
	require.NoError(t, err)
	require.Equal(t, 2, f.rows(t))
	require.Len(t, f.blobFiles(t), 2)
	_, err = v.FetchFile(ctx, waiting)
	require.ErrorIs(t, err, ErrMissing)
	_, _, err = download(v, recorded.To, inLog.Sealed)
	require.NoError(t, err)
	_, err = v.FetchFile(ctx, settled.ContentID)
	require.NoError(t, err)
}

func TestTheSweepRemovesWhatACrashLeftOfWriting(t *testing.T) {
	f := newFixture(t)
	v := f.open(t)
	blob := uuid.New()
	_, err := f.pool.Exec(ctx, `INSERT INTO vault.files (blob, workspace, uploader, subject, alg, created_at)
		VALUES ($1, $2, $3, $3, '', now() - interval '2 days')`, blob, f.ws, uploader)
	require.NoError(t, err)
	path := filepath.Join(f.blobs, blobName(blob)+".1234.tmp")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte("half"), 0o600))
	_, err = v.SweepFiles(ctx, 0, func(Ref, uuid.UUID) bool { return false })
	require.NoError(t, err)
	require.Empty(t, f.blobFiles(t))
	require.Zero(t, f.rows(t))
}
