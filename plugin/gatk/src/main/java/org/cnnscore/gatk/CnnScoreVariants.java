package org.cnnscore.gatk;

import static java.util.stream.Collectors.joining;

import htsjdk.samtools.SAMSequenceRecord;
import htsjdk.variant.variantcontext.VariantContext;
import htsjdk.variant.variantcontext.VariantContextBuilder;
import htsjdk.variant.variantcontext.writer.VariantContextWriter;
import htsjdk.variant.vcf.VCFHeader;
import java.io.File;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.broadinstitute.barclay.argparser.Advanced;
import org.broadinstitute.barclay.argparser.Argument;
import org.broadinstitute.barclay.argparser.ArgumentCollection;
import org.broadinstitute.barclay.argparser.CommandLinePluginDescriptor;
import org.broadinstitute.barclay.argparser.CommandLineProgramProperties;
import org.broadinstitute.barclay.help.DocumentedFeature;
import org.broadinstitute.hellbender.cmdline.StandardArgumentDefinitions;
import org.broadinstitute.hellbender.engine.FeatureContext;
import org.broadinstitute.hellbender.engine.GATKPath;
import org.broadinstitute.hellbender.engine.ReadsContext;
import org.broadinstitute.hellbender.engine.ReferenceContext;
import org.broadinstitute.hellbender.engine.VariantWalker;
import org.broadinstitute.hellbender.engine.filters.CountingReadFilter;
import org.broadinstitute.hellbender.engine.filters.CountingVariantFilter;
import org.broadinstitute.hellbender.engine.filters.ReadFilter;
import org.broadinstitute.hellbender.engine.filters.ReadFilterLibrary;
import org.broadinstitute.hellbender.engine.filters.VariantFilter;
import org.broadinstitute.hellbender.engine.filters.VariantFilterLibrary;
import org.broadinstitute.hellbender.utils.runtime.RuntimeUtils;
import org.cnnscore.v1.Description;
import picard.cmdline.programgroups.VariantFilteringProgramGroup;

/**
 * Scores each record with a convolutional network: is the call real, or a sequencing artefact?
 *
 * <p>The successor of CNNScoreVariants: the same arguments, networks and INFO keys, without a
 * Python environment inside GATK. The network runs in a `cnnscore serve` process, which the tool
 * starts and ends, or which is shared by many (--server).
 *
 * <h3>With the reference and the caller's annotations (CNN_1D)</h3>
 *
 * <pre>gatk CnnScoreVariants -V calls.vcf.gz -R ref.fa -O scored.vcf.gz</pre>
 *
 * <h3>With the reads too (CNN_2D)</h3>
 *
 * <pre>gatk CnnScoreVariants -V calls.vcf.gz -R ref.fa -I reads.bam --tensor-type read_tensor \
 *     -O scored.vcf.gz</pre>
 */
@CommandLineProgramProperties(
    summary = CnnScoreVariants.SUMMARY,
    oneLineSummary = "Score variants with a convolutional network (cnnscore)",
    programGroup = VariantFilteringProgramGroup.class)
@DocumentedFeature
public final class CnnScoreVariants extends VariantWalker {

  static final String SUMMARY =
      "Annotate a VCF with scores from a convolutional network: is a call real, or a sequencing"
          + " artefact? --tensor-type reference (the default) looks at the reference and the"
          + " caller's annotations and writes CNN_1D; --tensor-type read_tensor looks at the reads"
          + " (-I) too and writes CNN_2D; --model takes any other network of `cnnscore model list`."
          + " FilterVariantTranches is the step after.";

  private static final Duration SERVER_PATIENCE = Duration.ofSeconds(2);
  private static final Duration ENGINE_PATIENCE = Duration.ofMinutes(2);

  /** The networks that CNNScoreVariants calls by what they look at. */
  public enum TensorType {
    reference("gatk-1d", "the reference and annotations"),
    read_tensor("gatk-2d", "reads, the reference and annotations");

    final String model;
    final String sees;

    TensorType(String model, String sees) {
      this.model = model;
      this.sees = sees;
    }
  }

  @Argument(
      fullName = StandardArgumentDefinitions.OUTPUT_LONG_NAME,
      shortName = StandardArgumentDefinitions.OUTPUT_SHORT_NAME,
      doc = "Output file")
  GATKPath output;

  @Argument(
      fullName = "tensor-type",
      optional = true,
      doc =
          "What the network looks at: `reference` (network gatk-1d) or `read_tensor` (gatk-2d)."
              + " Default: reference, or whatever --model or --server looks at")
  TensorType tensorType;

  @Argument(
      fullName = "model",
      optional = true,
      doc = "The network: a name that `cnnscore model list` shows, or an .onnx file")
  String model;

  @Argument(
      fullName = "info-key",
      optional = true,
      doc = "INFO key of the score, in place of the network's own")
  String infoKey;

  @Argument(
      fullName = "server",
      optional = true,
      doc = "A running `cnnscore serve`: unix:PATH or tcp:HOST:PORT")
  String server;

  @Argument(
      fullName = "engine",
      optional = true,
      mutex = "server",
      doc = "The command that starts an engine of this run's own")
  String engine = "cnnscore serve";

  @Argument(fullName = "token-file", optional = true, doc = "The token of a tcp: server")
  File tokenFile;

  @Argument(
      fullName = "tls-ca",
      optional = true,
      doc = "Certificates of a tcp: server to trust (PEM), in place of the system's")
  File tlsCa;

  @Argument(
      fullName = "server-timeout",
      optional = true,
      minValue = 1,
      doc = "Seconds that a batch may take, waiting included")
  int serverTimeout = 600;

  @Argument(
      fullName = "transfer-batch-size",
      optional = true,
      minValue = 1,
      doc = "Sites a message to the engine. Default: what the engine asks for")
  Integer transferBatchSize;

  @Argument(
      fullName = "filter-symbolic-and-sv",
      optional = true,
      doc = "Leave symbolic and structural variants out of the output")
  boolean filterSymbolicAndSV = false;

  @Advanced
  @Argument(
      fullName = "downsampling",
      optional = true,
      doc =
          "Sample of sites with more reads than the network takes: by the site alone, or as GATK"
              + " draws it over a whole file, in order")
  Reservoir.Downsampling downsampling = Reservoir.Downsampling.site;

  @ArgumentCollection DepthArgument depth = new DepthArgument();

  @ArgumentCollection LegacyArguments legacy = new LegacyArguments();

  private final NetworkReadFilter networkFilter = new NetworkReadFilter();
  private final FilterArguments filterArguments = new FilterArguments(getDefaultReadFilters());
  private CountingReadFilter readFilter;
  private NetworkChoice choice;
  private EngineProcess process;
  private EngineClient client;
  private Description network;
  private SiteReads reads;
  private ReadChecks readChecks;
  private ScoreChecks scoreChecks;
  private ScoringPipeline pipeline;
  private BlockCheck blocks;
  private WholeOutput whole;
  private VariantContextWriter writer;
  private String key;
  private VariantContext last;
  private long written;
  private long unscored;

  @Override
  protected String getToolkitName() {
    return RuntimeUtils.getToolkitName(VariantWalker.class);
  }

  /** Names the ##GATKCommandLine header line. */
  @Override
  protected String getToolkitShortName() {
    return "GATK";
  }

  @Override
  public String getVersion() {
    return RuntimeUtils.getVersion(VariantWalker.class)
        + "-cnnscore-"
        + RuntimeUtils.getVersion(CnnScoreVariants.class);
  }

  @Override
  public boolean requiresReference() {
    return true;
  }

  @Override
  public List<ReadFilter> getDefaultReadFilters() {
    return List.of(networkFilter);
  }

  @Override
  public List<? extends CommandLinePluginDescriptor<?>> getPluginDescriptors() {
    return List.of(filterArguments);
  }

  /** The engine hands out all reads; those over sites are filtered in {@link SiteReads}. */
  @Override
  public CountingReadFilter makeReadFilter() {
    return new CountingReadFilter(ReadFilterLibrary.ALLOW_ALL_READS);
  }

  @Override
  protected CountingVariantFilter makeVariantFilter() {
    VariantFilter wanted =
        filterSymbolicAndSV
            ? record -> !record.isSymbolicOrSV()
            : VariantFilterLibrary.ALLOW_ALL_VARIANTS;
    return new CountingVariantFilter(wanted);
  }

  @Override
  protected String[] customCommandLineValidation() {
    List<GATKPath> inputs = new ArrayList<>(readArguments.getReadPathSpecifiers());
    inputs.add(drivingVariantFile);
    inputs.add(referenceArguments.getReferenceSpecifier());
    WholeOutput.checkIsNone(output, inputs);
    return super.customCommandLineValidation();
  }

  /** As any GATK tool, but what is wrong with a file is a user's error. */
  @Override
  public Object instanceMainPostParseArgs() {
    try {
      return super.instanceMainPostParseArgs();
    } catch (RuntimeException | OutOfMemoryError error) {
      throw Refusal.of(error, files());
    }
  }

  private Refusal.Files files() {
    return new Refusal.Files(
        drivingVariantFile.toString(),
        readArguments.getReadPathSpecifiers().stream()
            .map(GATKPath::toString)
            .collect(joining(", ")),
        String.valueOf(referenceArguments.getReferenceSpecifier()),
        output.toString(),
        last);
  }

  @Override
  public void onTraversalStart() {
    legacy.warn(logger);
    DescriptionCheck.checkKey(infoKey);
    depth.check();
    WholeInput.checkCalls(drivingVariantFile.toPath());
    blocks = new BlockCheck(drivingVariantFile.toPath(), getTraversalIntervals());
    whole = new WholeOutput(output);
    choice = new NetworkChoice(this);
    openEngine();
    choice.check(network, hasReads());
    openPipeline();
    key = infoKey != null ? infoKey : network.getInfoKey();
    writer = whole.open(this::createVCFWriter);
    writer.writeHeader(header());
  }

  private void openEngine() {
    String address = server;
    Duration startup = SERVER_PATIENCE;
    if (server != null) {
      legacy.warnAboutServer(logger);
    } else {
      List<String> options = new ArrayList<>(List.of("-m", choice.forEngine()));
      options.addAll(legacy.engineOptions());
      process = new EngineProcess(engine, options, tmpDir.toPath());
      address = process.address();
      startup = ENGINE_PATIENCE;
      process.awaitSocket(startup);
    }
    client =
        new EngineClient(
            new EngineAddress(address, tokenFile != null, tlsCa),
            EngineAddress.token(tokenFile),
            Duration.ofSeconds(serverTimeout),
            () -> process == null ? null : process.death());
    network = client.describe(startup);
    if (process != null) {
      process.connected();
    }
    logger.info(
        "network {} (cnnscore {}) on {}",
        network.getModel(),
        network.getServerVersion(),
        network.getProvider());
  }

  private void openPipeline() {
    NetworkReadFilter.Rule rule = NetworkReadFilter.rule(network.getReadRule());
    Samples samples = new Samples(drivingVariantFile, getHeaderForVariants());
    ReadInputs inputs = null;
    ReadFilter counts = null;
    networkFilter.setRule(rule);
    if (rule != NetworkReadFilter.Rule.none) {
      counts = filterArguments.getMergedReadFilter(getHeaderForReads());
      readFilter = filterArguments.getMergedCountingReadFilter(getHeaderForReads());
      ReadTally tally = networkFilter.tally();
      boolean ours = rule == NetworkReadFilter.Rule.primary;
      int limit = network.getReadLimit();
      Downsampler downsampler = ours ? new BottomK(limit) : new Reservoir(limit, downsampling);
      inputs = new ReadInputs(readArguments, referenceArguments.getReferencePath());
      samples.check(inputs, filterArguments.chosenSamples(), logger);
      reads =
          new SiteReads(tally.counting(readFilter), downsampler, ours, inputs.several() && !ours);
      readChecks = new ReadChecks(inputs, reads, tally, network);
    } else {
      samples.warn(logger);
    }
    if (reads == null && hasReads()) {
      logger.warn(
          "the network {} does not look at reads, they are not used; --tensor-type read_tensor"
              + " takes one that does",
          network.getModel());
    }
    float sampleDepth = depth.settle(network, inputs, counts, logger);
    networkFilter.tally().set(new ReadTally()); // from here on, of the reads over sites
    WindowSource windows =
        new WindowSource(
            network,
            getReferenceDictionary(),
            reads,
            reads == null ? null : getHeaderForReads().getSequenceDictionary(),
            sampleDepth);
    scoreChecks = new ScoreChecks(network, drivingVariantFile, getHeaderForVariants());
    pipeline = new ScoringPipeline(client, network, windows, transferBatchSize, this::write);
  }

  private VCFHeader header() {
    VCFHeader input = getHeaderForVariants();
    if (input.hasInfoLine(key)) {
      logger.warn("{} has INFO/{} already: it is replaced", drivingVariantFile, key);
    }
    return ScoredHeader.of(input, key, network, depth, getDefaultToolVCFHeaderLines());
  }

  /** GATK has no place for records beside their contig: those go past it, without a score. */
  @Override
  protected Stream<VariantContext> getTransformedVariantStream(CountingVariantFilter filter) {
    return super.getTransformedVariantStream(filter).filter(record -> !passTelomere(record));
  }

  private boolean passTelomere(VariantContext record) {
    SAMSequenceRecord contig = getReferenceDictionary().getSequence(record.getContig());
    boolean pass = contig != null && Sites.isTelomere(record, contig.getSequenceLength());
    if (pass) {
      pipeline.pass(record);
    }
    return pass;
  }

  @Override
  public void apply(
      VariantContext record,
      ReadsContext readsContext,
      ReferenceContext referenceContext,
      FeatureContext featureContext) {
    last = record;
    pipeline.add(record, referenceContext, readsContext);
    scoreChecks.add(record);
    if (readChecks != null) {
      readChecks.check(readsContext);
    }
  }

  private void write(VariantContext record, float score) {
    VariantContextBuilder scored = new VariantContextBuilder(record);
    if (Float.isNaN(score)) {
      unscored++;
      scored.rmAttribute(key);
    } else {
      scored.attribute(key, Sites.format(score));
    }
    writer.add(scored.make());
    written++;
  }

  @Override
  public Object onTraversalSuccess() {
    blocks.await();
    pipeline.finish();
    if (readChecks != null) {
      readChecks.checkAll();
    }
    scoreChecks.check(written - unscored);
    whole.commit(writer::close);
    writer = null;
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
    return null;
  }

  @Override
  public void closeTool() {
    if (blocks != null) {
      blocks.close();
    }
    if (client != null) {
      client.close();
    }
    if (process != null) {
      process.close();
    }
    if (choice != null) {
      choice.close();
    }
    if (whole != null) {
      if (writer != null) {
        whole.abandon(this::closeWriter);
      }
      whole.close();
    }
  }

  private void closeWriter() {
    try {
      writer.close();
    } catch (RuntimeException error) {
      logger.debug("closing what is dropped", error);
    }
  }
}
