package org.cnnscore.gatk;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.broadinstitute.hellbender.cmdline.GATKPlugin.GATKReadFilterPluginDescriptor;
import org.broadinstitute.hellbender.engine.filters.ReadFilter;
import org.broadinstitute.hellbender.engine.filters.SampleReadFilter;

/** GATK's arguments for read filters; they know ours, too. */
final class FilterArguments extends GATKReadFilterPluginDescriptor {

  private static final long serialVersionUID = 1L;

  FilterArguments(List<ReadFilter> defaults) {
    super(defaults);
  }

  /** Samples whose reads alone count; none for all. */
  Set<String> chosenSamples() {
    Set<String> chosen = new TreeSet<>();
    for (ReadFilter filter : getResolvedInstances()) {
      if (filter instanceof SampleReadFilter samples) {
        chosen.addAll(samples.samplesToKeep);
      }
    }
    return chosen;
  }

  @Override
  public List<String> getPackageNames() {
    List<String> names = new ArrayList<>(super.getPackageNames());
    names.add(NetworkReadFilter.class.getPackageName());
    return names;
  }
}
