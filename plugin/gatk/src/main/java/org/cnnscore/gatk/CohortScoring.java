package org.cnnscore.gatk;

import htsjdk.variant.variantcontext.VariantContext;
import htsjdk.variant.variantcontext.VariantContextBuilder;
import htsjdk.variant.vcf.VCFHeader;
import htsjdk.variant.vcf.VCFHeaderLine;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.apache.logging.log4j.Logger;
import org.broadinstitute.hellbender.engine.GATKPath;
import org.broadinstitute.hellbender.engine.ReadsContext;
import org.broadinstitute.hellbender.engine.ReferenceContext;
import org.broadinstitute.hellbender.exceptions.UserException;
import org.cnnscore.v1.Description;

/**
 * A score for each carrier of a record, and one for the site: --per-sample. Records come in blocks,
 * whose carriers are scored sample by sample, so that a sample's reads are opened once a block.
 */
final class CohortScoring implements Scoring {

  /** Carriers, and bytes of records, that make a block full. */
  private static final int BLOCK_CARRIERS = 32_768;

  private static final long BLOCK_BYTES = 64L << 20;

  /** About what a record takes in memory, beside its columns. */
  private static final long RECORD_BYTES = 2000;

  /** A record of the block. */
  private record Held(VariantContext record, FormatColumns columns, List<Scored> carriers) {}

  /** A carrier, the bases around it, and its score. */
  private static final class Scored {
    final Carriers.Carrier carrier;
    final byte[] window;
    float score = Float.NaN;

    Scored(Carriers.Carrier carrier, byte[] window) {
      this.carrier = carrier;
      this.window = window;
    }
  }

  private final GATKPath calls;
  private final VCFHeader input;
  private final Description network;
  private final String key;
  private final CohortReads reads;
  private final Carriers carriers;
  private final ReferenceWindows reference;
  private final ScoringPipeline<Scored> pipeline;
  private final List<Held> block = new ArrayList<>();
  private final SortedMap<Integer, List<Scored>> bySample = new TreeMap<>();
  private FormatColumns.Codec codec;
  private Consumer<VariantContext> sink;
  private long blockBytes;
  private long blockCarriers;
  private long records;
  private long recordsScored;
  private long taken;
  private long scored;

  CohortScoring(CnnScoreVariants tool, EngineClient client, Description network, Logger logger) {
    this.network = network;
    calls = tool.calls();
    input = tool.getHeaderForVariants();
    key = network.getInfoKey();
    check(tool, network);
    reads =
        new CohortReads(
            calls,
            input,
            tool.readInputs(),
            tool.getReferenceDictionary(),
            tool.filterArguments,
            tool.networkFilter.tally(),
            network);
    reads.warn(calls, logger);
    carriers = new Carriers(network, input, reads.wanted());
    reference = new ReferenceWindows(network, tool.getReferenceDictionary());
    pipeline =
        new ScoringPipeline<>(
            client,
            network,
            tool.transferBatchSize,
            one -> one.carrier.site().locus(),
            (one, score) -> one.score = score);
  }

  private void check(CnnScoreVariants tool, Description network) {
    String clash =
        tool.infoKey != null
            ? "--info-key"
            : tool.depth.given != null
                ? "--sample-depth"
                : tool.downsampling != Reservoir.Downsampling.site
                    ? "--downsampling gatk"
                    : tool.filterArguments.chosenSamples().isEmpty() ? null : "SampleReadFilter";
    if (clash != null) {
      throw new UserException.BadInput(clash + " does not go with --per-sample");
    }
    checkNetwork(network);
    if (!input.samplesWereAlreadySorted() && input.hasFormatLine("GL")) {
      throw new UserException.BadInput(
          String.format(
              "the samples of %s are not in the order of their names, and it has FORMAT/GL, which"
                  + " GATK rounds in such files: write them in order with `bcftools query -l %s |"
                  + " LC_ALL=C sort > names` and `bcftools view -S names`",
              calls, calls));
    }
  }

  /** Refuses a network that cannot score carriers: the rule of native/records/cohort_checks.c. */
  private static void checkNetwork(Description network) {
    String name = network.getModel();
    String source = network.getAnnotationsFrom();
    if (NetworkReadFilter.rule(network.getReadRule()) == NetworkReadFilter.Rule.none) {
      throw new UserException.BadInput(
          "the network " + name + " does not look at reads, which --per-sample is about");
    }
    if (!source.equals("reads") && !source.equals("fill")) {
      throw new UserException.BadInput(
          String.format(
              "carriers of a cohort get their annotations from their reads, and the network %s"
                  + " takes them from %s: take one that does, as reads; a server without"
                  + " `--annotations caller`",
              name, source.isEmpty() ? "where its server does not say" : source));
    }
  }

  @Override
  public VCFHeader header(Set<VCFHeaderLine> toolLines, Logger logger) {
    if (input.hasFormatLine(key)
        || input.hasInfoLine(ScoredHeader.SITE_KEY)
        || input.hasInfoLine(ScoredHeader.NUMBER_KEY)) {
      logger.warn(
          "{} has FORMAT/{}, INFO/{} or INFO/{} already: they are replaced",
          calls,
          key,
          ScoredHeader.SITE_KEY,
          ScoredHeader.NUMBER_KEY);
    }
    VCFHeader header = ScoredHeader.ofCohort(input, key, network, toolLines);
    codec = new FormatColumns.Codec(input, header);
    return header;
  }

  @Override
  public void writeTo(Consumer<VariantContext> to) {
    sink = to;
  }

  @Override
  public void add(VariantContext record, ReferenceContext bases, ReadsContext readSource) {
    FormatColumns columns = codec.read(record);
    List<Scored> found = new ArrayList<>();
    List<Carriers.Carrier> all = carriers.find(record, columns);
    // They begin at one base; the longest REF holds the others.
    byte[] window =
        all.stream()
            .map(Carriers.Carrier::site)
            .max(Comparator.comparingInt(site -> site.reference().length))
            .map(site -> reference.cut(site, bases))
            .orElse(null);
    for (Carriers.Carrier carrier : all) {
      Scored one = new Scored(carrier, window);
      found.add(one);
      bySample.computeIfAbsent(carrier.sample(), sample -> new ArrayList<>()).add(one);
    }
    hold(new Held(record, columns, found), window == null ? 0 : window.length);
  }

  @Override
  public void pass(VariantContext record) {
    hold(new Held(record, codec.read(record), List.of()), 0);
  }

  private void hold(Held held, long windowBytes) {
    block.add(held);
    blockCarriers += held.carriers.size();
    blockBytes += RECORD_BYTES + windowBytes;
    blockBytes += held.columns == null ? 0 : 2 * held.columns.bytes(); // GATK's and ours
    if (blockCarriers >= BLOCK_CARRIERS || blockBytes >= BLOCK_BYTES) {
      scoreBlock();
    }
  }

  private void scoreBlock() {
    bySample.forEach(this::scoreSample);
    pipeline.finish();
    block.forEach(this::write);
    bySample.clear();
    block.clear();
    blockBytes = 0;
    blockCarriers = 0;
  }

  private void scoreSample(int sample, List<Scored> own) {
    try (CohortReads.Opened opened = reads.open(sample)) {
      WindowSource windows = opened.windows(reference);
      for (Scored one : own) {
        windows.add(one.carrier.site(), one.window, opened.door(), pipeline.batch());
        pipeline.add(one, 0);
      }
    }
  }

  private void write(Held held) {
    records++;
    taken += held.carriers.size();
    List<Scored> known = held.carriers.stream().filter(one -> !Float.isNaN(one.score)).toList();
    VariantContextBuilder builder = new VariantContextBuilder(held.record);
    FormatColumns columns = held.columns;
    if (known.isEmpty()) {
      builder.rmAttribute(ScoredHeader.SITE_KEY).rmAttribute(ScoredHeader.NUMBER_KEY);
      columns = columns == null ? null : columns.with(key, null);
    } else {
      String[] values = new String[input.getNGenotypeSamples()];
      float[] scores = new float[known.size()];
      for (int i = 0; i < scores.length; i++) {
        scores[i] = Sites.rounded(known.get(i).score);
        values[known.get(i).carrier.sample()] = Sites.format(scores[i]);
      }
      builder.attribute(ScoredHeader.SITE_KEY, Sites.format(Carriers.siteScore(scores)));
      builder.attribute(ScoredHeader.NUMBER_KEY, scores.length);
      columns = columns.with(key, values);
      scored += scores.length;
      recordsScored++;
    }
    sink.accept(
        columns == null
            ? builder.make()
            : codec.with(builder, columns, input.getNGenotypeSamples()));
  }

  @Override
  public void finish() {
    scoreBlock();
    if (scored == 0 && taken > 0) {
      throw new UserException.BadInput(
          String.format(
              "no carrier of %s has a finite score: no ALT allele that a genotype holds could be"
                  + " looked at",
              calls));
    }
  }

  @Override
  public void report(Logger logger) {
    logger.info(
        String.format(
            Locale.ROOT,
            "%,d of %,d carriers scored at %,d of %,d sites, reads of %,d sample%s",
            scored,
            taken + carriers.unread(),
            recordsScored,
            records,
            reads.samplesRead(),
            reads.samplesRead() == 1 ? "" : "s"));
    reads.warnOfShortReads(logger);
    if (2 * reads.sitesEmpty() > reads.sites()) {
      logger.warn(
          String.format(
              Locale.ROOT,
              "no read lies over the site of %,d of %,d carriers: are the reads of these samples"
                  + " whole?",
              reads.sitesEmpty(),
              reads.sites()));
    }
  }
}
