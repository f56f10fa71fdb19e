package org.cnnscore.gatk;

import java.util.List;

/** Which of the reads over a site a network gets, where there are more than it takes. */
interface ReadChoice {

  /** Begins a site; {@code position} is 0-based. */
  void start(String contig, long position);

  /** The next read of the site, as {@link BamRecords} encodes it. */
  void offer(byte[] record);

  /** Reads offered. */
  long seen();

  /** Those chosen; valid until the next site starts. */
  List<byte[]> chosen();
}
