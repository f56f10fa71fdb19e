package org.cnnscore.gatk;

import static java.util.stream.Collectors.joining;

import htsjdk.samtools.SAMFileHeader;
import htsjdk.samtools.SAMReadGroupRecord;
import htsjdk.samtools.SAMSequenceDictionary;
import htsjdk.samtools.SamReaderFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
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
    for (int i = 0; i < files.size(); i++) {
      checkOnce(i);
      SAMFileHeader header = factory.getFileHeader(files.get(i));
      Path index = indexes == null || indexes.isEmpty() ? null : indexes.get(i);
      WholeInput.checkReads(files.get(i), index, header.getSequenceDictionary().size());
      headers.add(header);
    }
    boolean inOrder =
        headers.stream()
            .allMatch(header -> header.getSortOrder() == SAMFileHeader.SortOrder.coordinate);
    if (several() && !inOrder) {
      throw new UserException.BadInput(
          "not all read files have SO:coordinate in their headers, and GATK merges such files in"
              + " no order: make them anew with `samtools sort`");
    }
  }

  /** Each of its reads would count twice. */
  private void checkOnce(int file) {
    for (Path other : files.subList(0, file)) {
      if (isOne(other, files.get(file))) {
        throw new UserException.BadInput(
            "the reads " + other + " and " + files.get(file) + " are one file: give it once");
      }
    }
  }

  private static boolean isOne(Path a, Path b) {
    try {
      return Files.isSameFile(a, b);
    } catch (IOException notThere) {
      return false; // which is said where it is opened
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
    return headers.stream()
        .flatMap(header -> header.getReadGroups().stream())
        .map(SAMReadGroupRecord::getSample)
        .filter(Objects::nonNull)
        .distinct()
        .toList();
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
