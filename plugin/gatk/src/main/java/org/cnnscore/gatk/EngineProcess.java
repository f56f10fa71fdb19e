package org.cnnscore.gatk;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.broadinstitute.hellbender.exceptions.UserException;

/**
 * A scoring server of our own: a child process on a Unix socket that nobody else can reach, which
 * ends with the tool.
 */
final class EngineProcess implements AutoCloseable {

  private static final int KEPT_LINES = 20;
  private static final long POLL_MILLISECONDS = 20;
  private static final long END_SECONDS = 10;

  private static final Logger logger = LogManager.getLogger(EngineProcess.class);

  private final PrivateFolder folder;
  private final Process process;
  private final Thread output;
  private final AtEnd end;
  private final Deque<String> lastLines = new ArrayDeque<>();
  private volatile boolean killed;

  /**
   * Starts it.
   *
   * @param command as a shell takes it, e.g. {@code cnnscore serve}
   * @param options put behind the command
   * @param tmpDir where its socket lies
   */
  EngineProcess(String command, List<String> options, Path tmpDir) {
    folder = socketFolder(tmpDir);
    List<String> words = new ArrayList<>(List.of("sh", "-c", "exec " + command + " \"$@\"", "sh"));
    words.addAll(List.of("--listen", address(), "--end-with-stdin"));
    words.addAll(options);
    logger.info(
        "starting the engine: {} {}", command, String.join(" ", words.subList(4, words.size())));
    try {
      process = new ProcessBuilder(words).redirectErrorStream(true).start();
    } catch (IOException error) {
      folder.close();
      throw new UserException("cannot start the engine `" + command + "`: " + error.getMessage());
    }
    end = new AtEnd(this::kill);
    output = new Thread(this::readOutput, "cnnscore-engine-output");
    output.setDaemon(true);
    output.start();
  }

  /** In --tmp-dir where a socket's path can be so long, seen from the root or from here. */
  private static PrivateFolder socketFolder(Path tmpDir) {
    PrivateFolder.checkLocal(tmpDir);
    Path absolute = tmpDir.toAbsolutePath();
    Path here = Path.of("").toAbsolutePath();
    for (Path parent : List.of(absolute, here.relativize(absolute))) {
      PrivateFolder folder = new PrivateFolder(parent);
      if (UnixChannel.takes(socket(folder).toString())) {
        return folder;
      }
      folder.close();
    }
    logger.info("{} is too long for a socket's path: the engine's socket lies in /tmp", absolute);
    return new PrivateFolder(Path.of("/tmp"));
  }

  /** Where it listens. */
  String address() {
    return "unix:" + socket(folder);
  }

  /** Waits until it listens, or has ended. */
  void awaitSocket(Duration patience) {
    Instant deadline = Instant.now().plus(patience);
    while (process.isAlive() && Instant.now().isBefore(deadline) && !Files.exists(socket(folder))) {
      try {
        Thread.sleep(POLL_MILLISECONDS);
      } catch (InterruptedException stop) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private static Path socket(PrivateFolder folder) {
    return folder.path().resolve("engine");
  }

  /** The tool is connected to it: nobody needs the socket's name any more. */
  void connected() {
    folder.close();
  }

  /** How it ended, with its last words; null while it runs. */
  String death() {
    if (process.isAlive()) {
      return null;
    }
    if (killed) {
      AtEnd.awaitEndOfJvm();
    }
    try {
      output.join(1000);
    } catch (InterruptedException stop) {
      Thread.currentThread().interrupt();
    }
    int status = process.exitValue();
    String how = status > 128 ? "killed by signal " + (status - 128) : "exit status " + status;
    if (status == 127) {
      how += " (not found? give its command with --engine)";
    }
    synchronized (lastLines) {
      return lastLines.isEmpty() ? how : how + "; it said: " + String.join("\n  ", lastLines);
    }
  }

  /** Ends it at once, and waits for its end: what it still works on is of no use to anybody. */
  @Override
  public void close() {
    end.close();
    folder.close();
  }

  private void kill() {
    killed = true;
    process.destroyForcibly(); // and its standard input ends, for one that a wrapper started
    try {
      process.waitFor(END_SECONDS, TimeUnit.SECONDS); // it gives back gigabytes: no moment's work
    } catch (InterruptedException stop) {
      Thread.currentThread().interrupt();
    }
  }

  private void readOutput() {
    try (InputStream from = process.getInputStream();
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(from, StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        logger.debug("engine: {}", line);
        synchronized (lastLines) {
          lastLines.addLast(line);
          if (lastLines.size() > KEPT_LINES) {
            lastLines.removeFirst();
          }
        }
      }
    } catch (IOException ended) {
      logger.debug("engine: its output ended", ended);
    }
  }
}
