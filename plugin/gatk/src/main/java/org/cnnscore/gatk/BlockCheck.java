package org.cnnscore.gatk;

import htsjdk.samtools.util.FileExtensions;
import htsjdk.samtools.util.IOUtil;
import htsjdk.tribble.index.Block;
import htsjdk.tribble.index.tabix.TabixIndex;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.broadinstitute.hellbender.exceptions.UserException;
import org.broadinstitute.hellbender.utils.SimpleInterval;

/**
 * Compares each block of a compressed call file (BGZF: SAM specification 4.1) that is read with its
 * checksum, beside the other work. htsjdk does not, and may take a damaged block for the file's
 * end: even a BlockCompressedInputStream that is told to check takes one whose size was made 0.
 */
final class BlockCheck implements AutoCloseable {

  private static final Logger logger = LogManager.getLogger(BlockCheck.class);

  private static final int HEADER_BYTES = 12;
  private static final int TRAILER_BYTES = 8;
  private static final int MAX_BLOCK = 1 << 16;

  /** Where a tabix index's bins end. */
  private static final int MOST_BASES = 1 << 29;

  /** Of the four bytes that begin a block, as a number. */
  private static final int MAGIC = 0x04088b1f;

  /** The extra field that holds the block's size: B, C and its length, as a number. */
  private static final int SIZE_FIELD = 0x00024342;

  private final Path file;
  private final List<SimpleInterval> intervals;
  private final Thread thread;
  private volatile boolean stopped;
  private volatile String fault;

  /** Of the block at hand. */
  private long position;

  /** Blocks that begin at [begin, end) of the file. */
  private record Span(long begin, long end) {
    /** What lies between two virtual offsets of an index: a block's place, 16 bits within it. */
    static Span of(long first, long last) {
      boolean within = (last & 0xffff) != 0;
      return new Span(first >>> 16, (last >>> 16) + (within ? 1 : 0));
    }
  }

  /**
   * Begins; a file that is not compressed in blocks has none to check.
   *
   * @param intervals whose records alone are read, by the index; null for all
   */
  BlockCheck(Path file, List<SimpleInterval> intervals) {
    this.file = file;
    this.intervals = intervals;
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
      for (Span span : spans()) {
        if (span.end > position) {
          position = Math.max(position, span.begin);
          check(span.end);
        }
      }
    } catch (Throwable wrong) { // what is not checked does not pass
      fault = "the compressed block at byte " + position + " " + wrong.getMessage();
    }
  }

  /** What is read, in the order of the file; all of it where no index tells. */
  private List<Span> spans() {
    Path index = file.resolveSibling(file.getFileName() + FileExtensions.TABIX_INDEX);
    if (intervals != null) {
      try {
        return spans(new TabixIndex(index));
      } catch (IOException | RuntimeException error) {
        logger.debug("{}: {} does not tell which blocks are read", file, index, error);
      }
    }
    return List.of(new Span(0, Long.MAX_VALUE));
  }

  private List<Span> spans(TabixIndex tabix) {
    long records =
        tabix.getSequenceNames().stream()
            .flatMap(contig -> tabix.getBlocks(contig, 1, MOST_BASES).stream())
            .mapToLong(Block::getStartPosition)
            .min()
            .orElse(Long.MAX_VALUE);
    Stream<Span> wanted =
        intervals.stream()
            .flatMap(at -> tabix.getBlocks(at.getContig(), at.getStart(), at.getEnd()).stream())
            .map(part -> Span.of(part.getStartPosition(), part.getEndPosition()));
    return Stream.concat(Stream.of(Span.of(0, records)), wanted) // the header comes first
        .sorted(Comparator.comparingLong(Span::begin))
        .toList();
  }

  /** From the position on. */
  private void check(long end) throws IOException, DataFormatException {
    try (SeekableByteChannel channel = Files.newByteChannel(file)) {
      channel.position(position);
      InputStream bytes = new BufferedInputStream(Channels.newInputStream(channel), MAX_BLOCK);
      for (int size = 1; size > 0 && position < end && !stopped; position += size) {
        size = block(bytes);
      }
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
