package org.cnnscore.gatk;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.commons.io.FileUtils;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.broadinstitute.hellbender.exceptions.UserException;

/**
 * A scoring server of our own: a child process on a Unix socket that nobody else can reach, which
 * ends with the tool.
 */
final class EngineProcess implements AutoCloseable {

  /** The system's limit for a socket's path, with room for its name. */
  private static final int MAX_SOCKET_FOLDER = 90;

  private static final int KEPT_LINES = 20;
  private static final long POLL_MILLISECONDS = 20;
  private static final long GRACE_SECONDS = 5;

  /** A server whose client was killed ends by itself after this long. */
  private static final String IDLE_SECONDS = "120";

  private static final Logger logger = LogManager.getLogger(EngineProcess.class);

  private final Path folder;
  private final Process process;
  private final Thread output;
  private final Thread hook = new Thread(this::end, "cnnscore-engine-end");
  private final Deque<String> lastLines = new ArrayDeque<>();

  /**
   * Starts it.
   *
   * @param command as a shell takes it, e.g. {@code cnnscore serve}
   * @param options put behind the command
   */
  EngineProcess(String command, List<String> options) {
    folder = privateFolder();
    List<String> words = new ArrayList<>(List.of("sh", "-c", "exec " + command + " \"$@\"", "sh"));
    words.addAll(List.of("--listen", address(), "--idle-timeout", IDLE_SECONDS));
    words.addAll(options);
    logger.info(
        "starting the engine: {} {}", command, String.join(" ", words.subList(4, words.size())));
    try {
      process = new ProcessBuilder(words).redirectErrorStream(true).start();
      process.getOutputStream().close();
    } catch (IOException error) {
      FileUtils.deleteQuietly(folder.toFile());
      throw new UserException("cannot start the engine `" + command + "`: " + error.getMessage());
    }
    output = new Thread(this::readOutput, "cnnscore-engine-output");
    output.setDaemon(true);
    output.start();
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /** Where it listens. */
  String address() {
    return "unix:" + socket();
  }

  /** Waits until it listens, or has ended. */
  void awaitSocket(Duration patience) {
    Instant deadline = Instant.now().plus(patience);
    while (process.isAlive() && Instant.now().isBefore(deadline) && !Files.exists(socket())) {
      try {
        Thread.sleep(POLL_MILLISECONDS);
      } catch (InterruptedException stop) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private Path socket() {
    return folder.resolve("engine");
  }

  /** How it ended, with its last words; null while it runs. */
  String death() {
    if (process.isAlive()) {
      return null;
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

  @Override
  public void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException shuttingDown) {
      return; // the hook does it
    }
    end();
  }

  private void end() {
    process.destroy();
    try {
      if (!process.waitFor(GRACE_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException stop) {
      process.destroyForcibly();
    }
    FileUtils.deleteQuietly(folder.toFile());
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

  private static Path privateFolder() {
    var mine = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
    try {
      Path folder = Files.createTempDirectory("cnnscore", mine).toAbsolutePath();
      if (folder.toString().length() > MAX_SOCKET_FOLDER) {
        Files.delete(folder);
        folder = Files.createTempDirectory(Path.of("/tmp"), "cnnscore", mine);
      }
      return folder;
    } catch (IOException error) {
      throw new UncheckedIOException("cannot make a folder for the engine's socket", error);
    }
  }
}
