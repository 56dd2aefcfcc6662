package embedded

import (
	"context"
	"slices"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/kdesk/client-secrets/eventstore/embedded/internal/storage"
)

// persistentService answers the one call of persistent subscriptions that clients make without using any: they
// create a group to find out whether a server takes writes. Nothing is kept of it; every other call, and so
// every use of a group, is answered UNIMPLEMENTED by the handler of unknown methods.
type persistentService struct {
	persistent.UnimplementedPersistentSubscriptionsServer
	store *storage.Store
}

// Create checks the request and that the log is open.
func (s *persistentService) Create(ctx context.Context, req *persistent.CreateReq) (*persistent.CreateResp, error) {
	if err := s.create(ctx, req.GetOptions()); err != nil {
		return nil, toStatus(err, func(md metadata.MD) { _ = grpc.SetTrailer(ctx, md) }) // fails only outside a call
	}
	return &persistent.CreateResp{}, nil
}

func (s *persistentService) create(ctx context.Context, o *persistent.CreateReq_Options) error {
	if user := userOf(ctx); user != nil && !user.admin() && !user.in(opsGroup) {
		return accessDenied()
	}
	if o.GetGroupName() == "" {
		return invalid("a persistent subscription needs a group name")
	}
	if o.GetAll() == nil {
		id := o.GetStream().GetStreamIdentifier()
		if id == nil {
			id = o.GetStreamIdentifier() //nolint:staticcheck // where older clients put it
		}
		if _, err := streamName(id); err != nil {
			return err
		}
	}
	view, err := s.store.View()
	if err != nil {
		return err
	}
	view.Close()
	return nil
}

// register leaves the methods out that are not offered.
func (s *persistentService) register(server *grpc.Server) {
	desc := persistent.PersistentSubscriptions_ServiceDesc
	desc.Streams = nil
	desc.Methods = slices.DeleteFunc(slices.Clone(desc.Methods), func(m grpc.MethodDesc) bool { return m.MethodName != "Create" })
	server.RegisterService(&desc, s)
}
