package org.cnnscore.gatk;

import java.util.List;
import java.util.Locale;
import org.apache.logging.log4j.Logger;
import org.broadinstitute.hellbender.engine.ReadsContext;
import org.broadinstitute.hellbender.exceptions.UserException;
import org.cnnscore.v1.Description;

/**
 * What is said of reads that do not count: the rules and the words of native/records/read_checks.c.
 */
final class ReadChecks {

  /** When this many reads were seen and none has a read group, none will. */
  private static final long READS_WITHOUT_GROUP = 100_000;

  /** When no read counts at this many sites, look whether any will. */
  private static final long SITES_WITHOUT_READS = 10_000;

  private static final String ADD_READ_GROUP =
      "give the reads one with `samtools addreplacerg -r ID:1 -r SM:NAME`";

  private final ReadInputs inputs;
  private final SiteReads reads;
  private final ReadTally tally;
  private final Description network;
  private ReadsContext door;
  private boolean someCount;

  ReadChecks(ReadInputs inputs, SiteReads reads, ReadTally tally, Description network) {
    this.inputs = inputs;
    this.reads = reads;
    this.tally = tally;
    this.network = network;
  }

  /**
   * Ends a run that will find no read that counts; asked after each site.
   *
   * @param source GATK's door to all reads
   */
  void check(ReadsContext source) {
    door = source;
    checkGroups(READS_WITHOUT_GROUP);
    checkReads(SITES_WITHOUT_READS);
  }

  /** The same at the end, however few reads and sites there were. */
  void checkAll() {
    checkGroups(1);
    checkReads(1);
  }

  private void checkGroups(long enough) {
    if (tally.seen() >= enough && tally.of(ReadTally.Fault.noGroup) == tally.seen()) {
      throw new UserException.BadInput(
          String.format(
              "no read of %s has a read group, and %s drops such reads, as GATK does: %s",
              inputs, network.getModel(), ADD_READ_GROUP));
    }
  }

  /** Where reads lie elsewhere, as of a region without any, it is no error. */
  private void checkReads(long enough) {
    if (someCount || reads.sites() < enough || reads.sitesEmpty() < reads.sites()) {
      return;
    }
    ReadTally ofSites = new ReadTally();
    ofSites.set(tally);
    someCount = reads.anyCounts(door, inputs.contigs());
    if (someCount) {
      tally.set(ofSites);
      return;
    }
    throw nothingCounts(inputs, network, tally);
  }

  /** What is said where no read of these files counts. */
  static UserException nothingCounts(ReadInputs inputs, Description network, ReadTally tally) {
    return new UserException.BadInput(
        tally.seen() == 0
            ? String.format(
                "%s has no aligned reads, and %s needs reads: is it the right file, and whole?",
                inputs, network.getModel())
            : String.format(
                Locale.ROOT,
                "no read of %s counts for %s: of %,d reads over the sites and elsewhere, %s",
                inputs,
                network.getModel(),
                tally.seen(),
                tally.reasons()));
  }

  /** Says at the end why reads did not count. */
  void warn(Logger logger) {
    if (2 * reads.sitesEmpty() > reads.sites()) {
      logger.warn(ofEmptySites());
    }
    for (ReadTally.Fault fault : List.of(ReadTally.Fault.noGroup, ReadTally.Fault.noQualities)) {
      if (2 * tally.of(fault) > tally.seen()) {
        logger.warn(
            String.format(
                Locale.ROOT,
                fault == ReadTally.Fault.noGroup
                    ? "%,d of %,d reads have no read group and were dropped, as GATK does: "
                        + ADD_READ_GROUP
                    : "%,d of %,d reads have no base qualities and were dropped",
                tally.of(fault),
                tally.seen()));
      }
    }
    if (2 * tally.tooShort() > tally.counted()) {
      logger.warn(
          String.format(
              Locale.ROOT,
              "%,d of %,d reads that count are shorter than %d bases, which no network was tested"
                  + " on: do not trust these scores without a truth set",
              tally.tooShort(),
              tally.counted(),
              ReadTally.SHORTEST_READ));
    }
  }

  private String ofEmptySites() {
    if (tally.seen() == 0) {
      return String.format(
          Locale.ROOT, "no read of %s lies over any of the %,d sites", inputs, reads.sites());
    }
    if (tally.dropped() == 0) {
      return String.format(
          Locale.ROOT,
          "no read of %s lies over %,d of %,d sites",
          inputs,
          reads.sitesEmpty(),
          reads.sites());
    }
    return String.format(
        Locale.ROOT,
        "no read of %s counts at %,d of %,d sites: of %,d reads over them, %s",
        inputs,
        reads.sitesEmpty(),
        reads.sites(),
        tally.seen(),
        tally.reasons());
  }
}
