package org.cnnscore.gatk;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * Reservoir sampling (Vitter's algorithm R), with the same draws as native/window/sampling.h: the
 * choice for GATK's networks.
 */
final class Reservoir implements Downsampler {

  /** Where the random state of a deep site comes from. */
  enum Downsampling {
    /** Seeded by contig and position: the site decides its score. */
    site,
    /** GATK's: seeded once, running on from site to site of a whole file in order. */
    gatk
  }

  private static final long GATK_SEED = 47382911L;

  private final Downsampling downsampling;
  private final ReadRecord[] kept;
  private final Random gatk = new Random(GATK_SEED);
  private Random random = gatk;
  private long seen;

  Reservoir(int limit, Downsampling downsampling) {
    this.downsampling = downsampling;
    kept = new ReadRecord[limit];
  }

  @Override
  public void start(String contig, long position) {
    seen = 0;
    if (downsampling == Downsampling.site) {
      random = new Random(siteSeed(contig, position));
    }
  }

  @Override
  public void offer(ReadRecord read) {
    seen++;
    long slot =
        seen <= kept.length ? seen - 1 : random.nextInt((int) Math.min(seen, Integer.MAX_VALUE));
    if (slot < kept.length) {
      kept[(int) slot] = read;
    }
  }

  @Override
  public long seen() {
    return seen;
  }

  @Override
  public List<ReadRecord> chosen() {
    return Arrays.asList(kept).subList(0, (int) Math.min(seen, kept.length));
  }

  /** FNV-1a of the contig's name, then the position, then mixed. */
  static long siteSeed(String contig, long position) {
    long hash = Fnv.BASIS;
    for (byte letter : contig.getBytes(StandardCharsets.UTF_8)) {
      hash = Fnv.add(hash, letter);
    }
    return Fnv.mix(hash ^ position * 0x9E3779B97F4A7C15L);
  }
}
