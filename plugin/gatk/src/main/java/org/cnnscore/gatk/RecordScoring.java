package org.cnnscore.gatk;

import htsjdk.variant.variantcontext.VariantContext;
import htsjdk.variant.variantcontext.VariantContextBuilder;
import htsjdk.variant.vcf.VCFHeader;
import htsjdk.variant.vcf.VCFHeaderLine;
import java.util.Set;
import java.util.function.Consumer;
import org.apache.logging.log4j.Logger;
import org.broadinstitute.hellbender.engine.GATKPath;
import org.broadinstitute.hellbender.engine.ReadsContext;
import org.broadinstitute.hellbender.engine.ReferenceContext;
import org.broadinstitute.hellbender.engine.filters.CountingReadFilter;
import org.broadinstitute.hellbender.engine.filters.ReadFilter;
import org.cnnscore.v1.Description;

/** One score for each record, whoever carries it. */
final class RecordScoring implements Scoring {

  // About what a record takes in memory, and each of its samples.
  private static final long RECORD_BYTES = 2000;
  private static final long SAMPLE_BYTES = 100;

  private final CnnScoreVariants tool;
  private final GATKPath calls;
  private final Description network;
  private final String key;
  private final ReferenceWindows reference;
  private final WindowSource windows;
  private final ScoreChecks scoreChecks;
  private final ScoringPipeline<VariantContext> pipeline;
  private CountingReadFilter readFilter;
  private SiteReads reads;
  private ReadChecks readChecks;
  private Consumer<VariantContext> sink;
  private long written;
  private long unscored;

  RecordScoring(CnnScoreVariants tool, EngineClient client, Description network, Logger logger) {
    this.tool = tool;
    this.network = network;
    calls = tool.calls();
    key = tool.infoKey != null ? tool.infoKey : network.getInfoKey();
    NetworkReadFilter.Rule rule = NetworkReadFilter.rule(network.getReadRule());
    Samples samples = new Samples(calls, tool.getHeaderForVariants());
    ReadInputs inputs = null;
    ReadFilter counts = null;
    ReadTally tally = tool.networkFilter.tally();
    if (rule != NetworkReadFilter.Rule.none) {
      counts = tool.filterArguments.getMergedReadFilter(tool.getHeaderForReads());
      readFilter = tool.filterArguments.getMergedCountingReadFilter(tool.getHeaderForReads());
      boolean ours = rule == NetworkReadFilter.Rule.primary;
      int limit = network.getReadLimit();
      Downsampler downsampler = ours ? new BottomK(limit) : new Reservoir(limit, tool.downsampling);
      inputs = tool.readInputs();
      inputs.checkOrder();
      samples.check(inputs, tool.filterArguments.chosenSamples(), logger);
      reads =
          new SiteReads(tally.counting(readFilter), downsampler, ours, inputs.several() && !ours);
      readChecks = new ReadChecks(inputs, reads, tally, network);
    } else {
      samples.warn(logger);
    }
    if (reads == null && tool.hasReads()) {
      logger.warn(
          "the network {} does not look at reads, they are not used; --tensor-type read_tensor"
              + " takes one that does",
          network.getModel());
    }
    float sampleDepth = tool.depth.settle(network, inputs, counts, logger);
    tally.set(new ReadTally()); // from here on, of the reads over sites
    reference = new ReferenceWindows(network, tool.getReferenceDictionary());
    windows =
        new WindowSource(
            network,
            reference,
            reads,
            reads == null ? null : tool.getHeaderForReads().getSequenceDictionary(),
            sampleDepth);
    scoreChecks = new ScoreChecks(network, calls, tool.getHeaderForVariants());
    pipeline =
        new ScoringPipeline<>(
            client,
            network,
            tool.transferBatchSize,
            record -> record.getContig() + ":" + record.getStart(),
            this::write);
  }

  @Override
  public VCFHeader header(Set<VCFHeaderLine> toolLines, Logger logger) {
    VCFHeader input = tool.getHeaderForVariants();
    if (input.hasInfoLine(key)) {
      logger.warn("{} has INFO/{} already: it is replaced", calls, key);
    }
    return ScoredHeader.of(input, key, network, tool.depth, toolLines);
  }

  @Override
  public void writeTo(Consumer<VariantContext> records) {
    sink = records;
  }

  @Override
  public void add(VariantContext record, ReferenceContext bases, ReadsContext readSource) {
    Site site = Site.of(record, network.getAnnotationsList());
    windows.add(site, reference.cut(site, bases), readSource, pipeline.batch());
    pipeline.add(record, bytes(record));
    scoreChecks.add(record, site.annotations());
    if (readChecks != null) {
      readChecks.check(readSource);
    }
  }

  @Override
  public void pass(VariantContext record) {
    pipeline.pass(record, bytes(record));
  }

  private static long bytes(VariantContext record) {
    return RECORD_BYTES + SAMPLE_BYTES * record.getNSamples();
  }

  private void write(VariantContext record, float score) {
    VariantContextBuilder scored = new VariantContextBuilder(record);
    if (Float.isNaN(score)) {
      unscored++;
      scored.rmAttribute(key);
    } else {
      scored.attribute(key, Sites.format(score));
    }
    sink.accept(scored.make());
    written++;
  }

  @Override
  public void finish() {
    pipeline.finish();
    if (readChecks != null) {
      readChecks.checkAll();
    }
    scoreChecks.check(written - unscored);
  }

  @Override
  public void report(Logger logger) {
    logger.info("{} of {} records scored", written - unscored, written);
    scoreChecks.warn(written - unscored, logger);
    if (reads != null) {
      logger.info(readFilter.getSummaryLine());
      logger.info(
          "{} records have more reads than the network takes, {} have none",
          reads.sitesSampled(),
          reads.sitesEmpty());
      readChecks.warn(logger);
    }
  }
}
