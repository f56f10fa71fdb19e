package org.cnnscore.gatk;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Function;
import org.broadinstitute.hellbender.exceptions.UserException;
import org.cnnscore.v1.Description;
import org.cnnscore.v1.WindowBatch;

/**
 * Items with their sites in, items with their scores out, in the same order. What lies between,
 * batches that the engine has not answered, is bounded in number and in bytes.
 *
 * @param <T> what a site is of
 */
final class ScoringPipeline<T> {

  /** Where scored items go; a score of NaN is none. */
  interface Sink<T> {
    void put(T item, float score);
  }

  /** Bytes of windows and items after which a batch is sent, however few its sites. */
  private static final long BATCH_BYTES = 4L << 20;

  /** As many as `cnnscore serve` takes of one client: enough to hide the way there and back. */
  private static final int MAX_IN_FLIGHT = 8;

  /** An item, and whether its batch has a site for it. */
  private record Taken<T>(T item, boolean sent) {}

  private final EngineClient client;
  private final Description network;
  private final Function<T, String> locus;
  private final Sink<T> sink;
  private final int sitesPerBatch;
  private final long batchBytes;
  private final Deque<List<Taken<T>>> waiting = new ArrayDeque<>();
  private List<Taken<T>> items = new ArrayList<>();
  private long itemBytes;
  private WindowBatchBuilder batch;
  private long batches;

  /**
   * @param sitesPerBatch null for as many as the engine asks for
   * @param locus an item's, for messages
   */
  ScoringPipeline(
      EngineClient client,
      Description network,
      Integer sitesPerBatch,
      Function<T, String> locus,
      Sink<T> sink) {
    this.client = client;
    this.network = network;
    this.locus = locus;
    this.sink = sink;
    this.sitesPerBatch = sitesPerBatch == null ? network.getSitesPerJob() : sitesPerBatch;
    // Half of what it takes: the last site comes on top.
    batchBytes = Math.min(BATCH_BYTES, network.getMaxMessageBytes() / 2);
    batch = new WindowBatchBuilder(network);
  }

  /** Where the site of the next item goes. */
  WindowBatchBuilder batch() {
    return batch;
  }

  /** Takes an item whose site was put into the batch; {@code bytes} is about what it holds. */
  void add(T item, long bytes) {
    take(new Taken<>(item, true), bytes);
  }

  /** Takes an item that gets no score. */
  void pass(T item, long bytes) {
    take(new Taken<>(item, false), bytes);
  }

  private void take(Taken<T> taken, long bytes) {
    items.add(taken);
    itemBytes += bytes;
    if (batch.sites() >= sitesPerBatch || batch.bytes() + itemBytes >= batchBytes) {
      send();
    }
  }

  /** Waits for all scores. */
  void finish() {
    if (!items.isEmpty()) {
      send();
    }
    drain();
  }

  private void drain() {
    while (client.inFlight() > 0) {
      receive();
    }
  }

  private void send() {
    if (batch.sites() == 0) {
      drain();
      put(items, new float[0]);
      startBatch();
      return;
    }
    WindowBatch message = batch.build(batches++);
    if (message.getSerializedSize() > network.getMaxMessageBytes()) {
      throw new UserException(
          String.format(
              "the windows of %d sites from %s on take %d bytes, the engine takes %d: start it"
                  + " with a larger --max-message",
              batch.sites(),
              locus.apply(items.get(0).item),
              message.getSerializedSize(),
              network.getMaxMessageBytes()));
    }
    while (client.inFlight() >= Math.min(MAX_IN_FLIGHT, network.getMaxInFlight())) {
      receive();
    }
    client.send(message);
    waiting.add(items);
    startBatch();
  }

  private void startBatch() {
    items = new ArrayList<>();
    itemBytes = 0;
    batch = new WindowBatchBuilder(network);
  }

  private void receive() {
    float[] scores = client.receive();
    put(waiting.remove(), scores);
  }

  private void put(List<Taken<T>> scored, float[] scores) {
    int site = 0;
    for (Taken<T> taken : scored) {
      sink.put(taken.item, taken.sent ? scores[site++] : Float.NaN);
    }
  }
}
