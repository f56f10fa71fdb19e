package org.cnnscore.gatk;

import htsjdk.samtools.CigarOperator;
import htsjdk.samtools.SAMFlag;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A long read: where on it the reference lies, and records that hold a part of its bases. */
final class LongRead {

  private static final byte[] PART_TAG = "cnBI".getBytes(StandardCharsets.US_ASCII);
  private static final int PART_NUMBERS = 6;
  private static final int PART_BYTES = PART_TAG.length + Integer.BYTES * (1 + PART_NUMBERS);

  /** Qualities up to this are tails, and those below that one are low: native/include/read_part. */
  private static final int TAIL_QUALITY = 9;

  private static final int LOW_QUALITY = 18;

  private static final long OPERATOR_MAX = 1 << 28;

  private final byte[] record;
  private final int basesAt;
  private final int qualitiesAt;
  private final int length;
  private final int start;
  private final boolean cigarInTag;
  private long end;
  private boolean regular;
  private long clipLeft;
  private long clipRight;

  /** Operators on the reference of a regular read: where each begins there and on the read. */
  private final int[] begins;

  private final int[] indexes;
  private final boolean[] aligned;
  private int spans;

  private int goodBegin;
  private int goodEnd;
  private int low;

  LongRead(byte[] record) {
    this.record = record;
    ByteBuffer fields = ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN);
    int operators = fields.getShort(BamRecords.CIGAR_LENGTH_AT) & 0xffff;
    int cigarAt = BamRecords.nameEnd(record);
    length = BamRecords.bases(record);
    start = fields.getInt(BamRecords.POSITION_AT);
    basesAt = cigarAt + Integer.BYTES * operators;
    qualitiesAt = basesAt + (length + 1) / 2;
    cigarInTag = record.length > qualitiesAt + length;
    begins = new int[operators];
    indexes = new int[operators];
    aligned = new boolean[operators];
    int[] cigar = new int[operators];
    fields.position(cigarAt).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < operators; i++) {
      cigar[i] = fields.getInt();
    }
    lookAlong(cigar);
    lookAtQualities();
  }

  private static CigarOperator operator(int element) {
    return CigarOperator.binaryToEnum(element & 15);
  }

  private static long softClip(int element) {
    return operator(element) == CigarOperator.S ? element >>> 4 : 0;
  }

  private void lookAlong(int[] cigar) {
    int first = 0;
    while (first < cigar.length && operator(cigar[first]).isClipping()) {
      clipLeft += softClip(cigar[first++]);
    }
    int last = cigar.length;
    while (last > first && operator(cigar[last - 1]).isClipping()) {
      clipRight += softClip(cigar[--last]);
    }
    regular = first < last && operator(cigar[first]).isAlignment();
    end = start;
    long index = clipLeft;
    for (int element : Arrays.copyOfRange(cigar, first, last)) {
      CigarOperator operator = operator(element);
      regular &= !operator.isClipping();
      if (operator.consumesReferenceBases()) {
        begins[spans] = (int) end;
        indexes[spans] = (int) index;
        aligned[spans++] = operator.consumesReadBases();
        end += element >>> 4;
      }
      index += operator.consumesReadBases() ? element >>> 4 : 0;
    }
    regular &=
        index + clipRight == length
            && index - clipLeft < OPERATOR_MAX
            && end - start < OPERATOR_MAX;
  }

  private void lookAtQualities() {
    goodEnd = length;
    while (goodBegin < goodEnd && quality(goodBegin) <= TAIL_QUALITY) {
      goodBegin++;
    }
    while (goodEnd > goodBegin && quality(goodEnd - 1) <= TAIL_QUALITY) {
      goodEnd--;
    }
    for (int i = goodBegin; i < goodEnd; i++) {
      low += quality(i) < LOW_QUALITY ? 1 : 0;
    }
  }

  private int quality(int index) {
    return record[qualitiesAt + index] & 0xff;
  }

  /** Bases of the read. */
  int length() {
    return length;
  }

  /** Where its first base would be aligned, had it no clip; -1 of one that is not aligned. */
  long unclippedStart() {
    boolean unmapped = (BamRecords.flags(record) & SAMFlag.READ_UNMAPPED.intValue()) != 0;
    return unmapped ? -1 : start - clipLeft;
  }

  /** Whether its record has tags: a CIGAR of so many operators that it is in one. */
  boolean hasCigarInTag() {
    return cigarInTag;
  }

  /** Whether clips stand at its ends alone, and it has all bases of its CIGAR. */
  boolean isRegular() {
    return regular;
  }

  /** The base aligned at a position, or the next one; in a clip as far as the clip goes. */
  long indexAt(long position) {
    if (position < start) {
      return Math.max(0, clipLeft - (start - position));
    }
    if (position >= end) {
      return Math.min(length, length - clipRight + (position - end));
    }
    int at = Arrays.binarySearch(begins, 0, spans, (int) position);
    at = at < 0 ? -at - 2 : at;
    while (at + 1 < spans && begins[at + 1] == begins[at]) {
      at++; // past operators of no length
    }
    return indexes[at] + (aligned[at] ? position - begins[at] : 0);
  }

  /** A record that holds bases [from, to), and no more than one besides; this one, if it is all. */
  byte[] part(long from, long to) {
    int begin = (int) Math.min(Math.max(from, 0), length) & ~1; // a whole byte of 4-bit bases
    int held = (int) Math.max(0, Math.min(to, length) - begin);
    if (held == length) {
      return record;
    }
    int packed = (held + 1) / 2;
    ByteBuffer part = ByteBuffer.allocate(basesAt + packed + held + PART_BYTES);
    part.order(ByteOrder.LITTLE_ENDIAN)
        .put(record, 0, basesAt)
        .put(record, basesAt + begin / 2, packed)
        .put(record, qualitiesAt + begin, held)
        .put(PART_TAG)
        .putInt(PART_NUMBERS)
        .putInt(length)
        .putInt(begin)
        .putInt(0) // operators that the CIGAR leaves out
        .putInt(goodBegin)
        .putInt(goodEnd)
        .putInt(low)
        .putInt(BamRecords.BASES_AT, held);
    return part.array();
  }
}
