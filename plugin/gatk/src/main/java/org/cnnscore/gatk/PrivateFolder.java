package org.cnnscore.gatk;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.apache.commons.io.FileUtils;
import org.broadinstitute.hellbender.exceptions.UserException;

/** A folder in --tmp-dir that only this user can look into, for as long as the tool runs. */
final class PrivateFolder implements AutoCloseable {

  private final Path path;
  private final AtEnd end;

  PrivateFolder(Path parent) {
    checkLocal(parent);
    var mine = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
    try {
      path = Files.createTempDirectory(parent, "cnnscore", mine);
    } catch (IOException error) {
      throw new UserException.BadTempDir(parent, "no folder can be made in it: " + error, error);
    }
    end = new AtEnd(() -> FileUtils.deleteQuietly(path.toFile()));
  }

  /** Refuses folders that are not of this machine's own file system. */
  static void checkLocal(Path parent) {
    if (!parent.getFileSystem().equals(FileSystems.getDefault())) {
      throw new UserException.BadTempDir(parent, "it is no local folder", null);
    }
  }

  Path path() {
    return path;
  }

  @Override
  public void close() {
    end.close();
  }
}
