package org.cnnscore.gatk;

import org.apache.logging.log4j.Logger;
import org.broadinstitute.hellbender.exceptions.UserException;
import org.cnnscore.v1.Description;

/** What `cnnscore score` says of reads that do not count, as they lack something. */
final class ReadGroups {

  private static final String ADD_READ_GROUP =
      "give the reads one with `samtools addreplacerg -r ID:1 -r SM:NAME`";

  private ReadGroups() {}

  /** Ends a run of which {@code enough} reads have been seen, and none with a read group. */
  static void check(NetworkReadFilter filter, long enough, Description network) {
    long seen = filter.seen();
    if (seen >= enough && filter.withoutGroup() == seen) {
      throw new UserException.BadInput(
          "no read has a read group, and "
              + network.getModel()
              + " drops such reads, as GATK does: "
              + ADD_READ_GROUP);
    }
  }

  /** Says at the end if most reads did not count. */
  static void warn(NetworkReadFilter filter, Logger logger) {
    long seen = filter.seen();
    if (2 * filter.withoutGroup() > seen) {
      logger.warn(
          "{} of {} reads have no read group and were dropped, as GATK does: {}",
          filter.withoutGroup(),
          seen,
          ADD_READ_GROUP);
    }
    if (2 * filter.withoutBases() > seen) {
      logger.warn(
          "{} of {} reads have no base qualities and were dropped", filter.withoutBases(), seen);
    }
  }
}
