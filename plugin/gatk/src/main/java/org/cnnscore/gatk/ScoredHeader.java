package org.cnnscore.gatk;

import htsjdk.variant.vcf.VCFFormatHeaderLine;
import htsjdk.variant.vcf.VCFHeader;
import htsjdk.variant.vcf.VCFHeaderLine;
import htsjdk.variant.vcf.VCFHeaderLineType;
import htsjdk.variant.vcf.VCFInfoHeaderLine;
import java.util.LinkedHashSet;
import java.util.Set;
import org.cnnscore.v1.Description;

/** The header of scored calls: the score's INFO key, which network scored, the depth. */
final class ScoredHeader {

  /** INFO keys of a cohort's scores. */
  static final String SITE_KEY = "CNN_SITE";

  static final String NUMBER_KEY = "CNN_N";

  /** What follows in a network's cut-offs is of a cohort's sites. */
  private static final String BEFORE_SITES = ";" + SITE_KEY + ";";

  private static final String MODEL_LINE = "cnnscore_model";
  private static final String DEPTH_LINE = "cnnscore_sample_depth";

  private ScoredHeader() {}

  /**
   * The input's header with lines for scores under {@code key}, in place of those it has.
   *
   * @param toolLines what GATK adds of its own
   */
  static VCFHeader of(
      VCFHeader input,
      String key,
      Description network,
      DepthArgument depth,
      Set<VCFHeaderLine> toolLines) {
    Set<VCFHeaderLine> lines = new LinkedHashSet<>(input.getMetaDataInInputOrder());
    lines.remove(input.getInfoHeaderLine(key));
    lines.add(new VCFInfoHeaderLine(key, 1, VCFHeaderLineType.Float, network.getInfoDescription()));
    lines.removeIf(line -> isOfScores(line, key));
    lines.add(modelLine(key, network));
    if (depth.matters()) {
      lines.add(new VCFHeaderLine(DEPTH_LINE, "<ID=" + key + "," + depth.words() + ">"));
    }
    lines.addAll(toolLines);
    return new VCFHeader(lines, input.getGenotypeSamples());
  }

  /**
   * The input's header with lines for a cohort's scores, in place of those it has: the words of
   * native/records/cohort_checks.c. The network's cut-offs of single samples stand with the
   * carriers' scores, those of sites with the sites'.
   */
  static VCFHeader ofCohort(
      VCFHeader input, String key, Description network, Set<VCFHeaderLine> toolLines) {
    Set<VCFHeaderLine> lines = new LinkedHashSet<>(input.getMetaDataInInputOrder());
    lines.remove(input.getFormatHeaderLine(key));
    lines.remove(input.getInfoHeaderLine(SITE_KEY));
    lines.remove(input.getInfoHeaderLine(NUMBER_KEY));
    lines.removeIf(line -> isOfScores(line, key) || isOfScores(line, SITE_KEY));
    lines.add(
        new VCFFormatHeaderLine(
            key,
            1,
            VCFHeaderLineType.Float,
            "Of samples that carry an ALT allele: " + network.getInfoDescription()));
    lines.add(
        new VCFInfoHeaderLine(
            SITE_KEY,
            1,
            VCFHeaderLineType.Float,
            "Log-odds that at least one carrier is real, by their FORMAT/" + key));
    lines.add(
        new VCFInfoHeaderLine(
            NUMBER_KEY, 1, VCFHeaderLineType.Integer, "Carriers with a FORMAT/" + key));
    lines.add(modelLine(key, network));
    lines.add(siteModelLine(network));
    lines.addAll(toolLines);
    return new VCFHeader(lines, input.getGenotypeSamples());
  }

  /** As `cnnscore score` writes it and `cnnscore filter` reads it. */
  static VCFHeaderLine modelLine(String key, Description network) {
    String cutoffs = network.getCutoffs();
    int sites = cutoffs.indexOf(BEFORE_SITES);
    return modelLine(key, network, sites < 0 ? cutoffs : cutoffs.substring(0, sites));
  }

  /** That of a cohort's sites. */
  static VCFHeaderLine siteModelLine(Description network) {
    String cutoffs = network.getCutoffs();
    int sites = cutoffs.indexOf(BEFORE_SITES);
    String own = sites < 0 ? "" : cutoffs.substring(sites + BEFORE_SITES.length());
    return modelLine(SITE_KEY, network, own);
  }

  private static VCFHeaderLine modelLine(String key, Description network, String cutoffs) {
    return new VCFHeaderLine(
        MODEL_LINE,
        String.format(
            "<ID=%s,Model=\"%s\",Network=%s,Version=%s%s%s>",
            key,
            network.getModel(),
            network.getNetwork(),
            network.getServerVersion(),
            isExact(network) ? "" : ",Precision=" + network.getPrecision(),
            cutoffs.isEmpty() ? "" : ",Cutoffs=\"" + cutoffs + "\""));
  }

  /** An older server, which has no other, does not say. */
  private static boolean isExact(Description network) {
    return network.getPrecision().isEmpty() || network.getPrecision().equals("exact");
  }

  /** Whether a line says how the scores of that key were made. */
  private static boolean isOfScores(VCFHeaderLine line, String key) {
    boolean ours = line.getKey().equals(MODEL_LINE) || line.getKey().equals(DEPTH_LINE);
    return ours && line.getValue().startsWith("<ID=" + key + ",");
  }
}
