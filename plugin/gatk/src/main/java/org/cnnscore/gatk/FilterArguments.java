package org.cnnscore.gatk;

import java.util.ArrayList;
import java.util.List;
import org.broadinstitute.hellbender.cmdline.GATKPlugin.GATKReadFilterPluginDescriptor;
import org.broadinstitute.hellbender.engine.filters.ReadFilter;

/** GATK's arguments for read filters; they know ours, too. */
final class FilterArguments extends GATKReadFilterPluginDescriptor {

  private static final long serialVersionUID = 1L;

  FilterArguments(List<ReadFilter> defaults) {
    super(defaults);
  }

  @Override
  public List<String> getPackageNames() {
    List<String> names = new ArrayList<>(super.getPackageNames());
    names.add(NetworkReadFilter.class.getPackageName());
    return names;
  }
}
