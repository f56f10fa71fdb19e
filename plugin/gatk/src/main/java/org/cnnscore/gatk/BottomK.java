package org.cnnscore.gatk;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Keeps the {@code limit} reads with the smallest hashes of name and pair: the same reads, whatever
 * file and locus they come from. For cnnscore's own networks, as in native/window.
 */
final class BottomK implements Downsampler {

  private record Hashed(long hash, ReadRecord read) {
    byte[] bytes() {
      return read.bytes();
    }
  }

  private static final Comparator<Hashed> ORDER =
      Comparator.<Hashed>comparingLong(read -> read.hash ^ Long.MIN_VALUE)
          .thenComparing(Hashed::bytes, BamRecords.ORDER);

  private final int limit;
  private List<ReadRecord> kept = new ArrayList<>();
  private long seen;

  BottomK(int limit) {
    this.limit = limit;
  }

  @Override
  public void start(String contig, long position) {
    kept = new ArrayList<>();
    seen = 0;
  }

  @Override
  public void offer(ReadRecord read) {
    seen++;
    kept.add(read);
    if (kept.size() >= 16 * limit) {
      cut();
    }
  }

  @Override
  public long seen() {
    return seen;
  }

  @Override
  public List<ReadRecord> chosen() {
    if (seen > limit) {
      cut();
    }
    return kept;
  }

  private void cut() {
    kept =
        new ArrayList<>(
            kept.stream()
                .map(read -> new Hashed(hash(read.bytes()), read))
                .sorted(ORDER)
                .limit(limit)
                .map(Hashed::read)
                .toList());
  }

  /** FNV-1a of the read's name and of which of its pair it is, then mixed. */
  static long hash(byte[] record) {
    long hash = Fnv.BASIS;
    for (int i = BamRecords.NAME_AT; record[i] != 0; i++) {
      hash = Fnv.add(hash, record[i]);
    }
    return Fnv.mix(Fnv.add(hash, BamRecords.flags(record) >> 6 & 3));
  }
}
