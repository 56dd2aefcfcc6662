package http

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net"
	nethttp "net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/kdesk/client-secrets/commands/reveal"
	"github.com/kdesk/client-secrets/commands/upload"
	"github.com/kdesk/client-secrets/domain"
)

const (
	headerReceipt = "X-Receipt-Event"

	// filePolicy keeps a browser that shows a file all the same from running anything in it.
	filePolicy = "default-src 'none'; sandbox"
)

// Upload is a file that waits to be put into a secret, for a day.
type Upload struct {
	ID     string `json:"id" format:"uuid"`
	Size   int64  `json:"size" doc:"In bytes"`
	SHA256 string `json:"sha256_of_ciphertext" doc:"Hexadecimal; what the log will name the file by"`
}

type uploadInput struct {
	Workspace
	Disposition string `header:"Content-Disposition" required:"true" doc:"Names the file, as in attachment; filename*=UTF-8''licence.pdf"`
	RawBody     []byte `contentType:"application/octet-stream"`
}

// fileRoutes describes the routes that bytes of files go through, and serves the one out. Both stream.
func (s *Server) fileRoutes() {
	op := s.operation(route{method: nethttp.MethodPost, path: inWorkspace + "/uploads", id: "upload-file", tag: "Files",
		summary: "Upload a file, to be put into a field within a day", needs: secretsModify, errors: []int{429}})
	op.DefaultStatus = nethttp.StatusCreated
	op.Parameters = append(op.Parameters, headerParam(headerIdempotency, "Makes a repetition safe: 1 to 200 visible characters"))
	describeOnly[uploadInput, Upload](s.api, op)
	s.api.OpenAPI().Paths[op.Path].Post.Responses["201"].Headers = nil // no change of anything that has a revision

	op = s.operation(route{method: nethttp.MethodPost, path: secretPath + "/files/{key}/download", id: "download-file", tag: "Files",
		summary: "Download a file, on record", needs: "secrets.reveal", errors: []int{428, 429}})
	op.Parameters = append(op.Parameters, headerParam(headerIdempotency, "A repetition is recorded anew, as one"))
	describeOnly[revealInput, []byte](s.api, op)
	bytes := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	answer := s.api.OpenAPI().Paths[op.Path].Post.Responses["200"]
	answer.Description, answer.Content = "The file, as an attachment", map[string]*huma.MediaType{"*/*": bytes}
	delete(answer.Headers, fiber.HeaderETag)
	answer.Headers[headerReceipt] = &huma.Header{Description: "The recorded event", Schema: &huma.Schema{Type: huma.TypeString, Format: "uuid"}}
	s.app.Post("/v1/workspaces/:workspace/secrets/:id/files/:key/download", s.download)
}

// upload takes a file in. Its body is hashed on the way, so that a repetition is told from another file under the same key
// only at its end.
func (s *Server) upload(f *fiber.Ctx) error {
	c, _ := f.Locals(callKey{}).(*call)
	if err := s.Uploads.Allow(c.request()); err != nil {
		return err
	}
	disposition := f.Get(fiber.HeaderContentDisposition)
	name, err := sentName(disposition)
	if err != nil {
		return err
	}
	if encoding := f.Get(fiber.HeaderContentEncoding); encoding != "" && encoding != "identity" {
		return unsupported("")
	}
	if int64(f.Request().Header.ContentLength()) > s.Uploads.Max() {
		return upload.ErrTooLarge
	}
	limit := transferTime(s.Uploads.Max())
	ctx, cancel := context.WithTimeout(context.Background(), limit+requestTimeout)
	defer cancel()
	body, mac := bodyOf(f), s.requestMAC(f)
	body.until = time.Now().Add(limit)
	mac.Write([]byte(disposition + "\x00"))
	received, err := s.Uploads.Receive(ctx, c.request(), name, io.TeeReader(body, mac))
	if err != nil {
		return err
	}
	defer received.Drop(ctx)
	f.SetUserContext(ctx)
	return s.once(f, c, func() [32]byte { return [32]byte(mac.Sum(nil)) }, func() error { return s.keep(ctx, f, c, received) })
}

func (s *Server) keep(ctx context.Context, f *fiber.Ctx, c *call, received *upload.Received) error {
	kept, err := received.Keep(ctx, c.request())
	if err != nil {
		return err
	}
	made := &Upload{kept.ID.String(), kept.Size, hex.EncodeToString(kept.SHA256[:])}
	c.answer = &answer{Upload: made}
	return f.Status(nethttp.StatusCreated).JSON(made)
}

var errDisposition = domain.Refuse(domain.Malformed, "malformed_content_disposition", "Content-Disposition names the file: attachment; filename=\"…\"").
	With("header.content_disposition", "does not name the file")

// sentName reads the name of a file (RFC 6266).
func sentName(disposition string) (string, error) {
	_, params, err := mime.ParseMediaType(disposition)
	if err != nil || params["filename"] == "" {
		return "", errDisposition
	}
	return strings.Clone(params["filename"]), nil
}

// download gives a file out. What goes wrong after the first byte cannot be answered any more: the connection is cut.
func (s *Server) download(f *fiber.Ctx) error {
	c, _ := f.Locals(callKey{}).(*call)
	ask, err := askOf(f, c.body)
	if err != nil {
		return err
	}
	ask.RetryOf = c.firstReveal
	ctx, cancel := context.WithCancel(context.Background())
	out, err := s.Gate.Download(ctx, c.request(), ask)
	if err != nil {
		cancel()
		return err
	}
	c.answer = &answer{Reveal: out.Receipt.EventID}
	f.Set(headerPosition, s.positions.token(out.Receipt.Position))
	f.Set(headerReceipt, out.Receipt.EventID.String())
	f.Set(fiber.HeaderContentType, out.ContentType)
	f.Set(fiber.HeaderContentDisposition, attachment(out.Name))
	f.Set(fiber.HeaderContentSecurityPolicy, filePolicy)
	leaving := &leaving{out: out, conn: f.Context().Conn(), until: time.Now().Add(transferTime(out.Size)), cancel: cancel,
		failed: func(err error) { s.Logger.Error("a download was cut off", "request", c.correlation, "err", err) }}
	f.Response().SetBodyStream(leaving, int(out.Size))
	return nil
}

// leaving is a file while it is sent, after its handler returned.
type leaving struct {
	out    reveal.Downloaded
	conn   net.Conn
	until  time.Time
	cancel context.CancelFunc
	failed func(error)
}

var errSlow = errors.New("it was fetched too slowly")

// Read returns the next part and has it sent in time.
func (l *leaving) Read(p []byte) (int, error) {
	if time.Now().After(l.until) {
		l.failed(errSlow)
		return 0, errSlow
	}
	_ = l.conn.SetWriteDeadline(sooner(l.until))
	n, err := l.out.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		l.failed(err)
	}
	return n, err
}

// Close ends it.
func (l *leaving) Close() error {
	defer l.cancel()
	return l.out.Close()
}

// attachment names a file for those who take it: in ASCII for old clients, and as it is (RFC 6266, RFC 8187).
func attachment(name string) string {
	var ascii, encoded strings.Builder
	for _, r := range name {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\%`, r) {
			r = '_'
		}
		ascii.WriteRune(r)
	}
	for _, b := range []byte(name) {
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("!#$&+-.^_`|~", b) >= 0 {
			encoded.WriteByte(b)
		} else {
			encoded.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{b})))
		}
	}
	return `attachment; filename="` + ascii.String() + `"; filename*=UTF-8''` + encoded.String()
}
