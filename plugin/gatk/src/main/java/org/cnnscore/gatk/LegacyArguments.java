package org.cnnscore.gatk;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.logging.log4j.Logger;
import org.broadinstitute.barclay.argparser.Advanced;
import org.broadinstitute.barclay.argparser.Argument;
import org.broadinstitute.barclay.argparser.Hidden;
import org.broadinstitute.hellbender.exceptions.UserException;

/**
 * Arguments of CNNScoreVariants and NVScoreVariants: honoured, checked, or ignored with a warning.
 */
final class LegacyArguments {

  @Argument(
      fullName = "architecture",
      optional = true,
      doc = "A network of CNNVariantTrain (.json); imported as `cnnscore model import` does")
  String architecture;

  @Argument(
      fullName = "weights",
      optional = true,
      doc = "Its weights (.hd5), where they are not the ones beside it that --architecture names")
  String weights;

  @Argument(
      fullName = "window-size",
      optional = true,
      doc = "Checked against the network's window: another one is refused")
  Integer windowSize;

  @Argument(
      fullName = "read-limit",
      optional = true,
      doc = "Checked against the network's limit of reads: another one is refused")
  Integer readLimit;

  @Advanced
  @Argument(
      fullName = "info-annotation-keys",
      optional = true,
      doc = "Checked against the network's annotations: other ones are refused")
  List<String> annotations = new ArrayList<>();

  @Advanced
  @Argument(
      fullName = "inference-batch-size",
      optional = true,
      minValue = 1,
      doc = "Sites per network call; changes speed and memory, never a score")
  Integer inferenceBatchSize;

  @Advanced
  @Argument(
      fullName = "batch-size",
      optional = true,
      minValue = 1,
      mutex = "inference-batch-size",
      doc = "The same, as NVScoreVariants has it")
  Integer batchSize;

  @Advanced
  @Argument(
      fullName = "intra-op-threads",
      optional = true,
      minValue = 0,
      doc = "Threads of the engine; 0: one a core")
  int intraOpThreads = 0;

  @Advanced
  @Argument(
      fullName = "inter-op-threads",
      optional = true,
      minValue = 0,
      doc = "The same: the larger of both counts")
  int interOpThreads = 0;

  @Argument(
      fullName = "accelerator",
      optional = true,
      doc = "Where to compute: auto, cpu, or cuda (also: gpu). Others are refused")
  String accelerator = "auto";

  @Argument(
      fullName = "random-seed",
      optional = true,
      doc = "NVScoreVariants' seed: no score here depends on one")
  Integer randomSeed;

  @Advanced
  @Argument(
      fullName = "disable-avx-check",
      optional = true,
      doc = "Without effect: no check is made")
  boolean disableAvxCheck = false;

  @Advanced
  @Argument(
      fullName = "output-tensor-dir",
      optional = true,
      doc = "Without effect: no tensors are written")
  String outputTensorDir = "";

  @Hidden
  @Argument(fullName = "enable-journal", optional = true, doc = "Without effect")
  boolean enableJournal = false;

  @Hidden
  @Argument(fullName = "keep-temp-file", optional = true, doc = "Without effect")
  boolean keepTempFile = false;

  @Hidden
  @Argument(fullName = "python-profile", optional = true, doc = "Without effect")
  boolean pythonProfile = false;

  @Hidden
  @Argument(fullName = "tmp-file", optional = true, doc = "Without effect")
  String tmpFile;

  /** Says what was given and has no effect. */
  void warn(Logger logger) {
    warnIf(logger, disableAvxCheck, "disable-avx-check");
    warnIf(logger, !outputTensorDir.isEmpty(), "output-tensor-dir");
    warnIf(logger, enableJournal, "enable-journal");
    warnIf(logger, keepTempFile, "keep-temp-file");
    warnIf(logger, pythonProfile, "python-profile");
    warnIf(logger, tmpFile != null, "tmp-file");
  }

  private static void warnIf(Logger logger, boolean given, String name) {
    if (given) {
      logger.warn("--{} has no effect in this tool", name);
    }
  }

  /** The engine's provider, as `cnnscore serve --provider` names it. */
  String provider() {
    return switch (accelerator.toLowerCase(Locale.ROOT)) {
      case "auto" -> "auto";
      case "cpu" -> "cpu";
      case "cuda", "gpu" -> "cuda";
      default ->
          throw new UserException.BadInput(
              "--accelerator is auto, cpu or cuda here, not " + accelerator);
    };
  }

  /** Options of `cnnscore serve` that these arguments stand for. */
  List<String> engineOptions() {
    List<String> options = new ArrayList<>(List.of("--provider", provider()));
    Integer batch = inferenceBatchSize != null ? inferenceBatchSize : batchSize;
    if (batch != null) {
      options.addAll(List.of("--max-batch", batch.toString()));
    }
    int threads = Math.max(intraOpThreads, interOpThreads);
    if (threads > 0) {
      options.addAll(List.of("--threads", Integer.toString(threads)));
    }
    return options;
  }

  /** Arguments that only an engine of our own takes, where a server was named. */
  void warnAboutServer(Logger logger) {
    boolean batch = inferenceBatchSize != null || batchSize != null;
    if (batch || intraOpThreads > 0 || interOpThreads > 0) {
      logger.warn("with --server, batch size and threads are the server's own");
    }
  }
}
