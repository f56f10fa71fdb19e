package org.cnnscore.gatk;

import htsjdk.samtools.SAMFlag;
import htsjdk.samtools.SAMRecord;
import htsjdk.samtools.SAMTag;
import java.util.Set;
import org.broadinstitute.barclay.help.DocumentedFeature;
import org.broadinstitute.hellbender.engine.filters.ReadFilter;
import org.broadinstitute.hellbender.exceptions.UserException;
import org.broadinstitute.hellbender.utils.help.HelpConstants;
import org.broadinstitute.hellbender.utils.read.GATKRead;
import org.broadinstitute.hellbender.utils.read.SAMRecordToGATKReadAdapter;

/**
 * The reads that the network was made for, as its server names them: a name of the read rules in
 * docs/encodings.md.
 */
@DocumentedFeature(
    groupName = HelpConstants.DOC_CAT_READFILTERS,
    groupSummary = HelpConstants.DOC_CAT_READFILTERS_SUMMARY,
    summary = "The reads that the network's rule counts")
public final class NetworkReadFilter extends ReadFilter {

  private static final long serialVersionUID = 1L;

  /** HaplotypeCaller's read groups of assembled haplotypes (-bamout). */
  private static final Set<String> ARTIFICIAL_GROUPS =
      Set.of("ArtificialHaplotypeRG", "ArtificialHaplotype");

  /** Names as in {@code Description.read_rule}. */
  enum Rule {
    none,
    gatk,
    primary
  }

  /** What the rule `primary` passes over: not aligned, not the read's own line, or no good. */
  private static final int PASSED_OVER =
      SAMFlag.READ_UNMAPPED.intValue()
          | SAMFlag.SECONDARY_ALIGNMENT.intValue()
          | SAMFlag.SUPPLEMENTARY_ALIGNMENT.intValue()
          | SAMFlag.DUPLICATE_READ.intValue()
          | SAMFlag.READ_FAILS_VENDOR_QUALITY_CHECK.intValue();

  private Rule rule = Rule.gatk;
  private long seen;
  private long withoutGroup;
  private long withoutBases;

  /** The rule of that name; an unknown one is an engine newer than this tool. */
  static Rule rule(String name) {
    try {
      return Rule.valueOf(name);
    } catch (IllegalArgumentException unknown) {
      throw new UserException(
          "the engine's network counts reads by the rule "
              + name
              + ", which this tool does not know: take both from one release of cnnscore");
    }
  }

  void setRule(Rule rule) {
    this.rule = rule;
  }

  /** Reads over sites so far, those that count and those that don't. */
  long seen() {
    return seen;
  }

  /** Of these, reads that have no read group. */
  long withoutGroup() {
    return withoutGroup;
  }

  /** Of these, reads without bases, qualities or CIGAR. */
  long withoutBases() {
    return withoutBases;
  }

  @Override
  public boolean test(GATKRead read) {
    SAMRecord record = ((SAMRecordToGATKReadAdapter) read).getEncapsulatedSamRecord();
    seen++;
    return switch (rule) {
      case none -> false;
      case gatk -> hasGroup(record) && hasBases(record);
      case primary -> (record.getFlags() & PASSED_OVER) == 0 && hasBases(record);
    };
  }

  private boolean hasGroup(SAMRecord record) {
    if (!(record.getAttribute(SAMTag.RG) instanceof String group)) {
      withoutGroup++;
      return false;
    }
    return !ARTIFICIAL_GROUPS.contains(group);
  }

  private boolean hasBases(SAMRecord record) {
    boolean aligned = record.getReadUnmappedFlag() || record.getCigarLength() > 0;
    if (record.getReadLength() > 0 && record.getBaseQualities().length > 0 && aligned) {
      return true;
    }
    withoutBases++;
    return false;
  }
}
