package org.cnnscore.gatk;

import htsjdk.samtools.Cigar;
import htsjdk.samtools.CigarElement;
import htsjdk.samtools.CigarOperator;
import htsjdk.samtools.GenomicIndexUtil;
import htsjdk.samtools.SAMFlag;
import htsjdk.samtools.SAMRecord;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;

/** Reads as BAM records (SAM specification 4.2): without block_size, without tags. */
final class BamRecords {

  private static final int FIXED_BYTES = 32;
  static final int POSITION_AT = 4;
  private static final int NAME_LENGTH_AT = 8;
  private static final int QUALITY_AT = 9;
  static final int CIGAR_LENGTH_AT = 12;
  private static final int FLAGS_AT = 14;
  static final int BASES_AT = 16;

  /** Where the name begins, which ends with 0. */
  static final int NAME_AT = FIXED_BYTES;

  private static final int MATE_CONTIG_AT = 20;
  private static final int MATE_POSITION_AT = 24;
  private static final int INSERT_AT = 28;
  private static final int MAX_NAME_BYTES = 254;
  private static final int MAX_CIGAR_OPERATORS = 0xffff;
  private static final byte NO_QUALITY = (byte) 0xff;
  private static final byte[] BASE_CODES = baseCodes();

  /**
   * By what encoded records of one contig hold, as cnnscore_reads_compare in native/window; tags,
   * which are not encoded, count there too.
   */
  static final Comparator<byte[]> ORDER =
      Comparator.<byte[]>comparingInt(record -> number(record, POSITION_AT))
          .thenComparing(record -> (flags(record) & SAMFlag.READ_REVERSE_STRAND.intValue()) != 0)
          .thenComparing(BamRecords::compareNames)
          .thenComparingInt(BamRecords::flags)
          .thenComparingInt(record -> record[QUALITY_AT] & 0xff)
          .thenComparingInt(record -> number(record, MATE_CONTIG_AT))
          .thenComparingInt(record -> number(record, MATE_POSITION_AT))
          .thenComparingInt(record -> number(record, INSERT_AT))
          .thenComparingInt(record -> record.length)
          .thenComparing(BamRecords::compareRest);

  private BamRecords() {}

  private static byte[] baseCodes() {
    byte[] codes = new byte[256];
    Arrays.fill(codes, (byte) 15);
    String letters = "=ACMGRSVTWYHKDBN";
    for (int code = 0; code < letters.length(); code++) {
      char letter = letters.charAt(code);
      codes[letter] = (byte) code;
      codes[Character.toLowerCase(letter)] = (byte) code;
    }
    codes['U'] = codes['u'] = codes['T']; // as htslib reads it
    return codes;
  }

  /** Encodes a read; contigs are numbered as in its header. */
  static byte[] encode(SAMRecord read) {
    byte[] binary = read.getVariableBinaryRepresentation();
    return binary != null && isPlain(read, binary) ? copied(read, binary) : encoded(read);
  }

  /** Whether a record, as it lies in a BAM, holds what its lengths say, and no CIGAR in a tag. */
  static boolean isPlain(SAMRecord read, byte[] binary) {
    int nameBytes = read.getReadNameLength() + 1;
    int operators = read.getCigarLength();
    long bases = read.getReadLength();
    return nameBytes > 0
        && operators <= MAX_CIGAR_OPERATORS
        && operators == read.getCigar().numCigarElements()
        && bases >= 0
        && nameBytes + 4L * operators + (bases + 1) / 2 + bases <= binary.length
        && binary[nameBytes - 1] == 0;
  }

  /** What {@link #encoded} makes of a plain record, without decoding its bases and qualities. */
  private static byte[] copied(SAMRecord read, byte[] binary) {
    int nameBytes = read.getReadNameLength() + 1;
    int operators = read.getCigarLength();
    int bases = read.getReadLength();
    int packedEnd = nameBytes + 4 * operators + (bases + 1) / 2;
    ByteBuffer record = ByteBuffer.allocate(FIXED_BYTES + packedEnd + bases);
    putFixed(record, read, nameBytes, operators, bases);
    record.put(binary, 0, packedEnd + bases);
    byte[] bytes = record.array();
    int qualitiesAt = FIXED_BYTES + packedEnd;
    if (bases % 2 == 1) {
      bytes[qualitiesAt - 1] &= (byte) 0xf0; // no base
    }
    if (bases > 0 && bytes[qualitiesAt] == NO_QUALITY) {
      Arrays.fill(bytes, qualitiesAt, bytes.length, NO_QUALITY); // by the first, as htsjdk has it
    }
    return bytes;
  }

  /** Any record, from what it decodes to. */
  static byte[] encoded(SAMRecord read) {
    byte[] name = nameBytes(read);
    Cigar cigar = read.getCigar() == null ? new Cigar() : read.getCigar();
    int operators = cigar.numCigarElements();
    // More operators than 16 bits count go into the CG tag, a placeholder stands in their place.
    boolean longCigar = operators > MAX_CIGAR_OPERATORS;
    byte[] bases = read.getReadBases();
    byte[] qualities = read.getBaseQualities();
    int packed = (bases.length + 1) / 2;
    int cigarBytes = 4 * operators;
    int size =
        FIXED_BYTES
            + name.length
            + 1
            + (longCigar ? 16 + cigarBytes : cigarBytes)
            + packed
            + bases.length;
    ByteBuffer record = ByteBuffer.allocate(size);
    putFixed(record, read, name.length + 1, longCigar ? 2 : operators, bases.length);
    record.put(name).put((byte) 0);
    if (longCigar) {
      int span = end(read) - (read.getAlignmentStart() - 1);
      record
          .putInt(bases.length << 4 | CigarOperator.enumToBinary(CigarOperator.S))
          .putInt(span << 4 | CigarOperator.enumToBinary(CigarOperator.N));
    } else {
      putCigar(record, cigar);
    }
    for (int i = 0; i < packed; i++) {
      int high = BASE_CODES[bases[2 * i] & 0xff];
      int low = 2 * i + 1 < bases.length ? BASE_CODES[bases[2 * i + 1] & 0xff] : 0;
      record.put((byte) (high << 4 | low));
    }
    if (qualities.length == bases.length) {
      record.put(qualities);
    } else {
      for (int i = 0; i < bases.length; i++) {
        record.put(NO_QUALITY);
      }
    }
    if (longCigar) {
      record.put("CGBI".getBytes(StandardCharsets.US_ASCII)).putInt(operators);
      putCigar(record, cigar);
    }
    return record.array();
  }

  private static void putFixed(
      ByteBuffer record, SAMRecord read, int nameBytes, int operators, int bases) {
    int position = read.getAlignmentStart() - 1;
    record
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(read.getReferenceIndex())
        .putInt(position)
        .put((byte) nameBytes)
        .put((byte) read.getMappingQuality())
        .putShort((short) GenomicIndexUtil.regionToBin(position, end(read)))
        .putShort((short) operators)
        .putShort((short) read.getFlags())
        .putInt(bases)
        .putInt(read.getMateReferenceIndex())
        .putInt(read.getMateAlignmentStart() - 1)
        .putInt(read.getInferredInsertSize());
  }

  /** Where a read ends, exclusive, 0-based: as BAM indexes have it, one base for none aligned. */
  static int end(SAMRecord read) {
    int start = read.getAlignmentStart();
    return read.getReadUnmappedFlag() ? start : Math.max(read.getAlignmentEnd(), start);
  }

  /** The flags of an encoded record. */
  static int flags(byte[] record) {
    return ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN).getShort(FLAGS_AT) & 0xffff;
  }

  /** How many bases an encoded record has. */
  static int bases(byte[] record) {
    return number(record, BASES_AT);
  }

  /** Gives an encoded record another contig number, and its mate: -1 when that is elsewhere. */
  static void setContig(byte[] records, int offset, int contig) {
    ByteBuffer record = ByteBuffer.wrap(records).order(ByteOrder.LITTLE_ENDIAN);
    boolean mateHere = record.getInt(offset + MATE_CONTIG_AT) == record.getInt(offset);
    record.putInt(offset, contig);
    record.putInt(offset + MATE_CONTIG_AT, mateHere ? contig : -1);
  }

  private static int number(byte[] record, int at) {
    return ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN).getInt(at);
  }

  /** Where the name ends, its 0 included. */
  static int nameEnd(byte[] record) {
    return NAME_AT + (record[NAME_LENGTH_AT] & 0xff);
  }

  private static int compareNames(byte[] a, byte[] b) {
    return Arrays.compareUnsigned(a, NAME_AT, nameEnd(a), b, NAME_AT, nameEnd(b));
  }

  private static int compareRest(byte[] a, byte[] b) {
    return Arrays.compareUnsigned(a, nameEnd(a), a.length, b, nameEnd(b), b.length);
  }

  private static byte[] nameBytes(SAMRecord read) {
    String name = read.getReadName() == null ? "*" : read.getReadName();
    byte[] bytes = name.getBytes(StandardCharsets.ISO_8859_1);
    return bytes.length <= MAX_NAME_BYTES ? bytes : Arrays.copyOf(bytes, MAX_NAME_BYTES);
  }

  private static void putCigar(ByteBuffer record, Cigar cigar) {
    for (CigarElement element : cigar) {
      record.putInt(element.getLength() << 4 | CigarOperator.enumToBinary(element.getOperator()));
    }
  }
}
