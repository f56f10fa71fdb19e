package org.cnnscore.gatk;

import htsjdk.samtools.util.FileExtensions;
import htsjdk.variant.variantcontext.writer.VariantContextWriter;
import java.io.IOException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFileAttributeView;
import java.time.Instant;
import java.util.List;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.commons.io.FileUtils;
import org.broadinstitute.hellbender.engine.GATKPath;
import org.broadinstitute.hellbender.exceptions.UserException;

/**
 * An output that appears under its name only when it is whole: until then it lies with its index
 * and checksum in a hidden folder beside it. A pipe, a device or a file of another file system
 * (gs://) is written as it is.
 */
final class WholeOutput implements AutoCloseable {

  /** What GATK writes beside a call file, and an index of others. */
  private static final List<String> COMPANIONS = List.of(".tbi", ".idx", ".csi", ".md5");

  /** Of the output's name in the folder's, which may be no longer than that. */
  private static final int NAME_KEPT = 60;

  private static final int MOST_LINKS = 40;

  private final GATKPath wanted;
  private final Path path;

  /** Where a symbolic link leads to, else the path itself. */
  private final Path target;

  /** Null where the output is written as it is. */
  private final Path aside;

  private final AtEnd end;
  private volatile boolean whole;
  private boolean dropped;

  WholeOutput(GATKPath wanted) {
    this.wanted = wanted;
    if (wanted.hasExtension(FileExtensions.BCF)) {
      throw new UserException.BadInput(
          "cannot write "
              + wanted
              + ": GATK's library writes a BCF (2.1) that bcftools does not read; name it .vcf.gz,"
              + " and make a BCF of that with `bcftools view -Ob`");
    }
    try {
      path = wanted.toPath();
      target = isLocal() ? followLinks(path) : path;
      aside = isFile() ? makeFolder() : null;
    } catch (IOException | RuntimeException error) {
      throw cannotWrite(error);
    }
    end = new AtEnd(this::drop);
  }

  /** Refuses to write over an input, by whatever name. */
  static void checkIsNone(GATKPath wanted, List<GATKPath> inputs) {
    for (GATKPath input : inputs) {
      try {
        if (Files.isRegularFile(input.toPath())
            && Files.isSameFile(wanted.toPath(), input.toPath())) {
          throw new UserException.BadInput(
              wanted + " is the input " + input + " itself: give the output another name");
        }
      } catch (IOException | RuntimeException notThere) {
        if (notThere instanceof UserException refused) {
          throw refused;
        }
      }
    }
  }

  /** A writer for it. */
  VariantContextWriter open(Function<Path, VariantContextWriter> create) {
    try {
      return create.apply(written());
    } catch (RuntimeException error) {
      throw cannotWrite(error);
    }
  }

  /** What is written at first. */
  private Path written() {
    return aside == null ? path : aside.resolve(path.getFileName().toString());
  }

  /** Everything is written: closes the writer and gives all files their names. */
  void commit(Runnable closeWriter) {
    exclusively(
        () -> {
          closeWriter.run();
          try {
            rename();
          } catch (IOException error) {
            throw cannotWrite(error);
          }
          whole = true;
        });
  }

  /** Closes the writer of what will not be whole. */
  void abandon(Runnable closeWriter) {
    exclusively(closeWriter);
  }

  /** Removes what is not whole. */
  @Override
  public void close() {
    end.close();
  }

  /** A writer makes its index when it is closed, which must not happen while all is removed. */
  private void exclusively(Runnable action) {
    if (aside == null) {
      action.run();
      return;
    }
    synchronized (aside) {
      if (dropped) {
        AtEnd.awaitEndOfJvm();
      }
      action.run();
    }
  }

  private void drop() {
    if (aside != null) {
      synchronized (aside) {
        dropped = true;
        FileUtils.deleteQuietly(aside.toFile());
      }
    } else if (!whole && !isLocal()) {
      try {
        deleteAll(path);
      } catch (IOException | RuntimeException error) {
        System.err.println(wanted + " is not whole: delete it (" + error + ")");
      }
    }
  }

  private static void deleteAll(Path file) throws IOException {
    Files.deleteIfExists(file);
    deleteCompanions(file);
  }

  private static void deleteCompanions(Path file) throws IOException {
    for (String ending : COMPANIONS) {
      Path companion = file.resolveSibling(file.getFileName() + ending);
      if (Files.exists(companion, LinkOption.NOFOLLOW_LINKS)) { // a name may be too long for one
        Files.deleteIfExists(companion);
      }
    }
  }

  private void rename() throws IOException {
    if (aside == null) {
      return;
    }
    var mode = Files.getFileAttributeView(target, PosixFileAttributeView.class);
    if (mode != null && Files.exists(target) && Files.exists(written())) {
      Files.setPosixFilePermissions(written(), mode.readAttributes().permissions());
    }
    List<Path> files;
    try (Stream<Path> written = Files.list(aside)) {
      files = written.sorted().toList(); // a file comes before its companions
    }
    try {
      for (Path file : files) {
        move(file);
      }
    } catch (IOException error) {
      deleteAll(target); // without its index it would not be whole
      throw error;
    }
  }

  /** At no moment has a file the index of another, nor an index that is older than it. */
  private void move(Path file) throws IOException {
    Path name = path.resolveSibling(file.getFileName());
    boolean isOutput = name.equals(path);
    if (!isOutput && COMPANIONS.stream().anyMatch(name.toString()::endsWith)) {
      Files.setLastModifiedTime(file, FileTime.from(Instant.now()));
    } else {
      deleteCompanions(name);
      deleteCompanions(isOutput ? target : name);
    }
    replace(file, isOutput ? target : name);
  }

  /** In one step: Java's other way removes what is there first. */
  private static void replace(Path file, Path name) throws IOException {
    try {
      Files.move(file, name, StandardCopyOption.ATOMIC_MOVE);
    } catch (AtomicMoveNotSupportedException otherFileSystem) { // an index beside a link
      Files.move(file, name, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  private boolean isLocal() {
    return path.getFileSystem().equals(FileSystems.getDefault());
  }

  private boolean isFile() {
    boolean device = path.startsWith("/dev") || path.startsWith("/proc"); // may lead to a file
    return isLocal() && !device && (!Files.exists(target) || !isOther(target));
  }

  private static boolean isOther(Path file) {
    return !Files.isRegularFile(file) && !Files.isDirectory(file);
  }

  private static Path followLinks(Path path) throws IOException {
    Path at = path;
    for (int links = 0; Files.isSymbolicLink(at); links++) {
      if (links == MOST_LINKS) {
        throw new IOException("too many symbolic links");
      }
      at = at.resolveSibling(Files.readSymbolicLink(at));
    }
    return at;
  }

  private Path makeFolder() throws IOException {
    Path parent = target.toAbsolutePath().getParent();
    if (parent == null || Files.isDirectory(target)) {
      throw new IOException("it is a folder");
    }
    if (!Files.isDirectory(parent)) {
      throw new IOException("there is no folder " + parent);
    }
    String name = target.getFileName().toString();
    String start = "." + name.substring(0, Math.min(name.length(), NAME_KEPT)) + ".";
    deleteLeftOvers(parent, Pattern.compile(Pattern.quote(start) + "(\\d+)\\.part"));
    Path folder = parent.resolve(start + ProcessHandle.current().pid() + ".part");
    return Files.createDirectory(folder);
  }

  /** Of tools that were killed: of processes that are no more. */
  private static void deleteLeftOvers(Path parent, Pattern mine) throws IOException {
    try (Stream<Path> files = Files.list(parent)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Matcher name = mine.matcher(file.getFileName().toString());
        if (name.matches() && ProcessHandle.of(Long.parseLong(name.group(1))).isEmpty()) {
          FileUtils.deleteQuietly(file.toFile());
        }
      }
    }
  }

  private UserException cannotWrite(Exception error) {
    return error instanceof UserException said
        ? said
        : new UserException("cannot write " + wanted + ": " + Refusal.reasons(error), error);
  }
}
