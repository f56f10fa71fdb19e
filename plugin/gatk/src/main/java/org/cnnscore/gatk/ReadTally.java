package org.cnnscore.gatk;

import static java.util.stream.Collectors.joining;

import java.util.Arrays;
import java.util.Comparator;
import java.util.Locale;
import java.util.function.Predicate;
import org.broadinstitute.hellbender.utils.read.GATKRead;
import org.broadinstitute.hellbender.utils.read.SAMRecordToGATKReadAdapter;

/** How many reads were seen, and why some do not count. */
final class ReadTally {

  /** Why a read does not count, as native/records/read_checks.c says it. */
  enum Fault {
    unmapped("are unmapped"),
    secondary("are secondary or supplementary"),
    duplicate("are marked as duplicates"),
    qcFail("fail quality checks (QC-fail)"),
    noGroup("have no read group"),
    artificial("are artificial haplotypes"),
    otherSample("are of another sample"),
    noQualities("have no bases, base qualities or CIGAR"),
    filtered("are dropped by a --read-filter");

    private final String are;

    Fault(String are) {
      this.are = are;
    }
  }

  /** Bases of the shortest reads that a network was tested on, as native/window/window.h has it. */
  static final int SHORTEST_READ = 35;

  private final long[] faults = new long[Fault.values().length];
  private long seen;
  private long tooShort;

  /** One more read; null where it counts. */
  void add(Fault fault) {
    seen++;
    if (fault != null) {
      drop(fault);
    }
  }

  /** The last read does not count after all. */
  void drop(Fault fault) {
    faults[fault.ordinal()]++;
  }

  /** A filter that asks ours, or not, and others: counts what these drop. */
  Predicate<GATKRead> counting(Predicate<GATKRead> filter) {
    return read -> {
      long seenBefore = seen;
      long droppedBefore = dropped();
      boolean counts = filter.test(read);
      boolean asked = seen > seenBefore;
      if (!counts && dropped() == droppedBefore) {
        drop(Fault.filtered);
      } else if (counts) {
        tooShort += length(read) < SHORTEST_READ ? 1 : 0;
      }
      if (!asked) {
        seen++;
      }
      return counts;
    };
  }

  /** Of what the file says; GATK would decode the bases to count them. */
  private static int length(GATKRead read) {
    return ((SAMRecordToGATKReadAdapter) read).getEncapsulatedSamRecord().getReadLength();
  }

  long seen() {
    return seen;
  }

  long of(Fault fault) {
    return faults[fault.ordinal()];
  }

  /** Reads that count. */
  long counted() {
    return seen - dropped();
  }

  long dropped() {
    long sum = 0;
    for (long reads : faults) {
      sum += reads;
    }
    return sum;
  }

  /** Of the reads that count, those with fewer than {@link #SHORTEST_READ} bases. */
  long tooShort() {
    return tooShort;
  }

  /** Becomes what another is. */
  void set(ReadTally other) {
    seen = other.seen;
    tooShort = other.tooShort;
    System.arraycopy(other.faults, 0, faults, 0, faults.length);
  }

  /** The most frequent first: "93 % are marked as duplicates, 7 % ...". */
  String reasons() {
    return Arrays.stream(Fault.values())
        .filter(fault -> of(fault) > 0)
        .sorted(Comparator.comparingLong(this::of).reversed().thenComparing(fault -> fault.are))
        .map(fault -> share(fault) + " " + fault.are)
        .collect(joining(", "));
  }

  private String share(Fault fault) {
    double part = 100.0 * of(fault) / seen;
    return part < 1 ? "less than 1 %" : String.format(Locale.ROOT, "%.0f %%", part);
  }
}
