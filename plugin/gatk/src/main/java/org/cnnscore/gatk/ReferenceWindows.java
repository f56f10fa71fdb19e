package org.cnnscore.gatk;

import htsjdk.samtools.SAMSequenceDictionary;
import htsjdk.samtools.SAMSequenceRecord;
import java.nio.charset.StandardCharsets;
import org.broadinstitute.hellbender.engine.ReferenceContext;
import org.broadinstitute.hellbender.exceptions.UserException;
import org.broadinstitute.hellbender.utils.SimpleInterval;
import org.cnnscore.v1.Description;

/** The reference around sites, each of which must have the REF that lies there. */
final class ReferenceWindows {

  private final Description network;
  private final SAMSequenceDictionary contigs;

  private String contig = "";
  private int contigLength;

  /**
   * @param contigs those of the reference
   */
  ReferenceWindows(Description network, SAMSequenceDictionary contigs) {
    this.network = network;
    this.contigs = contigs;
  }

  /** Columns of a window before a site's first base. */
  int left() {
    return network.getReferenceLeft();
  }

  /**
   * The bases around a site, upper case; 0 beyond the contig. The context is GATK's door to all.
   */
  byte[] cut(Site site, ReferenceContext bases) {
    contigLength(site);
    byte[] window = window(bases, site.start() - left(), network.getReferenceWidth());
    checkReference(site, bases, window);
    return window;
  }

  /** The length of a site's contig, which the reference must have. */
  int contigLength(Site site) {
    if (!site.contig().equals(contig)) {
      SAMSequenceRecord found = contigs.getSequence(site.contig());
      if (found == null) {
        throw new UserException.BadInput(
            String.format(
                "the reference has no contig %s, which the record %s is on: give the reference that"
                    + " the variants were called against, or leave the contig out with -L or -XL",
                site.contig(), site.locus()));
      }
      contig = site.contig();
      contigLength = found.getSequenceLength();
    }
    return contigLength;
  }

  /** Bases [start, start + width), upper case; 0 beyond the contig. */
  private byte[] window(ReferenceContext source, int start, int width) {
    byte[] window = new byte[width];
    int from = Math.max(start, 0);
    int to = Math.min(start + width, contigLength);
    if (to > from) {
      byte[] bases = source.getBases(new SimpleInterval(contig, from + 1, to));
      System.arraycopy(bases, 0, window, from - start, to - from);
    }
    return window;
  }

  /** REF must be what the reference says, where both name a base. */
  private void checkReference(Site site, ReferenceContext source, byte[] window) {
    byte[] ref = site.reference();
    int start = site.start();
    if (start < 0 || start + (long) ref.length > contigLength) {
      throw new UserException.BadInput(
          String.format(
              "record %s lies past the end of contig %s (%d bases in the reference): give the"
                  + " reference that the variants were called against",
              site.locus(), contig, contigLength));
    }
    boolean within = ref.length <= window.length - left();
    byte[] bases = within ? window : window(source, start, ref.length);
    int first = within ? left() : 0;
    for (int i = 0; i < ref.length; i++) {
      byte base = bases[first + i];
      if (ref[i] != base && isBase(ref[i]) && isBase(base)) {
        throw new UserException.BadInput(
            String.format(
                "record %s has REF %.40s, but the reference has %c at %s:%d: give the reference"
                    + " that the variants were called against",
                site.locus(),
                new String(ref, StandardCharsets.ISO_8859_1),
                (char) base,
                contig,
                start + i + 1));
      }
    }
  }

  private static boolean isBase(byte base) {
    return base == 'A' || base == 'C' || base == 'G' || base == 'T';
  }
}
