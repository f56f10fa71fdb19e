package org.cnnscore.gatk;

import java.nio.charset.StandardCharsets;
import java.util.Random;

/**
 * Which reads of a deep site stay: reservoir sampling (Vitter's algorithm R), the same draws as
 * native/window/sampling.h.
 */
final class Reservoir {

  /** Where the random state of a deep site comes from. */
  enum Downsampling {
    /** Seeded by contig and position: the site decides its score. */
    site,
    /** GATK's: seeded once, running on from site to site of a whole file in order. */
    gatk
  }

  private static final long GATK_SEED = 47382911L;

  private final int limit;
  private final Downsampling downsampling;
  private final Random gatk = new Random(GATK_SEED);
  private Random random = gatk;
  private long seen;

  Reservoir(int limit, Downsampling downsampling) {
    this.limit = limit;
    this.downsampling = downsampling;
  }

  /** Begins a site; {@code position} is 0-based. */
  void start(String contig, long position) {
    seen = 0;
    if (downsampling == Downsampling.site) {
      random = new Random(siteSeed(contig, position));
    }
  }

  /** The slot in which to keep the next read of the site, or -1 to pass it over. */
  int slot() {
    seen++;
    if (seen <= limit) {
      return (int) seen - 1;
    }
    int slot = random.nextInt((int) Math.min(seen, Integer.MAX_VALUE));
    return slot < limit ? slot : -1;
  }

  /** Whether reads of the site had to be left out. */
  boolean overflowed() {
    return seen > limit;
  }

  /** FNV-1a of the contig's name, then the position, then mixed. */
  static long siteSeed(String contig, long position) {
    long hash = 0xcbf29ce484222325L;
    for (byte letter : contig.getBytes(StandardCharsets.UTF_8)) {
      hash = (hash ^ (letter & 0xff)) * 0x100000001b3L;
    }
    hash ^= position * 0x9E3779B97F4A7C15L;
    hash = (hash ^ (hash >>> 30)) * 0xBF58476D1CE4E5B9L;
    return hash ^ (hash >>> 31);
  }
}
