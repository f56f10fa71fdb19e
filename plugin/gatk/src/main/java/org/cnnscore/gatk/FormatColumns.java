package org.cnnscore.gatk;

import htsjdk.variant.variantcontext.GenotypesContext;
import htsjdk.variant.variantcontext.LazyGenotypesContext;
import htsjdk.variant.variantcontext.VariantContext;
import htsjdk.variant.variantcontext.VariantContextBuilder;
import htsjdk.variant.vcf.VCFCodec;
import htsjdk.variant.vcf.VCFEncoder;
import htsjdk.variant.vcf.VCFHeader;
import htsjdk.variant.vcf.VCFHeaderVersion;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * FORMAT and the columns of samples, as the file has them. htsjdk's genotypes are not: they round
 * GL and GQ, and lose fields that it does not understand.
 */
final class FormatColumns {

  private static final String MISSING = ".";

  /** Columns before FORMAT. */
  private static final int FIXED = 8;

  /** Between the texts and the records of one file. */
  static final class Codec {
    private final VCFEncoder encoder;
    private final VCFCodec decoder = new VCFCodec();

    /**
     * @param read the header of the file
     * @param written with the keys that are added
     */
    Codec(VCFHeader read, VCFHeader written) {
      encoder = new VCFEncoder(read, true, true);
      decoder.setVCFHeader(written, VCFHeaderVersion.VCF4_2);
    }

    /** A record's columns; null where it has none. */
    FormatColumns read(VariantContext record) {
      GenotypesContext genotypes = record.getGenotypes();
      if (genotypes.isLazyWithData()
          && ((LazyGenotypesContext) genotypes).getUnparsedGenotypeData() instanceof String text) {
        return new FormatColumns(text);
      }
      // Where samples are not in the order of their names, htsjdk has read the columns already.
      String[] fields = encoder.encode(record).split("\t", FIXED + 1);
      return fields.length > FIXED ? new FormatColumns(fields[FIXED]) : null;
    }

    /** The record with other columns. */
    VariantContext with(VariantContextBuilder record, FormatColumns columns, int samples) {
      VariantContext bare = record.make();
      LazyGenotypesContext.LazyParser parser =
          text ->
              decoder.createGenotypeMap(
                  (String) text, bare.getAlleles(), bare.getContig(), bare.getStart());
      return record
          .genotypesNoValidation(new LazyGenotypesContext(parser, columns.text, samples))
          .make();
    }
  }

  private final String text;

  private FormatColumns(String text) {
    this.text = text;
  }

  /** Bytes that it takes, about. */
  long bytes() {
    return text.length();
  }

  /** Where a key stands in FORMAT; -1: nowhere. */
  int indexOf(String key) {
    int end = text.indexOf('\t');
    return Arrays.asList((end < 0 ? text : text.substring(0, end)).split(":")).indexOf(key);
  }

  /** The columns of all samples. */
  List<String> samples() {
    List<String> columns = Arrays.asList(text.split("\t", -1));
    return columns.subList(1, columns.size());
  }

  /** A field of a sample's column; null where that ends before. */
  static String field(String column, int index) {
    int begin = 0;
    for (int i = 0; i < index; i++) {
      begin = column.indexOf(':', begin) + 1;
      if (begin == 0) {
        return null;
      }
    }
    int end = column.indexOf(':', begin);
    return end < 0 ? column.substring(begin) : column.substring(begin, end);
  }

  /**
   * With a key's values in place of those that it has.
   *
   * @param values of each sample, null: missing; null altogether: the key goes
   */
  FormatColumns with(String key, String[] values) {
    int index = indexOf(key);
    if (index < 0 && values == null) {
      return this;
    }
    String[] columns = text.split("\t", -1);
    int keys = columns[0].split(":").length;
    int at = index < 0 ? keys : index;
    for (int i = 0; i < columns.length; i++) {
      List<String> fields = new ArrayList<>(Arrays.asList(columns[i].split(":", -1)));
      while (values != null && fields.size() <= at) {
        fields.add(MISSING);
      }
      if (values != null) {
        fields.set(at, i == 0 ? key : values[i - 1] == null ? MISSING : values[i - 1]);
      } else if (at < fields.size()) {
        fields.remove(at);
      }
      columns[i] = fields.isEmpty() ? MISSING : String.join(":", fields);
    }
    return new FormatColumns(String.join("\t", columns));
  }
}
