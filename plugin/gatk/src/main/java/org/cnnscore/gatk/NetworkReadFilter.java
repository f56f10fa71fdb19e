package org.cnnscore.gatk;

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
 * docs/reference/encodings.md.
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

  private Rule rule = Rule.gatk;
  private final transient ReadTally tally = new ReadTally();

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
  ReadTally tally() {
    return tally;
  }

  @Override
  public boolean test(GATKRead read) {
    ReadTally.Fault fault = fault(((SAMRecordToGATKReadAdapter) read).getEncapsulatedSamRecord());
    tally.add(fault);
    return fault == null && rule != Rule.none;
  }

  /** Why a read does not count; null where it does. */
  private ReadTally.Fault fault(SAMRecord record) {
    ReadTally.Fault fault = rule == Rule.primary ? flagFault(record) : groupFault(record);
    return fault == null && lacksBases(record) ? ReadTally.Fault.noQualities : fault;
  }

  private static ReadTally.Fault flagFault(SAMRecord record) {
    if (record.getReadUnmappedFlag()) {
      return ReadTally.Fault.unmapped;
    }
    if (record.isSecondaryOrSupplementary()) {
      return ReadTally.Fault.secondary;
    }
    if (record.getDuplicateReadFlag()) {
      return ReadTally.Fault.duplicate;
    }
    return record.getReadFailsVendorQualityCheckFlag() ? ReadTally.Fault.qcFail : null;
  }

  private static ReadTally.Fault groupFault(SAMRecord record) {
    if (!(record.getAttribute(SAMTag.RG) instanceof String group)) {
      return ReadTally.Fault.noGroup;
    }
    return ARTIFICIAL_GROUPS.contains(group) ? ReadTally.Fault.artificial : null;
  }

  private static boolean lacksBases(SAMRecord record) {
    boolean aligned = record.getReadUnmappedFlag() || record.getCigarLength() > 0;
    return record.getReadLength() == 0 || record.getBaseQualities().length == 0 || !aligned;
  }
}
