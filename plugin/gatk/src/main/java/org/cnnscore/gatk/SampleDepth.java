package org.cnnscore.gatk;

import htsjdk.samtools.SAMRecord;
import htsjdk.samtools.SAMSequenceDictionary;
import htsjdk.samtools.SAMSequenceRecord;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.function.Predicate;
import org.broadinstitute.hellbender.engine.ReadsContext;
import org.broadinstitute.hellbender.utils.SimpleInterval;
import org.broadinstitute.hellbender.utils.read.GATKRead;
import org.broadinstitute.hellbender.utils.read.SAMRecordToGATKReadAdapter;

/**
 * How many reads usually count at a locus that has any: of the files as a whole, whatever sites are
 * read. What native/window/sample_depth.c does, with GATK's readers, held to the same vectors
 * (tests/golden/twins.json); coordinates are 0-based half-open.
 */
final class SampleDepth {

  /** Cells of all contigs together, at first. */
  private static final long CELLS = 128;

  /** Parts that a cell is cut into. */
  private static final long FINER = 16;

  /** Cells that are looked at at a time. */
  private static final int MOST = 4096;

  /** Loci with reads, so many that a few of them do not have most reads. */
  private static final double ENOUGH = 16;

  /** With fewer nothing is said. */
  private static final double FEWEST = 4;

  /** Bases from a cell's first read to its locus. */
  private static final long BEHIND = 256;

  private static final long SHORTEST = 4 * BEHIND;

  /** Reads of a cell, to find one that counts. */
  private static final int LOOKED_AT = 1000;

  /** Contigs shorter than this part of a cell are left out, if there are others. */
  private static final long SMALL_CONTIG = 4;

  private record Cell(String contig, long begin, long end) {
    /** Adds itself in n parts of like size. */
    void cut(long n, List<Cell> to) {
      long parts = Math.max(n, 1);
      for (long i = 0; i < parts; i++) {
        long from = begin + (end - begin) * i / parts;
        to.add(new Cell(contig, from, begin + (end - begin) * (i + 1) / parts));
      }
    }
  }

  /** A cell, and how many reads lie over its locus. */
  private record Seen(Cell cell, long reads) {}

  /**
   * What was measured.
   *
   * @param depth NaN where there are too few reads to tell
   * @param parts cells of all contigs together
   * @param covered those that reads lie in
   */
  record Measured(float depth, int parts, int covered) {}

  private final ReadsContext source;
  private final Predicate<GATKRead> filter;

  private SampleDepth(ReadsContext source, Predicate<GATKRead> filter) {
    this.source = source;
    this.filter = filter;
  }

  /**
   * The depth, and how much of the contigs has reads.
   *
   * @param source GATK's door to all reads, no query of which is under way
   * @param files the contigs of each file of reads
   * @param filter the reads that count
   */
  static Measured measure(
      ReadsContext source, List<SAMSequenceDictionary> files, Predicate<GATKRead> filter) {
    return new SampleDepth(source, filter).measure(sharedContigs(files));
  }

  /** Whether a read counts: the first reads of places all over the contigs are looked at. */
  static boolean anyCounts(
      ReadsContext source, List<SAMSequenceDictionary> files, Predicate<GATKRead> filter) {
    SampleDepth looking = new SampleDepth(source, filter);
    return cutGenome(sharedContigs(files), true).stream().anyMatch(looking::lookForOne);
  }

  private boolean lookForOne(Cell cell) {
    Iterator<GATKRead> query = query(cell);
    for (int i = 0; i < LOOKED_AT && query.hasNext(); i++) {
      if (filter.test(query.next())) {
        return true;
      }
    }
    return false;
  }

  private Iterator<GATKRead> query(Cell cell) {
    return source.iterator(new SimpleInterval(cell.contig, (int) cell.begin + 1, (int) cell.end));
  }

  private Measured measure(List<SAMSequenceRecord> contigs) {
    List<Cell> cells = cutGenome(contigs, false);
    List<Seen> seen = lookAtAll(cells);
    int covered = seen.size();
    while (effectiveNumber(seen) < ENOUGH) {
      List<Cell> finer = new ArrayList<>();
      for (Seen one : seen) {
        Cell cell = one.cell;
        cell.cut(Math.min((cell.end - cell.begin) / SHORTEST, FINER), finer);
      }
      if (finer.size() <= seen.size() || finer.size() > MOST) {
        break;
      }
      seen = lookAtAll(finer);
    }
    float depth = effectiveNumber(seen) >= FEWEST ? weightedMedian(seen) : Float.NaN;
    return new Measured(depth, cells.size(), covered);
  }

  /**
   * The contigs that all files have, by name and length, in the order of their names: neither the
   * order of files matters nor that of contigs in a header.
   */
  private static List<SAMSequenceRecord> sharedContigs(List<SAMSequenceDictionary> files) {
    return files.get(0).getSequences().stream()
        .filter(contig -> files.stream().allMatch(file -> has(file, contig)))
        .sorted(Comparator.comparing(SAMSequenceRecord::getSequenceName))
        .toList();
  }

  private static boolean has(SAMSequenceDictionary file, SAMSequenceRecord contig) {
    SAMSequenceRecord found = file.getSequence(contig.getSequenceName());
    return found != null && found.getSequenceLength() == contig.getSequenceLength();
  }

  /** {@code all}: small contigs too. */
  private static List<Cell> cutGenome(List<SAMSequenceRecord> contigs, boolean all) {
    long total = contigs.stream().mapToLong(SAMSequenceRecord::getSequenceLength).sum();
    long size = Math.max(total / CELLS, SHORTEST);
    List<Cell> cells = all ? List.of() : cutContigs(contigs, size, size / SMALL_CONTIG, 1);
    return cells.isEmpty() ? cutContigs(contigs, size, 0, contigs.size() / MOST + 1) : cells;
  }

  /** Every {@code step}-th contig, if it has {@code shortest} bases. */
  private static List<Cell> cutContigs(
      List<SAMSequenceRecord> contigs, long size, long shortest, int step) {
    List<Cell> cells = new ArrayList<>();
    for (int i = 0; i < contigs.size(); i += step) {
      long length = contigs.get(i).getSequenceLength();
      if (length >= shortest) {
        new Cell(contigs.get(i).getSequenceName(), 0, length).cut(length / size, cells);
      }
    }
    return cells;
  }

  private List<Seen> lookAtAll(List<Cell> cells) {
    List<Seen> seen = new ArrayList<>();
    for (Cell cell : cells) {
      long reads = look(cell);
      if (reads >= 0) {
        seen.add(new Seen(cell, reads));
      }
    }
    return seen;
  }

  /** Reads over the locus of a cell, -1 where it has none. */
  private long look(Cell cell) {
    Iterator<GATKRead> query = query(cell);
    long locus = -1;
    long reads = 0;
    while (query.hasNext()) {
      GATKRead read = query.next();
      SAMRecord record = ((SAMRecordToGATKReadAdapter) read).getEncapsulatedSamRecord();
      long start = record.getAlignmentStart() - 1L;
      if (locus < 0) {
        locus = Math.max(start, cell.begin) + BEHIND;
        if (locus >= cell.end) {
          return -1;
        }
      }
      if (start > locus) {
        break;
      }
      if (BamRecords.end(record) > locus && filter.test(read)) {
        reads++;
      }
    }
    return locus < 0 ? -1 : reads;
  }

  private static double effectiveNumber(List<Seen> seen) {
    double sum = 0;
    double squares = 0;
    for (Seen one : seen) {
      sum += one.reads;
      squares += (double) one.reads * one.reads;
    }
    return squares > 0 ? sum * sum / squares : 0;
  }

  /** Most loci of an exome are off target: weighted by their reads they do not count. */
  private static float weightedMedian(List<Seen> seen) {
    List<Seen> sorted = new ArrayList<>(seen);
    sorted.sort(Comparator.comparingLong(Seen::reads));
    long all = sorted.stream().mapToLong(Seen::reads).sum();
    long below = 0;
    for (Seen one : sorted) {
      below += one.reads;
      if (2 * below >= all) {
        return one.reads;
      }
    }
    return Float.NaN;
  }
}
