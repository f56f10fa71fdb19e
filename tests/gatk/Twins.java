package org.cnnscore.gatk;

import htsjdk.samtools.SAMRecord;
import htsjdk.samtools.SAMSequenceDictionary;
import htsjdk.samtools.SamReader;
import htsjdk.samtools.SamReaderFactory;
import htsjdk.samtools.ValidationStringency;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.broadinstitute.hellbender.engine.ReadsContext;
import org.broadinstitute.hellbender.engine.ReadsPathDataSource;
import org.broadinstitute.hellbender.utils.SimpleInterval;
import org.broadinstitute.hellbender.utils.read.GATKRead;
import org.broadinstitute.hellbender.utils.read.SAMRecordToGATKReadAdapter;
import org.cnnscore.v1.Description;
import org.json.JSONArray;
import org.json.JSONObject;

/**
 * Answers the vectors of tests/golden/twins.json as the walker does: `Twins VECTORS FOLDER`, the
 * folder with the files of reads that test_twins.py wrote. Prints the answers as JSON.
 */
public class Twins {

  private static final SamReaderFactory READER =
      SamReaderFactory.makeDefault().validationStringency(ValidationStringency.SILENT);

  private final JSONObject vectors;
  private final Path folder;

  private Twins(JSONObject vectors, Path folder) {
    this.vectors = vectors;
    this.folder = folder;
  }

  public static void main(String[] args) throws IOException {
    var vectors = new JSONObject(Files.readString(Path.of(args[0])));
    System.out.println("answers " + new Twins(vectors, Path.of(args[1])).answers());
  }

  private JSONObject answers() throws IOException {
    return new JSONObject()
        .put("random", random())
        .put("site_seed", siteSeeds())
        .put("read_hash", readHashes())
        .put("reservoir", reservoirs())
        .put("running_reservoir", runningReservoir())
        .put("bottom_k", bottomK())
        .put("read_rule", readRules())
        .put("sample_depth", sampleDepths())
        .put("info_key", infoKeys())
        .put("annotation_range", annotationRanges())
        .put("model_line", modelLines())
        .put("read_letters", readLetters());
  }

  private List<JSONObject> list(String name) {
    List<JSONObject> items = new ArrayList<>();
    vectors.getJSONArray(name).forEach(item -> items.add((JSONObject) item));
    return items;
  }

  private JSONArray random() {
    var all = new JSONArray();
    for (JSONObject vector : list("random")) {
      var random = new Random(vector.getLong("seed"));
      var draws = new JSONArray();
      vector.getJSONArray("bounds").forEach(bound -> draws.put(random.nextInt((Integer) bound)));
      all.put(draws);
    }
    return all;
  }

  private JSONArray siteSeeds() {
    var all = new JSONArray();
    for (JSONObject vector : list("site_seed")) {
      all.put(hex(Reservoir.siteSeed(vector.getString("contig"), vector.getLong("pos"))));
    }
    return all;
  }

  private static String hex(long value) {
    return String.format("%016x", value);
  }

  private JSONArray readHashes() {
    var all = new JSONArray();
    for (JSONObject vector : list("read_hash")) {
      var read = new SAMRecord(null);
      read.setReadName(vector.getString("name"));
      read.setFlags(vector.getInt("flag"));
      all.put(hex(BottomK.hash(BamRecords.encode(read))));
    }
    return all;
  }

  private JSONArray reservoirs() {
    var all = new JSONArray();
    for (JSONObject site : list("reservoir")) {
      var reservoir = new Reservoir(site.getInt("limit"), Reservoir.Downsampling.site);
      all.put(sample(reservoir, site));
    }
    return all;
  }

  private JSONArray runningReservoir() {
    JSONObject running = vectors.getJSONObject("running_reservoir");
    var reservoir = new Reservoir(running.getInt("limit"), Reservoir.Downsampling.gatk);
    var all = new JSONArray();
    running.getJSONArray("sites").forEach(site -> all.put(sample(reservoir, (JSONObject) site)));
    return all;
  }

  /** Records are their numbers. */
  private static JSONArray sample(Downsampler sampler, JSONObject site) {
    sampler.start(site.getString("contig"), site.getLong("pos"));
    IntStream.range(0, site.getInt("reads"))
        .forEach(i -> sampler.offer(new ReadRecord(ByteBuffer.allocate(4).putInt(i).array())));
    var kept = new JSONArray();
    sampler.chosen().forEach(read -> kept.put(ByteBuffer.wrap(read.bytes()).getInt()));
    return kept;
  }

  private JSONArray bottomK() {
    var all = new JSONArray();
    for (JSONObject vector : list("bottom_k")) {
      var sampler = new BottomK(vector.getInt("limit"));
      List<ReadRecord> records = new ArrayList<>();
      sampler.start("synA", 0);
      for (Object item : vector.getJSONArray("reads")) {
        JSONObject given = (JSONObject) item;
        var read = new SAMRecord(null);
        read.setReadName(given.getString("name"));
        read.setFlags(given.getInt("flag"));
        read.setAlignmentStart(given.getInt("pos") + 1);
        records.add(new ReadRecord(BamRecords.encode(read)));
        sampler.offer(records.get(records.size() - 1));
      }
      var kept = new JSONArray();
      sampler.chosen().forEach(record -> kept.put(records.indexOf(record)));
      all.put(kept);
    }
    return all;
  }

  private JSONArray readRules() throws IOException {
    Map<String, GATKRead> reads = new HashMap<>();
    try (SamReader file = READER.open(folder.resolve("rule.bam"))) {
      file.forEach(read -> reads.put(read.getReadName(), new SAMRecordToGATKReadAdapter(read)));
    }
    var all = new JSONArray();
    for (JSONObject vector : list("read_rule")) {
      GATKRead read = reads.get(vector.getString("name"));
      var found = new JSONObject();
      for (String rule : List.of("gatk", "primary")) {
        found.put(rule, filter(rule).test(read));
      }
      all.put(found);
    }
    return all;
  }

  private static NetworkReadFilter filter(String rule) {
    var filter = new NetworkReadFilter();
    filter.setRule(NetworkReadFilter.rule(rule));
    return filter;
  }

  private JSONArray sampleDepths() {
    var all = new JSONArray();
    List<JSONObject> cases = list("sample_depth");
    for (int i = 0; i < cases.size(); i++) {
      int number = i;
      List<Path> paths =
          IntStream.range(0, cases.get(i).getJSONArray("files").length())
              .mapToObj(file -> folder.resolve("depth-" + number + "-" + file + ".bam"))
              .toList();
      List<SAMSequenceDictionary> files =
          paths.stream().map(path -> READER.getFileHeader(path).getSequenceDictionary()).toList();
      try (var source = new ReadsPathDataSource(paths)) {
        var contig = source.getSequenceDictionary().getSequence(0);
        var door = new ReadsContext(source, new SimpleInterval(contig.getSequenceName(), 1, 1));
        float depth = SampleDepth.measure(door, files, filter("primary")).depth();
        all.put(Float.isNaN(depth) ? JSONObject.NULL : depth);
      }
    }
    return all;
  }

  private JSONArray infoKeys() {
    var all = new JSONArray();
    for (JSONObject vector : list("info_key")) {
      all.put(DescriptionCheck.INFO_KEY.matcher(vector.getString("key")).matches());
    }
    return all;
  }

  private JSONArray annotationRanges() {
    var all = new JSONArray();
    for (JSONObject vector : list("annotation_range")) {
      all.put(AnnotationChecks.isOutside(vector.getString("key"), vector.getFloat("value")));
    }
    return all;
  }

  private JSONArray modelLines() {
    var all = new JSONArray();
    for (JSONObject vector : list("model_line")) {
      var network =
          Description.newBuilder()
              .setModel(vector.getString("model"))
              .setNetwork(vector.getString("network"))
              .setCutoffs(vector.getString("cutoffs"))
              .setPrecision(vector.getString("precision"))
              .setServerVersion("VERSION")
              .build();
      all.put(
          new JSONArray()
              .put("##" + ScoredHeader.modelLine(vector.getString("key"), network))
              .put("##" + ScoredHeader.siteModelLine(network)));
    }
    return all;
  }

  /** The codes that bases get in a record, one per base. */
  private JSONArray readLetters() {
    var all = new JSONArray();
    for (JSONObject vector : list("read_letters")) {
      var read = new SAMRecord(null);
      read.setReadName("r");
      read.setReadString(vector.getString("bases"));
      all.put(codes(BamRecords.encode(read), read.getReadLength()));
    }
    return all;
  }

  /** The bases follow the name, "r" and its NUL; such a read has no CIGAR. */
  private static JSONArray codes(byte[] record, int bases) {
    var codes = new JSONArray();
    for (int i = 0; i < bases; i++) {
      int pair = record[BamRecords.NAME_AT + 2 + i / 2];
      codes.put(i % 2 == 0 ? pair >> 4 & 15 : pair & 15);
    }
    return codes;
  }
}
