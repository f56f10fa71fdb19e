package org.cnnscore.gatk;

import htsjdk.variant.variantcontext.Allele;
import htsjdk.variant.variantcontext.VariantContext;
import htsjdk.variant.vcf.VCFConstants;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.broadinstitute.hellbender.exceptions.UserException;

/**
 * What a network is told of a record: kind, end, annotations. The rules of native/records, on
 * GATK's records; positions are 0-based half-open.
 */
final class Sites {

  static final int SNP = 0;
  static final int INDEL = 1;
  static final int OTHER = 2;

  private static final MathContext PRINTED_DIGITS = new MathContext(6, RoundingMode.HALF_EVEN);

  /** The annotation that is not in INFO but a column of its own. */
  static final String QUAL = "QUAL";

  /** What C's strtod takes at the beginning of a text. */
  private static final Pattern NUMBER =
      Pattern.compile("\\s*([+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?)");

  private static final Pattern INFINITE =
      Pattern.compile("\\s*([+-]?)inf.*", Pattern.CASE_INSENSITIVE);

  private static final Pattern BASES = Pattern.compile("[ACGTacgt]");
  private static final Pattern SEQUENCE = Pattern.compile("[ACGTNacgtn]+");

  private Sites() {}

  /** Whether an allele is a sequence, not `*`, a symbol or a breakend. */
  static boolean isSequence(Allele allele) {
    return SEQUENCE.matcher(allele.getDisplayString()).matches();
  }

  static int start(VariantContext record) {
    return record.getStart() - 1;
  }

  /**
   * Whether a record lies beside its contig: VCF's POS 0 and N + 1, which have no bases. Refuses
   * one with bases before the first (native/records/columns.c).
   */
  static boolean isTelomere(VariantContext record, int contigLength) {
    String reference = record.getReference().getDisplayString();
    if (start(record) < 0
        && BASES.matcher(reference).lookingAt()
        && record.getAlternateAlleles().stream().anyMatch(Sites::isSequence)) {
      throw new UserException.BadInput(
          String.format(
              "record %s:%d (%s) lies before the contig's first base: its POS is 0; mend or drop"
                  + " it",
              record.getContig(), record.getStart(), reference));
    }
    return start(record) == -1 || start(record) == contigLength;
  }

  /** INFO/END where that lies behind the start, else the end of REF. */
  static long end(VariantContext record) {
    double end = number(record.getAttribute(VCFConstants.END_KEY));
    boolean hasEnd = end > start(record) && end <= Integer.MAX_VALUE;
    return hasEnd ? (long) end : (long) start(record) + record.getReference().length();
  }

  /**
   * Which classes of the network a score is read from: by the lengths of the alleles alone, as
   * NVScoreVariants does (a symbolic allele has the length of its text).
   */
  static int kind(VariantContext record) {
    String reference = record.getReference().getDisplayString();
    int kind = -1;
    for (Allele allele : record.getAlternateAlleles()) {
      String alternate = allele.getDisplayString();
      if (alternate.equals(reference)) {
        continue;
      }
      int thisKind =
          alternate.length() != reference.length() ? INDEL : alternate.length() == 1 ? SNP : OTHER;
      if (kind >= 0 && kind != thisKind) {
        return OTHER;
      }
      kind = thisKind;
    }
    return kind < 0 ? OTHER : kind;
  }

  /** An annotation's first value; NaN when it is missing or no number. */
  static float annotation(VariantContext record, String key) {
    if (key.equals(QUAL)) {
      return record.hasLog10PError() ? (float) record.getPhredScaledQual() : Float.NaN;
    }
    return (float) number(record.getAttribute(key));
  }

  /** Three decimals, as the other doors of cnnscore write a score (C's %g of it). */
  static String format(float score) {
    float rounded = rounded(score);
    if (rounded == 0) {
      return "0"; // never -0
    }
    return new BigDecimal(rounded).round(PRINTED_DIGITS).stripTrailingZeros().toPlainString();
  }

  /** What {@link #format} prints of a score. */
  static float rounded(float score) {
    return (float) (Math.rint((double) score * 1000.0) / 1000.0);
  }

  private static double number(Object attribute) {
    Object first = attribute instanceof List<?> list && !list.isEmpty() ? list.get(0) : attribute;
    if (first instanceof Number value) {
      return value.doubleValue();
    }
    if (!(first instanceof String text)) {
      return Double.NaN;
    }
    Matcher number = NUMBER.matcher(text);
    if (number.lookingAt()) {
      return Double.parseDouble(number.group(1));
    }
    Matcher infinite = INFINITE.matcher(text);
    if (infinite.matches()) {
      return infinite.group(1).equals("-") ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
    }
    return Double.NaN;
  }
}
