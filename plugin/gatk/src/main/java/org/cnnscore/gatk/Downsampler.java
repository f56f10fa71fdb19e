package org.cnnscore.gatk;

import java.util.List;

/** Chooses which reads of a site the network gets, where there are more than it takes. */
interface Downsampler {

  /** Begins a site; {@code position} is 0-based. */
  void start(String contig, long position);

  /** The next read of the site. */
  void offer(ReadRecord read);

  /** Reads offered. */
  long seen();

  /** Those chosen; valid until the next site starts. */
  List<ReadRecord> chosen();
}
