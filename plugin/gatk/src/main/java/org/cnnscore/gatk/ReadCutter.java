package org.cnnscore.gatk;

import org.cnnscore.v1.Description;

/**
 * What of a long read an encoding can see from a site: its bases and qualities, by the rule of
 * native/window/cut.c. Its CIGAR stays whole, unlike there.
 */
final class ReadCutter {

  /** Reads of up to this many times the columns of the reference are kept whole. */
  private static final int LONG_READ = 2;

  /** What is this close to the window counts. */
  private static final int MARGIN = 16;

  /** How far an indel's repeat reaches at most, and what is aligned anew beside it. */
  private static final int SHIFT_MAX = 128;

  private static final int FLANK = 24;

  private final NetworkReadFilter.Rule rule;
  private final int left;
  private final int width;

  ReadCutter(Description network) {
    rule = NetworkReadFilter.rule(network.getReadRule());
    left = network.getReferenceLeft();
    width = network.getReferenceWidth();
  }

  /** The record that a site gets of a read: itself, or one that holds a part of the bases. */
  byte[] cut(ReadRecord read, Site site) {
    if (BamRecords.bases(read.bytes()) <= LONG_READ * width) {
      return read.bytes();
    }
    LongRead found = read.lookedThrough();
    if (found.hasCigarInTag()) {
      return read.bytes();
    }
    if (rule == NetworkReadFilter.Rule.gatk) {
      return forGatk(found, site.start());
    }
    return found.isRegular() ? forOurs(found, site.start(), site.reference().length) : read.bytes();
  }

  /** The first bases of a read, and the one at the site. */
  private byte[] forGatk(LongRead read, long site) {
    long start = read.unclippedStart();
    long at = Math.min(Math.max(site - start, 0), read.length() - 1);
    boolean showsBases = site - left - start < width;
    return read.part(showsBases ? 0 : at, Math.max(showsBases ? width : 0, at + 2));
  }

  /** The window, and what is laid along haplotypes. */
  private byte[] forOurs(LongRead read, long site, int refLength) {
    long begin = site - left;
    long end = begin + width;
    long stop = site + refLength;
    long forward = read.indexAt(stop) + (end - site) + SHIFT_MAX + 1;
    long back = read.indexAt(site) - (refLength + SHIFT_MAX + left + 1);
    return read.part(
        Math.min(back, read.indexAt(begin - MARGIN) - FLANK),
        Math.max(forward, read.indexAt(Math.max(end, stop) + MARGIN) + FLANK));
  }
}
