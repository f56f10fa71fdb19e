package org.cnnscore.gatk;

import static java.util.stream.Collectors.joining;

import htsjdk.variant.vcf.VCFHeader;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.apache.logging.log4j.Logger;
import org.cnnscore.v1.Description;

/**
 * What is said of annotations that are not there, or are not what GATK's callers write: the rules
 * and the words of native/records/annotations.c.
 */
final class AnnotationChecks {

  /**
   * What GATK's callers write of a single sample; not `always`: only where reads have both alleles.
   */
  private record Usual(double low, double high, boolean always) {

    boolean excludes(float value) {
      return value < low || value > high; // NaN is neither
    }

    @Override
    public String toString() {
      return String.format(Locale.ROOT, "not between %.0f and %.0f in ", low, high);
    }
  }

  private static final Map<String, Usual> USUAL =
      Map.of(
          "MQ", new Usual(0, 70, true),
          "DP", new Usual(0, 500, true),
          "SOR", new Usual(0, 13, true),
          "FS", new Usual(0, 1200, true),
          "QD", new Usual(0, 45, true),
          "MQRankSum", new Usual(-20, 20, false),
          "ReadPosRankSum", new Usual(-20, 20, false));

  /** Records that show that an annotation is not written at all where both alleles are seen. */
  private static final int ENOUGH_FOR_BOTH = 100;

  private static final String ZERO =
      " takes 0 for them, as GATK does, and gives low scores. `gatk VariantAnnotator` writes them;"
          + " cnnscore's own network reads does without";

  private enum Fault {
    undeclared,
    lacking,
    outside,
    highDepth
  }

  private static final class Annotation {

    final String key;
    final boolean declared;
    final Usual usual;
    long known;
    long outside;

    Annotation(String key, VCFHeader header) {
      this.key = key;
      declared = key.equals(Sites.QUAL) || header.hasInfoLine(key);
      usual = USUAL.get(key);
    }

    Fault fault(long records) {
      if (!declared && known == 0) {
        return Fault.undeclared;
      }
      if (usual != null && !usual.always
          ? records >= ENOUGH_FOR_BOTH && 20 * known < records
          : 2 * known < records) {
        return Fault.lacking;
      }
      if (4 * outside > known) {
        return key.equals("DP") ? Fault.highDepth : Fault.outside;
      }
      return null;
    }

    String listed(Fault fault, long records) {
      return switch (fault) {
        case undeclared -> key;
        case lacking -> key + " in " + shares(records - known, records);
        case outside -> key + " " + usual + shares(outside, known);
        case highDepth -> usual + shares(outside, known);
      };
    }

    private static String shares(long faulty, long of) {
      return String.format(Locale.ROOT, "%,d of %,d records", faulty, of);
    }
  }

  private final String model;
  private final String calls;
  private final boolean ofGatk;
  private final boolean withoutReads;
  private final List<Annotation> annotations;
  private long records;

  AnnotationChecks(Description network, String calls, VCFHeader header) {
    model = network.getModel();
    this.calls = calls;
    ofGatk = network.getEncoding().startsWith("gatk-");
    withoutReads = network.getEncoding().equals("reference");
    annotations =
        network.getAnnotationsList().stream().map(key -> new Annotation(key, header)).toList();
  }

  /** Whether GATK's callers do not write such a value. */
  static boolean isOutside(String key, float value) {
    return USUAL.containsKey(key) && USUAL.get(key).excludes(value);
  }

  /**
   * Counts a record that has an ALT allele which is a sequence.
   *
   * @param values its annotations, in the order of the network's
   */
  void add(float[] values) {
    records++;
    for (int i = 0; i < values.length; i++) {
      Annotation annotation = annotations.get(i);
      annotation.known += Float.isNaN(values[i]) ? 0 : 1;
      annotation.outside += isOutside(annotation.key, values[i]) ? 1 : 0;
    }
  }

  /** Without reads, a network of ours has little but the caller's annotations to look at. */
  private void warnOfLittle(Logger logger) {
    List<Annotation> callers =
        annotations.stream()
            .filter(annotation -> !Set.of(Sites.QUAL, "RelativeDepth").contains(annotation.key))
            .toList();
    long known = callers.stream().mapToLong(annotation -> annotation.known).sum();
    if (2 * known < records * callers.size()) {
      logger.warn(
          String.format(
              "%s lacks most of %s, and %s looks at no reads: it can tell few false calls from true"
                  + " ones, and filtering by its scores removes few. Give the reads to"
                  + " `reads`",
              calls,
              callers.stream().map(annotation -> annotation.key).collect(joining(", ")),
              model));
    }
  }

  /** Says at the end what networks are not used to, or have too little of. */
  void warn(Logger logger) {
    if (withoutReads) {
      warnOfLittle(logger);
    }
    for (Fault fault : ofGatk && records > 0 ? Fault.values() : new Fault[0]) {
      String list =
          annotations.stream()
              .filter(annotation -> annotation.fault(records) == fault)
              .map(annotation -> annotation.listed(fault, records))
              .collect(joining(", "));
      if (!list.isEmpty()) {
        logger.warn(said(fault, list));
      }
    }
  }

  private String said(Fault fault, String list) {
    return switch (fault) {
      case undeclared -> calls + " declares no INFO/" + list + ": " + model + ZERO;
      case lacking -> calls + " lacks INFO/" + list + ": " + model + ZERO;
      case outside ->
          calls
              + " has what GATK's callers do not write, INFO/"
              + list
              + ": "
              + model
              + " has not seen such values, and its scores may be wrong. `gatk VariantAnnotator`"
              + " writes them anew; cnnscore's own network reads does without";
      case highDepth ->
          "INFO/DP of "
              + calls
              + " is "
              + list
              + ": "
              + model
              + " has not seen such depths, and gives low scores. DP of a cohort is that of all"
              + " samples: `gatk SelectVariants -sn SAMPLE` works it out for one; cnnscore's own"
              + " networks (reads, reference) do not look at it";
    };
  }
}
