package org.cnnscore.gatk;

import htsjdk.variant.variantcontext.Allele;
import htsjdk.variant.variantcontext.VariantContext;
import htsjdk.variant.vcf.VCFFormatHeaderLine;
import htsjdk.variant.vcf.VCFHeader;
import htsjdk.variant.vcf.VCFHeaderLineType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.cnnscore.v1.Description;

/**
 * The carriers of a record: samples whose genotype holds an ALT allele that is a sequence. Each is
 * a site of its own, as a file of its sample alone would have it. The rules of
 * native/records/cohort.c.
 */
final class Carriers {

  /** CNNSCORE_SITE_BEST of native/records/cohort.h. */
  private static final double SITE_BEST = 0.35;

  /** Not as Java spells it: callers write GL of an impossible genotype as `-inf`. */
  private static final Pattern INFINITY =
      Pattern.compile("([-+]?)inf(?:inity)?", Pattern.CASE_INSENSITIVE);

  /** A carrier: the number of its sample, and what a network is told of it. */
  record Carrier(int sample, Site site) {}

  /** Genotype likelihoods of a record, as FORMAT has them. */
  private record Likelihoods(int index, double phredPerUnit, boolean isFloat) {

    /**
     * How much less likely the genotype without ALT alleles is than the best, phred-scaled; NaN
     * where that is not known.
     */
    float quality(String column) {
      String text = index < 0 ? null : FormatColumns.field(column, index);
      if (text == null) {
        return Float.NaN;
      }
      double[] values = Arrays.stream(text.split(",")).mapToDouble(this::number).toArray();
      double best = values[0];
      for (double value : values) {
        if (phredPerUnit * value < phredPerUnit * best) {
          best = value;
        }
      }
      return (float) (phredPerUnit * (values[0] - best));
    }

    private double number(String text) {
      Matcher infinity = INFINITY.matcher(text);
      if (infinity.matches()) {
        return infinity.group(1).equals("-") ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
      }
      try {
        double value = Double.parseDouble(text);
        return isFloat ? (float) value : value; // as BCF holds it
      } catch (NumberFormatException missing) {
        return Double.NaN;
      }
    }
  }

  private final Description network;
  private final VCFHeader header;
  private final boolean[] wanted;
  private long unread;

  /**
   * @param wanted whether each sample has reads
   */
  Carriers(Description network, VCFHeader header, boolean[] wanted) {
    this.network = network;
    this.header = header;
    this.wanted = wanted;
  }

  /** Carriers so far whose samples have no reads. */
  long unread() {
    return unread;
  }

  /** Those with reads, in the order of the columns. */
  List<Carrier> find(VariantContext record, FormatColumns columns) {
    List<Carrier> found = new ArrayList<>();
    boolean[] isSequence = sequences(record);
    int gt = columns == null ? -1 : columns.indexOf("GT");
    if (isSequence == null || gt < 0) {
      return found;
    }
    Likelihoods likelihoods = likelihoods(columns);
    int sample = 0;
    for (String column : columns.samples()) {
      List<Integer> held = held(FormatColumns.field(column, gt), isSequence);
      if (!held.isEmpty() && wanted[sample]) {
        found.add(new Carrier(sample, site(record, held, likelihoods.quality(column))));
      } else if (!held.isEmpty()) {
        unread++;
      }
      sample++;
    }
    return found;
  }

  /** Which alleles can be scored; null: none. */
  private static boolean[] sequences(VariantContext record) {
    List<Allele> alleles = record.getAlleles();
    boolean[] isSequence = new boolean[alleles.size()];
    boolean any = false;
    for (int i = 1; i < isSequence.length; i++) {
      isSequence[i] = Sites.isSequence(alleles.get(i));
      any |= isSequence[i];
    }
    return any ? isSequence : null;
  }

  /**
   * The sequences that a genotype holds, in the order of the record. Phase and ploidy are nothing.
   */
  private static List<Integer> held(String genotype, boolean[] isSequence) {
    if (genotype == null) {
      return List.of();
    }
    return Arrays.stream(genotype.split("[/|]"))
        .filter(text -> !text.isEmpty() && text.chars().allMatch(c -> c >= '0' && c <= '9'))
        .filter(text -> text.length() < 9)
        .map(Integer::valueOf)
        .filter(allele -> allele < isSequence.length && isSequence[allele])
        .distinct()
        .sorted()
        .toList();
  }

  private Likelihoods likelihoods(FormatColumns columns) {
    int phred = header.hasFormatLine("PL") ? columns.indexOf("PL") : -1;
    if (phred >= 0) {
      return new Likelihoods(phred, 1, isFloat("PL"));
    }
    int log = header.hasFormatLine("GL") ? columns.indexOf("GL") : -1;
    return new Likelihoods(log, -10, isFloat("GL"));
  }

  private boolean isFloat(String key) {
    VCFFormatHeaderLine line = header.getFormatHeaderLine(key);
    return line != null && line.getType() == VCFHeaderLineType.Float;
  }

  /** REF and what is held of the ALT alleles, without the bases that all of these end in. */
  private Site site(VariantContext record, List<Integer> held, float qual) {
    List<byte[]> alleles = new ArrayList<>(List.of(Site.bytes(record.getReference())));
    held.forEach(allele -> alleles.add(Site.bytes(record.getAlleles().get(allele))));
    int shared = sharedEnd(alleles);
    alleles.replaceAll(allele -> Arrays.copyOf(allele, allele.length - shared));
    float[] annotations = new float[network.getAnnotationsCount()];
    for (int i = 0; i < annotations.length; i++) {
      annotations[i] = network.getAnnotations(i).equals(Sites.QUAL) ? qual : Float.NaN;
    }
    int start = Sites.start(record);
    long end = (long) start + alleles.get(0).length;
    return new Site(record.getContig(), start, end, kind(alleles), alleles, annotations, qual);
  }

  private static int sharedEnd(List<byte[]> alleles) {
    byte[] ref = alleles.get(0);
    int shared = ref.length - 1;
    for (byte[] alt : alleles.subList(1, alleles.size())) {
      int same = 0;
      while (same < shared
          && same + 1 < alt.length
          && ref[ref.length - 1 - same] == alt[alt.length - 1 - same]) {
        same++;
      }
      shared = same;
    }
    return shared;
  }

  private static int kind(List<byte[]> alleles) {
    int ref = alleles.get(0).length;
    int kind = -1;
    for (byte[] alt : alleles.subList(1, alleles.size())) {
      int thisKind = alt.length != ref ? Sites.INDEL : ref == 1 ? Sites.SNP : Sites.OTHER;
      kind = kind < 0 || kind == thisKind ? thisKind : Sites.OTHER;
    }
    return kind;
  }

  /**
   * The log-odds that a site is real, of those of its carriers: between their mean and the best of
   * them (native/records/cohort_writer.c). Of one carrier its own; their order does not matter.
   */
  static float siteScore(float[] scores) {
    float[] sorted = scores.clone();
    Arrays.sort(sorted);
    double best = sorted[sorted.length - 1];
    double sum = 0;
    for (float score : sorted) {
      sum += score;
    }
    double mean = sum / sorted.length;
    return (float) (mean + SITE_BEST * (best - mean));
  }
}
