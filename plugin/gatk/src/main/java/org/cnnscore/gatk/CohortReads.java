package org.cnnscore.gatk;

import htsjdk.samtools.SAMReadGroupRecord;
import htsjdk.samtools.SAMSequenceDictionary;
import htsjdk.variant.vcf.VCFHeader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.logging.log4j.Logger;
import org.broadinstitute.hellbender.engine.GATKPath;
import org.broadinstitute.hellbender.engine.ReadsContext;
import org.broadinstitute.hellbender.engine.ReadsDataSource;
import org.broadinstitute.hellbender.exceptions.UserException;
import org.broadinstitute.hellbender.utils.read.GATKRead;
import org.broadinstitute.hellbender.utils.read.SAMRecordToGATKReadAdapter;
import org.cnnscore.v1.Description;

/**
 * In which files the reads of each sample of a cohort lie, by the samples (SM) of the files' read
 * groups. All files are looked at before the first site; the reads of one sample are open at a
 * time.
 */
final class CohortReads {

  /** Samples that a message names. */
  private static final int SHOWN = 5;

  private final List<String> called;
  private final ReadInputs[] inputs; // of each sample, null: none
  private final FilterArguments filters;
  private final ReadTally tally; // of the reads of one sample
  private final Description network;
  private final Map<Integer, Float> depths = new HashMap<>();
  private final long[] counted; // of each sample the reads at its sites that count,
  private final long[] tooShort; // and how many of them are too short
  private long sites;
  private long sitesEmpty;

  /**
   * Refuses files without an index, of which no sample was called, or of another reference.
   *
   * @param tally what the network's own filter counts
   * @param contigs those of the reference
   */
  CohortReads(
      GATKPath calls,
      VCFHeader header,
      ReadInputs all,
      SAMSequenceDictionary contigs,
      FilterArguments filters,
      ReadTally tally,
      Description network) {
    called = header.getGenotypeSamples();
    this.filters = filters;
    this.tally = tally;
    this.network = network;
    for (ReadInputs file : all.each()) {
      file.checkIndexed();
      file.checkContigs(contigs);
      List<String> read = file.samples();
      if (read.stream().noneMatch(header.getSampleNameToOffset()::containsKey)) {
        throw new UserException.BadInput(
            String.format(
                "no read group of %s is of a sample of %s (SM): %s; leave the file out, or mend the"
                    + " names",
                file, calls, read.isEmpty() ? "it names none" : "it has reads of " + listed(read)));
      }
    }
    Map<String, ReadInputs> known = all.bySample();
    inputs = called.stream().map(known::get).toArray(ReadInputs[]::new);
    counted = new long[inputs.length];
    tooShort = new long[inputs.length];
    Stream.of(inputs).filter(Objects::nonNull).forEach(ReadInputs::checkOrder);
  }

  /** Warns of samples without reads. */
  void warn(GATKPath calls, Logger logger) {
    List<String> lacking = new ArrayList<>();
    for (int i = 0; i < inputs.length; i++) {
      if (inputs[i] == null) {
        lacking.add(called.get(i));
      }
    }
    if (!lacking.isEmpty()) {
      logger.warn(
          "no read group is of {} of {} samples of {}, which get no scores: {}",
          lacking.size(),
          inputs.length,
          calls,
          listed(lacking));
    }
  }

  /** Warns at the end of samples most of whose reads are short. */
  void warnOfShortReads(Logger logger) {
    List<String> names =
        IntStream.range(0, inputs.length)
            .filter(i -> 2 * tooShort[i] > counted[i])
            .mapToObj(called::get)
            .toList();
    if (!names.isEmpty()) {
      logger.warn(
          String.format(
              Locale.ROOT,
              "most reads of %,d of %,d samples are shorter than %d bases, which no network was"
                  + " tested on: do not trust the scores of %s without a truth set",
              names.size(),
              LongStream.of(counted).filter(reads -> reads > 0).count(),
              ReadTally.SHORTEST_READ,
              listed(names)));
    }
  }

  /** As native/window/read_groups.c names them. */
  private static String listed(List<String> names) {
    int shown = names.size() > SHOWN + 1 ? SHOWN : names.size();
    return String.join(", ", names.subList(0, shown))
        + (shown < names.size() ? " and " + (names.size() - shown) + " others" : "");
  }

  /** Whether each sample has reads. */
  boolean[] wanted() {
    boolean[] wanted = new boolean[inputs.length];
    for (int i = 0; i < wanted.length; i++) {
      wanted[i] = inputs[i] != null;
    }
    return wanted;
  }

  /** Samples whose reads were read. */
  int samplesRead() {
    return depths.size();
  }

  /** Carriers so far, */
  long sites() {
    return sites;
  }

  /** and those without a read. */
  long sitesEmpty() {
    return sitesEmpty;
  }

  /** A sample's reads, open. */
  final class Opened implements AutoCloseable {
    private final int sample;
    private final ReadsDataSource source;
    private final SiteReads reads;
    private final ReadsContext door;
    private final float depth;

    private Opened(int sample) {
      this.sample = sample;
      ReadInputs files = inputs[sample];
      source = files.open();
      try {
        door = new ReadsContext(source, null);
        Predicate<GATKRead> counts = counting();
        tally.set(new ReadTally());
        depth = depths.computeIfAbsent(sample, first -> measure(files, counts));
        tally.set(new ReadTally()); // from here on, of the reads over sites
        reads = new SiteReads(counts, new BottomK(network.getReadLimit()), true, false);
      } catch (RuntimeException error) {
        source.close();
        throw error;
      }
    }

    /** What counts for the network, by its read groups is of the sample, and the user lets pass. */
    private Predicate<GATKRead> counting() {
      Predicate<GATKRead> filter = filters.getMergedReadFilter(source.getHeader());
      return tally.counting(read -> filter.test(read) && isOfSample(read));
    }

    private boolean isOfSample(GATKRead read) {
      SAMReadGroupRecord group =
          ((SAMRecordToGATKReadAdapter) read).getEncapsulatedSamRecord().getReadGroup();
      boolean own = group != null && called.get(sample).equals(group.getSample());
      if (!own) {
        tally.drop(ReadTally.Fault.otherSample);
      }
      return own;
    }

    private float measure(ReadInputs files, Predicate<GATKRead> counts) {
      if (!SampleDepth.anyCounts(door, files.contigs(), counts)) {
        throw ReadChecks.nothingCounts(files, network, tally);
      }
      return SampleDepth.measure(door, files.contigs(), counts).depth();
    }

    /** The sample's windows. */
    WindowSource windows(ReferenceWindows reference) {
      SAMSequenceDictionary contigs = source.getSequenceDictionary();
      return new WindowSource(network, reference, reads, contigs, depth);
    }

    /** GATK's door to the reads. */
    ReadsContext door() {
      return door;
    }

    @Override
    public void close() {
      sites += reads.sites();
      sitesEmpty += reads.sitesEmpty();
      counted[sample] += tally.counted();
      tooShort[sample] += tally.tooShort();
      source.close();
    }
  }

  /** Opens a sample's reads; how deep it is is measured once. */
  Opened open(int sample) {
    return new Opened(sample);
  }
}
