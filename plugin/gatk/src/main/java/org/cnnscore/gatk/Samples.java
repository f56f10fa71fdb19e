package org.cnnscore.gatk;

import htsjdk.variant.vcf.VCFHeader;
import java.util.List;
import java.util.Set;
import org.apache.logging.log4j.Logger;
import org.broadinstitute.hellbender.engine.GATKPath;
import org.broadinstitute.hellbender.exceptions.UserException;

/**
 * Whose calls and reads these are. What native/records/checks.c says of them, and the arguments of
 * GATK that choose one sample's reads.
 */
final class Samples {

  private static final String NAME_THE_SAMPLE =
      "name the one whose reads these are with --read-filter SampleReadFilter --sample";

  private final GATKPath calls;
  private final List<String> called;

  Samples(GATKPath calls, VCFHeader header) {
    this.calls = calls;
    called = header.getGenotypeSamples();
  }

  /** Warns of scores that stand for several samples, where the network does not look at reads. */
  void warn(Logger logger) {
    if (called.size() > 1) {
      logger.warn(
          "{} has {} samples: a network without reads scores each record once for all; take one"
              + " with `gatk SelectVariants --sample-name`",
          calls,
          called.size());
    }
  }

  /**
   * Warns of reads that may not be the sample's, and refuses a sample that no read is of.
   *
   * @param chosen the samples whose reads alone count; empty for all
   */
  void check(ReadInputs inputs, Set<String> chosen, Logger logger) {
    List<String> read = inputs.samples();
    if (!chosen.isEmpty()) {
      if (read.stream().noneMatch(chosen::contains)) {
        throw new UserException.BadInput(
            String.format(
                "no read group of %s has SM:%s, so no read would count: their samples are %s",
                inputs, String.join(", ", chosen), String.join(", ", read)));
      }
    } else if (called.size() > 1) {
      logger.warn(
          "{} has {} samples, and all reads count at each record: {}",
          calls,
          called.size(),
          NAME_THE_SAMPLE);
    } else if (!called.isEmpty() && !read.isEmpty() && !read.contains(called.get(0))) {
      logger.warn(
          "{} has calls of {}, and the read groups of {} are of {} (SM): are these the right reads?"
              + " All of them count",
          calls,
          called.get(0),
          inputs,
          String.join(", ", read));
    } else if (read.size() > 1) {
      logger.warn(
          "the read groups of {} are of {} samples (SM), {}, and all reads count: {}",
          inputs,
          read.size(),
          String.join(", ", read),
          NAME_THE_SAMPLE);
    }
  }
}
