package org.cnnscore.gatk;

import htsjdk.samtools.SamFiles;
import htsjdk.samtools.SamStreams;
import htsjdk.samtools.cram.build.CramIO;
import htsjdk.samtools.util.BlockCompressedInputStream;
import htsjdk.samtools.util.IOUtil;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.broadinstitute.hellbender.exceptions.UserException;

/**
 * Refuses what htsjdk reads as if it were whole: files that were cut between two blocks, and wrong
 * indexes. Of files of this machine; others are taken as they are.
 */
final class WholeInput {

  private WholeInput() {}

  /** Calls that are compressed in blocks. */
  static void checkCalls(Path calls) {
    try {
      if (isFile(calls) && IOUtil.isBlockCompressed(calls) && !endsWithBlock(calls)) {
        throw truncated(calls);
      }
    } catch (IOException error) {
      throw new UserException.CouldNotReadInputFile(calls, error.getMessage(), error);
    }
  }

  /**
   * A file of reads with its index.
   *
   * @param index null for the one that lies beside the reads
   * @param contigs how many the reads' header has
   */
  static void checkReads(Path reads, Path index, int contigs) {
    try {
      if (!isFile(reads)) {
        return;
      }
      boolean isBam = IOUtil.isBlockCompressed(reads);
      if ((isBam && !endsWithBlock(reads)) || (isCram(reads) && !endsAsCram(reads))) {
        throw truncated(reads);
      }
      Path used = index != null ? index : SamFiles.findIndex(reads);
      if (used != null && isFile(used)) {
        IndexCheck.check(reads, used, contigs);
      }
    } catch (IOException error) {
      throw new UserException.CouldNotReadInputFile(reads, error.getMessage(), error);
    }
  }

  /**
   * Refuses a file of reads without an index.
   *
   * @param index null for the one that lies beside the reads
   */
  static void checkIndexed(Path reads, Path index) {
    if (isFile(reads) && index == null && SamFiles.findIndex(reads) == null) {
      throw new UserException.BadInput(
          reads + " has no index: make one with `samtools index " + reads + "`");
    }
  }

  private static UserException truncated(Path file) {
    return new UserException.BadInput(
        file + " is truncated (it has no end marker): copy or make it again");
  }

  /** Whether it is a file of this machine, no pipe. */
  static boolean isFile(Path path) {
    return path.getFileSystem().equals(FileSystems.getDefault()) && Files.isRegularFile(path);
  }

  private static boolean isCram(Path reads) throws IOException {
    try (InputStream bytes = new BufferedInputStream(Files.newInputStream(reads))) {
      return SamStreams.isCRAMFile(bytes);
    }
  }

  private static boolean endsWithBlock(Path file) throws IOException {
    return BlockCompressedInputStream.checkTermination(file)
        == BlockCompressedInputStream.FileTermination.HAS_TERMINATOR_BLOCK;
  }

  private static boolean endsAsCram(Path file) throws IOException {
    return endsWith(file, CramIO.ZERO_F_EOF_MARKER) || endsWith(file, CramIO.ZERO_B_EOF_MARKER);
  }

  private static boolean endsWith(Path file, byte[] marker) throws IOException {
    ByteBuffer end = ByteBuffer.allocate(marker.length);
    try (SeekableByteChannel channel = Files.newByteChannel(file)) {
      channel.position(Math.max(channel.size() - marker.length, 0));
      while (end.hasRemaining() && channel.read(end) >= 0) {
        // on
      }
    }
    return Arrays.equals(end.array(), marker);
  }
}
