package org.cnnscore.gatk;

import static java.util.stream.Collectors.joining;

import htsjdk.samtools.SAMSequenceRecord;
import htsjdk.variant.variantcontext.VariantContext;
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
 *
 * <h3>A cohort's carriers, each by its own reads</h3>
 *
 * <pre>gatk CnnScoreVariants -V cohort.vcf.gz -R ref.fa -I a.bam -I b.bam --per-sample \
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

  /** What the network computes in, as `cnnscore serve --precision` names it. */
  public enum Precision {
    exact,
    bf16
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
      fullName = "precision",
      optional = true,
      doc =
          "bf16: GATK's networks two to three times as fast on a CPU with AMX, with errors in the"
              + " second decimal; the header says so")
  Precision precision = Precision.exact;

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

  @Argument(
      fullName = "per-sample",
      optional = true,
      doc =
          "Score each sample that carries an ALT allele from its own reads, which -I has by their"
              + " read groups' samples (SM): FORMAT gets a score for each carrier, INFO the site's")
  boolean perSample = false;

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

  final NetworkReadFilter networkFilter = new NetworkReadFilter();
  final FilterArguments filterArguments = new FilterArguments(getDefaultReadFilters());
  private NetworkChoice choice;
  private EngineProcess process;
  private EngineClient client;
  private Description network;
  private Scoring scoring;
  private BlockCheck blocks;
  private WholeOutput whole;
  private VariantContextWriter writer;
  private VariantContext last;

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
    networkFilter.setRule(NetworkReadFilter.rule(network.getReadRule()));
    scoring =
        perSample
            ? new CohortScoring(this, client, network, logger)
            : new RecordScoring(this, client, network, logger);
    VCFHeader header = scoring.header(getDefaultToolVCFHeaderLines(), logger);
    writer = whole.open(this::createVCFWriter);
    writer.writeHeader(header);
    scoring.writeTo(writer::add);
  }

  private void openEngine() {
    String address = server;
    Duration startup = SERVER_PATIENCE;
    if (server != null) {
      legacy.warnAboutServer(logger);
    } else {
      List<String> options = new ArrayList<>(List.of("-m", choice.forEngine()));
      options.addAll(legacy.engineOptions());
      if (precision != Precision.exact) {
        options.addAll(List.of("--precision", precision.name()));
      }
      if (perSample) {
        options.addAll(List.of("--annotations", "reads"));
      }
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

  GATKPath calls() {
    return drivingVariantFile;
  }

  /** The files of -I, looked at. */
  ReadInputs readInputs() {
    return new ReadInputs(readArguments, referenceArguments.getReferencePath());
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
      scoring.pass(record);
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
    scoring.add(record, referenceContext, readsContext);
  }

  @Override
  public Object onTraversalSuccess() {
    blocks.await();
    scoring.finish();
    whole.commit(writer::close);
    writer = null;
    scoring.report(logger);
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
