package org.cnnscore.gatk;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Keeps the {@code limit} reads with the smallest hashes of name and pair: the same reads, whatever
 * file and locus they come from. For cnnscore's own networks, as in native/window.
 */
final class BottomK implements Downsampler {

  private record Hashed(long hash, byte[] record) {}

  private static final Comparator<Hashed> ORDER =
      Comparator.<Hashed>comparingLong(read -> read.hash ^ Long.MIN_VALUE)
          .thenComparing(Hashed::record, BamRecords.ORDER);

  private final int limit;
  private List<byte[]> kept = new ArrayList<>();
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
  public void offer(byte[] record) {
    seen++;
    kept.add(record);
    if (kept.size() >= 16 * limit) {
      cut();
    }
  }

  @Override
  public long seen() {
    return seen;
  }

  @Override
  public List<byte[]> chosen() {
    if (seen > limit) {
      cut();
    }
    return kept;
  }

  private void cut() {
    kept =
        new ArrayList<>(
            kept.stream()
                .map(record -> new Hashed(hash(record), record))
                .sorted(ORDER)
                .limit(limit)
                .map(Hashed::record)
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
