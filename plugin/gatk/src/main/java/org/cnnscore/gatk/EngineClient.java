package org.cnnscore.gatk;

import com.google.protobuf.ByteString;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.broadinstitute.hellbender.exceptions.UserException;
import org.cnnscore.v1.DescribeRequest;
import org.cnnscore.v1.Description;
import org.cnnscore.v1.ScoreBatch;
import org.cnnscore.v1.ScorerGrpc;
import org.cnnscore.v1.WindowBatch;

/**
 * One stream of window batches to a scoring server, scores back in the same order. Used by one
 * thread. Whatever ends the stream becomes a UserException that names the server and the remedy.
 */
final class EngineClient implements AutoCloseable {

  static final int PROTOCOL_VERSION = 1;

  /** Of a batch whose records hold parts of reads. */
  static final int PARTS_VERSION = 2;

  private static final Duration DESCRIBE_PATIENCE = Duration.ofSeconds(20);
  private static final Duration DEATH_PATIENCE = Duration.ofSeconds(1);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(8);

  private static final Logger logger = LogManager.getLogger(EngineClient.class);

  private final EngineAddress address;
  private final Supplier<String> death;
  private final Duration patience;
  private final ManagedChannel channel;
  private final Channel authorized;
  private final Deque<WindowBatch> inFlight = new ArrayDeque<>();
  private Stream stream;
  private int pauses;
  private Duration paused = Duration.ZERO;

  /** The two halves of a call: what is sent, and what came. */
  private static final class Stream implements StreamObserver<ScoreBatch> {
    private final BlockingQueue<Object> answers = new LinkedBlockingQueue<>();
    private StreamObserver<WindowBatch> requests;

    @Override
    public void onNext(ScoreBatch scores) {
      answers.add(scores);
    }

    @Override
    public void onError(Throwable error) {
      answers.add(Status.fromThrowable(error));
    }

    @Override
    public void onCompleted() {
      answers.add(Status.UNAVAILABLE.withDescription("the server ended the stream"));
    }
  }

  /**
   * @param token sent with each call, or null
   * @param patience how long a batch may take
   * @param death how the engine ended if it is known to have, else null
   */
  EngineClient(EngineAddress address, String token, Duration patience, Supplier<String> death) {
    this.address = address;
    this.patience = patience;
    this.death = death;
    channel = address.open();
    if (token == null) {
      authorized = channel;
    } else {
      Metadata headers = new Metadata();
      headers.put(
          Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token);
      authorized =
          ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(headers));
    }
  }

  /**
   * What the server's network wants; tries for as long as {@code startup} to reach it. Then the
   * stream is open: an engine that ends when it is idle knows that someone is there.
   */
  Description describe(Duration startup) {
    DescribeRequest request =
        DescribeRequest.newBuilder().setProtocolVersion(PROTOCOL_VERSION).build();
    Instant deadline = Instant.now().plus(startup);
    while (true) {
      try {
        CallOptions options =
            CallOptions.DEFAULT.withDeadlineAfter(
                DESCRIBE_PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        Description description =
            ClientCalls.blockingUnaryCall(
                authorized, ScorerGrpc.getDescribeMethod(), options, request);
        checkVersion(description);
        new DescriptionCheck(address, description).check();
        stream = open();
        return description;
      } catch (StatusRuntimeException error) {
        boolean notYet = error.getStatus().getCode() == Status.Code.UNAVAILABLE;
        if (!notYet || death.get() != null || Instant.now().isAfter(deadline)) {
          throw failure(error.getStatus());
        }
      }
      pause(Duration.ofMillis(50));
      channel.resetConnectBackoff();
    }
  }

  private void checkVersion(Description description) {
    if (description.getProtocolVersion() != PROTOCOL_VERSION) {
      throw new UserException(
          String.format(
              "the server at %s (cnnscore %s) speaks version %d of the protocol, this tool version"
                  + " %d: take both from one release of cnnscore",
              address,
              description.getServerVersion(),
              description.getProtocolVersion(),
              PROTOCOL_VERSION));
    }
  }

  /** Batches that wait for their scores. */
  int inFlight() {
    return inFlight.size();
  }

  /** Sends a batch to the server that was described. */
  void send(WindowBatch batch) {
    inFlight.add(batch);
    stream.requests.onNext(batch);
  }

  /** Waits for the scores of the oldest batch in flight; NaN where a site has none. */
  float[] receive() {
    Instant deadline = Instant.now().plus(patience);
    while (true) {
      Object answer = poll();
      if (answer instanceof ScoreBatch scores) {
        pauses = 0;
        paused = Duration.ZERO;
        return scoresOf(scores, inFlight.remove());
      }
      if (answer instanceof Status status) {
        sendAgain(status);
      } else if (death.get() != null) {
        throw failure(Status.UNAVAILABLE);
      } else if (Instant.now().isAfter(deadline)) {
        throw failure(Status.DEADLINE_EXCEEDED);
      }
    }
  }

  /** A full server passes: what has no answer is sent again, after a pause. All else is the end. */
  private void sendAgain(Status status) {
    boolean passes = status.getCode() == Status.Code.RESOURCE_EXHAUSTED;
    if (!passes || paused.compareTo(patience) >= 0) {
      throw failure(status);
    }
    if (pauses == 0) {
      logger.warn("waiting: the server at {} is busy: {}", address, status.getDescription());
    }
    Duration wanted = Duration.ofMillis(100).multipliedBy(1L << Math.min(pauses++, 10));
    Duration pause = wanted.compareTo(LONGEST_PAUSE) < 0 ? wanted : LONGEST_PAUSE;
    pause(pause);
    paused = paused.plus(pause);
    stream = open();
    inFlight.forEach(stream.requests::onNext);
  }

  private Stream open() {
    Stream opened = new Stream();
    opened.requests = ScorerGrpc.newStub(authorized).score(opened);
    return opened;
  }

  private Object poll() {
    try {
      return stream.answers.poll(1, TimeUnit.SECONDS);
    } catch (InterruptedException stop) {
      Thread.currentThread().interrupt();
      throw failure(Status.CANCELLED);
    }
  }

  private static void pause(Duration time) {
    try {
      Thread.sleep(time.toMillis());
    } catch (InterruptedException stop) {
      Thread.currentThread().interrupt();
    }
  }

  private float[] scoresOf(ScoreBatch answer, WindowBatch batch) {
    ByteString bytes = answer.getScores();
    if (answer.getId() != batch.getId() || bytes.size() != Float.BYTES * batch.getNSites()) {
      throw new UserException(
          String.format(
              "the server at %s answered batch %d with %d bytes for batch %d of %d sites: it is not"
                  + " a cnnscore of this protocol",
              address, answer.getId(), bytes.size(), batch.getId(), batch.getNSites()));
    }
    FloatBuffer values =
        bytes.asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    float[] scores = new float[values.remaining()];
    values.get(scores);
    return scores;
  }

  /** How the engine ended; its socket closes a moment before it has, so this waits for that. */
  private String deathByNow() {
    Instant deadline = Instant.now().plus(DEATH_PATIENCE);
    while (death.get() == null && Instant.now().isBefore(deadline)) {
      pause(Duration.ofMillis(50));
    }
    return death.get();
  }

  private UserException failure(Status status) {
    String ended = status.getCode() == Status.Code.UNAVAILABLE ? deathByNow() : death.get();
    String why = status.getDescription() == null ? "" : ": " + status.getDescription();
    if (ended != null) {
      String when = stream == null ? "did not start: " : "ended before its work was done: ";
      return new UserException("the scoring engine " + when + ended);
    }
    return new UserException(
        switch (status.getCode()) {
          case UNAVAILABLE ->
              "no scoring server answers at " + address + why + ". Is `cnnscore serve` running?";
          case DEADLINE_EXCEEDED ->
              "the scoring server at "
                  + address
                  + " does not answer in time"
                  + why
                  + " (--server-timeout)";
          case UNAUTHENTICATED, PERMISSION_DENIED ->
              "the scoring server at " + address + " refuses us" + why + " (--token-file)";
          case RESOURCE_EXHAUSTED ->
              "the scoring server at "
                  + address
                  + " is overloaded"
                  + why
                  + ", and was for "
                  + patience.toSeconds()
                  + " s. Try again later, or wait longer (--server-timeout)";
          case UNIMPLEMENTED ->
              "the server at " + address + " is no cnnscore server, or of another version" + why;
          default ->
              "the scoring server at " + address + " failed (" + status.getCode() + ")" + why;
        });
  }

  @Override
  public void close() {
    if (stream != null && inFlight.isEmpty()) {
      stream.requests.onCompleted();
    }
    channel.shutdownNow();
    try {
      channel.awaitTermination(2, TimeUnit.SECONDS);
    } catch (InterruptedException stop) {
      Thread.currentThread().interrupt();
    }
    address.close();
  }
}
