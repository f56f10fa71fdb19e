package org.cnnscore.gatk;

import htsjdk.samtools.util.IOUtil;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.broadinstitute.hellbender.exceptions.UserException;

/**
 * Compares each block of a compressed call file (BGZF: SAM specification 4.1) with its checksum,
 * beside the other work. htsjdk does not, and may take a damaged block for the file's end: even a
 * BlockCompressedInputStream that is told to check takes one whose size was made 0.
 */
final class BlockCheck implements AutoCloseable {

  private static final Logger logger = LogManager.getLogger(BlockCheck.class);

  private static final int HEADER_BYTES = 12;
  private static final int TRAILER_BYTES = 8;
  private static final int MAX_BLOCK = 1 << 16;

  /** Of the four bytes that begin a block, as a number. */
  private static final int MAGIC = 0x04088b1f;

  /** The extra field that holds the block's size: B, C and its length, as a number. */
  private static final int SIZE_FIELD = 0x00024342;

  private final Path file;
  private final Thread thread;
  private volatile boolean stopped;
  private volatile String fault;

  /** Of the block at hand. */
  private long position;

  /** Begins; a file that is not compressed in blocks has none to check. */
  BlockCheck(Path file) {
    this.file = file;
    thread = new Thread(this::run, "cnnscore-blocks");
    thread.setDaemon(true);
    thread.start();
  }

  /** Waits for the file's end. */
  void await() {
    if (thread.isAlive()) {
      logger.info("waiting: the blocks of {} are still being checked", file);
    }
    try {
      thread.join();
    } catch (InterruptedException stop) {
      Thread.currentThread().interrupt();
      throw new UserException(file + ": stopped before all its blocks were checked");
    }
    if (fault != null) {
      throw new UserException.BadInput(
          file + " is damaged: " + fault + "; copy it or make it again");
    }
  }

  private void run() {
    try {
      if (!WholeInput.isFile(file) || !IOUtil.isBlockCompressed(file)) {
        return;
      }
      try (InputStream bytes = new BufferedInputStream(Files.newInputStream(file), MAX_BLOCK)) {
        for (int size = block(bytes); size > 0 && !stopped; size = block(bytes)) {
          position += size;
        }
      }
    } catch (Throwable wrong) { // what is not checked does not pass
      fault = "the compressed block at byte " + position + " " + wrong.getMessage();
    }
  }

  /** Its size; 0 at the end of the file. */
  private static int block(InputStream bytes) throws IOException, DataFormatException {
    ByteBuffer header = take(bytes, HEADER_BYTES);
    if (header.limit() == 0) {
      return 0;
    }
    if (header.limit() < HEADER_BYTES || header.getInt() != MAGIC) {
      throw new DataFormatException("is none");
    }
    int extra = header.getShort(HEADER_BYTES - 2) & 0xffff;
    int size = size(take(bytes, extra));
    int rest = size - HEADER_BYTES - extra;
    ByteBuffer content = take(bytes, Math.max(rest, 0));
    if (rest < TRAILER_BYTES || content.limit() < rest) {
      throw new DataFormatException("is cut short");
    }
    check(content, rest - TRAILER_BYTES);
    return size;
  }

  private static int size(ByteBuffer extra) throws DataFormatException {
    while (extra.remaining() >= 6) {
      int field = extra.getInt();
      if (field == SIZE_FIELD) {
        return (extra.getShort() & 0xffff) + 1;
      }
      extra.position(Math.min(extra.position() + (field >>> 16), extra.limit()));
    }
    throw new DataFormatException("has no size");
  }

  private static void check(ByteBuffer content, int packed) throws DataFormatException {
    byte[] plain = new byte[MAX_BLOCK + 1]; // so that the end is seen behind a full one
    Inflater inflater = new Inflater(true);
    try {
      inflater.setInput(content.array(), 0, packed);
      int length = inflater.inflate(plain);
      CRC32 sum = new CRC32();
      sum.update(plain, 0, length);
      if (!inflater.finished()
          || (int) sum.getValue() != content.getInt(packed)
          || length != content.getInt(packed + Integer.BYTES)) {
        throw new DataFormatException("does not have its checksum");
      }
    } finally {
      inflater.end();
    }
  }

  /** As many bytes as there are. */
  private static ByteBuffer take(InputStream bytes, int most) throws IOException {
    return ByteBuffer.wrap(bytes.readNBytes(most)).order(ByteOrder.LITTLE_ENDIAN);
  }

  @Override
  public void close() {
    stopped = true;
  }
}
