package org.cnnscore.gatk;

import htsjdk.samtools.SAMRecord;
import htsjdk.samtools.SAMTag;
import htsjdk.samtools.SamReader;
import htsjdk.samtools.SamReaderFactory;
import htsjdk.samtools.ValidationStringency;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.json.JSONArray;
import org.json.JSONObject;

/**
 * Whether reads are encoded alike from their bytes in a BAM and from what these decode to:
 * `Encodings REFERENCE FILE...`. Prints, for each file, how many were copied, and the names of
 * those that are not alike, as they are or after a change.
 */
public class Encodings {

  public static void main(String[] args) throws IOException {
    SamReaderFactory factory =
        SamReaderFactory.makeDefault()
            .validationStringency(ValidationStringency.SILENT)
            .referenceSequence(Path.of(args[0]));
    var all = new JSONArray();
    for (int i = 1; i < args.length; i++) {
      try (SamReader file = factory.open(Path.of(args[i]))) {
        all.put(compared(file));
      }
    }
    System.out.println("answers " + all);
  }

  private static JSONObject compared(SamReader file) {
    int copied = 0;
    var unlike = new JSONArray();
    for (SAMRecord read : file) {
      byte[] binary = read.getVariableBinaryRepresentation();
      copied += binary != null && BamRecords.isPlain(read, binary) ? 1 : 0;
      boolean alike = isAlike(read);
      read.setFlags(read.getFlags() ^ 1024);
      alike &= isAlike(read);
      read.setAttribute(SAMTag.RG, "other"); // from here on it has no bytes
      alike &= isAlike(read);
      if (!alike) {
        unlike.put(read.getReadName());
      }
    }
    return new JSONObject().put("copied", copied).put("unlike", unlike);
  }

  private static boolean isAlike(SAMRecord read) {
    return Arrays.equals(BamRecords.encode(read), BamRecords.encoded(read));
  }
}
