package org.cnnscore.gatk;

import htsjdk.samtools.SAMSequenceDictionary;
import htsjdk.samtools.SAMSequenceRecord;
import htsjdk.variant.variantcontext.VariantContext;
import java.util.List;
import org.broadinstitute.hellbender.engine.ReadsContext;
import org.broadinstitute.hellbender.engine.ReferenceContext;
import org.broadinstitute.hellbender.exceptions.UserException;
import org.broadinstitute.hellbender.utils.SimpleInterval;
import org.cnnscore.v1.Description;

/** Records -> their windows: the reference around each, the reads over it. */
final class WindowSource {

  private final Description network;
  private final SAMSequenceDictionary contigs;
  private final SAMSequenceDictionary readContigs;
  private final float sampleDepth;
  private final SiteReads reads;

  /** Our own networks look at all loci an indel could stand at. */
  private final boolean repeatsCount;

  private String contig = "";
  private int contigLength;

  /**
   * @param contigs those of the reference
   * @param reads null for a network without reads
   * @param readContigs the contigs of all reads, null without reads
   * @param sampleDepth how many reads usually count in this sample, NaN where it is not known
   */
  WindowSource(
      Description network,
      SAMSequenceDictionary contigs,
      SiteReads reads,
      SAMSequenceDictionary readContigs,
      float sampleDepth) {
    this.network = network;
    this.contigs = contigs;
    this.reads = reads;
    this.readContigs = readContigs;
    this.sampleDepth = sampleDepth;
    repeatsCount = NetworkReadFilter.rule(network.getReadRule()) == NetworkReadFilter.Rule.primary;
  }

  /** Adds a record's window to a batch; the contexts are GATK's doors to all bases and reads. */
  void add(
      VariantContext record,
      ReferenceContext bases,
      ReadsContext readSource,
      WindowBatchBuilder batch) {
    enterContig(record);
    int start = Sites.start(record);
    byte[] window = window(bases, start - network.getReferenceLeft(), network.getReferenceWidth());
    checkReference(record, bases, start, window);
    if (reads == null) {
      batch.add(record, contigLength, window, List.of(), 0, Float.NaN);
      return;
    }
    int end = (int) Math.min(end(record, window), contigLength);
    List<byte[]> over = reads.over(readSource, contig, contigLength, start, end);
    batch.add(record, contigLength, window, over, reads.depth(), sampleDepth);
  }

  /** Where the stretch ends whose reads count. */
  private long end(VariantContext record, byte[] window) {
    return repeatsCount
        ? AlleleSpan.end(record, window, network.getReferenceLeft())
        : Sites.end(record);
  }

  private void enterContig(VariantContext record) {
    if (record.getContig().equals(contig)) {
      return;
    }
    SAMSequenceRecord found = contigs.getSequence(record.getContig());
    if (found == null) {
      throw new UserException.BadInput(
          String.format(
              "the reference has no contig %s, which the record %s is on: give the reference that"
                  + " the variants were called against, or leave the contig out with -L or -XL",
              record.getContig(), locus(record)));
    }
    SAMSequenceRecord inReads = reads == null ? found : readContigs.getSequence(found.getContig());
    if (inReads == null) {
      throw new UserException.BadInput(
          String.format(
              "the reads have no contig %s, which the record %s needs: were they aligned to another"
                  + " reference?",
              record.getContig(), locus(record)));
    }
    if (inReads.getSequenceLength() != found.getSequenceLength()) {
      throw new UserException.BadInput(
          String.format(
              "contig %s has %d bases in the reads' header but %d in the reference (record %s):"
                  + " give the reference that the reads were aligned to",
              record.getContig(),
              inReads.getSequenceLength(),
              found.getSequenceLength(),
              locus(record)));
    }
    contig = record.getContig();
    contigLength = found.getSequenceLength();
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
  private void checkReference(
      VariantContext record, ReferenceContext source, int start, byte[] window) {
    byte[] ref = record.getReference().getBases();
    if (start < 0 || start + (long) ref.length > contigLength) {
      throw new UserException.BadInput(
          String.format(
              "record %s lies past the end of contig %s (%d bases in the reference): give the"
                  + " reference that the variants were called against",
              locus(record), contig, contigLength));
    }
    int left = network.getReferenceLeft();
    boolean within = ref.length <= window.length - left;
    byte[] bases = within ? window : window(source, start, ref.length);
    int first = within ? left : 0;
    for (int i = 0; i < ref.length; i++) {
      byte base = bases[first + i];
      if (ref[i] != base && isBase(ref[i]) && isBase(base)) {
        throw new UserException.BadInput(
            String.format(
                "record %s has REF %.40s, but the reference has %c at %s:%d: give the reference"
                    + " that the variants were called against",
                locus(record),
                record.getReference().getBaseString(),
                (char) base,
                contig,
                start + i + 1));
      }
    }
  }

  private static boolean isBase(byte base) {
    return base == 'A' || base == 'C' || base == 'G' || base == 'T';
  }

  private static String locus(VariantContext record) {
    return record.getContig() + ":" + record.getStart();
  }
}
