package storetest

import "testing"

// Suite holds a server to every rule of the EventStoreDB protocol that this project relies on and that the official
// client's own tests leave out. It takes a connection string and assumes nothing of what the server holds: stream
// names are new in each run. The user may do everything, as an administrator or on an insecure server. Nothing is
// removed afterwards, except by deletions that are tests themselves.
func Suite(t *testing.T, connection string) {
	s := dial(t, connection)
	for _, one := range []struct {
		name string
		run  func(*testing.T, *target)
	}{
		{"append/an event reads back as it was written", testReadBack},
		{"append/positions strictly increase", testPositions},
		{"append/expected revisions", testExpectedRevisions},
		{"append/all events or none", testAllOrNone},
		{"append/one of concurrent appends wins", testConcurrentAppends},
		{"append/size limit", testSizeLimit},
		{"idempotency/no stream", testRepeatNoStream},
		{"idempotency/exact revision", testRepeatExact},
		{"idempotency/any and stream exists", testRepeatLoose},
		{"batch append/one append", testBatchOne},
		{"batch append/appends of many messages side by side", testBatchInterleaved},
		{"batch append/order of appends to one stream", testBatchOrder},
		{"batch append/expected revisions", testBatchExpected},
		{"batch append/a repeated append", testBatchRepeat},
		{"batch append/deleted stream", testBatchDeleted},
		{"batch append/size limit", testBatchSize},
		{"batch append/deadlines", testBatchDeadlines},
		{"batch append/an invalid event", testBatchInvalid},
		{"delete/a soft-deleted stream goes on where it was", testRecreate},
		{"delete/a soft delete keeps $all as it is", testSoftDeleteKeepsAll},
		{"delete/a tombstone is for ever", testTombstone},
		{"read/streams forwards and backwards", testStreamBounds},
		{"read/the whole log forwards and backwards", testAllBounds},
		{"read/missing streams", testMissingStreams},
		{"read/stream position messages", testStreamPositions},
		{"read/links", testLinks},
		{"retention/$maxCount", testMaxCount},
		{"retention/$maxAge", testMaxAge},
		{"retention/$tb", testTruncateBefore},
		{"retention/metadata streams keep one event", testMetadataStreams},
		{"subscription/stream from the start", testSubscribeStart},
		{"subscription/stream from a revision", testSubscribeRevision},
		{"subscription/stream from the end", testSubscribeEnd},
		{"subscription/stream that does not exist yet", testSubscribeEarly},
		{"subscription/stream with links", testSubscribeLinks},
		{"subscription/a tombstone ends it", testSubscribeTombstone},
		{"subscription/the whole log from a position", testSubscribeAll},
		{"subscription/the whole log from the end", testSubscribeAllEnd},
		{"subscription/nothing is lost or repeated where catching up ends", testSubscribeWhileAppending},
		{"filter/by stream name and by event type", testFilters},
		{"filter/checkpoints", testCheckpoints},
		{"filter/checkpoints while live", testLiveCheckpoints},
		{"filter/filtered reads", testFilteredReads},
		{"refusal/wrong expected version", testWrongVersionTrailers},
		{"refusal/stream deleted", testDeletedTrailers},
		{"refusal/append too large", testTooLargeTrailers},
		{"refusal/invalid requests", testInvalidRequests},
	} {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			one.run(t, s)
		})
	}
}
