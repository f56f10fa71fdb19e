package org.cnnscore.gatk;

import htsjdk.variant.variantcontext.Allele;
import htsjdk.variant.variantcontext.VariantContext;
import htsjdk.variant.vcf.VCFHeader;
import java.util.Locale;
import org.apache.logging.log4j.Logger;
import org.broadinstitute.hellbender.engine.GATKPath;
import org.broadinstitute.hellbender.exceptions.UserException;
import org.cnnscore.v1.Description;

/**
 * What is said of a network without finite scores, and of annotations that it is not used to: the
 * rules and the words of native/records/checks.c.
 */
final class ScoreChecks {

  private final Description network;
  private final AnnotationChecks annotations;

  /** Networks of ours score alleles, those of GATK's encodings score records. */
  private final boolean byAllele;

  private long sites;

  ScoreChecks(Description network, GATKPath calls, VCFHeader header) {
    this.network = network;
    annotations = new AnnotationChecks(network, calls.toString(), header);
    byAllele = !network.getEncoding().startsWith("gatk-");
  }

  /**
   * Counts a record that lies on its contig, if the network must have a score for it.
   *
   * @param values its annotations, in the order of the network's
   */
  void add(VariantContext record, float[] values) {
    boolean finite = true;
    for (float value : values) {
      finite &= !Float.isInfinite(value);
    }
    boolean hasSequence = false;
    for (Allele allele : record.getAlternateAlleles()) {
      hasSequence |= Sites.isSequence(allele);
    }
    if (finite && (!byAllele || hasSequence)) {
      sites++;
    }
    if (hasSequence) {
      annotations.add(values);
    }
  }

  /** Ends a run without any score. */
  void check(long scored) {
    if (scored == 0 && sites > 0) {
      throw new UserException.BadInput(
          String.format(
              Locale.ROOT,
              "the network %s has no finite score (NaN) for any of the %,d sites: its weights are"
                  + " damaged, or it cannot take such calls; import or train it again, or take"
                  + " another",
              network.getModel(),
              sites));
    }
  }

  /** Says at the end how many sites have none, and what the network is not used to. */
  void warn(long scored, Logger logger) {
    annotations.warn(logger);
    if (scored < sites) {
      logger.warn(
          String.format(
              Locale.ROOT,
              "the network %s has no finite score (NaN) for %,d of %,d sites: they are left without"
                  + " one",
              network.getModel(),
              sites - scored,
              sites));
    }
  }
}
