package org.cnnscore.gatk;

import htsjdk.variant.variantcontext.Allele;
import htsjdk.variant.variantcontext.VariantContext;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * What a network is told of a record, or of one of its carriers, beside bases and reads. Positions
 * are 0-based half-open.
 *
 * @param end INFO/END where it has one, else the end of REF
 * @param kind {@link Sites#SNP}, {@link Sites#INDEL} or {@link Sites#OTHER}
 * @param alleles REF first
 * @param annotations in the order of the network's; NaN where there is none
 */
record Site(
    String contig,
    int start,
    long end,
    int kind,
    List<byte[]> alleles,
    float[] annotations,
    float qual) {

  /** A record as a whole. */
  static Site of(VariantContext record, List<String> annotations) {
    float[] values = new float[annotations.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = Sites.annotation(record, annotations.get(i));
    }
    return new Site(
        record.getContig(),
        Sites.start(record),
        Sites.end(record),
        Sites.kind(record),
        record.getAlleles().stream().map(Site::bytes).toList(),
        values,
        Sites.annotation(record, Sites.QUAL));
  }

  byte[] reference() {
    return alleles.get(0);
  }

  /** For messages. */
  String locus() {
    return contig + ":" + (start + 1);
  }

  static byte[] bytes(Allele allele) {
    return allele.getDisplayString().getBytes(StandardCharsets.ISO_8859_1);
  }
}
