package esdb

import (
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/encoding"
	"google.golang.org/protobuf/proto"
)

func TestAppendsAreSentAsProtobufSendsThem(t *testing.T) {
	proposed := func(id *shared.UUID, metadata map[string]string, custom, data string) *api.AppendReq {
		return &api.AppendReq{Content: &api.AppendReq_ProposedMessage_{ProposedMessage: &api.AppendReq_ProposedMessage{
			Id: id, Metadata: metadata, CustomMetadata: []byte(custom), Data: []byte(data)}}}
	}
	structured := func(most, least int64) *shared.UUID {
		return &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{MostSignificantBits: most, LeastSignificantBits: least}}}
	}
	id := structured(1<<60, -1<<60)
	usual := map[string]string{"type": "secret.created.v1", "content-type": "application/json"}
	for name, test := range map[string]struct {
		plain bool
		req   *api.AppendReq
	}{
		"an event":      {true, proposed(id, usual, `{"by":"me"}`, `{"n":1}`)},
		"a large one":   {true, proposed(id, usual, strings.Repeat("x", 300), strings.Repeat("y", 100_000))},
		"an empty one":  {true, proposed(id, nil, "", "")},
		"a low id":      {true, proposed(structured(0, 1), usual, "", "")},
		"an id as text": {false, proposed(&shared.UUID{Value: &shared.UUID_String_{String_: "x"}}, usual, "", "")},
		"no id":         {false, proposed(nil, usual, "", "")},
		"options": {false, &api.AppendReq{Content: &api.AppendReq_Options_{Options: &api.AppendReq_Options{
			ExpectedStreamRevision: &api.AppendReq_Options_Revision{Revision: 7}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.plain, test.req.GetProposedMessage() != nil && plain(test.req.GetProposedMessage()))
			sent, err := encoding.GetCodecV2("proto").Marshal(test.req)
			require.NoError(t, err)
			var got api.AppendReq
			require.NoError(t, proto.Unmarshal(sent.Materialize(), &got))
			require.True(t, proto.Equal(test.req, &got), "%v\n%v", test.req, &got)
		})
	}
	for _, broken := range []map[string]string{{"type": "\xff"}, {"\xff": "x"}} {
		_, err := encoding.GetCodecV2("proto").Marshal(proposed(id, broken, "", ""))
		require.Error(t, err, "a text that is none is not sent")
	}
}
