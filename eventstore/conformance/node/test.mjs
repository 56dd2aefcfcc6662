// What the Node client must meet on the server that CONFORMANCE_URL names. Unlike the Go client it appends by
// BatchAppend. Stream names are new in each run, so the server may hold anything. For each test a line of JSON is
// printed: {"name", "seconds", "error"}; the error is missing if it passed.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import {
  BACKWARDS, END, EventStoreDBClient, FORWARDS, NO_STREAM, START, STREAM_EXISTS, StreamNotFoundError,
  StreamDeletedError, MaxAppendSizeExceededError, WrongExpectedVersionError, binaryEvent, eventTypeFilter, jsonEvent,
  streamNameFilter,
} from "@eventstore/db-client";

const client = EventStoreDBClient.connectionString(process.env.CONFORMANCE_URL);
const patience = 20_000;

const events = (n, type = "happened") =>
  Array.from({ length: n }, (_, i) => jsonEvent({ type, data: { number: i }, metadata: { by: "node" } }));
const newStream = () => `node-${randomUUID()}`;

async function collect(read) {
  const found = [];
  for await (const { event } of read) found.push(event);
  return found;
}

// next takes n events from a subscription and ends it.
async function next(subscription, n) {
  const found = [];
  const timer = setTimeout(() => subscription.destroy(new Error(`${found.length} of ${n} events came in time`)), patience);
  try {
    for await (const { event } of subscription) {
      found.push(event);
      if (found.length === n) break;
    }
  } finally {
    clearTimeout(timer);
    await subscription.unsubscribe();
  }
  return found;
}

const tests = {
  async "the server offers BatchAppend"() {
    const { streams } = await import("./node_modules/@eventstore/db-client/generated/streams_grpc_pb.js").then(
      (generated) => ({ streams: generated.default.StreamsService }));
    assert.ok(await client.supports(streams.batchAppend));
  },

  async "append and read both ways"() {
    const stream = newStream();
    const written = events(5);
    const result = await client.appendToStream(stream, written, { expectedRevision: NO_STREAM });
    assert.equal(result.success, true);
    assert.equal(result.nextExpectedRevision, 4n);
    assert.ok(result.position.commit > 0n);
    const ids = written.map(({ id }) => id);
    const forwards = await collect(client.readStream(stream, { direction: FORWARDS, fromRevision: START }));
    assert.deepEqual(forwards.map(({ id }) => id), ids);
    assert.deepEqual(forwards[3].data, { number: 3 });
    assert.deepEqual(forwards[3].metadata, { by: "node" });
    assert.equal(forwards[3].revision, 3n);
    const backwards = await collect(client.readStream(stream, { direction: BACKWARDS, fromRevision: END }));
    assert.deepEqual(backwards.map(({ id }) => id), ids.toReversed());
  },

  async "read the whole log from a position, both ways"() {
    const stream = newStream();
    const written = events(2);
    await client.appendToStream(stream, written.slice(0, 1));
    const { position } = await client.appendToStream(stream, written.slice(1));
    const [at] = await collect(client.readAll({ direction: FORWARDS, fromPosition: position, maxCount: 1 }));
    assert.equal(at.id, written[1].id, "forwards includes the position");
    const before = await collect(client.readAll({ direction: BACKWARDS, fromPosition: position, maxCount: 50 }));
    assert.equal(before.find(({ streamId }) => streamId === stream).id, written[0].id, "backwards excludes it");
  },

  async "meet WrongExpectedVersion"() {
    const stream = newStream();
    await client.appendToStream(stream, events(3));
    for (const [expectedRevision, expected] of [[NO_STREAM, NO_STREAM], [0n, 0n], [7n, 7n]]) {
      await assert.rejects(client.appendToStream(stream, events(2), { expectedRevision }), (error) => {
        assert.ok(error instanceof WrongExpectedVersionError, String(error));
        assert.equal(error.streamName, stream);
        assert.equal(error.actualVersion, 2n);
        assert.equal(error.expectedVersion, expected);
        return true;
      });
    }
    await assert.rejects(client.appendToStream(newStream(), events(1), { expectedRevision: STREAM_EXISTS }),
      WrongExpectedVersionError);
    await assert.rejects(client.deleteStream(stream, { expectedRevision: 7n }), WrongExpectedVersionError);
  },

  async "repeat an append"() {
    const stream = newStream();
    const written = events(2);
    const first = await client.appendToStream(stream, written, { expectedRevision: NO_STREAM });
    const again = await client.appendToStream(stream, written, { expectedRevision: NO_STREAM });
    assert.equal(again.nextExpectedRevision, first.nextExpectedRevision);
    assert.equal((await collect(client.readStream(stream))).length, 2);
  },

  async "many appends at once, each in its own stream"() {
    const streams = Array.from({ length: 64 }, newStream);
    const results = await Promise.all(streams.map((stream) => client.appendToStream(stream, events(3))));
    assert.ok(results.every(({ nextExpectedRevision }) => nextExpectedRevision === 2n));
  },

  async "appends without waiting keep their order"() {
    const stream = newStream();
    const written = events(100);
    await Promise.all(written.map((event) => client.appendToStream(stream, event)));
    const read = await collect(client.readStream(stream));
    assert.deepEqual(read.map(({ id }) => id), written.map(({ id }) => id));
  },

  async "an append in many messages"() {
    const stream = newStream();
    const big = Array.from({ length: 30 }, () => binaryEvent({ type: "big", data: new Uint8Array(30_000) }));
    const result = await client.appendToStream(stream, big, { batchAppendSize: 64_000 });
    assert.equal(result.nextExpectedRevision, 29n);
  },

  async "an append beyond the size limit"() {
    const tooBig = binaryEvent({ type: "big", data: new Uint8Array(1024 * 1024) });
    await assert.rejects(client.appendToStream(newStream(), tooBig), (error) => {
      assert.ok(error instanceof MaxAppendSizeExceededError, String(error));
      assert.equal(error.maxAppendSize, 1024 * 1024);
      return true;
    });
  },

  async "subscribe to a stream"() {
    const stream = newStream();
    const written = events(4);
    const subscription = client.subscribeToStream(stream, { fromRevision: START });
    const found = next(subscription, 4);
    for (const event of written) await client.appendToStream(stream, event);
    assert.deepEqual((await found).map(({ id }) => id), written.map(({ id }) => id));
  },

  async "subscribe to the whole log with a filter by stream name"() {
    const prefix = newStream();
    const { position } = await client.appendToStream(newStream(), events(1));
    const filter = streamNameFilter({ prefixes: [prefix] });
    const found = next(client.subscribeToAll({ fromPosition: position, filter }), 6);
    const written = events(6);
    for (const [i, event] of written.entries()) {
      await client.appendToStream(newStream(), events(2));
      await client.appendToStream(`${prefix}-${i}`, event);
    }
    assert.deepEqual((await found).map(({ id }) => id), written.map(({ id }) => id));
  },

  async "subscribe to the whole log with a filter by event type, with checkpoints"() {
    const type = `type-${randomUUID()}`;
    const { position } = await client.appendToStream(newStream(), events(1));
    const checkpoints = [];
    const filter = eventTypeFilter({
      regex: `^${type}$`, maxSearchWindow: 4, checkpointInterval: 1,
      checkpointReached: async (_, at) => { checkpoints.push(at.commit); },
    });
    await client.appendToStream(newStream(), events(40));
    const last = await client.appendToStream(newStream(), events(1, type));
    const [event] = await next(client.subscribeToAll({ fromPosition: position, filter }), 1);
    assert.equal(event.type, type);
    assert.ok(checkpoints.length > 0);
    assert.ok(checkpoints.every((at, i) => at < last.position.commit && (i === 0 || at > checkpoints[i - 1])));
  },

  async "missing, deleted and tombstoned streams"() {
    const stream = newStream();
    await assert.rejects(collect(client.readStream(stream)), StreamNotFoundError);
    await client.appendToStream(stream, events(2));
    await client.deleteStream(stream);
    await assert.rejects(collect(client.readStream(stream)), StreamNotFoundError);
    const { nextExpectedRevision } = await client.appendToStream(stream, events(1));
    assert.equal(nextExpectedRevision, 2n);
    await client.tombstoneStream(stream);
    await assert.rejects(collect(client.readStream(stream)), StreamDeletedError);
    await assert.rejects(client.appendToStream(stream, events(1)), StreamDeletedError);
  },
};

let failed = false;
for (const [name, test] of Object.entries(tests)) {
  const began = performance.now();
  let error;
  try {
    await test();
  } catch (thrown) {
    failed = true;
    error = thrown?.stack ?? String(thrown);
  }
  console.log(JSON.stringify({ name, seconds: (performance.now() - began) / 1000, error }));
}
await client.dispose();
process.exit(failed ? 1 : 0);
