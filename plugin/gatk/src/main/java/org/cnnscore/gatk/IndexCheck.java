package org.cnnscore.gatk;

import htsjdk.samtools.cram.CRAIEntry;
import htsjdk.samtools.util.BlockCompressedInputStream;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import org.broadinstitute.hellbender.exceptions.UserException;

/**
 * BAI, CSI and CRAI (SAM specification, section 5; CSIv1; CRAM specification, section 12): htsjdk
 * takes an index that was altered, or is another file's, for one of a file without reads. A part of
 * the rules of native/records/index_check.c.
 */
final class IndexCheck {

  private static final int BAI = magic("BAI\1");
  private static final int CSI = magic("CSI\1");

  /** Levels below the root: always those of a BAI, at most those of a CSI. */
  private static final int BAI_DEPTH = 5;

  private static final int CSI_DEPTH_MAX = 9;

  /** Most bytes of a CRAM's last container's header and the end marker. */
  private static final long CRAM_REST = 512;

  private static final String CUT = "is cut short";
  private static final String OUTSIDE =
      "points past the end of its file, which is truncated or damaged then";
  private static final String WRONG_COUNT = "has a wrong count";

  private final long size;
  private final int contigs;

  private IndexCheck(long size, int contigs) {
    this.size = size;
    this.contigs = contigs;
  }

  /**
   * Refuses an index of reads that is not one of its file.
   *
   * @param contigs how many the file's header has
   */
  static void check(Path reads, Path index, int contigs) {
    String problem;
    try {
      IndexCheck check = new IndexCheck(Files.size(reads), contigs);
      byte[] bytes = content(index);
      problem =
          index.toString().endsWith(".crai")
              ? check.ofCram(new String(bytes, StandardCharsets.ISO_8859_1))
              : check.ofBam(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN));
    } catch (BufferUnderflowException end) {
      problem = CUT;
    } catch (IOException | RuntimeException error) {
      problem = "cannot be read (" + Refusal.reasons(error) + ")";
    }
    if (problem != null) {
      throw new UserException.BadInput(
          String.format(
              "the index %s %s: make it anew with `samtools index%s %s`",
              index, problem, index.toString().endsWith(".csi") ? " -c" : "", word(reads)));
    }
  }

  /** A file's name to be pasted into a shell (native/include/shell_word.h). */
  private static String word(Path file) {
    String name = (file.toString().startsWith("-") ? "./" : "") + file;
    boolean isPlain = name.matches("[A-Za-z0-9@%+=:,./_-]+");
    return isPlain ? name : "'" + name.replace("'", "'\"'\"'") + "'";
  }

  private static byte[] content(Path index) throws IOException {
    try (InputStream file = new BufferedInputStream(Files.newInputStream(index))) {
      file.mark(2);
      boolean packed = file.read() == 0x1f && file.read() == 0x8b;
      file.reset();
      if (!packed) {
        return file.readAllBytes();
      }
      boolean blocks = BlockCompressedInputStream.isValidFile(file);
      InputStream inner = blocks ? new BlockCompressedInputStream(file) : new GZIPInputStream(file);
      return inner.readAllBytes();
    }
  }

  private static int magic(String letters) {
    byte[] bytes = letters.getBytes(StandardCharsets.ISO_8859_1);
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt();
  }

  private String ofBam(ByteBuffer index) {
    int magic = index.getInt();
    int depth = BAI_DEPTH;
    if (magic == CSI) {
      index.getInt(); // the shift
      depth = index.getInt();
      int more = index.getInt();
      if (depth < 0 || depth > CSI_DEPTH_MAX || more < 0 || more > index.remaining()) {
        return "has a wrong header";
      }
      index.position(index.position() + more);
    } else if (magic != BAI) {
      return "is no index";
    }
    if (index.getInt() != contigs) {
      return "has another count of contigs than its file";
    }
    for (int contig = 0; contig < contigs; contig++) {
      String problem = ofContig(index, magic == CSI, depth);
      if (problem != null) {
        return problem;
      }
    }
    // The count of reads without a place, which old tools left out.
    return index.remaining() == 0 || index.remaining() == Long.BYTES
        ? null
        : "is longer than it says";
  }

  private String ofContig(ByteBuffer index, boolean isCsi, int depth) {
    int end = ((1 << 3 * (depth + 1)) - 1) / 7; // behind the last bin
    int bins = index.getInt();
    if (bins < 0 || bins > end + 1) {
      return WRONG_COUNT;
    }
    for (int i = 0; i < bins; i++) {
      int bin = index.getInt();
      if (isCsi && outside(index.getLong())) {
        return OUTSIDE;
      }
      int chunks = index.getInt();
      boolean counts = bin == end + 1;
      if (bin < 0 || (bin >= end && !counts)) {
        return "has a bin that there is not";
      }
      if (chunks < 0 || (counts && chunks != 2)) {
        return WRONG_COUNT;
      }
      String problem = counts ? ofCounts(index) : ofChunks(index, chunks);
      if (problem != null) {
        return problem;
      }
    }
    return isCsi ? null : ofWindows(index);
  }

  private String ofCounts(ByteBuffer index) {
    String problem = ofChunks(index, 1);
    index.getLong(); // mapped reads
    index.getLong(); // and those that are not
    return problem;
  }

  private String ofChunks(ByteBuffer index, int chunks) {
    long last = 0;
    for (int i = 0; i < chunks; i++) {
      long begin = index.getLong();
      long end = index.getLong();
      if (outside(begin) || outside(end)) {
        return OUTSIDE;
      }
      if (Long.compareUnsigned(begin, last) < 0 || Long.compareUnsigned(end, begin) < 0) {
        return "has chunks in disorder";
      }
      last = end;
    }
    return null;
  }

  /** The linear index; 0 stands for no read so far, and of old tools for a gap. */
  private String ofWindows(ByteBuffer index) {
    int windows = index.getInt();
    if (windows < 0) {
      return WRONG_COUNT;
    }
    long last = 0;
    for (int i = 0; i < windows; i++) {
      long at = index.getLong();
      if (outside(at)) {
        return OUTSIDE;
      }
      if (at != 0 && Long.compareUnsigned(at, last) < 0) {
        return "has a linear index in disorder";
      }
      last = at != 0 ? at : last;
    }
    return null;
  }

  private boolean outside(long virtualOffset) {
    return virtualOffset >>> 16 > size;
  }

  private String ofCram(String index) {
    long last = 0;
    long end = 0;
    for (String line : index.lines().toList()) {
      CRAIEntry slice;
      try {
        slice = new CRAIEntry(line);
      } catch (RuntimeException text) {
        return "has a line that is no slice";
      }
      if (slice.getSequenceId() < -2 || slice.getSequenceId() >= contigs) {
        return "has a line that is no slice";
      }
      long offset = slice.getContainerStartByteOffset();
      if (offset < last) {
        return "has slices in disorder";
      }
      last = offset;
      end =
          offset + slice.getSliceByteOffsetFromCompressionHeaderStart() + slice.getSliceByteSize();
      if (end > size) {
        return OUTSIDE;
      }
    }
    return size - end > CRAM_REST && end > 0 ? "leaves slices out" : null;
  }
}
