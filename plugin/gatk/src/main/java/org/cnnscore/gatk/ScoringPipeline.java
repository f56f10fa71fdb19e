package org.cnnscore.gatk;

import htsjdk.variant.variantcontext.VariantContext;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.broadinstitute.hellbender.engine.ReadsContext;
import org.broadinstitute.hellbender.engine.ReferenceContext;
import org.broadinstitute.hellbender.exceptions.UserException;
import org.cnnscore.v1.Description;
import org.cnnscore.v1.WindowBatch;

/**
 * Records in, records with their scores out, in the same order. What lies between, batches that the
 * engine has not answered, is bounded in number and in bytes.
 */
final class ScoringPipeline {

  /** Where scored records go; a score of NaN is none. */
  interface Sink {
    void put(VariantContext record, float score);
  }

  /** Bytes of windows and records after which a batch is sent, however few its sites. */
  private static final long BATCH_BYTES = 4L << 20;

  // About what a record takes in memory, and each of its samples.
  private static final long RECORD_BYTES = 2000;
  private static final long SAMPLE_BYTES = 100;

  /** As many as `cnnscore serve` takes of one client: enough to hide the way there and back. */
  private static final int MAX_IN_FLIGHT = 8;

  /** A record, and whether its batch has a site for it. */
  private record Taken(VariantContext record, boolean sent) {}

  private final EngineClient client;
  private final Description network;
  private final WindowSource windows;
  private final Sink sink;
  private final int sitesPerBatch;
  private final Deque<List<Taken>> waiting = new ArrayDeque<>();
  private List<Taken> records = new ArrayList<>();
  private WindowBatchBuilder batch;
  private long batches;

  /**
   * @param sitesPerBatch null for as many as the engine asks for
   */
  ScoringPipeline(
      EngineClient client,
      Description network,
      WindowSource windows,
      Integer sitesPerBatch,
      Sink sink) {
    this.client = client;
    this.network = network;
    this.windows = windows;
    this.sink = sink;
    this.sitesPerBatch = sitesPerBatch == null ? network.getSitesPerJob() : sitesPerBatch;
    batch = new WindowBatchBuilder(network);
  }

  /** Takes a record; the contexts are GATK's doors to all bases and reads. */
  void add(VariantContext record, ReferenceContext bases, ReadsContext reads) {
    windows.add(record, bases, reads, batch);
    take(new Taken(record, true));
  }

  /** Takes a record that gets no score. */
  void pass(VariantContext record) {
    take(new Taken(record, false));
  }

  private void take(Taken taken) {
    records.add(taken);
    long recordBytes = records.size() * (RECORD_BYTES + SAMPLE_BYTES * taken.record.getNSamples());
    if (batch.sites() >= sitesPerBatch || batch.bytes() + recordBytes >= BATCH_BYTES) {
      send();
    }
  }

  /** Waits for all scores. */
  void finish() {
    if (!records.isEmpty()) {
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
      put(records, new float[0]);
      records = new ArrayList<>();
      return;
    }
    WindowBatch message = batch.build(batches++);
    if (message.getSerializedSize() > network.getMaxMessageBytes()) {
      VariantContext first = records.get(0).record;
      throw new UserException(
          String.format(
              "the windows of %d records from %s:%d on take %d bytes, the engine takes %d: start it"
                  + " with a larger --max-message",
              records.size(),
              first.getContig(),
              first.getStart(),
              message.getSerializedSize(),
              network.getMaxMessageBytes()));
    }
    while (client.inFlight() >= Math.min(MAX_IN_FLIGHT, network.getMaxInFlight())) {
      receive();
    }
    client.send(message);
    waiting.add(records);
    records = new ArrayList<>();
    batch = new WindowBatchBuilder(network);
  }

  private void receive() {
    float[] scores = client.receive();
    put(waiting.remove(), scores);
  }

  private void put(List<Taken> scored, float[] scores) {
    int site = 0;
    for (Taken taken : scored) {
      sink.put(taken.record, taken.sent ? scores[site++] : Float.NaN);
    }
  }
}
