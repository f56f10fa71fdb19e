package org.cnnscore.gatk;

import htsjdk.variant.variantcontext.VariantContext;
import htsjdk.variant.vcf.VCFHeader;
import htsjdk.variant.vcf.VCFHeaderLine;
import java.util.Set;
import java.util.function.Consumer;
import org.apache.logging.log4j.Logger;
import org.broadinstitute.hellbender.engine.ReadsContext;
import org.broadinstitute.hellbender.engine.ReferenceContext;

/** Records in, records with scores out, in the same order. */
interface Scoring {

  /** The header of what is written: the input's, with lines for the scores. */
  VCFHeader header(Set<VCFHeaderLine> toolLines, Logger logger);

  /** Where the records go, before the first. */
  void writeTo(Consumer<VariantContext> sink);

  /** Takes a record; the contexts are GATK's doors to all bases and reads. */
  void add(VariantContext record, ReferenceContext bases, ReadsContext reads);

  /** Takes a record that gets no score. */
  void pass(VariantContext record);

  /** Waits for all scores. Refuses a run that has none. */
  void finish();

  /** Says what was done, and what a user should know of it. */
  void report(Logger logger);
}
