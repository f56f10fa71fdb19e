package org.cnnscore.gatk;

import htsjdk.variant.variantcontext.VariantContext;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.broadinstitute.barclay.argparser.CommandLineException;
import org.broadinstitute.hellbender.exceptions.GATKException;
import org.broadinstitute.hellbender.exceptions.UserException;

/**
 * What htsjdk, GATK's readers and the file system refuse -> GATK's "A USER ERROR", which names the
 * file. What is left is a fault of ours, with its stack trace.
 */
final class Refusal {

  /**
   * The files of a tool, and how far it came.
   *
   * @param last the last record taken, null before the first
   */
  record Files(String calls, String reads, String reference, String output, VariantContext last) {
    String named(Topic topic) {
      return switch (topic) {
        case reference -> "the reference " + reference;
        case reads -> "the reads " + reads;
        case calls -> "the calls " + calls;
        case output, unknown -> "the input";
      };
    }

    String after() {
      return last == null ? "" : " after the record " + last.getContig() + ":" + last.getStart();
    }
  }

  /** Which file code is about, by the beginning of its class's name; the first that fits counts. */
  private enum Topic {
    output(
        "",
        "htsjdk.variant.variantcontext.writer.",
        "org.broadinstitute.hellbender.utils.variant.writers."),
    reference(
        "is it whole, with an index (`samtools faidx`) and a dictionary (`samtools dict`) of its"
            + " own?",
        "htsjdk.samtools.reference.",
        "org.broadinstitute.hellbender.utils.fasta.",
        "org.broadinstitute.hellbender.engine.Reference"),
    reads(
        "is it damaged (`samtools quickcheck`), or its index (`samtools index`)?",
        "htsjdk.samtools.BAM",
        "htsjdk.samtools.SAM",
        "htsjdk.samtools.Sam",
        "htsjdk.samtools.CRAM",
        "htsjdk.samtools.cram.",
        "org.broadinstitute.hellbender.engine.Reads"),
    calls(
        "is it damaged (`gatk ValidateVariants`), or its index (`gatk IndexFeatureFile`)?",
        "htsjdk.tribble.",
        "htsjdk.variant.",
        "org.broadinstitute.hellbender.engine.Feature",
        "org.broadinstitute.hellbender.engine.VariantWalker",
        "org.broadinstitute.hellbender.utils.IndexUtils"),
    unknown("");

    private final String remedy;
    private final String[] beginnings;

    Topic(String remedy, String... beginnings) {
      this.remedy = remedy;
      this.beginnings = beginnings;
    }

    static Topic of(List<Throwable> chain) {
      for (int i = chain.size() - 1; i >= 0; i--) { // the innermost knows best
        for (StackTraceElement frame : chain.get(i).getStackTrace()) {
          if (frame.getClassName().startsWith(OURS)) {
            break; // what lies below is about all files
          }
          for (Topic topic : values()) {
            if (Stream.of(topic.beginnings).anyMatch(frame.getClassName()::startsWith)) {
              return topic;
            }
          }
        }
      }
      return unknown;
    }
  }

  private static final String OURS = Refusal.class.getPackageName() + ".";

  private Refusal() {}

  /** One that GATK shows a user; throws what is a user's error already, and what is a fault. */
  static UserException of(Throwable error, Files files) {
    List<Throwable> chain = chain(error);
    for (Throwable cause : chain) {
      if (cause instanceof UserException said) {
        return said;
      }
    }
    boolean arguments = error instanceof CommandLineException;
    if (arguments || chain.stream().noneMatch(Refusal::isRefusal)) {
      throwUnchecked(error);
    }
    Topic topic = Topic.of(chain);
    String what =
        topic == Topic.output
            ? "cannot write " + files.output
            : "cannot read " + files.named(topic) + files.after();
    String remedy = topic.remedy.isEmpty() ? "" : "; " + topic.remedy;
    return new UserException(what + ": " + reasons(chain) + remedy, error);
  }

  private static void throwUnchecked(Throwable error) {
    if (error instanceof Error grave) {
      throw grave;
    }
    throw (RuntimeException) error;
  }

  private static List<Throwable> chain(Throwable error) {
    Set<Throwable> chain = Collections.newSetFromMap(new IdentityHashMap<>());
    List<Throwable> inOrder = new ArrayList<>();
    for (Throwable at = error; at != null && chain.add(at); at = at.getCause()) {
      inOrder.add(at);
    }
    return inOrder;
  }

  /** Input and output, whatever htsjdk throws, and what GATK throws on purpose. */
  private static boolean isRefusal(Throwable error) {
    String thrower = thrower(error);
    boolean onPurpose =
        error instanceof IllegalArgumentException
            || error instanceof IllegalStateException
            || error instanceof GATKException;
    return error instanceof IOException
        || error.getClass().getName().startsWith("htsjdk.")
        || error.getClass().getName().startsWith("com.google.cloud.")
        || thrower.startsWith("htsjdk.")
        || thrower.startsWith("com.intel.gkl.") // which decompresses for htsjdk
        || (onPurpose && thrower.startsWith("org.broadinstitute."));
  }

  /** The class, beside those of Java, whose code threw it. */
  private static String thrower(Throwable error) {
    for (StackTraceElement frame : error.getStackTrace()) {
      String name = frame.getClassName();
      if (!name.startsWith("java.") && !name.startsWith("jdk.") && !name.startsWith("sun.")) {
        return name;
      }
    }
    return "";
  }

  /** What an error and its causes say. */
  static String reasons(Throwable error) {
    return reasons(chain(error));
  }

  private static String reasons(List<Throwable> chain) {
    Set<String> reasons = new LinkedHashSet<>();
    for (Throwable cause : chain) {
      String reason = cause instanceof IOException file ? reason(file) : cause.getMessage();
      if (reason == null) {
        reasons.add(cause.getClass().getSimpleName());
      } else if (reasons.stream().noneMatch(said -> said.contains(reason))) {
        reasons.add(reason);
      }
    }
    return String.join(": ", reasons);
  }

  /** Java's file errors name the file, and the reason if they have one. */
  private static String reason(IOException error) {
    if (error instanceof NoSuchFileException) {
      return "no such file or folder";
    }
    if (error instanceof AccessDeniedException) {
      return "permission denied";
    }
    if (error instanceof FileSystemException named && named.getReason() != null) {
      return named.getReason();
    }
    return error.getMessage() == null ? error.toString() : error.getMessage();
  }
}
