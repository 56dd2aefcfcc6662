package embedded

import (
	"context"
	"net"
	"strconv"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	features "github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// protocolVersion is the server version whose protocol is spoken; clients want three plain numbers.
const protocolVersion = "24.10.0"

// featuresService answers what clients ask on every connect.
type featuresService struct {
	features.UnimplementedServerFeaturesServer
}

// GetSupportedMethods lists what this server really offers, so that clients choose accordingly.
func (featuresService) GetSupportedMethods(context.Context, *shared.Empty) (*features.SupportedMethods, error) {
	method := func(name string, features_ ...string) *features.SupportedMethod {
		return &features.SupportedMethod{ServiceName: "event_store.client.streams.streams", MethodName: name, Features: features_}
	}
	return &features.SupportedMethods{EventStoreServerVersion: protocolVersion, Methods: []*features.SupportedMethod{
		method("read", "position", "events"), method("append"), method("delete"), method("tombstone"),
		method("batchappend", "deadline_duration"),
	}}, nil
}

// gossipService presents a cluster of one leader, so that esdb+discover connection strings work too.
type gossipService struct {
	gossip.UnimplementedGossipServer
	id     uuid.UUID
	listen string
}

// Read names the server by the address the client already reached it at.
func (g *gossipService) Read(ctx context.Context, _ *shared.Empty) (*gossip.ClusterInfo, error) {
	address := g.listen
	md, _ := metadata.FromIncomingContext(ctx)
	if authority := md.Get(":authority"); len(authority) > 0 {
		address = authority[0]
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "the request's authority is not host:port")
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "the request's authority has no numeric port")
	}
	return &gossip.ClusterInfo{Members: []*gossip.MemberInfo{{
		InstanceId:   &shared.UUID{Value: &shared.UUID_String_{String_: g.id.String()}},
		TimeStamp:    time.Now().UnixNano() / 100,
		State:        gossip.MemberInfo_Leader,
		IsAlive:      true,
		HttpEndPoint: &gossip.EndPoint{Address: host, Port: uint32(number)},
	}}}, nil
}
