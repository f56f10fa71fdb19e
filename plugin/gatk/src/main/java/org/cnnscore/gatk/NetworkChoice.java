package org.cnnscore.gatk;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.commons.codec.digest.DigestUtils;
import org.apache.commons.io.FilenameUtils;
import org.broadinstitute.hellbender.exceptions.UserException;
import org.cnnscore.v1.Description;

/**
 * Which network the arguments ask for, and whether the engine has that one: never a silently
 * different network.
 */
final class NetworkChoice implements AutoCloseable {

  private static final Pattern SERVE = Pattern.compile("(.*\\S)\\s+serve\\b.*", Pattern.DOTALL);

  /** The network that comes with cnnscore for single samples, and carriers, with reads. */
  private static final String COHORTS = "reads";

  private final CnnScoreVariants tool;
  private final LegacyArguments legacy;
  private PrivateFolder folder;

  NetworkChoice(CnnScoreVariants tool) {
    this.tool = tool;
    this.legacy = tool.legacy;
    boolean files = legacy.architecture != null || legacy.weights != null;
    if (files && tool.model != null) {
      throw new UserException.BadInput("give --model, or --architecture and --weights, not both");
    }
    if (tool.server != null && tool.precision != CnnScoreVariants.Precision.exact) {
      throw new UserException.BadInput(
          "--precision is the server's, which has its own: leave it out");
    }
    if (files && tool.server != null) {
      throw new UserException.BadInput(
          "--architecture and --weights are not for --server, which has its network: import yours"
              + " with `cnnscore model import`, start the server with it, and leave them out");
    }
  }

  /** What an engine of our own is to load: a name, or an .onnx file. */
  String forEngine() {
    if (tool.model != null) {
      return tool.model;
    }
    if (legacy.architecture != null || legacy.weights != null) {
      return importNetwork().toString();
    }
    if (tool.tensorType == null) {
      return tool.perSample ? COHORTS : CnnScoreVariants.TensorType.reference.model;
    }
    return tool.tensorType.model;
  }

  /** Refuses an engine whose network is not the one that was asked for. */
  void check(Description network, boolean hasReads) {
    String name = "the network " + network.getModel();
    NetworkReadFilter.Rule rule = NetworkReadFilter.rule(network.getReadRule());
    boolean wantsReads = rule != NetworkReadFilter.Rule.none;
    if (tool.server != null && tool.model != null && !isNamed(network, tool.model)) {
      throw new UserException.BadInput(
          "the server has " + name + ", not " + tool.model + ": leave --model out to use it");
    }
    if (tool.tensorType != null
        && wantsReads != (tool.tensorType == CnnScoreVariants.TensorType.read_tensor)) {
      throw new UserException.BadInput(
          String.format(
              "--tensor-type %s is for networks that look at %s, and %s (encoding %s) does not:"
                  + " leave it out, or choose another network",
              tool.tensorType, tool.tensorType.sees, name, network.getEncoding()));
    }
    if (wantsReads && !hasReads) {
      throw new UserException.BadInput(name + " looks at reads: give them with -I");
    }
    if (tool.downsampling == Reservoir.Downsampling.gatk
        && rule == NetworkReadFilter.Rule.primary) {
      throw new UserException.BadInput(
          name + " chooses reads by their names: --downsampling gatk is for GATK's networks");
    }
    differs("window-size", legacy.windowSize, network.getWindow(), name);
    if (wantsReads) {
      differs("read-limit", legacy.readLimit, network.getReadLimit(), name);
    }
    if (!legacy.annotations.isEmpty()) {
      differs("info-annotation-keys", legacy.annotations, network.getAnnotationsList(), name);
    }
    if (tool.server != null && !legacy.provider().equals("auto")) {
      differs("accelerator", legacy.provider(), network.getProvider(), "the server");
    }
  }

  private static void differs(String argument, Object given, Object has, String who) {
    if (given != null && !given.equals(has)) {
      throw new UserException.BadInput(
          String.format("--%s %s, but %s has %s: leave it out", argument, given, who, has));
    }
  }

  private static boolean isNamed(Description network, String model) {
    Path file = Path.of(model);
    if (!model.endsWith(".onnx") || !Files.isRegularFile(file)) {
      return network.getModel().equals(model);
    }
    try (var bytes = Files.newInputStream(file)) {
      return DigestUtils.sha256Hex(bytes).equals(network.getNetwork());
    } catch (IOException error) {
      throw new UserException.CouldNotReadInputFile(file, error.getMessage(), error);
    }
  }

  /** `cnnscore model import` of --architecture and --weights into a folder of our own. */
  private Path importNetwork() {
    String given = legacy.weights != null ? legacy.weights : legacy.architecture;
    String remedy = "run `cnnscore model import " + given + "` and give --model its name";
    Matcher serve = SERVE.matcher(tool.engine);
    if (!serve.matches()) {
      throw new UserException.BadInput(
          "cannot import " + given + " with the engine `" + tool.engine + "`: " + remedy);
    }
    try {
      folder = new PrivateFolder(tool.tmpDir.toPath());
      Path imported = folder.path();
      Path log = imported.resolve("log");
      ProcessBuilder command =
          new ProcessBuilder(
              "sh",
              "-c",
              "exec " + serve.group(1) + " model import \"$1\"",
              "sh",
              source(given, imported));
      command.environment().put("CNNSCORE_MODELS", imported.toString());
      command.redirectErrorStream(true).redirectOutput(log.toFile());
      Process importing = command.start();
      int status;
      try (AtEnd end = new AtEnd(importing::destroyForcibly)) {
        status = importing.waitFor();
      }
      List<Path> networks;
      try (Stream<Path> files = Files.list(imported)) {
        networks = files.filter(file -> file.toString().endsWith(".onnx")).toList();
      }
      if (status != 0 || networks.size() != 1) {
        String said = Files.readString(log, StandardCharsets.UTF_8).strip();
        throw new UserException.BadInput("cannot import " + given + " (" + said + "): " + remedy);
      }
      return networks.get(0);
    } catch (IOException error) {
      throw new UserException.BadInput(
          "cannot import " + given + " (" + error.getMessage() + "): " + remedy, error);
    } catch (InterruptedException stop) {
      Thread.currentThread().interrupt();
      throw new UserException("interrupted");
    }
  }

  /** The importer wants both files side by side under one name. */
  private String source(String given, Path folder) throws IOException {
    if (legacy.weights == null || legacy.architecture == null) {
      return given;
    }
    Path pair = Files.createDirectory(folder.resolve("pair"));
    Path weights = pair.resolve(FilenameUtils.getBaseName(legacy.weights) + ".hd5");
    Path json = pair.resolve(FilenameUtils.getBaseName(legacy.weights) + ".json");
    Files.createSymbolicLink(weights, Path.of(legacy.weights).toAbsolutePath());
    Files.createSymbolicLink(json, Path.of(legacy.architecture).toAbsolutePath());
    return weights.toString();
  }

  @Override
  public void close() {
    if (folder != null) {
      folder.close();
    }
  }
}
