package org.cnnscore.gatk;

/**
 * How far a site reaches over the reference: its REF, and all loci where its indels could be
 * written as well. The rules of native/include/allele.h; positions are 0-based half-open.
 */
final class AlleleSpan {

  /** An indel is shifted no further than this. */
  private static final int SHIFT_MAX = 128;

  /** Reads are chosen over no more than this much of a site. */
  private static final int SPAN_MAX = 128;

  private AlleleSpan() {}

  /**
   * The end of REF and of the repeats of all indels.
   *
   * @param window reference bases, 0 beyond the contig
   * @param left column of the site's first base
   */
  static int end(Site site, byte[] window, int left) {
    byte[] ref = site.reference();
    int end = ref.length;
    for (byte[] alt : site.alleles().subList(1, site.alleles().size())) {
      end = Math.max(end, repeatEnd(ref, alt, window, left));
    }
    return site.start() + Math.min(end, SPAN_MAX);
  }

  /** Where the repeat of one ALT ends, from the record's start on; 0 where there is none. */
  private static int repeatEnd(byte[] ref, byte[] alt, byte[] window, int left) {
    for (byte letter : alt) {
      if (letter != 'N' && baseOf(letter) == 0) {
        return 0;
      }
    }
    int refLength = ref.length;
    int altLength = alt.length;
    while (refLength > 0 && altLength > 0 && ref[refLength - 1] == alt[altLength - 1]) {
      refLength--;
      altLength--;
    }
    int begin = 0;
    while (begin < refLength && begin < altLength && ref[begin] == alt[begin]) {
      begin++;
    }
    refLength -= begin;
    altLength -= begin;
    if ((refLength == 0) == (altLength == 0)) {
      return refLength == 0 ? 0 : begin + refLength;
    }
    int right = 0;
    while (right < SHIFT_MAX) {
      byte passed = base(window, left + begin + refLength + right);
      byte first =
          altLength > 0 ? alt[begin + right % altLength] : base(window, left + begin + right);
      if (passed == 0 || passed != first) {
        break;
      }
      right++;
    }
    return begin + refLength + right;
  }

  private static byte base(byte[] window, int column) {
    return column < 0 || column >= window.length ? 0 : baseOf(window[column]);
  }

  private static byte baseOf(byte letter) {
    return switch (letter) {
      case 'A', 'C', 'G', 'T' -> letter;
      default -> 0;
    };
  }
}
