package org.cnnscore.gatk;

import htsjdk.variant.variantcontext.Allele;
import htsjdk.variant.variantcontext.VariantContext;
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
  private int sites;
  private long alleleCount;
  private long readCount;

  WindowBatchBuilder(Description network) {
    this.network = network;
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
   * Adds a site: its reference window (as wide as the network's description says) and its reads as
   * {@link BamRecords}. {@code depth} is how many reads counted before sampling. {@code
   * sampleDepth} is how many usually count in this sample; NaN, then for all sites, where it is not
   * known.
   */
  void add(
      VariantContext record,
      int contigLength,
      byte[] window,
      List<byte[]> siteReads,
      long depth,
      float sampleDepth) {
    Contig here =
        contigs.computeIfAbsent(
            record.getContig(), name -> new Contig(contigs.size(), contigLength));
    contig.putInt(here.number);
    start.putLong(Sites.start(record));
    end.putLong(Sites.end(record));
    kind.putByte(Sites.kind(record));
    for (Allele allele : record.getAlleles()) {
      alleles.put(allele.getDisplayString().getBytes(StandardCharsets.ISO_8859_1));
      alleleOffset.putLong(alleles.size());
      alleleCount++;
    }
    siteAllele.putLong(alleleCount);
    for (String key : network.getAnnotationsList()) {
      annotations.putFloat(Sites.annotation(record, key));
    }
    reference.put(window);
    for (byte[] read : siteReads) {
      int at = reads.size();
      reads.put(read);
      BamRecords.setContig(reads.array(), at, here.number);
      readOffset.putLong(reads.size());
      readCount++;
    }
    siteRead.putLong(readCount);
    qual.putFloat(Sites.annotation(record, Sites.QUAL));
    siteDepth.putInt((int) Math.min(depth, Integer.MAX_VALUE));
    if (!Float.isNaN(sampleDepth)) {
      this.sampleDepth.putFloat(sampleDepth);
    }
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
        .setProtocolVersion(EngineClient.PROTOCOL_VERSION)
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
        .setSampleDepth(sampleDepth.toBytes())
        .setContigLength(contigLength.toBytes())
        .setContigOffset(contigOffset.toBytes())
        .setContigNames(contigNames.toBytes())
        .build();
  }
}
