package org.cnnscore.gatk;

import htsjdk.variant.variantcontext.Allele;
import htsjdk.variant.variantcontext.VariantContext;
import java.util.Locale;
import java.util.regex.Pattern;
import org.apache.logging.log4j.Logger;
import org.broadinstitute.hellbender.exceptions.UserException;
import org.cnnscore.v1.Description;

/**
 * What is said of a network without finite scores: the rules and the words of
 * native/records/checks.c.
 */
final class ScoreChecks {

  private static final Pattern SEQUENCE = Pattern.compile("[ACGTNacgtn]+");

  private final Description network;

  /** Networks of ours score alleles, those of GATK's encodings score records. */
  private final boolean byAllele;

  private long sites;

  ScoreChecks(Description network) {
    this.network = network;
    byAllele = !network.getEncoding().startsWith("gatk-");
  }

  /** Counts a record that lies on its contig, if the network must have a score for it. */
  void add(VariantContext record) {
    boolean finite =
        network.getAnnotationsList().stream()
            .noneMatch(key -> Float.isInfinite(Sites.annotation(record, key)));
    if (finite && (!byAllele || record.getAlternateAlleles().stream().anyMatch(this::isSequence))) {
      sites++;
    }
  }

  private boolean isSequence(Allele allele) {
    return SEQUENCE.matcher(allele.getDisplayString()).matches();
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

  /** Says at the end how many sites have none. */
  void warn(long scored, Logger logger) {
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
