package org.cnnscore.gatk;

import htsjdk.samtools.SAMRecord;
import htsjdk.samtools.SamReader;
import htsjdk.samtools.SamReaderFactory;
import htsjdk.samtools.ValidationStringency;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.cnnscore.v1.Description;
import org.json.JSONArray;
import org.json.JSONObject;

/**
 * What the walker holds of long reads: `Cuts CASES`, a JSON list of read files with sites and a
 * rule. Prints, for each site of each case, the bases held and the tag's numbers by a read's name.
 */
public class Cuts {

  private static final SamReaderFactory READER =
      SamReaderFactory.makeDefault().validationStringency(ValidationStringency.SILENT);

  private static final int NUMBERS = 6;

  public static void main(String[] args) throws IOException {
    var all = new JSONArray();
    for (Object one : new JSONArray(Files.readString(Path.of(args[0])))) {
      all.put(cuts((JSONObject) one));
    }
    System.out.println("answers " + all);
  }

  private static JSONArray cuts(JSONObject given) throws IOException {
    Map<String, ReadRecord> reads = new HashMap<>();
    for (Object path : given.getJSONArray("reads")) {
      try (SamReader file = READER.open(Path.of((String) path))) {
        for (SAMRecord read : file) {
          reads.put(read.getReadName(), new ReadRecord(BamRecords.encode(read)));
        }
      }
    }
    var cutter =
        new ReadCutter(
            Description.newBuilder()
                .setReadRule(given.getString("rule"))
                .setReferenceLeft(given.getInt("left"))
                .setReferenceWidth(given.getInt("width"))
                .build());
    var all = new JSONArray();
    for (Object one : given.getJSONArray("sites")) {
      var numbers = (JSONArray) one;
      var ref = new byte[numbers.getInt(1)];
      var site = new Site("chrL", numbers.getInt(0), 0, 0, List.of(ref), new float[0], 0);
      var found = new JSONObject();
      reads.forEach((name, read) -> found.put(name, described(read, cutter.cut(read, site))));
      all.put(found);
    }
    return all;
  }

  private static JSONArray described(ReadRecord read, byte[] cut) {
    var numbers = new JSONArray();
    if (cut != read.bytes()) {
      numbers.put(BamRecords.bases(cut));
      ByteBuffer tag = ByteBuffer.wrap(cut).order(ByteOrder.LITTLE_ENDIAN);
      tag.position(cut.length - Integer.BYTES * NUMBERS);
      for (int i = 0; i < NUMBERS; i++) {
        numbers.put(tag.getInt());
      }
    }
    return numbers;
  }
}
