package org.cnnscore.gatk;

import com.google.protobuf.ByteString;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.cnnscore.v1.Description;
import org.cnnscore.v1.WindowBatch;

/** Sites with their reference and reads -> the columns of one WindowBatch. */
final class WindowBatchBuilder {

  private record Contig(int number, int length) {}

  private final Description network;
  private final ReadCutter cutter;
  private final Map<String, Contig> contigs = new LinkedHashMap<>();
  private final Column contig = new Column();
  private final Column start = new Column();
  private final Column end = new Column();
  private final Column kind = new Column();
  private final Column siteAllele = new Column().putLong(0);
  private final Column alleleOffset = new Column().putLong(0);
  private final Column alleles = new Column();
  private final Column annotations = new Column();
  private final Column reference = new Column();
  private final Column siteRead = new Column().putLong(0);
  private final Column readOffset = new Column().putLong(0);
  private final Column reads = new Column();
  private final Column qual = new Column();
  private final Column siteDepth = new Column();
  private final Column sampleDepth = new Column();
  private boolean depthKnown; // of one sample at least
  private boolean hasParts; // of reads
  private int sites;
  private long alleleCount;
  private long readCount;

  WindowBatchBuilder(Description network) {
    this.network = network;
    cutter = new ReadCutter(network);
  }

  int sites() {
    return sites;
  }

  /** About the size of the message. */
  long bytes() {
    return (long) reads.size()
        + readOffset.size()
        + reference.size()
        + alleles.size()
        + alleleOffset.size()
        + annotations.size()
        + 40L * sites;
  }

  /**
   * Adds a site: its reference window (as wide as the network's description says) and what it sees
   * of its reads. {@code depth} is how many reads counted before sampling. {@code sampleDepth} is
   * how many usually count in this sample; NaN where it is not known.
   */
  void add(
      Site site,
      int contigLength,
      byte[] window,
      List<ReadRecord> siteReads,
      long depth,
      float sampleDepth) {
    Contig here =
        contigs.computeIfAbsent(site.contig(), name -> new Contig(contigs.size(), contigLength));
    contig.putInt(here.number);
    start.putLong(site.start());
    end.putLong(site.end());
    kind.putByte(site.kind());
    for (byte[] allele : site.alleles()) {
      alleles.put(allele);
      alleleOffset.putLong(alleles.size());
      alleleCount++;
    }
    siteAllele.putLong(alleleCount);
    for (float annotation : site.annotations()) {
      annotations.putFloat(annotation);
    }
    reference.put(window);
    for (ReadRecord read : siteReads) {
      int at = reads.size();
      byte[] seen = cutter.cut(read, site);
      hasParts |= seen != read.bytes();
      reads.put(seen);
      BamRecords.setContig(reads.array(), at, here.number);
      readOffset.putLong(reads.size());
      readCount++;
    }
    siteRead.putLong(readCount);
    qual.putFloat(site.qual());
    siteDepth.putInt((int) Math.min(depth, Integer.MAX_VALUE));
    this.sampleDepth.putFloat(sampleDepth);
    depthKnown |= !Float.isNaN(sampleDepth);
    sites++;
  }

  /** The message; add nothing more. */
  WindowBatch build(long id) {
    Column contigLength = new Column();
    Column contigOffset = new Column().putLong(0);
    Column contigNames = new Column();
    contigs.forEach(
        (name, added) -> {
          contigLength.putLong(added.length);
          contigNames.put(name.getBytes(StandardCharsets.UTF_8));
          contigOffset.putLong(contigNames.size());
        });
    return WindowBatch.newBuilder()
        .setProtocolVersion(hasParts ? EngineClient.PARTS_VERSION : EngineClient.PROTOCOL_VERSION)
        .setId(id)
        .setNetwork(network.getNetwork())
        .setNSites(sites)
        .setNAnnotations(network.getAnnotationsCount())
        .setNContigs(contigs.size())
        .setReferenceLeft(network.getReferenceLeft())
        .setReferenceWidth(network.getReferenceWidth())
        .setContig(contig.toBytes())
        .setPos(start.toBytes())
        .setEnd(end.toBytes())
        .setKind(kind.toBytes())
        .setSiteAllele(siteAllele.toBytes())
        .setAlleleOffset(alleleOffset.toBytes())
        .setAlleles(alleles.toBytes())
        .setAnnotations(annotations.toBytes())
        .setReference(reference.toBytes())
        .setSiteRead(siteRead.toBytes())
        .setReadOffset(readOffset.toBytes())
        .setReads(reads.toBytes())
        .setQual(qual.toBytes())
        .setSiteDepth(siteDepth.toBytes())
        .setSampleDepth(depthKnown ? sampleDepth.toBytes() : ByteString.EMPTY)
        .setContigLength(contigLength.toBytes())
        .setContigOffset(contigOffset.toBytes())
        .setContigNames(contigNames.toBytes())
        .build();
  }
}
