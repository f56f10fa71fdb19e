package org.cnnscore.gatk;

import htsjdk.samtools.SAMSequenceDictionary;
import htsjdk.samtools.SAMSequenceRecord;
import java.util.List;
import org.broadinstitute.hellbender.engine.ReadsContext;
import org.broadinstitute.hellbender.exceptions.UserException;
import org.cnnscore.v1.Description;

/** Sites -> their windows: the reference around each, the reads over it. */
final class WindowSource {

  private final ReferenceWindows reference;
  private final SAMSequenceDictionary readContigs;
  private final float sampleDepth;
  private final SiteReads reads;

  /** Our own networks look at all loci an indel could stand at. */
  private final boolean repeatsCount;

  private String contig = "";

  /**
   * @param reads null for a network without reads
   * @param readContigs the contigs of all reads, null without reads
   * @param sampleDepth how many reads usually count in this sample, NaN where it is not known
   */
  WindowSource(
      Description network,
      ReferenceWindows reference,
      SiteReads reads,
      SAMSequenceDictionary readContigs,
      float sampleDepth) {
    this.reference = reference;
    this.reads = reads;
    this.readContigs = readContigs;
    this.sampleDepth = sampleDepth;
    repeatsCount = NetworkReadFilter.rule(network.getReadRule()) == NetworkReadFilter.Rule.primary;
  }

  /**
   * Adds a site with its window to a batch.
   *
   * @param window of {@link ReferenceWindows#cut}
   * @param readSource GATK's door to all reads
   */
  void add(Site site, byte[] window, ReadsContext readSource, WindowBatchBuilder batch) {
    int contigLength = reference.contigLength(site);
    if (reads == null) {
      batch.add(site, contigLength, window, List.of(), 0, Float.NaN);
      return;
    }
    enterContig(site, contigLength);
    int end = (int) Math.min(end(site, window), contigLength);
    List<ReadRecord> over = reads.over(readSource, contig, contigLength, site.start(), end);
    batch.add(site, contigLength, window, over, reads.depth(), sampleDepth);
  }

  /** Where the stretch ends whose reads count. */
  private long end(Site site, byte[] window) {
    return repeatsCount ? AlleleSpan.end(site, window, reference.left()) : site.end();
  }

  private void enterContig(Site site, int contigLength) {
    if (site.contig().equals(contig)) {
      return;
    }
    SAMSequenceRecord inReads = readContigs.getSequence(site.contig());
    if (inReads == null) {
      throw new UserException.BadInput(
          String.format(
              "the reads have no contig %s, which the record %s needs: were they aligned to another"
                  + " reference?",
              site.contig(), site.locus()));
    }
    if (inReads.getSequenceLength() != contigLength) {
      throw new UserException.BadInput(
          String.format(
              "contig %s has %d bases in the reads' header but %d in the reference (record %s):"
                  + " give the reference that the reads were aligned to",
              site.contig(), inReads.getSequenceLength(), contigLength, site.locus()));
    }
    contig = site.contig();
  }
}
