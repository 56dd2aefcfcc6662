package embedded

import (
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

const (
	maxMessageBytes = 16 << 20
	maxStreams      = 100 // concurrent calls on one connection, as the servers allow
	windowBytes     = 4 << 20
	sendBytes       = 256 << 10 // collected for one write; only while there is something to send
	receiveBytes    = 32 << 10  // of every connection, for as long as it lasts
	greeting        = 10 * time.Second
)

// transportOptions are those of production servers where clients can tell, and larger windows and buffers.
func transportOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(newFrameCodec()),
		grpc.MaxRecvMsgSize(maxMessageBytes),
		grpc.MaxSendMsgSize(maxMessageBytes + 1<<20),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.StaticStreamWindowSize(windowBytes),
		grpc.StaticConnWindowSize(4 * windowBytes),
		grpc.ReadBufferSize(receiveBytes),
		grpc.WriteBufferSize(sendBytes),
		grpc.ConnectionTimeout(greeting),
		grpc.WaitForHandlers(true),
		// Clients ping every 10 s; the default policy would end their connections.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 10 * time.Second, Timeout: 10 * time.Second}),
		grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error {
			return status.Error(codes.Unimplemented, "the embedded event store offers streams only: "+
				"no persistent subscriptions, projections, user management or operations")
		}),
	}
}

// isLoopback reports whether an address to listen on is reachable from this machine only.
func isLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
