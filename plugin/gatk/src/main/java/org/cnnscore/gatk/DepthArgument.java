package org.cnnscore.gatk;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.function.Predicate;
import org.apache.logging.log4j.Logger;
import org.broadinstitute.barclay.argparser.Argument;
import org.broadinstitute.hellbender.engine.ReadsContext;
import org.broadinstitute.hellbender.engine.ReadsDataSource;
import org.broadinstitute.hellbender.exceptions.UserException;
import org.broadinstitute.hellbender.utils.read.GATKRead;
import org.cnnscore.v1.Description;

/** How deep the sample is: as the user says, or as measured in the reads before the first site. */
final class DepthArgument {

  /** Digits that a depth is printed with, as C's %g has them. */
  private static final int DIGITS = 6;

  /** As `cnnscore score` has it. */
  private static final double MOST = 1e9;

  @Argument(
      fullName = "sample-depth",
      optional = true,
      doc =
          "How deep the sample usually is, as `cnnscore depth` prints it. Default: measured in the"
              + " reads")
  String given;

  private boolean matters;
  private float depth = Float.NaN;

  /** Refuses what is no depth, before an engine is started. */
  void check() {
    if (given == null) {
      return;
    }
    double number = given.matches("[0-9]+(\\.[0-9]*)?") ? Double.parseDouble(given) : 0;
    if (!(number > 0 && number < MOST)) {
      throw new UserException.BadInput(
          "--sample-depth " + given + ": not a depth: a number above 0");
    }
    depth = (float) number;
  }

  /**
   * The depth for all sites, NaN where it is not known or of no use. Warns as `cnnscore score` does
   * (native/records/read_checks.c).
   *
   * @param inputs the reads, null for a network that does not look at them
   * @param filter those that count, here as over the sites
   */
  float settle(Description network, ReadInputs inputs, Predicate<GATKRead> filter, Logger logger) {
    boolean ours = NetworkReadFilter.rule(network.getReadRule()) == NetworkReadFilter.Rule.primary;
    matters = ours && network.getAnnotationsList().contains("RelativeDepth");
    if (given != null && !matters) {
      throw new UserException.BadInput(
          String.format(
              "the network %s does not look at the sample's depth: leave out --sample-depth",
              network.getModel()));
    }
    if (given == null && ours) {
      try (ReadsDataSource reads = inputs.open()) {
        measure(new ReadsContext(reads, null), inputs, filter, logger);
      }
    }
    return depth;
  }

  private void measure(
      ReadsContext door, ReadInputs inputs, Predicate<GATKRead> filter, Logger logger) {
    SampleDepth.Measured measured = SampleDepth.measure(door, inputs.contigs(), filter);
    depth = measured.depth();
    boolean unknown = Float.isNaN(depth);
    boolean ofPart = 2 * measured.covered() < measured.parts();
    // Where no read counts at all that is what there is to say.
    if (matters && (unknown || ofPart) && SampleDepth.anyCounts(door, inputs.contigs(), filter)) {
      logger.warn(unknown ? ofTooFew(inputs) : ofSlice(inputs, measured));
    }
  }

  private static String ofTooFew(ReadInputs inputs) {
    return inputs
        + " has too few reads to tell how deep the sample usually is, which moves scores: give the"
        + " depth of the whole file with --sample-depth (`cnnscore depth` prints it)";
  }

  private static String ofSlice(ReadInputs inputs, SampleDepth.Measured measured) {
    return String.format(
        Locale.ROOT,
        "reads of %s lie in %d of %d parts of its contigs, and a sample depth of %s was measured"
            + " there: if it is a slice of a larger file, give that one's with --sample-depth"
            + " (`cnnscore depth` prints it)",
        inputs,
        measured.covered(),
        measured.parts(),
        printed(measured.depth()));
  }

  /** Whether the network looks at it, so that the header has a line of it. */
  boolean matters() {
    return matters;
  }

  /** The header's words of it, as `cnnscore score` writes them. */
  String words() {
    return String.format(
        "Depth=%s,Source=%s",
        Float.isNaN(depth) ? "unknown" : printed(depth), given != null ? "given" : "measured");
  }

  /** As C's %g prints a number. */
  static String printed(float number) {
    BigDecimal rounded =
        new BigDecimal(number)
            .round(new MathContext(DIGITS, RoundingMode.HALF_EVEN))
            .stripTrailingZeros();
    int exponent = rounded.precision() - rounded.scale() - 1;
    if (exponent >= -4 && exponent < DIGITS) {
      return rounded.toPlainString();
    }
    String digits = rounded.scaleByPowerOfTen(-exponent).toPlainString();
    return String.format(Locale.ROOT, "%se%+03d", digits, exponent);
  }
}
