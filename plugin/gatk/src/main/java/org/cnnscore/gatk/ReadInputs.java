package org.cnnscore.gatk;

import static java.util.stream.Collectors.joining;

import htsjdk.samtools.SAMFileHeader;
import htsjdk.samtools.SAMReadGroupRecord;
import htsjdk.samtools.SAMRecord;
import htsjdk.samtools.SAMRecordIterator;
import htsjdk.samtools.SAMSequenceDictionary;
import htsjdk.samtools.SAMSequenceRecord;
import htsjdk.samtools.SamReader;
import htsjdk.samtools.SamReaderFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.broadinstitute.hellbender.cmdline.argumentcollections.ReadInputArgumentCollection;
import org.broadinstitute.hellbender.engine.ReadsDataSource;
import org.broadinstitute.hellbender.engine.ReadsPathDataSource;
import org.broadinstitute.hellbender.exceptions.UserException;

/** The headers of all files of reads, each of which is whole. */
final class ReadInputs {

  private final List<Path> files;
  private final List<Path> indexes; // none, or one for each file
  private final SamReaderFactory factory;
  private final List<SAMFileHeader> headers = new ArrayList<>();

  /** Looks at each file; a CRAM needs the reference. */
  ReadInputs(ReadInputArgumentCollection given, Path reference) {
    files = given.getReadPaths();
    indexes = given.getReadIndexPaths();
    factory =
        SamReaderFactory.makeDefault()
            .validationStringency(given.getReadValidationStringency())
            .referenceSequence(reference);
    Map<Object, Path> known = new HashMap<>();
    for (int i = 0; i < files.size(); i++) {
      checkOnce(files.get(i), known);
      SAMFileHeader header = factory.getFileHeader(files.get(i));
      Path index = indexes == null || indexes.isEmpty() ? null : indexes.get(i);
      WholeInput.checkReads(files.get(i), index, header.getSequenceDictionary().size());
      headers.add(header);
    }
    checkApart();
  }

  /** Some of another's files. */
  private ReadInputs(ReadInputs all, List<Integer> chosen) {
    boolean beside = all.indexes == null || all.indexes.isEmpty();
    files = chosen.stream().map(all.files::get).toList();
    indexes = beside ? all.indexes : chosen.stream().map(all.indexes::get).toList();
    factory = all.factory;
    chosen.forEach(i -> headers.add(all.headers.get(i)));
  }

  /** Each file alone. */
  List<ReadInputs> each() {
    return IntStream.range(0, files.size())
        .mapToObj(i -> new ReadInputs(this, List.of(i)))
        .toList();
  }

  /** The files of each sample that a read group is of, which are merged as one. */
  Map<String, ReadInputs> bySample() {
    Map<String, List<Integer>> chosen = new HashMap<>();
    for (int i = 0; i < files.size(); i++) {
      int file = i;
      samples(headers.get(i))
          .distinct()
          .forEach(name -> chosen.computeIfAbsent(name, n -> new ArrayList<>()).add(file));
    }
    Map<String, ReadInputs> inputs = new HashMap<>();
    chosen.forEach((name, own) -> inputs.put(name, new ReadInputs(this, own)));
    return inputs;
  }

  /** Refuses files that cannot be merged. */
  void checkOrder() {
    boolean inOrder =
        headers.stream()
            .allMatch(header -> header.getSortOrder() == SAMFileHeader.SortOrder.coordinate);
    if (several() && !inOrder) {
      throw new UserException.BadInput(
          "not all read files have SO:coordinate in their headers, and GATK merges such files in"
              + " no order: make them anew with `samtools sort`");
    }
  }

  /** Refuses files without an index, which GATK does at the first site. */
  void checkIndexed() {
    for (int i = 0; i < files.size(); i++) {
      Path index = indexes == null || indexes.isEmpty() ? null : indexes.get(i);
      WholeInput.checkIndexed(files.get(i), index);
    }
  }

  /** Refuses files of another reference: the rule and the words of native/window/reads.c. */
  void checkContigs(SAMSequenceDictionary reference) {
    for (int i = 0; i < files.size(); i++) {
      List<SAMSequenceRecord> contigs = headers.get(i).getSequenceDictionary().getSequences();
      boolean any = contigs.isEmpty();
      for (SAMSequenceRecord contig : contigs) {
        SAMSequenceRecord own = reference.getSequence(contig.getSequenceName());
        any |= own != null;
        if (own != null && own.getSequenceLength() != contig.getSequenceLength()) {
          throw new UserException.BadInput(
              String.format(
                  "contig %s has %d bases in %s but %d in the reference: give the reference that"
                      + " the reads were aligned to",
                  contig.getSequenceName(),
                  contig.getSequenceLength(),
                  files.get(i),
                  own.getSequenceLength()));
        }
      }
      if (!any) {
        throw new UserException.BadInput(
            files.get(i)
                + " has no contig of the reference: were its reads aligned to another reference, or"
                + " are the contigs named otherwise (chr1, 1)?");
      }
    }
  }

  /** Each of its reads would count twice. */
  private static void checkOnce(Path file, Map<Object, Path> known) {
    Path other = known.putIfAbsent(identity(file), file);
    if (other != null) {
      throw new UserException.BadInput(
          "the reads " + other + " and " + file + " are one file: give it once");
    }
  }

  /** So they would in a BAM and the CRAM made of it: what native/window/same_reads.c sees. */
  private void checkApart() {
    Map<List<String>, Path> known = new HashMap<>();
    for (Path file : several() ? files : List.<Path>of()) {
      SAMRecord read = firstRead(file);
      Path other = read == null ? null : known.putIfAbsent(identity(read), file);
      if (other != null) {
        throw new UserException.BadInput(
            String.format(
                "the reads %s and %s begin with the same read, %s: give each read once, as it would"
                    + " count twice",
                other, file, read.getReadName()));
      }
    }
  }

  /** Null where there is none, or none that can be decoded: that is said where it is needed. */
  private SAMRecord firstRead(Path file) {
    try (SamReader reader = factory.open(file);
        SAMRecordIterator reads = reader.iterator()) {
      return reads.hasNext() ? reads.next() : null;
    } catch (IOException | RuntimeException unreadable) {
      return null;
    }
  }

  /** All but tags; the files of a cohort's samples may have reads of the same names. */
  private static List<String> identity(SAMRecord read) {
    SAMReadGroupRecord group = read.getReadGroup();
    return List.of(
        String.valueOf(group == null ? null : group.getSample()),
        read.getReadName(),
        read.getReferenceName() + ":" + read.getAlignmentStart(),
        read.getFlags() + " " + read.getCigarString(),
        read.getReadString(),
        read.getBaseQualityString());
  }

  private static Object identity(Path file) {
    try {
      Object key = Files.readAttributes(file, BasicFileAttributes.class).fileKey();
      return key == null ? file.toAbsolutePath() : key;
    } catch (IOException notThere) {
      return file; // which is said where it is opened
    }
  }

  /** All reads, beside GATK's own door to them, which is shut before the first record. */
  ReadsDataSource open() {
    return new ReadsPathDataSource(files, indexes, factory);
  }

  boolean several() {
    return headers.size() > 1;
  }

  /** The samples of all read groups, each once. */
  List<String> samples() {
    return headers.stream().flatMap(ReadInputs::samples).distinct().toList();
  }

  private static Stream<String> samples(SAMFileHeader header) {
    return header.getReadGroups().stream()
        .map(SAMReadGroupRecord::getSample)
        .filter(Objects::nonNull);
  }

  @Override
  public String toString() {
    return files.stream().map(Path::toString).collect(joining(", "));
  }

  /** The contigs of each file; GATK shows those of all files together. */
  List<SAMSequenceDictionary> contigs() {
    return headers.stream().map(SAMFileHeader::getSequenceDictionary).toList();
  }
}
